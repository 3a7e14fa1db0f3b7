// Few draws from squashed Gaussians on the CPU as one node of LibTorch's graph: two dozen operations on a few
// hundred numbers are all dispatch.
#pragma once

#include "agents/nn/distributions.h"

namespace strider::nn {

// Whether these draws are made here: float32 of one shape on the CPU, and not many.
bool AreFewDraws(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise);

// SampleSquashed. REQUIRES: AreFewDraws.
SquashedSample SampleFewSquashed(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise,
                                 double squash_epsilon);

// SampleSquashedBackward, where any of `of` may be undefined. REQUIRES: AreFewDraws(action, log_std, noise).
GaussianGradient SampleFewSquashedBackward(const at::Tensor& action, const at::Tensor& log_std,
                                           const at::Tensor& noise, double squash_epsilon,
                                           const SquashedSample& of);

// SampleSquashed by LibTorch's own operations.
SquashedSample SampleSquashedByDispatcher(const at::Tensor& mean, const at::Tensor& log_std,
                                          const at::Tensor& noise, double squash_epsilon);

}  // namespace strider::nn
