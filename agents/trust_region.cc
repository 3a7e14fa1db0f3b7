#include "agents/trust_region.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>

namespace strider {
namespace {

at::Tensor Flat(const std::vector<at::Tensor>& parts) {
  std::vector<at::Tensor> flat;
  flat.reserve(parts.size());
  for (const at::Tensor& part : parts) flat.push_back(part.reshape({-1}));
  return at::cat(flat);
}

at::Tensor Average(const at::Tensor& x, const at::Tensor& weights) {
  return weights.defined() ? (x * weights).sum() : x.mean();
}

}  // namespace

FisherMatrix::FisherMatrix(const Actor& actor, const at::Tensor& observations, double damping,
                           const at::Tensor& weights)
    : leaves_(actor.parameters().leaves()), damping_(damping) {
  const Actor::Outputs outputs = actor.Evaluate(observations);
  const at::Tensor kl = Average(actor.Kl(outputs, Frozen(outputs)), weights);
  gradient_ = Flat(torch::autograd::grad({kl}, leaves_, {}, /*retain_graph=*/true, /*create_graph=*/true));
}

at::Tensor FisherMatrix::operator*(const at::Tensor& vector) const {
  const auto product = torch::autograd::grad({gradient_.dot(vector)}, leaves_, {}, /*retain_graph=*/true);
  return Flat(product).detach() + damping_ * vector;
}

TrustRegionStep StepInTrustRegion(const Actor& actor, const PolicyRows& rows,
                                  const TrustRegionConfig& config) {
  const nn::ParameterSet& theta = actor.parameters();
  const Actor::Outputs old = Frozen(actor.Evaluate(rows.observations));
  const at::Tensor old_log_prob = actor.LogProb(rows.actions, old);
  const auto surrogate = [&](const Actor::Outputs& outputs) {
    return Average((actor.LogProb(rows.actions, outputs) - old_log_prob).exp() * rows.advantages,
                   rows.weights);
  };
  const at::Tensor before = surrogate(actor.Evaluate(rows.observations));
  actor.Backward(before);
  const at::Tensor gradient = theta.flat_grad().clone();
  const FisherMatrix fisher(actor, rows.observations, config.cg_damping, rows.weights);
  const at::Tensor direction = ConjugateGradient(fisher, gradient, config.cg_iterations);
  const auto curvature = direction.dot(fisher * direction).item<double>();
  const auto old_surrogate = before.item<double>();
  // Without a finite gradient the conjugate gradients do not even start, and the curvature is 0.
  const auto steepness = gradient.dot(gradient).item<double>();
  if (!std::isfinite(old_surrogate) || !std::isfinite(steepness) || !std::isfinite(curvature)) {
    return {.gain = std::numeric_limits<double>::quiet_NaN()};
  }
  if (curvature <= 0) return {};  // nothing to gain anywhere

  const at::NoGradGuard no_grad;
  const at::Tensor start = theta.flat().clone();
  const double longest = std::sqrt(2 * config.max_kl / curvature);
  const double promised = gradient.dot(direction).item<double>() * longest;
  TrustRegionStep step{.fraction = 1};
  for (int i = 0; i < config.line_search_steps; ++i, step.fraction *= config.line_search_shrinkage) {
    theta.flat().copy_(start + step.fraction * longest * direction);
    const Actor::Outputs outputs = actor.Evaluate(rows.observations);
    step.kl = Average(actor.Kl(outputs, old), rows.weights).item<double>();
    step.gain = surrogate(outputs).item<double>() - old_surrogate;
    const bool close = !config.kl_constraint || step.kl < config.max_kl;
    if (close && step.gain > 0 && step.gain > config.accept_ratio * promised * step.fraction) return step;
  }
  theta.flat().copy_(start);
  return {};
}

}  // namespace strider
