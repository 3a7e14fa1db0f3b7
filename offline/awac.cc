#include "offline/awac.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/snapshot.h"

namespace strider {

Awac::Awac(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      actor_net_(task.observation_size, config_.hidden, ContinuousActionSize(task), /*squash_mean=*/false,
                 config_.log_std_min, config_.log_std_max),
      actor_(actor_net_.Shapes(), task.device),
      critics_(task, config_.hidden, /*members=*/2),
      actor_adam_(actor_) {
  CheckLogStdRange(config_.log_std_min, config_.log_std_max);
  Declare({"critic1_loss", "critic2_loss", "q", "advantage", "weight", "actor_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_net_.Initialise(actor_, random);
  critics_.Initialise(nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
}

at::Tensor Awac::Sample(const at::Tensor& observations, const at::Tensor& noise) const {
  const at::NoGradGuard no_grad;
  const auto policy = actor_net_.Forward(actor_, observations);
  return (policy.mean + at::exp(policy.log_std) * noise).clamp_(-1, 1);
}

at::Tensor Awac::TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const {
  const at::Tensor next_q = critics_.Target(batch.next_observations, next_action).amin(0);
  return batch.rewards + config_.discount * (1 - batch.terminals) * next_q;
}

at::Tensor Awac::Advantage(const TransitionBatch& batch, const at::Tensor& action) const {
  const at::NoGradGuard no_grad;
  return critics_.Online(batch.observations, batch.actions).amin(0) -
         critics_.Online(batch.observations, action).amin(0);
}

at::Tensor Awac::Weight(const at::Tensor& advantage) const {
  return at::exp(advantage / config_.lambda).clamp_max(config_.weight_max);
}

at::Tensor Awac::LogProb(const TransitionBatch& batch) const {
  const auto policy = actor_net_.Forward(actor_, batch.observations);
  return nn::GaussianLogProb(batch.actions, policy.mean, policy.log_std);
}

void Awac::Update(const TransitionBatch& batch) {
  UpdateNoise noise;
  noise.next_action = Noise(batch.actions.sizes());
  noise.action = Noise(batch.actions.sizes());
  Update(batch, noise);
}

void Awac::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  const at::Tensor target = TdTarget(batch, Sample(batch.next_observations, noise.next_action));
  const at::Tensor q = critics_.Online(batch.observations, batch.actions);
  const at::Tensor losses = (q - target).square().mean(1);  // (2)
  critics_.online().Backward(losses.sum());
  critics_.Step(config_.critic_lr * anneal());

  const at::Tensor advantage = Advantage(batch, Sample(batch.observations, noise.action));
  const at::Tensor weight = Weight(advantage);
  const at::Tensor actor_loss = -(weight * LogProb(batch)).mean();
  actor_.Backward(actor_loss);
  actor_adam_.Step(actor_, config_.actor_lr * anneal());
  critics_.MoveTargets(config_.tau);

  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", q.mean());
  Report("advantage", advantage.mean());
  Report("weight", weight.mean());
  Report("actor_loss", actor_loss);
  CountUpdate();
}

Policy Awac::MakePolicy() const {
  return nn::SnapshotFreeDeviation(task(), actor_, config_.hidden.size(), /*squash_mean=*/false,
                                   config_.log_std_min, config_.log_std_max);
}

std::vector<nn::NamedTensor> Awac::State() const {
  return nn::Concatenate({actor_.Named("actor"), critics_.State(), actor_adam_.Named("actor_adam")});
}

}  // namespace strider
