// What off-policy MDPO has in common for continuous and discrete actions (MDPO sheet, section 3): the policy
// and pi_k, the critics, what they bootstrap from, the entropy's weight, and the order in which they are
// copied. With it SAC's, which is the special case c = lambda.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/soft_critics.h"

namespace strider {

struct MdpoOffConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  double discount = 0.99;
  double tau = 0.005;
  int target_interval = 1;
  double policy_lr = 3e-4;
  double critic_lr = 3e-4;
  double max_grad_norm = 0;
  double lambda = 0.2;
  bool lambda_auto = false;
  double lambda_lr = 3e-4;
  double target_entropy = -1;
  double discrete_target_entropy = 0.98;
  double kl_coef = 0.5;
  int old_policy_interval = 1000;
  int inner_steps = 1;
  double tsallis_q = 1;
  std::string tsallis_mode = "per_dim";
  double density_floor = 1e-6;
  double kl_density_floor = 0;
  double log_density_cap = std::numeric_limits<double>::infinity();
  std::string policy_q = "q1";
  bool value_network = true;
  bool policy_first = true;
  bool freeze_q_with_old = false;
  bool act_deterministic = false;
  double reg_coef = 1e-3;
  double squash_epsilon = 0;
  double log_std_min = -20;
  double log_std_max = 2;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers of policy and critics", InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target network moves at a time", InRange(0, 1));
    visit("target_interval", target_interval, "updates between moves of the target network", AtLeast(1));
    visit("policy_lr", policy_lr, "Adam's step length for the policy", Above(0));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("max_grad_norm", max_grad_norm, "bound on each network's gradient norm; 0: none", AtLeast(0));
    visit("lambda", lambda, "entropy weight (its start where lambda_auto is on)", AtLeast(0));
    visit("lambda_auto", lambda_auto, "learn lambda so that the entropy becomes its target");
    visit("lambda_lr", lambda_lr, "Adam's step length for log lambda", Above(0));
    visit("target_entropy", target_entropy, "what lambda_auto aims at, for each dimension of the action",
          WithContinuousActions(Finite()));
    visit("discrete_target_entropy", discrete_target_entropy,
          "what lambda_auto aims at with n actions, as a part of log n, the uniform policy's entropy",
          WithDiscreteActions(InRange(0, 1)));
    visit(
        "kl_coef", kl_coef,
        "c = 1/t, weight of the trust region; at least lambda, equal to it for SAC; with lambda_auto c moves "
        "with lambda, and kl_coef - lambda is kept",
        AtLeast(0));
    visit("old_policy_interval", old_policy_interval, "m: updates between copies of the policy to pi_k",
          AtLeast(1));
    visit("inner_steps", inner_steps, "policy steps in one update", AtLeast(1));
    visit("tsallis_q", tsallis_q,
          "q of the Tsallis logarithm in divergence and entropy: 1 is Shannon's and KL, 2 is sparse",
          InRange(1, 2));
    visit("tsallis_mode", tsallis_mode,
          "for q above 1: sum the logarithms of each dimension's density, or take that of the joint one (the "
          "same for discrete actions)",
          OneOf({"per_dim", "joint"}));
    visit("density_floor", density_floor, "for q above 1: least density of a dimension, no gradient below",
          WithContinuousActions(Above(0)));
    visit("kl_density_floor", kl_density_floor,
          "the same for q of 1, where the authors' code has 1e-6 too; 0: none",
          WithContinuousActions(AtLeast(0)));
    visit("log_density_cap", log_density_cap,
          "for q above 1: greatest log density of a dimension, no gradient above",
          WithContinuousActions(InRange(0, std::numeric_limits<double>::infinity())));
    visit("policy_q", policy_q, "critic in the policy's loss", OneOf({"q1", "min"}));
    visit(
        "value_network", value_network,
        "bootstrap from a value network, or else from twin target critics; fresh weights are then uniform by "
        "fan-in with biases, as SAC's, and not Glorot's");
    visit("policy_first", policy_first, "step the policy before the critics of the same update");
    visit("freeze_q_with_old", freeze_q_with_old,
          "use the critics as they were when pi_k was copied in the policy's loss");
    visit("act_deterministic", act_deterministic,
          "explore with the mean or most probable action after the warm-up");
    visit("reg_coef", reg_coef, "weight of mean(mu^2) + mean(log_std^2) in the policy's loss",
          WithContinuousActions(AtLeast(0)));
    visit("squash_epsilon", squash_epsilon,
          "added inside log(1 - tanh^2) as the authors do; 0: the stable form",
          WithContinuousActions(AtLeast(0)));
    visit("log_std_min", log_std_min, "lower clamp of the policy's log deviation",
          WithContinuousActions(Finite()));
    visit("log_std_max", log_std_max, "upper clamp of the policy's log deviation",
          WithContinuousActions(Finite()));
  }

  // c - lambda; throws InputError where it is negative (an anti-trust-region).
  double TrustWeight() const;
};

class MdpoOffBase : public OffPolicyAgent {
 public:
  using Config = MdpoOffConfig;

  const ReplayConfig& replay() const override { return config_.replay; }
  bool act_deterministic() const override { return config_.act_deterministic; }
  std::vector<nn::NamedTensor> State() const override;

  // For tests: the networks' parameters. critic and its target are ensembles of two.
  const nn::ParameterSet& policy() const { return policy_; }
  const nn::ParameterSet& old_policy() const { return old_policy_; }
  const nn::ParameterSet& critic() const { return critics_.online(); }
  const nn::ParameterSet& critic_target() const { return critic_target_; }  // without the value network
  const nn::ParameterSet& log_lambda() const { return entropy_weight_.logarithm(); }

 protected:
  // `target_entropy` is the whole entropy that lambda_auto aims at. Throws InputError where kl_coef < lambda
  // (an anti-trust-region).
  MdpoOffBase(const Task& task, Config config, const std::vector<nn::ParameterShape>& policy_shapes,
              double target_entropy);

  // Draws all weights, the policy's by `policy`, and sets the copies of the networks.
  void Initialise(const std::function<void(nn::Initialisation how, const at::Generator& random)>& policy);

  const Config& config() const { return config_; }
  double trust_weight() const { return trust_weight_; }  // c - lambda, the weight of -log pi_k
  const TwinCritics& critics() const { return critics_; }
  // The critics that the policy is judged by.
  const nn::ParameterSet& judge() const { return config_.freeze_q_with_old ? frozen_critic_ : critic(); }
  const std::optional<ValueWithTarget>& value_network() const { return value_; }

  // lambda before its own step, which follows where it is learnt, from the policy's log pi (rows).
  at::Tensor StepLambda(const at::Tensor& log_prob);
  // One step of the policy along policy().flat_grad().
  void StepPolicyParameters();
  // Fits the critics to r + gamma (1 - terminal) `next_value`, (rows), and the value network, where there is
  // one, to `value`, (rows).
  void StepCritics(const TransitionBatch& batch, const at::Tensor& next_value, const at::Tensor& value);
  // Counts the update, and moves what is due: targets, pi_k, frozen critics.
  void FinishUpdate();

 private:
  Config config_;
  double trust_weight_;
  nn::ParameterSet policy_;
  nn::ParameterSet old_policy_;
  TwinCritics critics_;
  nn::ParameterSet critic_target_;        // without the value network
  nn::ParameterSet frozen_critic_;        // with freeze_q_with_old
  std::optional<ValueWithTarget> value_;  // the value network
  EntropyWeight entropy_weight_;
  nn::Adam policy_adam_;
};

}  // namespace strider
