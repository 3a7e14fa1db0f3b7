// A2PR: Adaptive Advantage-guided Policy Regularization, Liu et al., ICML 2024 (arXiv 2405.19909). Sections
// named below are those of the A2PR sheet.
#pragma once

#include <string>
#include <vector>

#include "agents/td3.h"
#include "datasets/preparation.h"
#include "offline/action_vae.h"

namespace strider {

struct A2prConfig {
  A2prConfig() { td3.hidden = {256, 256, 256}; }

  Td3Config td3;
  std::vector<int> critic_hidden{256, 256, 256, 256};
  std::vector<int> vae_hidden{750, 750};
  double value_lr = 3e-4;
  double vae_lr = 1e-3;
  double alpha = 2.5;
  double mask = 0.5;
  double vae_weight = 1;
  double advantage_threshold = 0;
  std::string candidate = "policy";
  bool detach_candidate = false;
  bool normalize_states = true;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    td3.Visit(visit);
    visit("critic_hidden", critic_hidden, "widths of the hidden ReLU layers of critics and value",
          InRange(1, 65536));
    visit("vae_hidden", vae_hidden, "widths of the hidden ReLU layers of encoder and decoder",
          InRange(1, 65536));
    visit("value_lr", value_lr, "Adam's step length for the value", Above(0));
    visit("vae_lr", vae_lr, "Adam's step length for the VAE", Above(0));
    visit("alpha", alpha, "weight of the Q term relative to the regulariser", AtLeast(0));
    visit("mask", mask, "weight of the regulariser; the authors' name for it", AtLeast(0));
    visit("vae_weight", vae_weight, "weight of the VAE's reconstruction error", AtLeast(0));
    visit("advantage_threshold", advantage_threshold,
          "advantage above which an action is reconstructed and pulled to", Finite());
    visit("candidate", candidate,
          "the VAE's candidate: policy decodes a code of the policy's action, as the authors' program does; "
          "prior decodes N(0, I) clipped to 0.5, as their paper says",
          OneOf({"policy", "prior"}));
    visit("detach_candidate", detach_candidate, "whether the candidate is a fixed target for the actor");
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// Which action an actor is pulled to, row by row (section 3, step 4).
struct A2prChoice {
  at::Tensor candidate_chosen;  // (batch) bool: the VAE's action, because its advantage is not the lesser
  at::Tensor gate;              // (batch) bool: whether the actor is pulled at all
};
A2prChoice ChooseAction(const at::Tensor& candidate_advantage, const at::Tensor& data_advantage,
                        double threshold = 0);

// TD3 whose actor is pulled to the better of two actions, the logged one and one of a VAE that reconstructs
// actions of positive advantage only, and not at all where neither is better than the state's value (the
// paper's eps_A, advantage_threshold here, is 0 in the authors' program). One update (section 3): critics;
// value; VAE; every policy_delay-th time the actor and the targets. Actions are in the networks' frame here
// as in Td3.
class A2pr : public Td3 {
 public:
  using Config = A2prConfig;

  // Throws InputError where the action space is discrete.
  A2pr(const Task& task, const Config& config);

  std::vector<nn::NamedTensor> State() const override;
  const nn::ParameterSet& value() const { return value_; }
  const nn::ParameterSet& vae() const { return vae_; }

 protected:
  void AfterCritics(const TransitionBatch& batch, const at::Tensor& next_action,
                    const at::Tensor& target) override;
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override;

  // The VAE's action for p = pi(s), with gradients into p unless they are cut.
  virtual at::Tensor Candidate(const at::Tensor& observations, const at::Tensor& action);

  // Standard normal noise on codes, (rows x latent); each use draws anew.
  virtual at::Tensor LatentNoise(std::int64_t rows) { return Noise({rows, vae_net_.latent_size()}); }

  // What V is fitted to: the lesser of the critics' target and the same backup by the online critics, stepped
  // already (step 2). (batch), no gradients.
  at::Tensor ValueTarget(const TransitionBatch& batch, const at::Tensor& next_action,
                         const at::Tensor& target) const;
  at::Tensor Value(const at::Tensor& observations) const;  // (batch)

  const ActionVae& vae_net() const { return vae_net_; }
  // V of this update's batch from before its step: what advantages are measured against.
  const at::Tensor& value_before() const { return value_before_; }

 private:
  void StepVae(const TransitionBatch& batch);

  Config config_;
  nn::Mlp value_net_;
  ActionVae vae_net_;
  nn::ParameterSet value_;
  nn::ParameterSet vae_;
  nn::Adam value_adam_;
  nn::Adam vae_adam_;
  at::Tensor value_before_;  // (batch)
  at::Tensor data_q_;        // (batch) Q_1(s, a) after the critics' step
};

}  // namespace strider
