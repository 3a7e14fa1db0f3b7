// PPO's losses of one minibatch with their gradients in closed form, for a Gaussian policy on the CPU: as
// LibTorch's graph they are sixty operations on a few dozen numbers, and all dispatch.
#pragma once

#include "agents/actor_critic.h"

namespace strider {

// Mean over the rows of -A r, or of its clipped form where that is more, less entropy_coef times the entropy
// of a Gaussian with one deviation for all states.
struct ClippedSurrogate {
  at::Tensor losses;      // (rows) without the entropy
  at::Tensor log_ratio;   // (rows) log pi(a|s) - log pi_old(a|s)
  at::Tensor ratio;       // (rows)
  at::Tensor of_mean;     // (rows x actions) gradient of the whole by the policy's outputs
  at::Tensor of_log_std;  // (actions)
};
ClippedSurrogate GaussianSurrogate(const Experience& batch, const at::Tensor& old_log_prob,
                                   const at::Tensor& mean, const at::Tensor& log_std, double clip,
                                   double entropy_coef);

// `weight` times the mean of ValueFunction::Loss's terms.
struct ClippedError {
  at::Tensor losses;    // (rows) unweighted
  at::Tensor of_value;  // (rows)
};
ClippedError ValueError(const Experience& batch, const at::Tensor& value, double clip, double weight);

}  // namespace strider
