#include "agents/mdpo_off.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "agents/nn/snapshot.h"

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

namespace {

nn::TsallisOptions LogarithmOf(const MdpoOffConfig& config) {
  const bool joint = config.tsallis_mode == "joint";
  if (config.tsallis_q == 1) return {1, joint, std::log(config.kl_density_floor)};
  if (config.kl_density_floor != 0) {
    throw InputError(
        "agent.kl_density_floor = {} is for agent.tsallis_q = 1, but that is {}; expected 0, and "
        "agent.density_floor",
        config.kl_density_floor, config.tsallis_q);
  }
  return {config.tsallis_q, joint, std::log(config.density_floor), config.log_density_cap};
}

}  // namespace

MdpoOff::MdpoOff(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      trust_weight_(config_.TrustWeight()),
      tsallis_(LogarithmOf(config_)),
      policy_net_(task.observation_size, config_.hidden, ContinuousActionSize(task), nn::Activation::kRelu,
                  config_.log_std_min, config_.log_std_max),
      policy_(policy_net_.Shapes(), task.device),
      critics_(task, config_.hidden),
      entropy_weight_("lambda", config_.lambda, config_.lambda_auto,
                      config_.target_entropy * task.action_size(), config_.lambda_lr, task.device),
      policy_adam_(policy_) {
  CheckLogStdRange(config_.log_std_min, config_.log_std_max);
  Declare({"policy_loss", "entropy", "critic1_loss", "critic2_loss", "q"});
  if (trust_weight_ > 0) Declare({"kl_to_old"});
  if (clamped()) Declare({"density_clamped"});
  if (config_.lambda_auto) Declare({"lambda", "lambda_loss"});
  if (config_.value_network) Declare({"value_loss"});
  // Each method as its authors' framework draws weights: TensorFlow's for MDPO, PyTorch's for SAC.
  const auto how = config_.value_network ? nn::Initialisation::kGlorot : nn::Initialisation::kUniformFanIn;
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  policy_net_.Initialise(policy_, how, random);
  critics_.Initialise(how, random);
  old_policy_ = policy_.FrozenClone();
  if (config_.value_network) {
    value_.emplace(task, config_.hidden, how, random);
  } else {
    critic_target_ = critic().FrozenClone();
  }
  if (config_.freeze_q_with_old) frozen_critic_ = critic().FrozenClone();
}

MdpoOff::Draw MdpoOff::SampleFrom(const nn::GaussianHeads::Output& heads, const at::Tensor& noise) const {
  const auto sample = nn::SampleSquashed(heads.mean, heads.log_std, noise, config_.squash_epsilon);
  if (!clamped()) return {heads, sample, sample.log_prob};
  return {
      heads, sample,
      nn::SquashedTsallisLog(sample.pre_tanh, heads.mean, heads.log_std, tsallis_, config_.squash_epsilon)};
}

MdpoOff::Draw MdpoOff::SamplePolicy(const at::Tensor& observations, const at::Tensor& noise) const {
  return SampleFrom(policy_net_.Forward(policy_, observations), noise);
}

void MdpoOff::Update(const TransitionBatch& batch) {
  UpdateNoise noise;
  noise.action = Noise(batch.actions.sizes());
  if (!config_.value_network) noise.next_action = Noise(batch.actions.sizes());
  Update(batch, noise);
}

void MdpoOff::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  // All gradients are in closed form, or of a small graph of their own.
  const at::NoGradGuard no_grad;
  // One draw serves the policy's step, lambda and the value's target (section 4, step 2).
  const auto pass = policy_net_.Run(policy_, batch.observations);
  const Draw draw = SampleFrom(pass.output, noise.action);
  const at::Tensor lambda = entropy_weight_.Value();  // before its own step
  if (entropy_weight_.learnt()) {
    Report("lambda", lambda);
    Report("lambda_loss", entropy_weight_.Step(draw.sample.log_prob, anneal()));
  }

  // Both draws are from before either step, so the order matters only for the Q that the policy sees.
  const at::Tensor next_value = NextValue(batch, noise.next_action, lambda);
  if (config_.policy_first) StepPolicy(batch.observations, pass, draw, noise.action, lambda);
  StepCritics(batch, draw, next_value, lambda);
  if (!config_.policy_first) StepPolicy(batch.observations, pass, draw, noise.action, lambda);

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

at::Tensor MdpoOff::PolicyLoss(const at::Tensor& observations, const at::Tensor& noise,
                               const at::Tensor& lambda) {
  const Draw draw = SamplePolicy(observations, noise);
  const at::Tensor qs = Q(judge(), observations, draw.sample.action);
  const at::Tensor q = config_.policy_q == "q1" ? qs[0] : std::get<0>(qs.min(0));
  return (EntropyLoss(draw, OldHeads(observations), lambda) - q).mean();
}

nn::GaussianHeads::Output MdpoOff::OldHeads(const at::Tensor& observations) const {
  if (trust_weight_ == 0) return {};
  return policy_net_.Run(old_policy_, observations).output;
}

at::Tensor MdpoOff::EntropyLoss(const Draw& draw, const nn::GaussianHeads::Output& old,
                                const at::Tensor& lambda) {
  const nn::SquashedSample& sample = draw.sample;
  // c log_q pi + q (lambda - c) log_q pi_k with c = lambda + trust_weight.
  at::Tensor loss = (lambda + trust_weight_) * draw.log_q;
  if (trust_weight_ > 0) {
    const at::Tensor old_log_prob =
        nn::SquashedLogProb(sample.pre_tanh, old.mean, old.log_std, config_.squash_epsilon);
    const at::Tensor old_log_q = clamped() ? nn::SquashedTsallisLog(sample.pre_tanh, old.mean, old.log_std,
                                                                    tsallis_, config_.squash_epsilon)
                                           : old_log_prob;
    loss = loss - tsallis_.q * trust_weight_ * old_log_q;
    Report("kl_to_old", sample.log_prob - old_log_prob);
  }
  if (clamped()) {
    Report("density_clamped", nn::TsallisClamped(sample.pre_tanh, draw.heads.mean, draw.heads.log_std,
                                                 tsallis_, config_.squash_epsilon));
  }
  if (config_.reg_coef > 0) {
    loss = loss + config_.reg_coef * (draw.heads.mean.square().mean() + draw.heads.log_std.square().mean());
  }
  Report("entropy", sample.log_prob, -1);
  return loss;
}

MdpoOff::LossAndGradient MdpoOff::PolicySlope(const Draw& draw, const nn::GaussianHeads::Output& old,
                                              const at::Tensor& noise, const at::Tensor& lambda,
                                              const at::Tensor& of_action) {
  const auto& [mean, log_std] = draw.heads;
  const nn::SquashedSample& sample = draw.sample;
  nn::SquashedSample of;
  of.action = of_action;
  if (clamped()) {
    const auto through = nn::SampleSquashedBackward(sample, log_std, noise, config_.squash_epsilon, of);
    const c10::AutoGradMode graph(true);
    const nn::GaussianHeads::Output heads{mean.detach().requires_grad_(), log_std.detach().requires_grad_()};
    const at::Tensor loss = EntropyLoss(SampleFrom(heads, noise), old, lambda);
    loss.mean().backward();
    return {loss.detach(), {heads.mean.grad() + through.mean, heads.log_std.grad() + through.log_std}};
  }
  const double each = 1 / static_cast<double>(mean.size(0));
  of.log_prob = ((lambda + trust_weight_) * each).expand({mean.size(0)});
  if (trust_weight_ > 0) {
    of.pre_tanh = -trust_weight_ * each *
                  nn::SquashedLogProbSlope(sample.pre_tanh, sample.action, old.mean, old.log_std,
                                           config_.squash_epsilon);
  }
  nn::GaussianGradient gradient =
      nn::SampleSquashedBackward(sample, log_std, noise, config_.squash_epsilon, of);
  if (config_.reg_coef > 0) {
    const double weight = 2 * config_.reg_coef / static_cast<double>(mean.numel());
    gradient.mean.add_(mean, weight);
    gradient.log_std.add_(log_std, weight);
  }
  return {EntropyLoss(draw, old, lambda), gradient};
}

void MdpoOff::StepPolicy(const at::Tensor& observations, const nn::GaussianHeads::Pass& pass,
                         const Draw& draw, const at::Tensor& noise, const at::Tensor& lambda) {
  const nn::GaussianHeads::Output old = OldHeads(observations);
  const auto step = [&](const nn::GaussianHeads::Pass& at_policy, const Draw& drawn) {
    const auto critics = critics_.ActionSlope(judge(), observations, drawn.sample.action,
                                              /*least=*/config_.policy_q == "min",
                                              /*weight=*/-1 / static_cast<double>(observations.size(0)));
    const auto [loss, gradient] = PolicySlope(drawn, old, noise, lambda, critics.of_action);
    policy_net_.Backward(policy_, at_policy, {gradient.mean, gradient.log_std});
    nn::ClipGradientNorm(policy_, config_.max_grad_norm);
    policy_adam_.Step(policy_, config_.policy_lr * anneal());
    Report("policy_loss", loss - critics.q);
  };
  step(pass, draw);
  for (int i = 1; i < config_.inner_steps; ++i) {
    const auto again = policy_net_.Run(policy_, observations);
    step(again, SampleFrom(again.output, noise));
  }
}

at::Tensor MdpoOff::NextValue(const TransitionBatch& batch, const at::Tensor& next_noise,
                              const at::Tensor& lambda) const {
  if (value_) return value_->Target(batch.next_observations);
  const Draw next = SamplePolicy(batch.next_observations, next_noise);
  return critics_.LeastQ(critic_target_, batch.next_observations, next.sample.action) - lambda * next.log_q;
}

void MdpoOff::StepCritics(const TransitionBatch& batch, const Draw& draw, const at::Tensor& next_value,
                          const at::Tensor& lambda) {
  at::Tensor value;  // of s, by the critics before their step
  if (value_) {
    value = critics_.LeastQ(critic(), batch.observations, draw.sample.action) - lambda * draw.log_q;
  }
  const at::Tensor losses =
      critics_.Step(batch, next_value, config_.discount, config_.critic_lr * anneal(), config_.max_grad_norm);
  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", critics_.latest_q());
  if (value_) {
    const at::Tensor squares =
        value_->Step(batch.observations, value, config_.critic_lr * anneal(), config_.max_grad_norm);
    Report("value_loss", squares, 0.5);
  }
}

Policy MdpoOff::MakePolicy() const {
  return nn::SnapshotSquashedGaussian(task(), policy_, config_.hidden.size(), config_.log_std_min,
                                      config_.log_std_max);
}

std::vector<nn::NamedTensor> MdpoOff::State() const {
  auto state = policy_.Named("policy");
  const auto add = [&state](const std::vector<nn::NamedTensor>& part) {
    state.insert(state.end(), part.begin(), part.end());
  };
  add(old_policy_.Named("old_policy"));
  add(critics_.State());
  add(policy_adam_.Named("policy_adam"));
  if (value_) {
    add(value_->State());
  } else {
    add(critic_target_.Named("critic", "_target"));
  }
  if (config_.freeze_q_with_old) add(frozen_critic_.Named("critic", "_frozen"));
  add(entropy_weight_.State());
  return state;
}

MdpoOffConfig SacConfig::AsMdpo() const {
  MdpoOffConfig mdpo;
  mdpo.replay = replay;
  mdpo.hidden = hidden;
  mdpo.discount = discount;
  mdpo.tau = tau;
  mdpo.target_interval = target_interval;
  mdpo.policy_lr = actor_lr;
  mdpo.critic_lr = critic_lr;
  mdpo.max_grad_norm = max_grad_norm;
  mdpo.lambda = alpha;
  mdpo.lambda_auto = alpha_auto;
  mdpo.lambda_lr = alpha_lr;
  mdpo.target_entropy = target_entropy;
  mdpo.discrete_target_entropy = discrete_target_entropy;
  mdpo.kl_coef = alpha;  // c = lambda: no trust region
  mdpo.policy_q = "min";
  mdpo.value_network = false;
  mdpo.policy_first = false;
  mdpo.reg_coef = 0;
  mdpo.squash_epsilon = squash_epsilon;
  mdpo.log_std_min = log_std_min;
  mdpo.log_std_max = log_std_max;
  return mdpo;
}

}  // namespace strider
