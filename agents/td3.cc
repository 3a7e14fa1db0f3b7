#include "agents/td3.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/snapshot.h"

namespace strider {

Td3::Td3(const Task& task, const Config& config)
    : Td3(task, config,
          nn::Mlp(task.observation_size, config.hidden, ContinuousActionSize(task), nn::Activation::kRelu),
          nn::Mlp(task.observation_size + task.action_size(), config.hidden, 1, nn::Activation::kRelu,
                  /*members=*/2)) {}

Td3::Td3(const Task& task, Config config, nn::Mlp actor, nn::Mlp critic)
    : OffPolicyAgent(task),
      td3_(std::move(config)),
      actor_net_(std::move(actor)),
      critic_net_(std::move(critic)),
      actor_(actor_net_.Shapes(), task.device),
      critic_(critic_net_.Shapes(), task.device),
      actor_adam_(actor_),
      critic_adam_(critic_) {
  Declare({"critic1_loss", "critic2_loss", "q", "actor_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_net_.Initialise(actor_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  critic_net_.Initialise(critic_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  actor_target_ = actor_.FrozenClone();
  critic_target_ = critic_.FrozenClone();
}

at::Tensor Td3::Q(const at::Tensor& observations, const at::Tensor& actions) const {
  return critic_net_.Forward(critic_, at::cat({observations, actions}, -1)).squeeze(-1);
}

at::Tensor Td3::TargetQ(const at::Tensor& observations, const at::Tensor& actions) const {
  return critic_net_.Forward(critic_target_, at::cat({observations, actions}, -1)).squeeze(-1);
}

at::Tensor Td3::FirstQ(const at::Tensor& observations, const at::Tensor& actions) const {
  return critic_net_.ForwardMember(critic_, 0, at::cat({observations, actions}, -1)).squeeze(-1);
}

void Td3::Update(const TransitionBatch& batch) { Update(batch, Noise(batch.actions.sizes())); }

at::Tensor Td3::Act(const nn::ParameterSet& actor, const at::Tensor& observations) const {
  const at::Tensor action = at::tanh(actor_net_.Forward(actor, observations));
  return td3_.max_action == 1 ? action : td3_.max_action * action;
}

void Td3::Update(const TransitionBatch& drawn, const at::Tensor& target_policy_noise) {
  TransitionBatch batch = drawn;
  if (td3_.max_action != 1) batch.actions = td3_.max_action * drawn.actions;
  const at::Tensor next_action = NextAction(batch, target_policy_noise);
  const at::Tensor target = TdTarget(batch, next_action);
  StepCritics(batch, target);
  AfterCritics(batch, next_action, target);
  const std::int64_t due = ActorStepsFirst() ? 0 : td3_.policy_delay - 1;
  const bool actor_is_due = updates() % td3_.policy_delay == due;
  CountUpdate();
  if (!actor_is_due) return;
  const at::Tensor loss = ActorLoss(batch, Act(actor_, batch.observations));
  actor_.Backward(loss);
  nn::ClipGradientNorm(actor_, td3_.max_grad_norm);
  if (ActorTargetMovesFirst()) actor_target_.MoveTowards(actor_, td3_.tau);
  actor_adam_.Step(actor_, td3_.actor_lr * anneal());
  if (!ActorTargetMovesFirst()) actor_target_.MoveTowards(actor_, td3_.tau);
  critic_target_.MoveTowards(critic_, td3_.tau);
  Report("actor_loss", loss);
}

at::Tensor Td3::NextAction(const TransitionBatch& batch, const at::Tensor& target_policy_noise) const {
  const at::NoGradGuard no_grad;
  const double bound = td3_.max_action;
  const at::Tensor noise = (bound * td3_.policy_noise * target_policy_noise)
                               .clamp_(-bound * td3_.noise_clip, bound * td3_.noise_clip);
  return (Act(actor_target_, batch.next_observations) + noise).clamp_(-bound, bound);
}

at::Tensor Td3::TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const {
  const at::NoGradGuard no_grad;
  const at::Tensor next_q = TargetQ(batch.next_observations, next_action).amin(0);
  return batch.rewards + td3_.discount * (1 - batch.terminals) * next_q;
}

void Td3::StepCritics(const TransitionBatch& batch, const at::Tensor& target) {
  const at::Tensor q = Q(batch.observations, batch.actions);
  const at::Tensor losses = CriticLosses(q, target);
  critic_.Backward(losses.sum());
  nn::ClipGradientNorm(critic_, td3_.max_grad_norm);
  critic_adam_.Step(critic_, td3_.critic_lr * anneal());
  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", q.mean());
}

at::Tensor Td3::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  return -FirstQ(batch.observations, action).mean();
}

at::Tensor Td3::NormalizedQTerm(const at::Tensor& q, double alpha) {
  const at::Tensor lambda = alpha / q.detach().abs().mean();
  Report("lambda", lambda);
  at::Tensor term = -lambda * q.mean();
  Report("actor_q_term", term);
  return term;
}

Policy Td3::MakePolicy() const { return nn::SnapshotTanhActor(task(), actor_, td3_.hidden.size()); }

std::vector<nn::NamedTensor> Td3::State() const {
  return nn::Concatenate({actor_.Named("actor"), actor_target_.Named("actor", "_target"),
                          critic_.Named("critic"), critic_target_.Named("critic", "_target"),
                          actor_adam_.Named("actor_adam"), critic_adam_.Named("critic_adam")});
}

}  // namespace strider
