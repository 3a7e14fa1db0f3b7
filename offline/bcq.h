// BCQ: Batch-Constrained deep Q-learning, Fujimoto, Meger and Precup, ICML 2019 (arXiv 1812.02900); offline
// baselines sheet, section 8. For discrete actions see discrete_bcq.h.
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"
#include "datasets/preparation.h"
#include "offline/action_vae.h"
#include "offline/critics.h"

namespace strider {

struct BcqConfig {
  ReplayConfig replay;
  std::vector<int> actor_hidden{400, 300};
  std::vector<int> critic_hidden{400, 300};
  std::vector<int> vae_hidden{750, 750};
  double actor_lr = 1e-3;
  double critic_lr = 1e-3;
  double vae_lr = 1e-3;
  double reach = 0.05;
  int target_candidates = 10;
  int candidates = 100;
  double least_share = 0.75;
  std::vector<int> hidden{256, 256};
  double lr = 3e-4;
  double threshold = 0.3;
  double logit_penalty = 0.01;
  double exploration_epsilon = 0.05;
  double discount = 0.99;
  double tau = 0.005;
  bool normalize_states = false;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("actor_hidden", actor_hidden, "widths of the perturbation's hidden ReLU layers",
          WithContinuousActions(InRange(1, 65536)));
    visit("critic_hidden", critic_hidden, "widths of the critics' hidden ReLU layers",
          WithContinuousActions(InRange(1, 65536)));
    visit("vae_hidden", vae_hidden, "widths of the hidden ReLU layers of encoder and decoder",
          WithContinuousActions(InRange(1, 65536)));
    visit("actor_lr", actor_lr, "Adam's step length for the perturbation", WithContinuousActions(Above(0)));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", WithContinuousActions(Above(0)));
    visit("vae_lr", vae_lr, "Adam's step length for the VAE", WithContinuousActions(Above(0)));
    visit("reach", reach, "bound on what the perturbation adds to an action in [-1, 1]",
          WithContinuousActions(InRange(0, 2)));
    visit("target_candidates", target_candidates, "actions at s' of which the best counts",
          WithContinuousActions(AtLeast(1)));
    visit("candidates", candidates, "actions of which the policy takes the best",
          WithContinuousActions(AtLeast(1)));
    visit("least_share", least_share,
          "weight of the lesser critic in the target, the rest being the greater's",
          WithContinuousActions(InRange(0, 1)));
    visit("hidden", hidden, "widths of the hidden ReLU layers, which values and imitation share",
          WithDiscreteActions(InRange(1, 65536)));
    visit("lr", lr, "Adam's step length", WithDiscreteActions(Above(0)));
    visit("threshold", threshold,
          "actions are considered that are at least this likely in the data, relative to the likeliest; 1 "
          "clones, 0 is Q-learning",
          WithDiscreteActions(InRange(0, 1)));
    visit("logit_penalty", logit_penalty, "weight of the imitation's mean squared logit",
          WithDiscreteActions(AtLeast(0)));
    visit("exploration_epsilon", exploration_epsilon, "probability of a random action while acting online",
          WithDiscreteActions(InRange(0, 1)));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the targets move in one update", InRange(0, 1));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// Q-learning among actions like the data's: a VAE makes them, and a small perturbation
// xi(s, a) = reach * tanh(.) improves them. One update: the VAE; both critics on
//   y = r + gamma (1 - terminal) max_j [least_share min_i Q_i'(s', a_j) + (1 - least_share) max_i Q_i'(s',
//   a_j)],
// a_j being target_candidates decoded actions, perturbed by xi'; xi on -mean Q_1(s, a + xi(s, a)) for a
// decoded action each; the targets of critics and xi. The policy decodes `candidates` actions, perturbs them
// and takes the one of the largest Q_1. Codes are standard normal, clipped to 0.5; actions are clipped to
// [-1, 1].
class Bcq : public OffPolicyAgent {
 public:
  using Config = BcqConfig;

  // Throws InputError where the action space is discrete.
  Bcq(const Task& task, Config config);

  // Standard normal, a code being twice an action's size.
  struct UpdateNoise {
    at::Tensor code;        // (batch x code) of the VAE's reconstruction
    at::Tensor next_codes;  // (batch * target_candidates x code) at s', a state's one after the other
    at::Tensor codes;       // (batch x code) at s, of the perturbation's step
  };

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  void Update(const TransitionBatch& batch, const UpdateNoise& noise);
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;
  const Critics& critics() const { return critics_; }

 protected:
  // a + xi(s, a), clipped, by the online or the target network.
  at::Tensor Perturbed(const nn::ParameterSet& actor, const at::Tensor& observations,
                       const at::Tensor& actions) const;
  // Actions of the VAE for standard normal codes. No gradients.
  at::Tensor Decoded(const at::Tensor& observations, const at::Tensor& codes) const;
  at::Tensor Target(const TransitionBatch& batch, const at::Tensor& next_codes) const;  // y, (batch)

  const nn::ParameterSet& actor() const { return actor_; }
  const nn::ParameterSet& vae() const { return vae_; }

 private:
  void StepVae(const TransitionBatch& batch, const at::Tensor& code);
  void StepCritics(const TransitionBatch& batch, const at::Tensor& next_codes);
  void StepActor(const TransitionBatch& batch, const at::Tensor& codes);

  Config config_;
  ActionVae vae_net_;
  nn::Mlp actor_net_;
  nn::ParameterSet vae_;
  nn::ParameterSet actor_;
  nn::ParameterSet actor_target_;
  Critics critics_;
  nn::Adam vae_adam_;
  nn::Adam actor_adam_;
};

// The target's value of an action for both critics' (2 x rows).
at::Tensor MixedValue(const at::Tensor& q, double least_share);

}  // namespace strider
