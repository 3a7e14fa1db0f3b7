#include "offline/iql.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/snapshot.h"

namespace strider {

at::Tensor ExpectileLoss(const at::Tensor& u, double expectile) {
  const at::Tensor weight = at::where(u.detach() < 0, 1 - expectile, expectile).to(u.scalar_type());
  return (weight * u.square()).mean();
}

Iql::Iql(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      actor_net_(task.observation_size, config_.hidden, ContinuousActionSize(task), /*squash_mean=*/true,
                 config_.log_std_min, config_.log_std_max),
      value_net_(task.observation_size, config_.hidden, 1, nn::Activation::kRelu),
      actor_(actor_net_.Shapes(), task.device),
      value_(value_net_.Shapes(), task.device),
      critics_(task, config_.hidden, /*members=*/2),
      actor_adam_(actor_),
      value_adam_(value_) {
  CheckLogStdRange(config_.log_std_min, config_.log_std_max);
  Declare({"value_loss", "critic1_loss", "critic2_loss", "q", "advantage", "weight", "actor_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_net_.Initialise(actor_, random);
  value_net_.Initialise(value_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  critics_.Initialise(nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
}

at::Tensor Iql::Value(const at::Tensor& observations) const {
  return value_net_.Forward(value_, observations).squeeze(-1);
}

at::Tensor Iql::Weight(const at::Tensor& advantage) const {
  return at::exp(config_.beta * advantage).clamp_max(config_.weight_max);
}

at::Tensor Iql::CloningError(const TransitionBatch& batch) const {
  const auto policy = actor_net_.Forward(actor_, batch.observations);
  if (config_.deterministic) return (policy.mean - batch.actions).square().sum(-1);
  return -nn::GaussianLogProb(batch.actions, policy.mean, policy.log_std);
}

void Iql::Update(const TransitionBatch& batch) {
  at::Tensor target;  // with V from before its step
  {
    const at::NoGradGuard no_grad;
    target = batch.rewards + config_.discount * (1 - batch.terminals) * Value(batch.next_observations);
  }
  const at::Tensor target_q = critics_.Target(batch.observations, batch.actions).amin(0);
  const at::Tensor advantage = target_q - Value(batch.observations);
  const at::Tensor value_loss = ExpectileLoss(advantage, config_.expectile);
  value_.Backward(value_loss);
  value_adam_.Step(value_, config_.value_lr * anneal());

  const at::Tensor q = critics_.Online(batch.observations, batch.actions);
  const at::Tensor losses = (q - target).square().mean(1);  // (2)
  critics_.online().Backward(losses.mean());
  critics_.Step(config_.critic_lr * anneal());
  critics_.MoveTargets(config_.tau);

  const at::Tensor weight = Weight(advantage.detach());
  const at::Tensor actor_loss = (weight * CloningError(batch)).mean();
  actor_.Backward(actor_loss);
  actor_adam_.CosineStep(actor_, config_.actor_lr * anneal(), config_.schedule_steps);

  Report("value_loss", value_loss);
  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", q.mean());
  Report("advantage", advantage.mean());
  Report("weight", weight.mean());
  Report("actor_loss", actor_loss);
  CountUpdate();
}

Policy Iql::MakePolicy() const {
  if (config_.deterministic) return nn::SnapshotTanhActor(task(), actor_, config_.hidden.size());
  return nn::SnapshotFreeDeviation(task(), actor_, config_.hidden.size(), /*squash_mean=*/true,
                                   config_.log_std_min, config_.log_std_max);
}

std::string Iql::Warning() const {
  if (updates() <= config_.schedule_steps) return {};
  return fmt::format(
      "the actor's step length has fallen to 0 in agent.schedule_steps = {} updates: the policy stays as it "
      "is; more of them, which --resume takes too, let it go on",
      config_.schedule_steps);
}

std::vector<nn::NamedTensor> Iql::State() const {
  return nn::Concatenate({actor_.Named("actor"), value_.Named("value"), critics_.State(),
                          actor_adam_.Named("actor_adam"), value_adam_.Named("value_adam")});
}

}  // namespace strider
