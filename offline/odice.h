// O-DICE: ODICE, Mao et al., ICLR 2024 (arXiv 2402.00348). Sections named below are those of the O-DICE
// sheet.
#pragma once

#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/nn/heads.h"
#include "agents/nn/mlp.h"
#include "datasets/preparation.h"

namespace strider {

struct OdiceConfig {
  OdiceConfig() { rewards.reward_map = "range"; }

  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  std::vector<int> policy_hidden{1024, 1024};
  double discount = 0.99;
  double tau = 0.005;
  double lambda = 0.6;
  double eta = 1;
  std::string gradient = "orthogonal";
  std::string divergence = "pearson";
  bool twin = true;
  bool layer_norm = true;
  bool squash_mean = false;
  std::string weight = "residual";
  double weight_max = 100;
  double value_lr = 2e-4;
  double policy_lr = 2e-4;
  double policy_weight_decay = 1e-4;
  bool normalize_states = false;
  int episode = -1;
  RewardConfig rewards;

  // Imitation does without.
  bool UsesRewards() const { return episode < 0 && rewards.reward_scale != 0; }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers of V", InRange(1, 65536));
    visit("policy_hidden", policy_hidden, "widths of the hidden ReLU layers of the policy",
          InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target of V moves in one update", InRange(0, 1));
    visit("lambda", lambda, "weight of the dual term against V itself: larger is more optimistic",
          InRange(0, 1));
    visit("eta", eta, "weight of the backward gradient", AtLeast(0));
    visit(
        "gradient", gradient,
        "orthogonal: forward gradient and what of the backward one is orthogonal to it; semi: forward alone; "
        "true: both, without targets",
        OneOf({"orthogonal", "semi", "true"}));
    visit("divergence", divergence, "f: pearson is (w - 1)^2, reverse_kl is w ln w",
          OneOf({"pearson", "reverse_kl"}));
    visit("twin", twin, "two networks V, the lesser of which is the target");
    visit("layer_norm", layer_norm, "layer norm before the ReLUs of V");
    visit("squash_mean", squash_mean, "policy's mean through tanh");
    visit("weight", weight,
          "of a transition in cloning, pearson: residual is max(0, delta), as the authors' program has it; "
          "ratio is max(0, delta/2 + 1), the theory's",
          OneOf({"residual", "ratio"}));
    visit("weight_max", weight_max, "bound on that weight", Above(0));
    visit("value_lr", value_lr, "Adam's step length for V", Above(0));
    visit("policy_lr", policy_lr, "Adam's step length for the policy", Above(0));
    visit("policy_weight_decay", policy_weight_decay, "L2 weight decay of the policy", AtLeast(0));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    visit("episode", episode,
          "imitates this one complete episode, counted from 0 in the file's order, without its rewards; "
          "-1: learns from all rows",
          AtLeast(-1));
    rewards.Visit(visit);
  }
};

// The conjugate f*(y) = max_{w >= 0} [w y - f(w)] and where that is reached (section 2).
at::Tensor OdiceConjugate(const std::string& divergence, const at::Tensor& y);
at::Tensor OdiceRatio(const std::string& divergence, const at::Tensor& y);

// The terms of V's loss (section 3), means over all entries: (1 - lambda) V(s), lambda f*(delta_f) and, in
// the orthogonal mode, lambda eta f*(delta_b).
struct OdiceTerms {
  at::Tensor linear;
  at::Tensor forward;
  at::Tensor backward;  // undefined in the other modes
  at::Tensor residual;  // delta_f, or delta of the true gradient: what the policy's weights come from
  at::Tensor backward_residual;  // delta_b; undefined in the other modes
};

// `value` and `next_value` are V(s) and V(s') with their gradients, of any shape that rewards and terminals
// broadcast to; the targets have none.
OdiceTerms OdiceLoss(const OdiceConfig& config, const at::Tensor& rewards, const at::Tensor& terminals,
                     const at::Tensor& value, const at::Tensor& next_value, const at::Tensor& target_value,
                     const at::Tensor& target_next_value);

// G = g_0 + g_f + (g_b - c g_f) with c = <g_f, g_b> / max(<g_f, g_f>, 1e-10), over whole gradients as flat
// vectors.
struct OdiceDirection {
  at::Tensor direction;    // G
  at::Tensor coefficient;  // c
};
OdiceDirection OrthogonalDirection(const at::Tensor& linear, const at::Tensor& forward,
                                   const at::Tensor& backward);

// Fits V(s) to the dual of a DICE objective, without actions, and clones the transitions whose residual is
// positive. One update (section 4): V along G; its target; policy by weighted log-likelihood with the weights
// of V before its step.
class Odice : public OffPolicyAgent {
 public:
  using Config = OdiceConfig;

  // Throws InputError where the action space is discrete.
  Odice(const Task& task, Config config);

  const ReplayConfig& replay() const override { return config_.replay; }
  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;
  std::string Warning() const override;

  // An ensemble of two with `twin`.
  const nn::ParameterSet& value() const { return value_; }
  const nn::ParameterSet& value_target() const { return value_target_; }
  const nn::ParameterSet& policy() const { return policy_; }

 protected:
  // Online values (members x batch), and the target's least value (batch).
  at::Tensor Value(const at::Tensor& observations) const;
  at::Tensor TargetValue(const at::Tensor& observations) const;
  OdiceTerms Terms(const TransitionBatch& batch) const;

  // The gradients of the three terms by all parameters of V, flat.
  struct Gradients {
    at::Tensor linear, forward, backward;
  };
  Gradients TermGradients(const OdiceTerms& terms) const;

  // Cloning weights of residuals, before the bound.
  at::Tensor Weight(const at::Tensor& residual) const;
  at::Tensor NegativeLogProb(const TransitionBatch& batch) const;  // (batch)

 private:
  Config config_;
  nn::Mlp value_net_;
  nn::FreeDeviationGaussian policy_net_;
  nn::ParameterSet value_;
  nn::ParameterSet value_target_;
  nn::ParameterSet policy_;
  nn::Adam value_adam_;
  nn::Adam policy_adam_;
};

}  // namespace strider
