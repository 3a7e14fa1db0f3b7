#include "agents/nn/quantiles.h"

#include <limits>

#include "agents/score_tie.h"

namespace strider::nn {

at::Tensor QuantileHuberLoss(const at::Tensor& quantiles, const at::Tensor& targets, double kappa) {
  const std::int64_t count = quantiles.size(-1);
  const at::Tensor levels = (at::arange(count, quantiles.options()) + 0.5) / static_cast<double>(count);
  const at::Tensor differences = targets.unsqueeze(-2) - quantiles.unsqueeze(-1);  // (... x N x M)
  const at::Tensor weights = (levels.unsqueeze(-1) - differences.lt(0).to(quantiles.scalar_type())).abs();
  const at::Tensor huber = at::huber_loss(
      differences, at::zeros({}, differences.options()).expand_as(differences), at::Reduction::None, kappa);
  return (weights * huber).mean(-1).sum(-1) / kappa;
}

at::Tensor MeanUtility(const at::Tensor& quantiles, const at::Tensor& stock, Weights weights) {
  const at::Tensor x = quantiles + stock.unsqueeze(-1);
  return (weights.below * x.clamp_max(0) + weights.above * x.clamp_min(0)).mean(-1);
}

at::Tensor BestAction(const at::Tensor& scores, const at::Tensor& means) {
  const at::Tensor best = scores.amax(-1, /*keepdim=*/true);
  const at::Tensor worse = scores.lt(best - kScoreTie * (1 + best.abs()));
  return means.masked_fill(worse, -std::numeric_limits<double>::infinity()).argmax(-1);
}

}  // namespace strider::nn
