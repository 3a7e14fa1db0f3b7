#include "agents/mdpo_off_base.h"

#include <ATen/core/grad_mode.h>

namespace strider {

double MdpoOffConfig::TrustWeight() const {
  if (kl_coef < lambda) {
    throw InputError(
        "agent.kl_coef = {} is below agent.lambda = {}: the policy would be pushed away from the old one; "
        "expected kl_coef >= lambda",
        kl_coef, lambda);
  }
  return kl_coef - lambda;
}

MdpoOffBase::MdpoOffBase(const Task& task, Config config,
                         const std::vector<nn::ParameterShape>& policy_shapes, double target_entropy)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      trust_weight_(config_.TrustWeight()),
      policy_(policy_shapes, task.device),
      critics_(task, config_.hidden),
      entropy_weight_("lambda", config_.lambda, config_.lambda_auto, target_entropy, config_.lambda_lr,
                      task.device),
      policy_adam_(policy_) {
  Declare({"policy_loss", "entropy", "critic1_loss", "critic2_loss", "q"});
  if (trust_weight_ > 0) Declare({"kl_to_old"});
  if (config_.lambda_auto) Declare({"lambda", "lambda_loss"});
  if (config_.value_network) Declare({"value_loss"});
}

void MdpoOffBase::Initialise(
    const std::function<void(nn::Initialisation how, const at::Generator& random)>& policy) {
  // Each method as its authors' framework draws weights: TensorFlow's for MDPO, PyTorch's for SAC.
  const auto how = config_.value_network ? nn::Initialisation::kGlorot : nn::Initialisation::kUniformFanIn;
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task().seed, Purpose::kInitialisation));
  policy(how, random);
  critics_.Initialise(how, random);
  old_policy_ = policy_.FrozenClone();
  if (config_.value_network) {
    value_.emplace(task(), config_.hidden, how, random);
  } else {
    critic_target_ = critic().FrozenClone();
  }
  if (config_.freeze_q_with_old) frozen_critic_ = critic().FrozenClone();
}

at::Tensor MdpoOffBase::StepLambda(const at::Tensor& log_prob) {
  at::Tensor lambda = entropy_weight_.Value();
  if (entropy_weight_.learnt()) {
    Report("lambda", lambda);
    Report("lambda_loss", entropy_weight_.Step(log_prob, anneal()));
  }
  return lambda;
}

void MdpoOffBase::StepPolicyParameters() {
  nn::ClipGradientNorm(policy_, config_.max_grad_norm);
  policy_adam_.Step(policy_, config_.policy_lr * anneal());
}

void MdpoOffBase::StepCritics(const TransitionBatch& batch, const at::Tensor& next_value,
                              const at::Tensor& value) {
  const double rate = config_.critic_lr * anneal();
  const at::Tensor losses = critics_.Step(batch, next_value, config_.discount, rate, config_.max_grad_norm);
  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", critics_.latest_q());
  if (value_) {
    Report("value_loss", value_->Step(batch.observations, value, rate, config_.max_grad_norm), 0.5);
  }
}

void MdpoOffBase::FinishUpdate() {
  CountUpdate();
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

std::vector<nn::NamedTensor> MdpoOffBase::State() const {
  return nn::Concatenate({policy_.Named("policy"), old_policy_.Named("old_policy"), critics_.State(),
                          policy_adam_.Named("policy_adam"),
                          value_ ? value_->State() : critic_target_.Named("critic", "_target"),
                          frozen_critic_.Named("critic", "_frozen"), entropy_weight_.State()});
}

}  // namespace strider
