// BCQ for discrete actions: Fujimoto, Conti, Ghavamzadeh and Pineau, "Benchmarking Batch Deep Reinforcement
// Learning Algorithms" (arXiv 1910.01708).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"
#include "offline/bcq.h"

namespace strider {

// Double Q-learning among the actions that the data make likely: with G(a|s) learnt by imitation,
//   a' = argmax Q(s', a) over a with G(a|s') >= threshold * max_b G(b|s'),
//   y = r + gamma (1 - terminal) Q'(s', a'),
// and the loss is Huber(Q(s, a), y) - log G(a|s) + logit_penalty * mean logit^2.
class DiscreteBcq : public OffPolicyAgent {
 public:
  using Config = BcqConfig;

  // Throws InputError where the actions are not discrete.
  DiscreteBcq(const Task& task, Config config);

  const ReplayConfig& replay() const override { return config_.replay; }
  double exploration_epsilon(std::int64_t, std::int64_t) const override {
    return config_.exploration_epsilon;
  }
  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  // The values of all actions and the logits of imitation, (rows x n) each.
  struct Heads {
    at::Tensor values;
    at::Tensor logits;
  };
  Heads Forward(const nn::ParameterSet& parameters, const at::Tensor& observations) const;

  // The best likely action of each row, (rows) int64.
  at::Tensor LikelyBest(const Heads& heads) const;
  at::Tensor Target(const TransitionBatch& batch) const;  // y, (rows). No gradients.

  const nn::ParameterSet& online() const { return online_; }
  const nn::ParameterSet& target() const { return target_; }

 private:
  Config config_;
  nn::Mlp net_;  // values, then logits
  nn::ParameterSet online_;
  nn::ParameterSet target_;
  nn::Adam adam_;
};

}  // namespace strider
