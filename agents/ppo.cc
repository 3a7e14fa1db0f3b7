#include "agents/ppo.h"

#include <ATen/core/grad_mode.h>

namespace strider {

nn::Activation ActivationOf(const PpoConfig& config) {
  return config.activation == "relu" ? nn::Activation::kRelu : nn::Activation::kTanh;
}

nn::Initialisation InitialisationOf(const PpoConfig& config) {
  return config.orthogonal ? nn::Initialisation::kOrthogonal : nn::Initialisation::kUniformFanIn;
}

ClippedObjective Clipped(const at::Tensor& log_ratio, const at::Tensor& advantages, double clip) {
  const at::Tensor ratio = log_ratio.exp();
  ClippedObjective objective;
  objective.loss = at::maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)).mean();
  const at::NoGradGuard no_grad;
  const at::Tensor beyond = ratio - 1;
  objective.kl = (beyond - log_ratio).mean();  // never negative
  objective.clipped = (beyond.abs() > clip).to(at::kFloat).mean();
  return objective;
}

void MakePasses(const PpoConfig& config, std::int64_t count, at::Device device, at::Generator& random,
                const std::function<bool(const at::Tensor& rows)>& step,
                const std::function<bool()>& moved_too_far) {
  for (int epoch = 0; epoch < config.epochs; ++epoch) {
    for (const at::Tensor& rows : Minibatches(count, config.minibatch, random, device)) {
      if (!step(rows)) return;
    }
    if (config.kl_stop == "epoch" && moved_too_far()) return;
  }
}

bool IsBeyond(const PpoConfig& config, const at::Tensor& kl, double multiple) {
  return config.target_kl > 0 && kl.item<double>() > multiple * config.target_kl;
}

Ppo::Ppo(const Task& task, const Config& config, int experts)
    : OnPolicyAgent(task),
      ppo_(config),
      actor_(task, config.hidden, experts, ActivationOf(config)),
      value_(task, config.hidden, kPpoAdamEpsilon, ActivationOf(config)),
      policy_adam_(actor_.parameters(), kPpoAdamEpsilon),
      random_weights_(MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation))) {
  Declare({"policy_loss", "value_loss", "entropy", "kl", "clipped"});
  const auto how = InitialisationOf(ppo_);
  actor_.Initialise(ppo_.log_std_init, random_weights_, how);
  value_.Initialise(random_weights_, how);
  if (actor_.mixture()) {
    actor_.InitialiseRouter(random_weights_);
    router_adam_ = nn::Adam(actor_.router(), kPpoAdamEpsilon);
  }
}

at::Tensor Ppo::PolicyLoss(const Minibatch& batch, const Actor::Outputs& outputs, double clip) {
  const at::Tensor log_ratio = actor_.LogProb(batch.data.actions, outputs) - batch.old_log_prob;
  const ClippedObjective objective = Clipped(log_ratio, batch.data.advantages, clip);
  at::Tensor loss = objective.loss;
  Report("policy_loss", loss);
  at::Tensor entropy;
  {
    const c10::AutoGradMode wanted(ppo_.entropy_coef > 0);  // else it is only reported
    entropy = actor_.Entropy(outputs).mean();
  }
  if (ppo_.entropy_coef > 0) loss = loss - ppo_.entropy_coef * entropy;
  kl_ = objective.kl;
  Report("entropy", entropy);
  Report("kl", kl_);
  Report("clipped", objective.clipped);
  return loss;
}

void Ppo::Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) {
  const Experience data = value_.Judge(rollout, ppo_.rollout);
  at::Tensor old_log_prob;
  {
    const at::NoGradGuard no_grad;
    old_log_prob = actor_.LogProb(data.actions, actor_.Evaluate(data.observations));
  }
  const double left = 1 - static_cast<double>(iteration) / static_cast<double>(iterations);
  const double learning_rate = ppo_.lr * (ppo_.lr_anneal ? left : 1);
  const double clip = ppo_.clip * (ppo_.clip_anneal ? left : 1);
  const auto step = [&](const at::Tensor& rows) {
    Minibatch batch{data.Select(rows), old_log_prob.index_select(0, rows)};
    batch.data.advantages = Standardized(batch.data.advantages);
    return Step(batch, clip, learning_rate);
  };
  MakePasses(ppo_, data.values.size(0), data.observations.device(), random(), step,
             [&] { return IsBeyond(ppo_, kl_, 1); });
  CountUpdate();
}

bool Ppo::Step(const Minibatch& batch, double clip, double learning_rate) {
  const at::Tensor policy_loss = PolicyLoss(batch, actor_.Evaluate(batch.data.observations), clip);
  if (ppo_.kl_stop == "minibatch" && IsBeyond(ppo_, kl_, kMinibatchKlMultiple)) return false;
  actor_.Backward(policy_loss);
  const at::Tensor value_loss = 0.5 * value_.Loss(batch.data, ppo_.value_clip);
  value_.parameters().Backward(ppo_.value_coef * value_loss);
  Report("value_loss", value_loss);
  ClipJointGradientNorm(ClippedTogether(), ppo_.max_grad_norm);
  policy_adam_.Step(actor_.parameters(), learning_rate);
  if (actor_.mixture()) router_adam_.Step(actor_.router(), learning_rate);
  value_.Step(learning_rate);
  return true;
}

std::vector<const nn::ParameterSet*> Ppo::ClippedTogether() const {
  std::vector<const nn::ParameterSet*> sets = {&actor_.parameters(), &value_.parameters()};
  if (actor_.mixture()) sets.push_back(&actor_.router());
  return sets;
}

std::vector<nn::NamedTensor> Ppo::State() const {
  auto state = nn::Concatenate({actor_.State(), value_.State(), policy_adam_.Named("policy_adam")});
  if (actor_.mixture()) {
    for (auto& named : router_adam_.Named("router_adam")) state.push_back(std::move(named));
  }
  return state;
}

}  // namespace strider
