// PMOE-SAC: Probabilistic Mixture-of-Experts, Ren, Li, Ding, Pan and Dong 2021 (arXiv 2104.09122), on SAC.
// Sections named below are those of the PMOE sheet.
#pragma once

#include <string>
#include <vector>

#include "agents/mdpo_off.h"
#include "agents/nn/heads.h"
#include "agents/nn/mlp.h"
#include "agents/soft_critics.h"

namespace strider {

struct PmoeSacConfig {
  SacConfig sac;
  std::vector<int> critic_hidden;
  double head_bound = 0;
  int experts = 4;
  std::string expert_sharing = "trunk";
  std::string router_input = "state";
  std::vector<int> router_hidden;
  double router_lr = 3e-4;
  std::string blend = "none";
  std::string router_gradient = "frequency";
  double gumbel_temperature = 0.5;
  std::string expert_loss = "best";
  std::string entropy_of = "expert";
  std::string target_expert = "router";
  std::string acting_expert = "sampled";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    sac.Visit(visit);
    visit("critic_hidden", critic_hidden, "widths of the critics' hidden ReLU layers; none: as `hidden`",
          InRange(1, 65536));
    visit(
        "head_bound", head_bound,
        "draw weights and biases of the policy's heads and of the critics' last layers from U(+-this); 0: as "
        "those of other layers",
        InRange(0, 1000));
    visit("experts", experts, "K: Gaussians in the mixture; 1 without a blend is SAC", InRange(1, 1024));
    visit("expert_sharing", expert_sharing,
          "experts as heads on one trunk of hidden layers, or each a network of its own",
          OneOf({"trunk", "separate"}));
    visit("router_input", router_input,
          "what the router looks at: the state, or the trunk's last layer, which learns nothing from it",
          OneOf({"state", "trunk"}));
    visit("router_hidden", router_hidden, "widths of the router's hidden ReLU layers; none: one linear layer",
          InRange(1, 65536));
    visit("router_lr", router_lr,
          "Adam's step length for the router, whose loss needs no weight (eta) beside it", Above(0));
    visit("blend", blend,
          "none: a mixture; or one Gaussian of all experts, learnt end to end: gated, their averages by "
          "weight, or multiplied (MCP), their densities to the power of weights",
          OneOf({"none", "gated", "multiplied"}));
    visit("router_gradient", router_gradient,
          "what the router learns from: how often each expert is best, the Gumbel-Softmax path, the score "
          "ratio, or nothing",
          OneOf({"frequency", "gumbel", "score_ratio", "none"}));
    visit("gumbel_temperature", gumbel_temperature, "temperature of the Gumbel-Softmax path", Above(0));
    visit("expert_loss", expert_loss,
          "whose loss is propagated back: the best expert's, the mean or sum of all experts', their mean by "
          "the router's weights, or that of one that the router draws",
          OneOf({"best", "all", "sum", "weighted", "sampled"}));
    visit("entropy_of", entropy_of, "whose log density is the entropy term's: the expert's or the mixture's",
          OneOf({"expert", "mixture"}));
    visit("target_expert", target_expert,
          "expert in the critics' target: drawn by the router, or the one of highest Q",
          OneOf({"router", "best_q"}));
    visit(
        "acting_expert", acting_expert,
        "whose mean a deterministic action is: an expert's drawn by the router, the most probable one's, or "
        "the one's whose mean has the highest Q (the policy then holds the critics)",
        OneOf({"sampled", "most_probable", "best_q"}));
  }
};

// Policy: a mixture of K squashed Gaussians with a shared body; a router, one linear layer on the state
// unless told otherwise, gives their probabilities w(s). With a_k the reparameterised action of expert k at s
// and q_k = min_i Q_i(s, a_k), one update (section 5)
//   fits both critics to r + gamma (1 - terminal) (min_i Q_i'(s', a') - alpha log pi), a' of an expert ~
//   w(s'); steps the experts on mean[alpha log pi_j(a_j) - q_j], j = argmax_k q_k (best-expert loss,
//   section 4.2); steps the router on |w(s) - one-hot(j)|^2 (frequency-approximate gradient, section 4.1).
// With one expert on a trunk and no blend this is SAC, bit for bit.
class PmoeSac : public OffPolicyAgent {
 public:
  using Config = PmoeSacConfig;

  // Throws InputError where the action space is discrete, where the router is to look at a trunk that there
  // is not, or where alternatives are given that a blend or the router's gradient leaves without effect.
  PmoeSac(const Task& task, Config config);

  // Random numbers of one update.
  struct UpdateNoise {
    at::Tensor actions;       // (batch x experts x actions) standard normal, of a_k at s
    at::Tensor next_actions;  // the same at s'
    at::Tensor next_expert;   // (batch x experts) standard Gumbel, the choice at s'
    at::Tensor expert;        // the same at s, where one is drawn there; undefined otherwise
  };

  const ReplayConfig& replay() const override { return config_.sac.replay; }
  void Update(const TransitionBatch& batch) override;
  void Update(const TransitionBatch& batch, const UpdateNoise& noise);
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  // One action of each expert at some states, or, of blended experts, one action of all: `drawn` is 1 there
  // and the number of experts elsewhere.
  struct Draw {
    at::Tensor logits;         // (rows x experts) of the router
    at::Tensor mean;           // (rows x experts x actions) before squashing
    at::Tensor log_std;        // the same shape
    at::Tensor actions;        // (rows x drawn x actions)
    at::Tensor log_probs;      // (rows x drawn) of each action, as entropy_of says
    at::Tensor own_log_probs;  // (rows x experts) of each under its own expert; undefined for blended ones
  };
  Draw DrawActions(const at::Tensor& observations, const at::Tensor& noise) const;

  // min_i Q_i(s, a_k) of a set of critics, (rows x experts).
  at::Tensor ExpertQ(const nn::ParameterSet& critic, const at::Tensor& observations,
                     const at::Tensor& actions) const;

  // Soft value of s', (rows). No gradients.
  at::Tensor NextValue(const TransitionBatch& batch, const UpdateNoise& noise, const at::Tensor& alpha) const;

  // Steps experts and router on a draw whose actions are still tied to the parameters, for critics as they
  // are; returns the density (rows) that alpha is to learn from.
  at::Tensor StepPolicy(const at::Tensor& observations, const Draw& draw, const UpdateNoise& noise,
                        const at::Tensor& alpha);

  const nn::ParameterSet& policy() const { return policy_; }
  const nn::ParameterSet& router() const { return router_; }
  const nn::ParameterSet& critic() const { return critics_.online(); }
  const nn::ParameterSet& critic_target() const { return critic_target_; }

 private:
  bool separate() const { return config_.expert_sharing == "separate"; }
  bool blended() const { return blend_ != Blend::kNone; }
  std::int64_t drawn() const { return blended() ? 1 : config_.experts; }
  bool LossOfAllExperts() const;
  bool DrawsExpert() const;
  void Initialise();
  nn::GaussianHeads::Output Heads(const at::Tensor& observations) const;  // (rows x experts x actions)
  Policy SnapshotSeparate() const;
  void ReportExperts(const Draw& draw, const at::Tensor& winner);

  Config config_;
  Blend blend_;
  nn::GaussianHeads policy_net_;  // the experts' heads side by side
  nn::Mlp separate_nets_;         // or an ensemble, each of which gives mean and log deviation
  nn::Mlp router_net_;
  nn::ParameterSet policy_;
  nn::ParameterSet router_;
  TwinCritics critics_;
  nn::ParameterSet critic_target_;
  EntropyWeight alpha_;
  nn::Adam policy_adam_;
  nn::Adam router_adam_;
};

}  // namespace strider
