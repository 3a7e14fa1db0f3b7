#include "offline/bcq.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/snapshot.h"

namespace strider {
namespace {

constexpr double kCodeBound = 0.5;

}  // namespace

at::Tensor MixedValue(const at::Tensor& q, double least_share) {
  return least_share * q.amin(0) + (1 - least_share) * q.amax(0);
}

Bcq::Bcq(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      vae_net_(task.observation_size, ContinuousActionSize(task), config_.vae_hidden, /*max_action=*/1),
      actor_net_(task.observation_size + task.action_size(), config_.actor_hidden, task.action_size(),
                 nn::Activation::kRelu),
      vae_(vae_net_.Shapes(), task.device),
      actor_(actor_net_.Shapes(), task.device),
      critics_(task, config_.critic_hidden, /*members=*/2),
      vae_adam_(vae_),
      actor_adam_(actor_) {
  Declare({"vae_recon_loss", "vae_kl_loss", "vae_loss", "critic1_loss", "critic2_loss", "q", "actor_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  vae_net_.Initialise(vae_, random);
  actor_net_.Initialise(actor_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  critics_.Initialise(nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  actor_target_ = actor_.FrozenClone();
}

at::Tensor Bcq::Perturbed(const nn::ParameterSet& actor, const at::Tensor& observations,
                          const at::Tensor& actions) const {
  const at::Tensor raw = actor_net_.Forward(actor, at::cat({observations, actions}, -1));
  return (actions + config_.reach * at::tanh(raw)).clamp(-1, 1);
}

at::Tensor Bcq::Decoded(const at::Tensor& observations, const at::Tensor& codes) const {
  const at::NoGradGuard no_grad;
  return vae_net_.Decode(vae_, observations, codes.clamp(-kCodeBound, kCodeBound));
}

at::Tensor Bcq::Target(const TransitionBatch& batch, const at::Tensor& next_codes) const {
  const at::NoGradGuard no_grad;
  const at::Tensor states = batch.next_observations.repeat_interleave(config_.target_candidates, 0);
  const at::Tensor actions = Perturbed(actor_target_, states, Decoded(states, next_codes));
  const at::Tensor value = MixedValue(critics_.Target(states, actions), config_.least_share)
                               .view({-1, config_.target_candidates})
                               .amax(1);
  return batch.rewards + config_.discount * (1 - batch.terminals) * value;
}

void Bcq::Update(const TransitionBatch& batch) {
  const std::int64_t rows = batch.actions.size(0);
  UpdateNoise noise;
  noise.code = Noise({rows, vae_net_.latent_size()});
  noise.next_codes = Noise({rows * config_.target_candidates, vae_net_.latent_size()});
  noise.codes = Noise({rows, vae_net_.latent_size()});
  Update(batch, noise);
}

void Bcq::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  StepVae(batch, noise.code);
  StepCritics(batch, noise.next_codes);
  StepActor(batch, noise.codes);
  critics_.MoveTargets(config_.tau);
  actor_target_.MoveTowards(actor_, config_.tau);
  CountUpdate();
}

void Bcq::StepVae(const TransitionBatch& batch, const at::Tensor& code) {
  const ActionVae::Loss loss = vae_net_.Losses(vae_, batch.observations, batch.actions, code);
  vae_.Backward(loss.whole);
  vae_adam_.Step(vae_, config_.vae_lr * anneal());
  Report("vae_recon_loss", loss.reconstruction);
  Report("vae_kl_loss", loss.divergence);
  Report("vae_loss", loss.whole);
}

void Bcq::StepCritics(const TransitionBatch& batch, const at::Tensor& next_codes) {
  const at::Tensor target = Target(batch, next_codes);
  const at::Tensor q = critics_.Online(batch.observations, batch.actions);
  const at::Tensor losses = (q - target).square().mean(1);  // (2)
  critics_.online().Backward(losses.sum());
  critics_.Step(config_.critic_lr * anneal());
  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", q.mean());
}

void Bcq::StepActor(const TransitionBatch& batch, const at::Tensor& codes) {
  const at::Tensor action = Perturbed(actor_, batch.observations, Decoded(batch.observations, codes));
  const at::Tensor loss = -critics_.FirstQ(batch.observations, action).mean();
  actor_.Backward(loss);
  actor_adam_.Step(actor_, config_.actor_lr * anneal());
  Report("actor_loss", loss);
}

Policy Bcq::MakePolicy() const {
  const std::size_t decoder = vae_net_.encoder_tensors();
  Policy policy = nn::SnapshotBody(task(), vae_.leaves(), 0);
  policy.distribution = ActionDistribution::kBestCandidate;
  policy.hidden = nn::SnapshotLayers(vae_.leaves(), decoder, config_.vae_hidden.size());
  policy.mean = nn::SnapshotLayers(vae_.leaves(), decoder + 2 * config_.vae_hidden.size(), 1)[0];
  policy.perturbation = nn::SnapshotLayers(actor_.leaves(), 0, config_.actor_hidden.size() + 1);
  policy.critics = {nn::SnapshotMember(critics_.online().leaves(), 0)};
  policy.candidates = config_.candidates;
  policy.reach = static_cast<float>(config_.reach);
  policy.code_bound = static_cast<float>(kCodeBound);
  return policy;
}

std::vector<nn::NamedTensor> Bcq::State() const {
  return nn::Concatenate({vae_.Named("vae"), actor_.Named("actor"), actor_target_.Named("actor", "_target"),
                          critics_.State(), vae_adam_.Named("vae_adam"), actor_adam_.Named("actor_adam")});
}

}  // namespace strider
