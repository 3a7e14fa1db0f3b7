// AWAC: Advantage-Weighted Actor-Critic, Nair et al. 2020 (arXiv 2006.09359), as CORL has it (offline
// baselines sheet, section 8).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/heads.h"
#include "datasets/preparation.h"
#include "offline/critics.h"

namespace strider {

struct AwacConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256, 256};
  double discount = 0.99;
  double tau = 0.005;
  double lambda = 0.3333;
  double weight_max = 100;
  double actor_lr = 3e-4;
  double critic_lr = 3e-4;
  double log_std_min = -20;
  double log_std_max = 2;
  bool normalize_states = true;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers of actor and critics", InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target critics move in one update", InRange(0, 1));
    visit("lambda", lambda, "temperature of the cloning weights exp(A / lambda)", Above(0));
    visit("weight_max", weight_max, "bound on those weights", Above(0));
    visit("actor_lr", actor_lr, "Adam's step length for the actor", Above(0));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("log_std_min", log_std_min, "lower clamp of the policy's log deviation", Finite());
    visit("log_std_max", log_std_max, "upper clamp of the policy's log deviation", Finite());
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// Policy N(mean(s), std^2), actions clipped to [-1, 1]. Critics by r + gamma min_i Q_i'(s', a') with a' of
// the policy; the policy clones with weights min(exp(A / lambda), weight_max), A = min_i Q_i(s, a) - min_i
// Q_i(s, p) for one p of the policy, by the critics just updated.
class Awac : public OffPolicyAgent {
 public:
  using Config = AwacConfig;

  // Throws InputError where the action space is discrete.
  Awac(const Task& task, Config config);

  // Standard normal, (batch x actions) each.
  struct UpdateNoise {
    at::Tensor next_action;  // a' at s'
    at::Tensor action;       // p at s
  };

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  void Update(const TransitionBatch& batch, const UpdateNoise& noise);
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  const nn::ParameterSet& actor() const { return actor_; }
  const Critics& critics() const { return critics_; }

 protected:
  // A draw of the policy, clipped; without gradients.
  at::Tensor Sample(const at::Tensor& observations, const at::Tensor& noise) const;
  // What the critics are fitted to at a'.
  at::Tensor TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const;
  // A of the logged actions against p.
  at::Tensor Advantage(const TransitionBatch& batch, const at::Tensor& action) const;
  at::Tensor Weight(const at::Tensor& advantage) const;
  at::Tensor LogProb(const TransitionBatch& batch) const;

 private:
  Config config_;
  nn::FreeDeviationGaussian actor_net_;
  nn::ParameterSet actor_;
  Critics critics_;
  nn::Adam actor_adam_;
};

}  // namespace strider
