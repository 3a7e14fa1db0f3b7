#include "agents/mdpo_off.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "agents/nn/snapshot.h"

namespace strider {

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

MdpoOff::MdpoOff(const Task& task, const Config& config)
    : MdpoOff(task, config,
              nn::GaussianHeads(task.observation_size, config.hidden, ContinuousActionSize(task),
                                nn::Activation::kRelu, config.log_std_min, config.log_std_max)) {}

MdpoOff::MdpoOff(const Task& task, const Config& config, nn::GaussianHeads policy_net)
    : MdpoOffBase(task, config, policy_net.Shapes(), config.target_entropy * task.action_size()),
      tsallis_(LogarithmOf(config)),
      policy_net_(std::move(policy_net)) {
  CheckLogStdRange(config.log_std_min, config.log_std_max);
  if (clamped()) Declare({"density_clamped"});
  Initialise([&](nn::Initialisation how, const at::Generator& random) {
    policy_net_.Initialise(policy(), how, random);
  });
}

MdpoOff::Draw MdpoOff::SampleFrom(const nn::GaussianHeads::Output& heads, const at::Tensor& noise) const {
  const auto sample = nn::SampleSquashed(heads.mean, heads.log_std, noise, config().squash_epsilon);
  if (!clamped()) return {heads, sample, sample.log_prob};
  return {
      heads, sample,
      nn::SquashedTsallisLog(sample.pre_tanh, heads.mean, heads.log_std, tsallis_, config().squash_epsilon)};
}

MdpoOff::Draw MdpoOff::SamplePolicy(const at::Tensor& observations, const at::Tensor& noise) const {
  return SampleFrom(policy_net_.Forward(policy(), observations), noise);
}

void MdpoOff::Update(const TransitionBatch& batch) {
  UpdateNoise noise;
  noise.action = Noise(batch.actions.sizes());
  if (!config().value_network) noise.next_action = Noise(batch.actions.sizes());
  Update(batch, noise);
}

void MdpoOff::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  // All gradients are in closed form, or of a small graph of their own.
  const at::NoGradGuard no_grad;
  // One draw serves the policy's step, lambda and the value's target (section 4, step 2).
  const auto pass = policy_net_.Run(policy(), batch.observations);
  const Draw draw = SampleFrom(pass.output, noise.action);
  const at::Tensor lambda = StepLambda(draw.sample.log_prob);

  // Both draws are from before either step, so the order matters only for the Q that the policy sees.
  const at::Tensor next_value = NextValue(batch, noise.next_action, lambda);
  at::Tensor value;
  if (value_network()) {
    value = critics().LeastQ(critic(), batch.observations, draw.sample.action) - lambda * draw.log_q;
  }
  if (config().policy_first) StepPolicy(batch.observations, pass, draw, noise.action, lambda);
  StepCritics(batch, next_value, value);
  if (!config().policy_first) StepPolicy(batch.observations, pass, draw, noise.action, lambda);
  FinishUpdate();
}

at::Tensor MdpoOff::PolicyLoss(const at::Tensor& observations, const at::Tensor& noise,
                               const at::Tensor& lambda) {
  const Draw draw = SamplePolicy(observations, noise);
  const at::Tensor qs = Q(judge(), observations, draw.sample.action);
  const at::Tensor q = config().policy_q == "q1" ? qs[0] : std::get<0>(qs.min(0));
  return (EntropyLoss(draw, OldHeads(observations), lambda) - q).mean();
}

nn::GaussianHeads::Output MdpoOff::OldHeads(const at::Tensor& observations) const {
  if (trust_weight() == 0) return {};
  return policy_net_.Run(old_policy(), observations).output;
}

at::Tensor MdpoOff::EntropyLoss(const Draw& draw, const nn::GaussianHeads::Output& old,
                                const at::Tensor& lambda) {
  const nn::SquashedSample& sample = draw.sample;
  // c log_q pi + q (lambda - c) log_q pi_k with c = lambda + trust_weight.
  at::Tensor loss = (lambda + trust_weight()) * draw.log_q;
  if (trust_weight() > 0) {
    const at::Tensor old_log_prob =
        nn::SquashedLogProb(sample.pre_tanh, old.mean, old.log_std, config().squash_epsilon);
    const at::Tensor old_log_q = clamped() ? nn::SquashedTsallisLog(sample.pre_tanh, old.mean, old.log_std,
                                                                    tsallis_, config().squash_epsilon)
                                           : old_log_prob;
    loss = loss - tsallis_.q * trust_weight() * old_log_q;
    Report("kl_to_old", sample.log_prob - old_log_prob);
  }
  if (clamped()) {
    Report("density_clamped", nn::TsallisClamped(sample.pre_tanh, draw.heads.mean, draw.heads.log_std,
                                                 tsallis_, config().squash_epsilon));
  }
  if (config().reg_coef > 0) {
    loss = loss + config().reg_coef * (draw.heads.mean.square().mean() + draw.heads.log_std.square().mean());
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
    const auto through = nn::SampleSquashedBackward(sample, log_std, noise, config().squash_epsilon, of);
    const c10::AutoGradMode graph(true);
    const nn::GaussianHeads::Output heads{mean.detach().requires_grad_(), log_std.detach().requires_grad_()};
    const at::Tensor loss = EntropyLoss(SampleFrom(heads, noise), old, lambda);
    loss.mean().backward();
    return {loss.detach(), {heads.mean.grad() + through.mean, heads.log_std.grad() + through.log_std}};
  }
  const double each = 1 / static_cast<double>(mean.size(0));
  of.log_prob = ((lambda + trust_weight()) * each).expand({mean.size(0)});
  if (trust_weight() > 0) {
    of.pre_tanh = -trust_weight() * each *
                  nn::SquashedLogProbSlope(sample.pre_tanh, sample.action, old.mean, old.log_std,
                                           config().squash_epsilon);
  }
  nn::GaussianGradient gradient =
      nn::SampleSquashedBackward(sample, log_std, noise, config().squash_epsilon, of);
  if (config().reg_coef > 0) {
    const double weight = 2 * config().reg_coef / static_cast<double>(mean.numel());
    gradient.mean.add_(mean, weight);
    gradient.log_std.add_(log_std, weight);
  }
  return {EntropyLoss(draw, old, lambda), gradient};
}

void MdpoOff::StepPolicy(const at::Tensor& observations, const nn::GaussianHeads::Pass& pass,
                         const Draw& draw, const at::Tensor& noise, const at::Tensor& lambda) {
  const nn::GaussianHeads::Output old = OldHeads(observations);
  const auto step = [&](const nn::GaussianHeads::Pass& at_policy, const Draw& drawn) {
    const auto slope = critics().ActionSlope(judge(), observations, drawn.sample.action,
                                             /*least=*/config().policy_q == "min",
                                             /*weight=*/-1 / static_cast<double>(observations.size(0)));
    const auto [loss, gradient] = PolicySlope(drawn, old, noise, lambda, slope.of_action);
    policy_net_.Backward(policy(), at_policy, {gradient.mean, gradient.log_std});
    StepPolicyParameters();
    Report("policy_loss", loss - slope.q);
  };
  step(pass, draw);
  for (int i = 1; i < config().inner_steps; ++i) {
    const auto again = policy_net_.Run(policy(), observations);
    step(again, SampleFrom(again.output, noise));
  }
}

at::Tensor MdpoOff::NextValue(const TransitionBatch& batch, const at::Tensor& next_noise,
                              const at::Tensor& lambda) const {
  if (value_network()) return value_network()->Target(batch.next_observations);
  const Draw next = SamplePolicy(batch.next_observations, next_noise);
  return critics().LeastQ(critic_target(), batch.next_observations, next.sample.action) - lambda * next.log_q;
}

Policy MdpoOff::MakePolicy() const {
  return nn::SnapshotSquashedGaussian(task(), policy(), config().hidden.size(), config().log_std_min,
                                      config().log_std_max);
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
