// Tsallis logarithms of squashed Gaussian densities (MDPO sheet, section 3.3).
#pragma once

#include <ATen/ATen.h>

#include <limits>

namespace strider::nn {

// log_q(p) = (p^(q-1) - 1) / (q - 1) from log p; log p itself where q is 1.
at::Tensor TsallisLog(const at::Tensor& log_p, double q);

struct TsallisOptions {
  double q = 1;
  bool joint = false;                      // log_q of the whole density, or else the sum over its dimensions'
  double log_floor = -13.815510557964274;  // of a dimension's log density, no gradient below
  double log_cap = std::numeric_limits<double>::infinity();
};

// log_q of the density of tanh(pre_tanh) in the [-1, 1] frame, (rows); gradients flow into all.
at::Tensor SquashedTsallisLog(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                              const TsallisOptions& options, double squash_epsilon = 0);

// Part of the dimensions' densities on which floor or cap acts, a scalar.
at::Tensor TsallisClamped(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                          const TsallisOptions& options, double squash_epsilon = 0);

}  // namespace strider::nn
