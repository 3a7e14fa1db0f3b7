#include "offline/a2pr.h"

#include <ATen/core/grad_mode.h>

namespace strider {

A2prChoice ChooseAction(const at::Tensor& candidate_advantage, const at::Tensor& data_advantage,
                        double threshold) {
  return {candidate_advantage >= data_advantage,
          at::logical_or(candidate_advantage >= threshold, data_advantage > threshold)};
}

A2pr::A2pr(const Task& task, const Config& config)
    : Td3(task, config.td3,
          nn::Mlp(task.observation_size, config.td3.hidden, ContinuousActionSize(task),
                  nn::Activation::kRelu),
          nn::Mlp(task.observation_size + task.action_size(), config.critic_hidden, 1, nn::Activation::kRelu,
                  /*members=*/2)),
      config_(config),
      value_net_(task.observation_size, config.critic_hidden, 1, nn::Activation::kRelu),
      vae_net_(task.observation_size, task.action_size(), config.vae_hidden, config.td3.max_action),
      value_(value_net_.Shapes(), task.device),
      vae_(vae_net_.Shapes(), task.device),
      value_adam_(value_),
      vae_adam_(vae_) {
  Declare({"value_loss", "vae_recon_loss", "vae_kl_loss", "vae_loss", "vae_mask", "lambda", "actor_q_term",
           "actor_bc_term", "gate", "candidate_chosen"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation, 1));
  value_net_.Initialise(value_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  vae_net_.Initialise(vae_, random);
}

at::Tensor A2pr::Value(const at::Tensor& observations) const {
  return value_net_.Forward(value_, observations).squeeze(-1);
}

at::Tensor A2pr::ValueTarget(const TransitionBatch& batch, const at::Tensor& next_action,
                             const at::Tensor& target) const {
  const at::NoGradGuard no_grad;
  const at::Tensor next_q = Q(batch.next_observations, next_action).amin(0);
  return at::minimum(target, batch.rewards + config_.td3.discount * (1 - batch.terminals) * next_q);
}

void A2pr::AfterCritics(const TransitionBatch& batch, const at::Tensor& next_action,
                        const at::Tensor& target) {
  const at::Tensor value = Value(batch.observations);
  const at::Tensor loss = at::mse_loss(value, ValueTarget(batch, next_action, target));
  value_.Backward(loss);
  nn::ClipGradientNorm(value_, config_.td3.max_grad_norm);
  value_adam_.Step(value_, config_.value_lr * anneal());
  Report("value_loss", loss);
  value_before_ = value.detach();
  {
    const at::NoGradGuard no_grad;
    data_q_ = FirstQ(batch.observations, batch.actions);
  }
  StepVae(batch);
}

void A2pr::StepVae(const TransitionBatch& batch) {
  const at::Tensor mask = (data_q_ - value_before_ > config_.advantage_threshold).to(at::kFloat);
  const ActionVae::Loss loss =
      vae_net_.Losses(vae_, batch.observations, batch.actions, LatentNoise(batch.actions.size(0)),
                      /*weights=*/config_.vae_weight * mask);
  vae_.Backward(loss.whole);
  nn::ClipGradientNorm(vae_, config_.td3.max_grad_norm);
  vae_adam_.Step(vae_, config_.vae_lr * anneal());
  Report("vae_mask", mask.mean());
  Report("vae_recon_loss", loss.reconstruction);
  Report("vae_kl_loss", loss.divergence);
  Report("vae_loss", loss.whole);
}

at::Tensor A2pr::Candidate(const at::Tensor& observations, const at::Tensor& action) {
  at::Tensor latent = LatentNoise(action.size(0));
  if (config_.candidate == "prior") {
    latent = latent.clamp(-0.5, 0.5);
  } else {
    const ActionVae::Code code = vae_net_.Encode(vae_, observations, action);
    latent = code.mean + at::exp(code.log_std) * latent;
  }
  const at::Tensor candidate = vae_net_.Decode(vae_, observations, latent);
  return config_.detach_candidate ? candidate.detach() : candidate;
}

at::Tensor A2pr::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor q = FirstQ(batch.observations, action);
  const at::Tensor candidate = Candidate(batch.observations, action);
  A2prChoice choice;
  {
    const at::NoGradGuard no_grad;
    choice = ChooseAction(FirstQ(batch.observations, candidate) - value_before_, data_q_ - value_before_,
                          config_.advantage_threshold);
  }
  const at::Tensor chosen = at::where(choice.candidate_chosen.unsqueeze(-1), candidate, batch.actions);
  const at::Tensor gate = choice.gate.to(at::kFloat);
  const at::Tensor pull = config_.mask * (gate.unsqueeze(-1) * (action - chosen).square()).mean();
  Report("gate", gate.mean());
  Report("candidate_chosen", choice.candidate_chosen.to(at::kFloat).mean());
  Report("actor_bc_term", pull);
  return NormalizedQTerm(q, config_.alpha) + pull;
}

std::vector<nn::NamedTensor> A2pr::State() const {
  return nn::Concatenate({Td3::State(), value_.Named("value"), vae_.Named("vae"),
                          value_adam_.Named("value_adam"), vae_adam_.Named("vae_adam")});
}

}  // namespace strider
