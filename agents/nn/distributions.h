// Action distributions: densities, samples and divergences with stable arithmetic. Rows are states; results
// are one number a row unless said.
#pragma once

#include <ATen/ATen.h>

namespace strider::nn {

// Diagonal Gaussian, summed over dimensions: sum_d [-((x - mean)/sd)^2 / 2 - log sd - log(2 pi) / 2].
// `log_std` may be one row for all states.
at::Tensor GaussianLogProb(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& log_std);

// KL(new || old) in closed form (MDPO sheet, section 3.1):
// sum_d [log(sd_old/sd_new) + (sd_new^2 + (mean_new - mean_old)^2) / (2 sd_old^2) - 1/2].
at::Tensor GaussianKl(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& old_mean,
                      const at::Tensor& old_log_std);

// sum_d [log sd + log(2 pi e) / 2].
at::Tensor GaussianEntropy(const at::Tensor& log_std);

// log pi(action) for categorical logits (rows x n); `action` holds whole numbers (rows).
at::Tensor CategoricalLogProb(const at::Tensor& action, const at::Tensor& logits);

// KL(new || old) = sum_a p_new(a) [log p_new(a) - log p_old(a)].
at::Tensor CategoricalKl(const at::Tensor& logits, const at::Tensor& old_logits);

// sum_d log(1 - tanh(x_d)^2) as 2 (log 2 - x - softplus(-2x)), or with squash_epsilon > 0 in the authors'
// form log(1 - tanh(x)^2 + squash_epsilon).
at::Tensor TanhLogJacobian(const at::Tensor& x, double squash_epsilon = 0);

// A reparameterised draw from a squashed Gaussian in the [-1, 1] frame.
struct SquashedSample {
  at::Tensor pre_tanh;  // mean + sd * noise (rows x actions)
  at::Tensor action;    // tanh of it
  at::Tensor log_prob;  // (rows)
};
SquashedSample SampleSquashed(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise,
                              double squash_epsilon = 0);

// What SampleSquashed does to a gradient: from d loss / d its results to d loss / d mean and d log_std.
// Of the latter only `action` must be defined.
struct GaussianGradient {
  at::Tensor mean;
  at::Tensor log_std;
};
GaussianGradient SampleSquashedBackward(const SquashedSample& sample, const at::Tensor& log_std,
                                        const at::Tensor& noise, double squash_epsilon,
                                        const SquashedSample& of);

// Density of an action that was drawn elsewhere as tanh(pre_tanh); gradients flow into both.
at::Tensor SquashedLogProb(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                           double squash_epsilon = 0);

// d SquashedLogProb / d pre_tanh, (rows x actions), where `action` is its tanh.
at::Tensor SquashedLogProbSlope(const at::Tensor& pre_tanh, const at::Tensor& action, const at::Tensor& mean,
                                const at::Tensor& log_std, double squash_epsilon = 0);

}  // namespace strider::nn
