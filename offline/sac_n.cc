#include "offline/sac_n.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/snapshot.h"

namespace strider {
namespace {

constexpr double kSquashEpsilon = 1e-6;

}  // namespace

at::Tensor CriticSimilarity(const at::Tensor& gradients) {
  const at::Tensor units = gradients / (gradients.norm(2, {-1}, /*keepdim=*/true) + 1e-10);
  // |sum_i u_i|^2 - sum_i |u_i|^2 is the sum over i != j.
  const at::Tensor together = units.sum(0).square().sum(-1);
  const at::Tensor alone = units.square().sum({0, 2});
  return (together - alone).mean() / static_cast<double>(gradients.size(0) - 1);
}

SacN::SacN(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      actor_net_(task.observation_size, config_.hidden, ContinuousActionSize(task), nn::Activation::kRelu,
                 config_.log_std_min, config_.log_std_max),
      actor_(actor_net_.Shapes(), task.device),
      critics_(task, config_.hidden, config_.critics),
      alpha_("alpha", config_.alpha, config_.alpha_auto, config_.target_entropy * task.action_size(),
             config_.alpha_lr, task.device),
      actor_adam_(actor_) {
  CheckLogStdRange(config_.log_std_min, config_.log_std_max);
  if (config_.eta > 0 && config_.critics < 2) {
    throw InputError("agent.eta = {} asks critics to differ, but agent.critics = {}; expected at least 2",
                     config_.eta, config_.critics);
  }
  Declare({"critic_loss", "q", "q_deviation", "alpha", "alpha_loss", "actor_loss"});
  if (config_.eta > 0) Declare({"similarity"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  DrawSmallOutputs(actor_, /*outputs=*/2, /*bound=*/1e-3, random);
  critics_.InitialiseSmall(random);
}

nn::SquashedSample SacN::Sample(const at::Tensor& observations, const at::Tensor& noise) const {
  const auto heads = actor_net_.Forward(actor_, observations);
  return nn::SampleSquashed(heads.mean, heads.log_std, noise, kSquashEpsilon);
}

void SacN::Update(const TransitionBatch& batch) {
  UpdateNoise noise;
  noise.alpha = Noise(batch.actions.sizes());
  noise.action = Noise(batch.actions.sizes());
  noise.next_action = Noise(batch.actions.sizes());
  Update(batch, noise);
}

void SacN::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  if (alpha_.learnt()) StepAlpha(batch, noise.alpha);
  const at::Tensor alpha = alpha_.Value();  // after its step
  StepActor(batch, noise.action, alpha);
  StepCritics(batch, noise.next_action, alpha);
  critics_.MoveTargets(config_.tau);
  Report("alpha", alpha);
  CountUpdate();
}

void SacN::StepAlpha(const TransitionBatch& batch, const at::Tensor& noise) {
  const at::NoGradGuard no_grad;
  Report("alpha_loss", alpha_.Step(Sample(batch.observations, noise).log_prob, anneal()));
}

void SacN::StepActor(const TransitionBatch& batch, const at::Tensor& noise, const at::Tensor& alpha) {
  const nn::SquashedSample sample = Sample(batch.observations, noise);
  const at::Tensor q = critics_.Online(batch.observations, sample.action);
  const at::Tensor loss = (alpha * sample.log_prob - std::get<0>(q.min(0))).mean();
  actor_.Backward(loss);
  actor_adam_.Step(actor_, config_.actor_lr * anneal());
  Report("actor_loss", loss);
  Report("q_deviation", q.detach().std(0, /*unbiased=*/false).mean());
}

void SacN::StepCritics(const TransitionBatch& batch, const at::Tensor& noise, const at::Tensor& alpha) {
  at::Tensor target;
  {
    const at::NoGradGuard no_grad;
    const nn::SquashedSample next = Sample(batch.next_observations, noise);
    const at::Tensor next_q = critics_.Target(batch.next_observations, next.action).amin(0);
    target = batch.rewards + config_.discount * (1 - batch.terminals) * (next_q - alpha * next.log_prob);
  }
  const at::Tensor q = critics_.Online(batch.observations, batch.actions);
  at::Tensor loss = (q - target).square().mean(1).sum();
  if (config_.eta > 0) {
    const at::Tensor similarity =
        CriticSimilarity(critics_.ActionGradient(batch.observations, batch.actions));
    loss = loss + config_.eta * similarity;
    Report("similarity", similarity);
  }
  critics_.online().Backward(loss);
  critics_.Step(config_.critic_lr * anneal());
  Report("critic_loss", loss);
  Report("q", q.mean());
}

Policy SacN::MakePolicy() const {
  return nn::SnapshotSquashedGaussian(task(), actor_, config_.hidden.size(), config_.log_std_min,
                                      config_.log_std_max);
}

std::vector<nn::NamedTensor> SacN::State() const {
  return nn::Concatenate(
      {actor_.Named("actor"), critics_.State(), actor_adam_.Named("actor_adam"), alpha_.State()});
}

}  // namespace strider
