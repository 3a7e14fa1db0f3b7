// Behaviour cloning (offline baselines sheet, section 4).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

struct BcConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  double actor_lr = 3e-4;
  double max_action = 1;
  bool normalize_states = true;
  double best_fraction = 1;
  double return_discount = 0.99;

  // They say which episodes are the best.
  bool UsesRewards() const { return best_fraction < 1; }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the actor's hidden ReLU layers", InRange(1, 65536));
    visit("actor_lr", actor_lr, "Adam's step length", Above(0));
    visit("max_action", max_action,
          "the error is measured in [-max_action, max_action]; the authors take the environment's bound",
          Above(0));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    visit("best_fraction", best_fraction,
          "share of the complete episodes that is cloned, the best by discounted return; 0.1 is 10 % BC, 1 "
          "takes every row",
          InRange(0, 1));
    visit("return_discount", return_discount, "discount factor of those returns", InRange(0, 1));
  }
};

// Minimises the mean over batch and action dimensions of (tanh(actor(s)) - a)^2, times max_action squared;
// for discrete actions the mean of -log pi(a|s), pi being the softmax of the actor's outputs.
class Bc : public OffPolicyAgent {
 public:
  using Config = BcConfig;

  Bc(const Task& task, Config config);

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;
  const nn::ParameterSet& actor() const { return actor_; }

 private:
  at::Tensor Loss(const TransitionBatch& batch) const;

  Config config_;
  bool discrete_;
  nn::Mlp actor_net_;
  nn::ParameterSet actor_;
  nn::Adam actor_adam_;
};

}  // namespace strider
