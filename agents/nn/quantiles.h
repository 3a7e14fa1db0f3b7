// Laws of returns as quantiles: N equally likely numbers, the i-th of them (from 0) at the level (i + 1/2) /
// N.
#pragma once

#include <ATen/ATen.h>

namespace strider::nn {

// The loss of quantile regression with Huber's smoothing (Dabney et al. 2018, equation 10): for quantiles
// (... x N) and what they are fitted to (... x M, no gradient), sum_i mean_j |tau_i - 1[y_j < theta_i]|
// Huber_kappa(y_j - theta_i) / kappa. The level is that of the quantile which is fitted. REQUIRES: kappa > 0.
at::Tensor QuantileHuberLoss(const at::Tensor& quantiles, const at::Tensor& targets, double kappa);

// Slopes of a utility f on either side of zero.
struct Weights {
  double below = 1;
  double above = 1;
};

// mean_i f(stock + theta_i) for quantiles (... x N) and a stock for each row, (...) or broadcast to it.
at::Tensor MeanUtility(const at::Tensor& quantiles, const at::Tensor& stock, Weights weights);

// The best of (rows x actions) scores, (rows) int64: of those within rounding of it, the one with the largest
// of `means`.
at::Tensor BestAction(const at::Tensor& scores, const at::Tensor& means);

}  // namespace strider::nn
