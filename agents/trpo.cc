#include "agents/trpo.h"

#include <ATen/core/grad_mode.h>

namespace strider {
namespace {

constexpr double kValueAdamEpsilon = 1e-5;

}  // namespace

Trpo::Trpo(const Task& task, Config config)
    : OnPolicyAgent(task),
      config_(std::move(config)),
      actor_(task, config_.hidden),
      value_(task, config_.hidden, kValueAdamEpsilon) {
  Declare({"surrogate", "kl", "step_fraction", "value_loss", "entropy"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_.Initialise(config_.log_std_init, random);
  value_.Initialise(random);
}

bool Trpo::StepPolicy(const at::Tensor& observations, const at::Tensor& actions,
                      const at::Tensor& advantages) {
  const TrustRegionStep step =
      StepInTrustRegion(actor_, {observations, actions, advantages}, config_.trust_region);
  Report("step_fraction", at::scalar_tensor(step.fraction));
  Report("kl", at::scalar_tensor(step.kl));
  Report("surrogate", at::scalar_tensor(step.gain));
  return step.fraction > 0;
}

void Trpo::Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) {
  const Experience data = value_.Judge(rollout, config_.rollout);
  StepPolicy(data.observations, data.actions, Standardized(data.advantages));
  const double done = static_cast<double>(iteration) / static_cast<double>(iterations);
  Report("value_loss", value_.Fit(data,
                                  {.epochs = config_.value_epochs,
                                   .batch = config_.value_batch,
                                   .learning_rate = config_.value_lr * (config_.lr_anneal ? 1 - done : 1),
                                   .max_grad_norm = config_.max_grad_norm},
                                  random()));
  const at::NoGradGuard no_grad;
  Report("entropy", actor_.Entropy(actor_.Evaluate(data.observations)).mean());
  CountUpdate();
}

std::vector<nn::NamedTensor> Trpo::State() const { return nn::Concatenate({actor_.State(), value_.State()}); }

}  // namespace strider
