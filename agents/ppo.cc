#include "agents/ppo.h"

#include <ATen/core/grad_mode.h>

#include "agents/clipped_losses.h"

namespace strider {

nn::Activation ActivationOf(const PpoConfig& config) { return nn::ParseActivation(config.activation); }

nn::Initialisation InitialisationOf(const PpoConfig& config) {
  return config.orthogonal ? nn::Initialisation::kOrthogonal : nn::Initialisation::kUniformFanIn;
}

at::Tensor ClippedLosses(const at::Tensor& ratio, const at::Tensor& advantages, double clip) {
  return at::maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip));
}

bool IsBeyond(const PpoConfig& config, const at::Tensor& divergences, double multiple) {
  return config.target_kl > 0 && divergences.mean().item<double>() > multiple * config.target_kl;
}

bool ForbidsStep(const PpoConfig& config, const at::Tensor& divergences) {
  return config.kl_stop == "minibatch" && IsBeyond(config, divergences, 1.5);
}

void MakePasses(const PpoConfig& config, std::int64_t count, at::Device device, at::Generator& random,
                const std::function<bool(const at::Tensor& rows)>& step, const at::Tensor& divergences) {
  for (int epoch = 0; epoch < config.epochs; ++epoch) {
    for (const at::Tensor& rows : Minibatches(count, config.minibatch, random, device)) {
      if (!step(rows)) return;
    }
    if (config.kl_stop == "epoch" && IsBeyond(config, divergences, 1)) return;
  }
}

Ppo::Ppo(const Task& task, const Config& config, int experts, Blend blend)
    : OnPolicyAgent(task),
      ppo_(config),
      actor_(task, config.hidden, experts, ActivationOf(config), blend),
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
  const at::Tensor ratio = log_ratio.exp();
  const at::Tensor losses = ClippedLosses(ratio, batch.data.advantages, clip);
  ReportPolicy(losses, log_ratio, ratio, clip);
  at::Tensor entropy;
  {
    const c10::AutoGradMode wanted(ppo_.entropy_coef > 0);  // else it is only reported
    entropy = actor_.Entropy(outputs).mean();
  }
  Report("entropy", entropy);
  return ppo_.entropy_coef > 0 ? losses.mean() - ppo_.entropy_coef * entropy : losses.mean();
}

void Ppo::ReportPolicy(const at::Tensor& losses, const at::Tensor& log_ratio, const at::Tensor& ratio,
                       double clip) {
  const at::NoGradGuard no_grad;
  Report("policy_loss", losses);
  // (r - 1) - log r is never negative and has the divergence as its mean.
  const at::Tensor beyond = ratio - 1;
  divergences_ = beyond - log_ratio;
  Report("kl", divergences_);
  Report("clipped", beyond.abs_() > clip);
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
  MakePasses(ppo_, data.values.size(0), data.observations.device(), random(), step, divergences_);
  CountUpdate();
}

bool Ppo::Step(const Minibatch& batch, double clip, double learning_rate) {
  if (!PolicyGradient(batch, clip)) return false;
  ValueGradient(batch.data);
  ClipJointGradientNorm(ClippedTogether(), ppo_.max_grad_norm);
  policy_adam_.Step(actor_.parameters(), learning_rate);
  if (actor_.mixture()) router_adam_.Step(actor_.router(), learning_rate);
  value_.Step(learning_rate);
  return true;
}

bool Ppo::PolicyGradient(const Minibatch& batch, double clip) {
  const bool closed = task().device.is_cpu() && !actor_.mixture() && !actor_.discrete();
  if (!closed) {
    const at::Tensor loss = PolicyLoss(batch, actor_.Evaluate(batch.data.observations), clip);
    if (ForbidsStep(ppo_, divergences_)) return false;
    actor_.Backward(loss);
    return true;
  }
  const nn::ForwardPass pass = actor_.Run(batch.data.observations);
  const at::Tensor log_std = actor_.parameters().leaves().back().detach();
  const ClippedSurrogate surrogate =
      GaussianSurrogate(batch.data, batch.old_log_prob, pass.outputs[0], log_std, clip, ppo_.entropy_coef);
  ReportPolicy(surrogate.losses, surrogate.log_ratio, surrogate.ratio, clip);
  Report("entropy", actor_.Entropy({pass.outputs[0], log_std}));
  if (ForbidsStep(ppo_, divergences_)) return false;
  actor_.Backward(pass, surrogate.of_mean, surrogate.of_log_std);
  return true;
}

void Ppo::ValueGradient(const Experience& batch) {
  if (!task().device.is_cpu()) {
    const at::Tensor loss = 0.5 * value_.Loss(batch, ppo_.value_clip);
    value_.parameters().Backward(ppo_.value_coef * loss);
    Report("value_loss", loss);
    return;
  }
  const nn::ForwardPass pass = value_.Run(batch.observations);
  const ClippedError error = ValueError(batch, pass.outputs[0].squeeze(-1), ppo_.value_clip,
                                        /*weight=*/0.5 * ppo_.value_coef);
  value_.Backward(pass, error.of_value);
  Report("value_loss", error.losses, 0.5);
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
