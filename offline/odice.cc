#include "offline/odice.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agents/nn/snapshot.h"

namespace strider {
namespace {

constexpr double kLogStdMin = -5;
constexpr double kLogStdMax = 2;
constexpr double kFewWeights = 0.01;

}  // namespace

at::Tensor OdiceConjugate(const std::string& divergence, const at::Tensor& y) {
  if (divergence == "reverse_kl") return at::exp(y - 1);
  return at::where(y >= -2, y.square() / 4 + y, -1.0);
}

at::Tensor OdiceRatio(const std::string& divergence, const at::Tensor& y) {
  return divergence == "reverse_kl" ? at::exp(y - 1) : at::relu(y / 2 + 1);
}

OdiceTerms OdiceLoss(const OdiceConfig& config, const at::Tensor& rewards, const at::Tensor& terminals,
                     const at::Tensor& value, const at::Tensor& next_value, const at::Tensor& target_value,
                     const at::Tensor& target_next_value) {
  const at::Tensor discount = config.discount * (1 - terminals);
  const bool true_gradient = config.gradient == "true";
  OdiceTerms terms;
  terms.linear = ((1 - config.lambda) * value).mean();
  terms.residual = rewards + discount * (true_gradient ? next_value : target_next_value) - value;
  terms.forward = (config.lambda * OdiceConjugate(config.divergence, terms.residual)).mean();
  if (config.gradient != "orthogonal") return terms;
  terms.backward_residual = rewards + discount * next_value - target_value;
  terms.backward =
      (config.lambda * config.eta * OdiceConjugate(config.divergence, terms.backward_residual)).mean();
  return terms;
}

OdiceDirection OrthogonalDirection(const at::Tensor& linear, const at::Tensor& forward,
                                   const at::Tensor& backward) {
  const at::Tensor c = at::dot(forward, backward) / at::dot(forward, forward).clamp_min(1e-10);
  return {linear + forward + (backward - c * forward), c};
}

Odice::Odice(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      value_net_(task.observation_size, config_.hidden, 1, nn::Activation::kRelu, config_.twin ? 2 : 1,
                 config_.layer_norm ? nn::LayerNorm::kBeforeActivation : nn::LayerNorm::kNone),
      policy_net_(task.observation_size, config_.policy_hidden, ContinuousActionSize(task),
                  config_.squash_mean, kLogStdMin, kLogStdMax),
      value_(value_net_.Shapes(), task.device),
      policy_(policy_net_.Shapes(), task.device),
      value_adam_(value_),
      policy_adam_(policy_, /*epsilon=*/1e-8, config_.policy_weight_decay) {
  Declare({"v_linear_term"});
  if (config_.gradient == "orthogonal") {
    Declare({"forward_dual_loss", "backward_dual_loss", "parallel_coefficient", "gradient_cosine"});
  } else {
    Declare({"v_dual_term", "v_loss"});
  }
  Declare({"policy_loss", "residual", "residual_min", "residual_max", "positive_weights", "zero_rewards"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  value_net_.Initialise(value_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  policy_net_.Initialise(policy_, random);
  value_target_ = value_.FrozenClone();
}

at::Tensor Odice::Value(const at::Tensor& observations) const {
  const at::Tensor value = value_net_.Forward(value_, observations).squeeze(-1);
  return config_.twin ? value : value.unsqueeze(0);
}

at::Tensor Odice::TargetValue(const at::Tensor& observations) const {
  const at::NoGradGuard no_grad;
  const at::Tensor value = value_net_.Forward(value_target_, observations).squeeze(-1);
  return config_.twin ? value.amin(0) : value;
}

OdiceTerms Odice::Terms(const TransitionBatch& batch) const {
  const bool orthogonal = config_.gradient == "orthogonal";
  const bool semi = config_.gradient == "semi";
  return OdiceLoss(config_, batch.rewards, batch.terminals, Value(batch.observations),
                   semi ? at::Tensor() : Value(batch.next_observations),
                   orthogonal ? TargetValue(batch.observations) : at::Tensor(),
                   orthogonal || semi ? TargetValue(batch.next_observations) : at::Tensor());
}

Odice::Gradients Odice::TermGradients(const OdiceTerms& terms) const {
  Gradients gradients;
  value_.Backward(terms.linear, /*keep_graph=*/true);  // through V(s), as the next
  gradients.linear = value_.flat_grad().clone();
  value_.Backward(terms.forward);
  gradients.forward = value_.flat_grad().clone();
  value_.Backward(terms.backward);
  gradients.backward = value_.flat_grad().clone();
  return gradients;
}

at::Tensor Odice::Weight(const at::Tensor& residual) const {
  if (config_.divergence == "pearson" && config_.weight == "residual") return at::relu(residual);
  return OdiceRatio(config_.divergence, residual);
}

at::Tensor Odice::NegativeLogProb(const TransitionBatch& batch) const {
  const auto policy = policy_net_.Forward(policy_, batch.observations);
  return -nn::GaussianLogProb(batch.actions, policy.mean, policy.log_std);
}

void Odice::Update(const TransitionBatch& batch) {
  const OdiceTerms terms = Terms(batch);
  const at::Tensor weight = Weight(terms.residual.detach()).clamp_max(config_.weight_max);
  if (terms.backward.defined()) {
    const Gradients gradients = TermGradients(terms);
    const OdiceDirection merged =
        OrthogonalDirection(gradients.linear, gradients.forward, gradients.backward);
    value_.flat_grad().copy_(merged.direction);
    Report("forward_dual_loss", terms.forward);
    Report("backward_dual_loss", terms.backward);
    Report("parallel_coefficient", merged.coefficient);
    Report("gradient_cosine", at::cosine_similarity(gradients.forward, gradients.backward, /*dim=*/0));
  } else {
    const at::Tensor loss = terms.linear + terms.forward;
    value_.Backward(loss);
    Report("v_dual_term", terms.forward);
    Report("v_loss", loss);
  }
  value_adam_.Step(value_, config_.value_lr * anneal());
  value_target_.MoveTowards(value_, config_.tau);

  const at::Tensor policy_loss = (weight * NegativeLogProb(batch)).mean();  // over (members x batch)
  policy_.Backward(policy_loss);
  policy_adam_.Step(policy_, config_.policy_lr * anneal());
  Report("v_linear_term", terms.linear);
  Report("policy_loss", policy_loss);
  Report("residual", terms.residual.mean());
  Report("residual_min", terms.residual.min());
  Report("residual_max", terms.residual.max());
  Report("positive_weights", (weight > 0).to(at::kFloat).mean());
  Report("zero_rewards", (batch.rewards == 0).to(at::kFloat).mean());
  CountUpdate();
}

std::string Odice::Warning() const {
  const auto metric = [latest = metrics()](const char* name) {
    return std::ranges::find(latest, name, &Metrics::value_type::first)->second;
  };
  const double share = metric("positive_weights");
  if (config_.UsesRewards() && metric("zero_rewards") == 1) {
    return fmt::format(
        "all rewards of the latest batch are zero, and {:.2g} % of its transitions have a positive weight: "
        "nothing tells good actions from bad ones; above agent.lambda = 0.5 the weights vanish altogether",
        100 * share);
  }
  if (!(share < kFewWeights)) return {};
  std::string_view rewards;
  if (config_.UsesRewards()) {
    rewards = config_.rewards.reward_map == "none"
                  ? "; are all rewards zero or small? agent.reward_map = range scales them"
                  : "; are all rewards zero or small?";
  }
  return fmt::format(
      "{:.2g} % of the latest batch's transitions have a positive weight: the policy learns hardly "
      "anything{}. A lower agent.lambda than {} raises the weights{}",
      100 * share, rewards, config_.lambda,
      config_.UsesRewards() ? "" : ", which vanish above 0.5 without rewards; --preset imitation has 0.4");
}

Policy Odice::MakePolicy() const {
  return nn::SnapshotFreeDeviation(task(), policy_, config_.policy_hidden.size(), config_.squash_mean,
                                   kLogStdMin, kLogStdMax);
}

std::vector<nn::NamedTensor> Odice::State() const {
  return nn::Concatenate({value_.Named("v"), value_target_.Named("v", "_target"), policy_.Named("policy"),
                          value_adam_.Named("value_adam"), policy_adam_.Named("policy_adam")});
}

}  // namespace strider
