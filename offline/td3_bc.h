// TD3+BC: Fujimoto and Gu, NeurIPS 2021 (offline baselines sheet, section 5).
#pragma once

#include "agents/td3.h"
#include "datasets/preparation.h"

namespace strider {

struct Td3BcConfig {
  Td3Config td3;
  double alpha = 2.5;
  bool normalize_states = true;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    td3.Visit(visit);
    visit("alpha", alpha, "weight of the Q term relative to cloning", AtLeast(0));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// TD3 whose actor minimises -lambda mean Q_1(s, pi(s)) + mean (pi(s) - a)^2, lambda = alpha / mean |Q_1(s,
// pi(s))|.
class Td3Bc : public Td3 {
 public:
  using Config = Td3BcConfig;
  Td3Bc(const Task& task, const Config& config);

 protected:
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override;

 private:
  double alpha_;
};

}  // namespace strider
