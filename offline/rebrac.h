// ReBRAC: Tarasov et al., NeurIPS 2023 (arXiv 2305.09836), as CORL has it (offline baselines sheet, section
// 9).
#pragma once

#include <vector>

#include "agents/td3.h"
#include "datasets/preparation.h"

namespace strider {

struct RebracConfig {
  RebracConfig() {
    td3.replay.batch_size = 1024;
    td3.hidden = {256, 256, 256};
    td3.actor_lr = 1e-3;
    td3.critic_lr = 1e-3;
  }

  Td3Config td3;
  double actor_penalty = 0.01;
  double critic_penalty = 0.01;
  bool critic_norm = true;
  bool normalize_states = false;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    td3.Visit(visit);
    visit("actor_penalty", actor_penalty, "beta_1, weight of cloning in the actor's loss", AtLeast(0));
    visit("critic_penalty", critic_penalty, "beta_2, weight of the distance of a' to the logged next action",
          AtLeast(0));
    visit("critic_norm", critic_norm, "layer norm after the critics' ReLUs");
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// TD3 with penalties for leaving the data in both places: the critics' target is
//   y = r + gamma (1 - terminal) (min_i Q_i'(s', a') - beta_2 |a' - a'_data|^2),
// and the actor minimises beta_1 |pi(s) - a|^2 - lambda min_i Q_i(s, pi(s)) with lambda = 1 / mean |min_i
// Q_i|, norms being sums over dimensions; on updates 1, 3, 5, ... Actions are in the networks' frame here as
// in Td3.
class Rebrac : public Td3 {
 public:
  using Config = RebracConfig;
  static constexpr bool kNeedsNextActions = true;

  // Throws InputError where the action space is discrete.
  Rebrac(const Task& task, const Config& config);

 protected:
  at::Tensor TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const override;
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override;
  bool ActorTargetMovesFirst() const override { return true; }
  bool ActorStepsFirst() const override { return true; }

 private:
  Config config_;
};

}  // namespace strider
