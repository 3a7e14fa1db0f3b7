#include "agents/discrete_mdpo_off.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "agents/nn/snapshot.h"

namespace strider {

DiscreteMdpoOff::DiscreteMdpoOff(const Task& task, const Config& config)
    : DiscreteMdpoOff(
          task, config,
          nn::Mlp(task.observation_size, config.hidden, DiscreteActions(task), nn::Activation::kRelu)) {}

DiscreteMdpoOff::DiscreteMdpoOff(const Task& task, const Config& config, nn::Mlp policy_net)
    : MdpoOffBase(task, config, policy_net.Shapes(),
                  config.discrete_target_entropy * std::log(DiscreteActions(task))),
      policy_net_(std::move(policy_net)) {
  Initialise([&](nn::Initialisation how, const at::Generator& random) {
    policy_net_.Initialise(policy(), how, /*output_gain=*/1, random);
  });
}

DiscreteMdpoOff::Law DiscreteMdpoOff::LawAt(const nn::ParameterSet& policy,
                                            const at::Tensor& observations) const {
  nn::ForwardPass pass = policy_net_.Run(policy.leaves(), observations);
  const at::Tensor log_prob = at::log_softmax(pass.outputs[0], -1);
  return {std::move(pass), log_prob, log_prob.exp()};
}

void DiscreteMdpoOff::Update(const TransitionBatch& batch) {
  const at::NoGradGuard no_grad;  // all gradients are in closed form
  const Law law = LawAt(policy(), batch.observations);
  const at::Tensor lambda = StepLambda((law.prob * law.log_prob).sum(-1));

  // All targets are from before any step, so the order matters only for the Q that the policy sees.
  const at::Tensor next_value = NextValue(batch, lambda);
  const at::Tensor value =
      value_network() ? SoftValue(critic(), batch.observations, law, lambda) : at::Tensor();
  if (config().policy_first) StepPolicy(batch.observations, law, lambda);
  StepCritics(batch, next_value, value);
  if (!config().policy_first) StepPolicy(batch.observations, law, lambda);
  FinishUpdate();
}

at::Tensor DiscreteMdpoOff::PolicyLoss(const at::Tensor& observations, const at::Tensor& lambda) {
  const at::NoGradGuard no_grad;
  return PolicyLoss(observations, LawAt(policy(), observations), lambda).mean();
}

at::Tensor DiscreteMdpoOff::PolicyLoss(const at::Tensor& observations, const Law& law,
                                       const at::Tensor& lambda) {
  const at::Tensor qs = critics().QOfAll(judge(), observations);
  const at::Tensor q = config().policy_q == "q1" ? qs[0] : qs.amin(0);
  const at::Tensor own = (lambda + trust_weight()) * nn::TsallisLog(law.log_prob, config().tsallis_q);
  // c log_q pi + q (lambda - c) log_q pi_k - Q with c = lambda + trust_weight.
  at::Tensor each = own - q;
  if (trust_weight() > 0) {
    const at::Tensor old = LawAt(old_policy(), observations).log_prob;
    each = each - config().tsallis_q * trust_weight() * nn::TsallisLog(old, config().tsallis_q);
    Report("kl_to_old", (law.prob * (law.log_prob - old)).sum(-1));
  }
  at::Tensor loss = (law.prob * each).sum(-1);
  Report("policy_loss", loss);
  Report("entropy", (law.prob * law.log_prob).sum(-1), -1);

  // d (pi log_q pi) / d pi = q log_q pi + 1 (section 3.3), of which the 1 is lost in the softmax's
  // derivative, d pi_a / d z_b = pi_a (1[a = b] - pi_b).
  const at::Tensor by_prob = each + (config().tsallis_q - 1) * own;
  const at::Tensor centred = by_prob - (law.prob * by_prob).sum(-1, /*keepdim=*/true);
  policy_net_.Backward(policy(), law.pass, law.prob * centred / static_cast<double>(observations.size(0)));
  return loss;
}

void DiscreteMdpoOff::StepPolicy(const at::Tensor& observations, const Law& law, const at::Tensor& lambda) {
  for (int step = 0; step < config().inner_steps; ++step) {
    PolicyLoss(observations, step == 0 ? law : LawAt(policy(), observations), lambda);
    StepPolicyParameters();
  }
}

at::Tensor DiscreteMdpoOff::SoftValue(const nn::ParameterSet& critic, const at::Tensor& observations,
                                      const Law& law, const at::Tensor& lambda) const {
  const at::Tensor q = critics().QOfAll(critic, observations).amin(0);
  return (law.prob * (q - lambda * nn::TsallisLog(law.log_prob, config().tsallis_q))).sum(-1);
}

at::Tensor DiscreteMdpoOff::NextValue(const TransitionBatch& batch, const at::Tensor& lambda) const {
  if (value_network()) return value_network()->Target(batch.next_observations);
  return SoftValue(critic_target(), batch.next_observations, LawAt(policy(), batch.next_observations),
                   lambda);
}

Policy DiscreteMdpoOff::MakePolicy() const {
  Policy snapshot = nn::SnapshotBody(task(), policy().leaves(), config().hidden.size());
  snapshot.distribution = ActionDistribution::kCategorical;
  snapshot.mean = nn::SnapshotLayers(policy().leaves(), 2 * config().hidden.size(), 1)[0];
  return snapshot;
}

}  // namespace strider
