// CQL: Conservative Q-Learning, Kumar et al., NeurIPS 2020 (arXiv 2006.04779), the form CQL(H) on SAC as CORL
// has it (offline baselines sheet, section 7).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/distributions.h"
#include "agents/nn/mlp.h"
#include "agents/soft_critics.h"
#include "datasets/preparation.h"
#include "offline/critics.h"

namespace strider {

struct CqlConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256, 256};
  std::vector<int> critic_hidden{256, 256, 256};
  double discount = 0.99;
  double tau = 0.005;
  double actor_lr = 3e-5;
  double critic_lr = 3e-4;
  double alpha_lr = 3e-5;
  double alpha = 1;
  bool alpha_auto = true;
  double target_entropy = -1;
  bool backup_entropy = false;
  double cql_alpha = 10;
  int cql_actions = 10;
  double cql_temperature = 1;
  bool max_target_backup = false;
  bool lagrange = false;
  double target_action_gap = 0.8;
  double alpha_prime = 2.718281828459045;
  double alpha_prime_lr = 3e-4;
  double log_std_min = -20;
  double log_std_max = 2;
  double exploration_epsilon = 0.05;
  bool normalize_states = true;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the actor's hidden ReLU layers",
          WithContinuousActions(InRange(1, 65536)));
    visit("critic_hidden", critic_hidden, "widths of the critics' hidden ReLU layers", InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target critics move in one update", InRange(0, 1));
    visit("actor_lr", actor_lr, "Adam's step length for the actor", WithContinuousActions(Above(0)));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("alpha_lr", alpha_lr, "Adam's step length for log alpha", WithContinuousActions(Above(0)));
    visit("alpha", alpha, "entropy weight, or its start where alpha_auto is on",
          WithContinuousActions(AtLeast(0)));
    visit("alpha_auto", alpha_auto, "learn alpha so that the entropy becomes target_entropy",
          WithContinuousActions());
    visit("target_entropy", target_entropy, "what alpha_auto aims at, for each action dimension",
          WithContinuousActions(Finite()));
    visit("backup_entropy", backup_entropy, "whether the critics' target counts the entropy of a'",
          WithContinuousActions());
    visit("cql_alpha", cql_alpha, "weight of the penalty", AtLeast(0));
    visit("cql_actions", cql_actions, "actions that the penalty draws from each of its three sources",
          WithContinuousActions(AtLeast(1)));
    visit("cql_temperature", cql_temperature, "of the penalty's soft maximum", Above(0));
    visit("max_target_backup", max_target_backup, "target by the best of cql_actions draws instead of by one",
          WithContinuousActions());
    visit("lagrange", lagrange,
          "learn a further weight so that the penalty's difference is target_action_gap",
          WithContinuousActions());
    visit("target_action_gap", target_action_gap, "see lagrange", WithContinuousActions(Finite()));
    visit("alpha_prime", alpha_prime, "start of that further weight", WithContinuousActions(Above(0)));
    visit("alpha_prime_lr", alpha_prime_lr, "Adam's step length for its logarithm",
          WithContinuousActions(Above(0)));
    visit("log_std_min", log_std_min, "lower clamp of the policy's log deviation",
          WithContinuousActions(Finite()));
    visit("log_std_max", log_std_max, "upper clamp of the policy's log deviation",
          WithContinuousActions(Finite()));
    visit("exploration_epsilon", exploration_epsilon, "probability of a random action while acting online",
          WithDiscreteActions(InRange(0, 1)));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// SAC whose critics are pressed down on actions that a policy or chance would take, and up on logged ones:
//   temperature log sum_j exp(z_j / temperature) - Q_i(s, a), with the z_j of n uniform actions, Q + A ln 2,
//   and of n actions each of pi(.|s) and pi(.|s'), Q - ln pi, all evaluated at s.
// All losses of an update are computed with the weights from before it.
class Cql : public OffPolicyAgent {
 public:
  using Config = CqlConfig;

  // Throws InputError where the action space is discrete.
  Cql(const Task& task, Config config);

  // Random numbers of one update, standard normal but for `uniform_actions`.
  struct UpdateNoise {
    at::Tensor action;           // (batch x actions): p at s
    at::Tensor next_action;      // a' at s': (batch x actions), with max_target_backup (batch x n x actions)
    at::Tensor uniform_actions;  // (batch x n x actions) in [-1, 1]
    at::Tensor current_actions;  // (batch x n x actions): pi(.|s)
    at::Tensor next_actions;     // (batch x n x actions): pi(.|s')
  };

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  void Update(const TransitionBatch& batch, const UpdateNoise& noise);
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  const nn::ParameterSet& actor() const { return actor_; }
  const Critics& critics() const { return critics_; }
  const nn::ParameterSet& log_alpha() const { return alpha_.logarithm(); }
  const nn::ParameterSet& log_alpha_prime() const { return log_alpha_prime_; }

 protected:
  // Draws of the policy in each state, one for noise (batch x actions), n for (batch x n x actions).
  nn::SquashedSample Sample(const at::Tensor& observations, const at::Tensor& noise) const;

  // Value of s' for the critics, without gradients; log pi' of the draw that it is of.
  struct NextValue {
    at::Tensor value;     // (batch), entropy counted where it is
    at::Tensor log_prob;  // (batch)
  };
  NextValue Next(const TransitionBatch& batch, const at::Tensor& noise, const at::Tensor& alpha) const;

  // Online or target critics at n actions in each state, (2 x batch x n).
  at::Tensor QOfMany(const at::Tensor& observations, const at::Tensor& actions, bool target) const;

  // log-sum-exp over the three sets of actions, (2 x batch).
  at::Tensor SoftMaximum(const TransitionBatch& batch, const UpdateNoise& noise) const;

 private:
  Config config_;
  nn::Mlp actor_net_;  // (mean, raw log_std)
  nn::ParameterSet actor_;
  Critics critics_;
  EntropyWeight alpha_;
  nn::ParameterSet log_alpha_prime_;
  nn::Adam actor_adam_;
  nn::Adam alpha_prime_adam_;
};

}  // namespace strider
