// SAC-N and EDAC: An et al., NeurIPS 2021 (arXiv 2110.01548), as CORL has them (offline baselines sheet,
// section 10).
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/heads.h"
#include "agents/soft_critics.h"
#include "datasets/preparation.h"
#include "offline/critics.h"

namespace strider {

struct SacNConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256, 256};
  int critics = 10;
  double eta = 0;
  double discount = 0.99;
  double tau = 0.005;
  double actor_lr = 3e-4;
  double critic_lr = 3e-4;
  double alpha_lr = 3e-4;
  double alpha = 1;
  bool alpha_auto = true;
  double target_entropy = -1;
  double log_std_min = -5;
  double log_std_max = 2;
  bool normalize_states = false;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers of actor and critics", InRange(1, 65536));
    visit("critics", critics, "N, the least of which is believed", InRange(1, 10000));
    visit("eta", eta, "weight of the critics' diversity (EDAC); 0: SAC-N. Above 0 it needs two critics",
          AtLeast(0));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target critics move in one update", InRange(0, 1));
    visit("actor_lr", actor_lr, "Adam's step length for the actor", Above(0));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("alpha_lr", alpha_lr, "Adam's step length for log alpha", Above(0));
    visit("alpha", alpha, "entropy weight, or its start where alpha_auto is on", AtLeast(0));
    visit("alpha_auto", alpha_auto, "learn alpha so that the entropy becomes target_entropy");
    visit("target_entropy", target_entropy, "what alpha_auto aims at, for each action dimension", Finite());
    visit("log_std_min", log_std_min, "lower clamp of the policy's log deviation", Finite());
    visit("log_std_max", log_std_max, "upper clamp of the policy's log deviation", Finite());
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// sum over i != j of the cosine of g_i and g_j, averaged over rows and divided by N - 1; `gradients` are (N x
// rows x actions), dQ_i/da. N where all critics agree, 0 where they are orthogonal.
at::Tensor CriticSimilarity(const at::Tensor& gradients);

// SAC with the least of N critics in target and actor; EDAC adds eta times the similarity of the critics'
// action gradients at the logged actions. One update: alpha, actor, critics, targets, each with a draw of its
// own.
class SacN : public OffPolicyAgent {
 public:
  using Config = SacNConfig;

  // Throws InputError where the action space is discrete, or where one critic is to differ from others.
  SacN(const Task& task, Config config);

  // Standard normal, (batch x actions) each.
  struct UpdateNoise {
    at::Tensor alpha;        // p at s of alpha's step
    at::Tensor action;       // p at s of the actor's step
    at::Tensor next_action;  // a' at s', by the actor just updated
  };

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  void Update(const TransitionBatch& batch, const UpdateNoise& noise);
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  const nn::ParameterSet& actor() const { return actor_; }
  const Critics& critics() const { return critics_; }
  const nn::ParameterSet& log_alpha() const { return alpha_.logarithm(); }

 protected:
  nn::SquashedSample Sample(const at::Tensor& observations, const at::Tensor& noise) const;

 private:
  void StepAlpha(const TransitionBatch& batch, const at::Tensor& noise);
  void StepActor(const TransitionBatch& batch, const at::Tensor& noise, const at::Tensor& alpha);
  void StepCritics(const TransitionBatch& batch, const at::Tensor& noise, const at::Tensor& alpha);

  Config config_;
  nn::GaussianHeads actor_net_;
  nn::ParameterSet actor_;
  Critics critics_;
  EntropyWeight alpha_;
  nn::Adam actor_adam_;
};

struct EdacConfig : SacNConfig {
  EdacConfig() { eta = 1; }
};

class Edac : public SacN {
 public:
  using Config = EdacConfig;
  Edac(const Task& task, const Config& config) : SacN(task, config) {}
};

}  // namespace strider
