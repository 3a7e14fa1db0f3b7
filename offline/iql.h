// IQL: Implicit Q-Learning, Kostrikov, Nair and Levine, ICLR 2022 (arXiv 2110.06169), in CORL's order of
// steps (offline baselines sheet, section 6).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/heads.h"
#include "datasets/preparation.h"
#include "offline/critics.h"

namespace strider {

struct IqlConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  double discount = 0.99;
  double tau = 0.005;
  double expectile = 0.7;
  double beta = 3;
  double weight_max = 100;
  bool deterministic = false;
  double actor_lr = 3e-4;
  double critic_lr = 3e-4;
  double value_lr = 3e-4;
  int schedule_steps = 1000000;
  double log_std_min = -20;
  double log_std_max = 2;
  bool normalize_states = true;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers of all networks", InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target critics move in one update", InRange(0, 1));
    visit("expectile", expectile, "of the critics' values that V stands for: 0.5 is the mean, 1 the maximum",
          InRange(0, 1));
    visit("beta", beta, "inverse temperature of the cloning weights exp(beta A)", AtLeast(0));
    visit("weight_max", weight_max, "bound on those weights", Above(0));
    visit("deterministic", deterministic, "clone by weighted squared error, without a deviation");
    visit("actor_lr", actor_lr, "Adam's step length for the actor at the start", Above(0));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("value_lr", value_lr, "Adam's step length for V", Above(0));
    visit("schedule_steps", schedule_steps, "updates in which the actor's step length falls to 0 by a cosine",
          AtLeast(1));
    visit("log_std_min", log_std_min, "lower clamp of the policy's log deviation", Finite());
    visit("log_std_max", log_std_max, "upper clamp of the policy's log deviation", Finite());
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// mean |expectile - 1[u < 0]| u^2.
at::Tensor ExpectileLoss(const at::Tensor& u, double expectile);

// V is fitted to an expectile of the target critics, the critics to r + gamma V(s'), and the policy
// N(tanh(mean), std^2) clones with weights min(exp(beta (Q - V)), weight_max). No network is ever asked about
// an action that is not in the data.
class Iql : public OffPolicyAgent {
 public:
  using Config = IqlConfig;

  // Throws InputError where the action space is discrete.
  Iql(const Task& task, Config config);

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;
  // Once the schedule is over: online, say.
  std::string Warning() const override;

  const nn::ParameterSet& actor() const { return actor_; }
  const nn::ParameterSet& value() const { return value_; }
  const Critics& critics() const { return critics_; }

 protected:
  at::Tensor Value(const at::Tensor& observations) const;  // (batch)
  // What the actor's weights multiply: -log pi(a|s), or the squared error summed over dimensions. (batch)
  at::Tensor CloningError(const TransitionBatch& batch) const;
  at::Tensor Weight(const at::Tensor& advantage) const;

 private:
  Config config_;
  nn::FreeDeviationGaussian actor_net_;
  nn::Mlp value_net_;
  nn::ParameterSet actor_;
  nn::ParameterSet value_;
  Critics critics_;
  nn::Adam actor_adam_;
  nn::Adam value_adam_;
};

}  // namespace strider
