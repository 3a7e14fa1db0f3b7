#include "agents/mdpo_on.h"

#include <algorithm>
#include <cmath>

namespace strider {
namespace {

constexpr double kPolicyAdamEpsilon = 1e-5;  // section 5
constexpr double kValueAdamEpsilon = 1e-8;

}  // namespace

MdpoOn::MdpoOn(const Task& task, Config config)
    : OnPolicyAgent(task),
      config_(std::move(config)),
      actor_(task, config_.hidden),
      value_(task, config_.hidden, kValueAdamEpsilon),
      policy_adam_(actor_.parameters(), kPolicyAdamEpsilon) {
  Declare({"surrogate", "kl", "step_size", "value_loss"});
  if (!actor_.discrete()) Declare({"entropy"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_.Initialise(config_.log_std_init, random);
  value_.Initialise(random);
}

double MdpoOn::StepSize(std::int64_t iteration, std::int64_t iterations) const {
  const auto k = static_cast<double>(iteration);
  const auto count = static_cast<double>(iterations);
  if (config_.step_size_schedule == "linear") return config_.step_size * std::max(1 - k / count, 1 / count);
  if (config_.step_size_schedule == "inverse_sqrt") return config_.step_size / std::sqrt(1 + k);
  return config_.step_size;
}

at::Tensor MdpoOn::PolicyLoss(const at::Tensor& observations, const at::Tensor& actions,
                              const at::Tensor& advantages, const at::Tensor& old_log_prob,
                              const Actor::Outputs& old, double step_size) {
  const Actor::Outputs outputs = actor_.Evaluate(observations);
  const at::Tensor ratio = (actor_.LogProb(actions, outputs) - old_log_prob).exp();
  const at::Tensor surrogate = (ratio * advantages).mean();
  const at::Tensor kl = actor_.Kl(outputs, old).mean();
  Report("surrogate", surrogate);
  Report("kl", kl);
  return kl / step_size - surrogate;
}

void MdpoOn::Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) {
  const Experience data = value_.Judge(rollout, config_.rollout);
  const at::Tensor advantages = Standardized(data.advantages);
  // pi_k, frozen for the whole iteration.
  const Actor::Outputs old = Frozen(actor_.Evaluate(data.observations));
  const at::Tensor old_log_prob = actor_.LogProb(data.actions, old);

  const double done = static_cast<double>(iteration) / static_cast<double>(iterations);
  const double anneal = config_.lr_anneal ? 1 - done : 1;
  const double step_size = StepSize(iteration, iterations);
  for (int step = 0; step < config_.inner_steps; ++step) {
    actor_.Backward(PolicyLoss(data.observations, data.actions, advantages, old_log_prob, old, step_size));
    nn::ClipGradientNorm(actor_.parameters(), config_.max_grad_norm);
    policy_adam_.Step(actor_.parameters(), config_.policy_lr * anneal);
  }
  Report("value_loss", value_.Fit(data,
                                  {.epochs = config_.value_epochs,
                                   .batch = config_.value_batch,
                                   .clip = config_.value_clip,
                                   .learning_rate = config_.value_lr * anneal},
                                  random()));
  if (!actor_.discrete())
    Report("entropy", actor_.Entropy(actor_.Evaluate(data.observations.narrow(0, 0, 1))));
  Report("step_size", at::scalar_tensor(step_size));
  CountUpdate();
}

Policy MdpoOn::MakePolicy() const { return actor_.MakePolicy(); }

std::vector<nn::NamedTensor> MdpoOn::State() const {
  return nn::Concatenate({actor_.State(), value_.State(), policy_adam_.Named("policy_adam")});
}

}  // namespace strider
