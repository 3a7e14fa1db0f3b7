// BCQ for discrete actions: Fujimoto, Conti, Ghavamzadeh and Pineau, "Benchmarking Batch Deep Reinforcement
// Learning Algorithms" (arXiv 1910.01708).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"
#include "datasets/preparation.h"

namespace strider {

struct BcqConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  double discount = 0.99;
  double tau = 0.005;
  double lr = 3e-4;
  double threshold = 0.3;
  double logit_penalty = 0.01;
  double exploration_epsilon = 0.05;
  bool normalize_states = false;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers, which values and imitation share",
          InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target network moves in one update", InRange(0, 1));
    visit("lr", lr, "Adam's step length", Above(0));
    visit("threshold", threshold,
          "actions are considered that are at least this likely in the data, relative to the likeliest; 1 "
          "clones, 0 is Q-learning",
          InRange(0, 1));
    visit("logit_penalty", logit_penalty, "weight of the imitation's mean squared logit", AtLeast(0));
    visit("exploration_epsilon", exploration_epsilon, "probability of a random action while acting online",
          InRange(0, 1));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// Double Q-learning among the actions that the data make likely: with G(a|s) learnt by imitation,
//   a' = argmax Q(s', a) over a with G(a|s') >= threshold * max_b G(b|s'),
//   y = r + gamma (1 - terminal) Q'(s', a'),
// and the loss is Huber(Q(s, a), y) - log G(a|s) + logit_penalty * mean logit^2.
class Bcq : public OffPolicyAgent {
 public:
  using Config = BcqConfig;

  // Throws InputError where the actions are not discrete.
  Bcq(const Task& task, Config config);

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
