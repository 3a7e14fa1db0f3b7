// PRDC: Policy Regularization with Dataset Constraint, Ran et al., ICML 2023 (arXiv 2306.06569). Sections
// named below are those of the PRDC sheet.
#pragma once

#include "agents/td3.h"
#include "offline/neighbour_search.h"

namespace strider {

struct PrdcConfig {
  Td3Config td3;
  double alpha = 2.5;
  double beta = 2;
  int k = 1;
  double reward_scale = 1;
  double reward_shift = 0;
  bool normalize_states = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    td3.Visit(visit);
    visit("alpha", alpha, "weight of the Q term relative to the constraint", AtLeast(0));
    visit("beta", beta, "weight of the state in the search: large clones, 0 looks at actions alone",
          AtLeast(0));
    visit("k", k, "which neighbour's action is imitated, 1 being the nearest", AtLeast(1));
    visit("reward_scale", reward_scale, "rewards become reward_scale * r + reward_shift");
    visit("reward_shift", reward_shift, "see reward_scale");
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
  }
};

// TD3 whose actor is pulled to the action of the nearest dataset pair: it minimises
//   -lambda mean Q_1(s, pi(s)) + mean (pi(s) - a_hat)^2,
// a_hat being the action of the dataset row nearest to (beta s, pi(s)), without gradient (section 3). Actions
// are in the networks' frame here as in Td3.
class Prdc : public Td3 {
 public:
  using Config = PrdcConfig;

  // `data` are the transitions that batches are drawn from, states normalised; they are copied into the
  // search tree. Throws InputError where k exceeds their number.
  Prdc(const Task& task, const Config& config, const TransitionColumns& data);

  // Rows (batch) of the k-th neighbour of (beta s, pi(s)), on the CPU.
  at::Tensor NeighbourRows(const TransitionBatch& batch, const at::Tensor& action) const;

 protected:
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override;
  at::Tensor Rewards(const TransitionBatch& batch) const override;

 private:
  double alpha_;
  double beta_;
  int k_;
  double reward_scale_;
  double reward_shift_;
  at::Tensor actions_;  // (rows x actions), over the caller's memory where max_action is 1
  NeighbourSearch search_;
};

}  // namespace strider
