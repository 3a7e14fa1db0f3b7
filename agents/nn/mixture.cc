#include "agents/nn/mixture.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <string_view>

namespace strider::nn {

at::Tensor MixtureLogProb(const at::Tensor& logits, const at::Tensor& expert_log_probs) {
  return at::logsumexp(at::log_softmax(logits, -1) + expert_log_probs, -1);
}

at::Tensor RouterEntropy(const at::Tensor& logits) {
  const at::Tensor log_w = at::log_softmax(logits, -1);
  return -(log_w.exp() * log_w).sum(-1);
}

at::Tensor GumbelNoise(at::IntArrayRef shape, at::Generator& random, const at::Tensor& like) {
  if (shape.back() == 1) return at::zeros(shape, like.options());
  // -log of an exponential number is Gumbel; unlike a uniform one it is never 0 or 1.
  return -at::empty(shape, like.options()).exponential_(1, random).log_();
}

at::Tensor ChooseExpert(const at::Tensor& logits, const at::Tensor& gumbel) {
  return (logits.detach() + gumbel).argmax(-1);
}

at::Tensor OneHot(const at::Tensor& chosen, const at::Tensor& like) {
  return at::zeros_like(like.detach()).scatter_(-1, chosen.unsqueeze(-1), 1);
}

at::Tensor FrequencyLoss(const at::Tensor& logits, const at::Tensor& winner) {
  return (at::softmax(logits, -1) - OneHot(winner, logits)).square().mean();
}

at::Tensor ScoreRatioLoss(const at::Tensor& logits, const at::Tensor& gains) {
  return -(at::softmax(logits, -1) * gains.detach()).sum(-1).mean();
}

at::Tensor StraightThrough(const at::Tensor& logits, const at::Tensor& gumbel, double temperature) {
  const at::Tensor soft = at::softmax((at::log_softmax(logits, -1) + gumbel) / temperature, -1);
  const at::Tensor hard = OneHot(soft.argmax(-1), soft);
  return hard + (soft - soft.detach());  // one-hot to the bit
}

BlendedGaussian GatedExperts(const at::Tensor& logits, const at::Tensor& mean, const at::Tensor& log_std) {
  const at::Tensor w = at::softmax(logits, -1).unsqueeze(-1);
  return {(w * mean).sum(-2), (w * log_std).sum(-2)};
}

BlendedGaussian MultipliedExperts(const at::Tensor& logits, const at::Tensor& mean,
                                  const at::Tensor& log_std) {
  const at::Tensor precisions = at::sigmoid(logits).unsqueeze(-1) * at::exp(-2 * log_std);
  const at::Tensor precision = precisions.sum(-2);
  return {(precisions * mean).sum(-2) / precision, -0.5 * precision.log()};
}

BlendedGaussian BlendedExperts(Blend blend, const at::Tensor& logits, const at::Tensor& mean,
                               const at::Tensor& log_std) {
  return blend == Blend::kGated ? GatedExperts(logits, mean, log_std)
                                : MultipliedExperts(logits, mean, log_std);
}

ExpertView ViewOfExperts(Blend blend, const at::Tensor& logits) {
  if (blend == Blend::kMultiplied) return {at::log_sigmoid(logits), at::sigmoid(logits)};
  return {logits, at::softmax(logits, -1)};
}

std::vector<std::string> ExpertMetricNames(int experts, bool wins) {
  std::vector<std::string> names = {"router_entropy", "expert_distance"};
  for (const char* of_each : {"weight_", "win_", "expert_entropy_"}) {
    if (!wins && of_each == std::string_view("win_")) continue;
    for (int k = 1; k <= experts; ++k) names.push_back(of_each + std::to_string(k));
  }
  return names;
}

std::vector<NamedTensor> ExpertMetrics(const ExpertView& view) {
  const at::NoGradGuard no_grad;
  const std::int64_t experts = view.weights.size(-1);
  const auto pairs = static_cast<double>(std::max<std::int64_t>(experts * (experts - 1), 1));
  const at::Tensor distances = (view.mean_actions.unsqueeze(1) - view.mean_actions.unsqueeze(2)).norm(2, -1);
  std::vector<at::Tensor> of_experts = {view.weights.mean(0)};
  if (view.winner.defined()) of_experts.push_back(OneHot(view.winner, view.weights).mean(0));
  of_experts.push_back(view.entropies);
  const std::vector<std::string> names = ExpertMetricNames(static_cast<int>(experts), view.winner.defined());
  std::vector<NamedTensor> metrics = {{names[0], RouterEntropy(view.logits).mean()},
                                      {names[1], distances.sum({1, 2}).mean() / pairs}};
  for (const at::Tensor& of_each : of_experts) {
    for (std::int64_t k = 0; k < experts; ++k) metrics.emplace_back(names[metrics.size()], of_each[k]);
  }
  return metrics;
}

}  // namespace strider::nn
