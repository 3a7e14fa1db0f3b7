#include "agents/discrete_mdpo_off.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "agents/nn/snapshot.h"

namespace strider {

DiscreteMdpoOff::DiscreteMdpoOff(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      trust_weight_(config_.TrustWeight()),
      policy_net_(task.observation_size, config_.hidden, DiscreteActions(task), nn::Activation::kRelu),
      policy_(policy_net_.Shapes(), task.device),
      critics_(task, config_.hidden),
      entropy_weight_("lambda", config_.lambda, config_.lambda_auto,
                      config_.discrete_target_entropy * std::log(DiscreteActions(task)), config_.lambda_lr,
                      task.device),
      policy_adam_(policy_) {
  Declare({"policy_loss", "entropy", "critic1_loss", "critic2_loss", "q"});
  if (trust_weight_ > 0) Declare({"kl_to_old"});
  if (config_.lambda_auto) Declare({"lambda", "lambda_loss"});
  if (config_.value_network) Declare({"value_loss"});
  // As MdpoOff.
  const auto how = config_.value_network ? nn::Initialisation::kGlorot : nn::Initialisation::kUniformFanIn;
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  policy_net_.Initialise(policy_, how, /*output_gain=*/1, random);
  critics_.Initialise(how, random);
  old_policy_ = policy_.FrozenClone();
  if (config_.value_network) {
    value_.emplace(task, config_.hidden, how, random);
  } else {
    critic_target_ = critic().FrozenClone();
  }
  if (config_.freeze_q_with_old) frozen_critic_ = critic().FrozenClone();
}

DiscreteMdpoOff::Law DiscreteMdpoOff::LawAt(const nn::ParameterSet& policy,
                                            const at::Tensor& observations) const {
  nn::ForwardPass pass = policy_net_.Run(policy.leaves(), observations);
  const at::Tensor log_prob = at::log_softmax(pass.outputs[0], -1);
  return {std::move(pass), log_prob, log_prob.exp()};
}

void DiscreteMdpoOff::Update(const TransitionBatch& batch) {
  const at::NoGradGuard no_grad;  // all gradients are in closed form
  const Law law = LawAt(policy_, batch.observations);
  const at::Tensor lambda = entropy_weight_.Value();  // before its own step
  if (entropy_weight_.learnt()) {
    Report("lambda", lambda);
    Report("lambda_loss", entropy_weight_.Step((law.prob * law.log_prob).sum(-1), anneal()));
  }

  // All targets are from before any step, so the order matters only for the Q that the policy sees.
  const at::Tensor next_value = NextValue(batch, lambda);
  const at::Tensor value = value_ ? SoftValue(critic(), batch.observations, law, lambda) : at::Tensor();
  if (config_.policy_first) StepPolicy(batch.observations, law, lambda);
  StepCritics(batch, next_value, value);
  if (!config_.policy_first) StepPolicy(batch.observations, law, lambda);
  CountUpdate();
  MoveTargets();
}

at::Tensor DiscreteMdpoOff::PolicyLoss(const at::Tensor& observations, const at::Tensor& lambda) {
  const at::NoGradGuard no_grad;
  return PolicyLoss(observations, LawAt(policy_, observations), lambda).mean();
}

at::Tensor DiscreteMdpoOff::PolicyLoss(const at::Tensor& observations, const Law& law,
                                       const at::Tensor& lambda) {
  const at::Tensor qs = critics_.QOfAll(config_.freeze_q_with_old ? frozen_critic_ : critic(), observations);
  const at::Tensor q = config_.policy_q == "q1" ? qs[0] : qs.amin(0);
  const at::Tensor own = (lambda + trust_weight_) * nn::TsallisLog(law.log_prob, config_.tsallis_q);
  // c log_q pi + q (lambda - c) log_q pi_k - Q with c = lambda + trust_weight.
  at::Tensor each = own - q;
  if (trust_weight_ > 0) {
    const at::Tensor old = LawAt(old_policy_, observations).log_prob;
    each = each - config_.tsallis_q * trust_weight_ * nn::TsallisLog(old, config_.tsallis_q);
    Report("kl_to_old", (law.prob * (law.log_prob - old)).sum(-1));
  }
  at::Tensor loss = (law.prob * each).sum(-1);
  Report("policy_loss", loss);
  Report("entropy", (law.prob * law.log_prob).sum(-1), -1);

  // d (pi log_q pi) / d pi = q log_q pi + 1 (section 3.3), of which the 1 is lost in the softmax's
  // derivative, d pi_a / d z_b = pi_a (1[a = b] - pi_b).
  const at::Tensor by_prob = each + (config_.tsallis_q - 1) * own;
  const at::Tensor centred = by_prob - (law.prob * by_prob).sum(-1, /*keepdim=*/true);
  policy_net_.Backward(policy_, law.pass, law.prob * centred / static_cast<double>(observations.size(0)));
  return loss;
}

void DiscreteMdpoOff::StepPolicy(const at::Tensor& observations, const Law& law, const at::Tensor& lambda) {
  for (int step = 0; step < config_.inner_steps; ++step) {
    PolicyLoss(observations, step == 0 ? law : LawAt(policy_, observations), lambda);
    nn::ClipGradientNorm(policy_, config_.max_grad_norm);
    policy_adam_.Step(policy_, config_.policy_lr * anneal());
  }
}

at::Tensor DiscreteMdpoOff::SoftValue(const nn::ParameterSet& critic, const at::Tensor& observations,
                                      const Law& law, const at::Tensor& lambda) const {
  const at::Tensor q = critics_.QOfAll(critic, observations).amin(0);
  return (law.prob * (q - lambda * nn::TsallisLog(law.log_prob, config_.tsallis_q))).sum(-1);
}

at::Tensor DiscreteMdpoOff::NextValue(const TransitionBatch& batch, const at::Tensor& lambda) const {
  if (value_) return value_->Target(batch.next_observations);
  return SoftValue(critic_target_, batch.next_observations, LawAt(policy_, batch.next_observations), lambda);
}

void DiscreteMdpoOff::StepCritics(const TransitionBatch& batch, const at::Tensor& next_value,
                                  const at::Tensor& value) {
  const double rate = config_.critic_lr * anneal();
  const at::Tensor squares = critics_.Step(batch, next_value, config_.discount, rate, config_.max_grad_norm);
  Report("critic1_loss", squares[0]);
  Report("critic2_loss", squares[1]);
  Report("q", critics_.latest_q());
  if (value_) {
    Report("value_loss", value_->Step(batch.observations, value, rate, config_.max_grad_norm), 0.5);
  }
}

void DiscreteMdpoOff::MoveTargets() {
  if (updates() % config_.target_interval == 0) {
    if (value_) {
      value_->MoveTarget(config_.tau);
    } else {
      critic_target_.MoveTowards(critic(), config_.tau);
    }
  }
  if (updates() % config_.old_policy_interval == 0) {
    old_policy_.CopyFrom(policy_);
    if (config_.freeze_q_with_old) frozen_critic_.CopyFrom(critic());
  }
}

Policy DiscreteMdpoOff::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task(), policy_.leaves(), config_.hidden.size());
  policy.distribution = ActionDistribution::kCategorical;
  policy.mean = nn::SnapshotLayers(policy_.leaves(), 2 * config_.hidden.size(), 1)[0];
  return policy;
}

std::vector<nn::NamedTensor> DiscreteMdpoOff::State() const {
  return nn::Concatenate({policy_.Named("policy"), old_policy_.Named("old_policy"), critics_.State(),
                          policy_adam_.Named("policy_adam"),
                          value_ ? value_->State() : critic_target_.Named("critic", "_target"),
                          frozen_critic_.Named("critic", "_frozen"), entropy_weight_.State()});
}

}  // namespace strider
