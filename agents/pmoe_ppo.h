// PMOE-PPO: Probabilistic Mixture-of-Experts, Ren, Li, Ding, Pan and Dong 2021 (arXiv 2104.09122), on PPO.
// PMOE sheet, section 4.5.
#pragma once

#include <string>
#include <vector>

#include "agents/ppo.h"

namespace strider {

struct PmoePpoConfig {
  PpoConfig ppo;
  int experts = 4;
  std::string blend = "none";
  std::vector<int> q_hidden{64, 64, 64};
  double q_head_bound = 0;
  double router_coef = 1;
  bool joint_clip = false;
  std::string acting_expert = "sampled";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    ppo.Visit(visit);
    visit("experts", experts, "K: Gaussians in the mixture; 1 without a blend is PPO", InRange(1, 1024));
    visit(
        "blend", blend,
        "none: a mixture; or one Gaussian of all experts, learnt by the ratio alone, without Q or frequency "
        "loss: gated, their averages by weight, or multiplied (MCP), their densities to the power of weights",
        OneOf({"none", "gated", "multiplied"}));
    visit("q_hidden", q_hidden, "widths of the hidden ReLU layers of the Q that ranks the experts",
          InRange(1, 65536));
    visit("q_head_bound", q_head_bound,
          "last weights and biases of Q are drawn from U(+-this); 0: by their fan-in, as all others",
          InRange(0, 1000));
    visit("router_coef", router_coef, "weight of the router's frequency loss, a mean over experts",
          AtLeast(0));
    visit("joint_clip", joint_clip,
          "let Q share the bound on the gradient's norm, as the authors do; else it has one of its own");
    visit(
        "acting_expert", acting_expert,
        "whose mean a deterministic action is: an expert's drawn by the router, the most probable one's, or "
        "the one's whose mean has the highest Q (the policy then holds Q)",
        OneOf({"sampled", "most_probable", "best_q"}));
  }
};

// PPO whose policy is a mixture of K Gaussians, the ratio being that of the whole mixture's density, and
// whose router also learns, by the frequency-approximate gradient, which expert's draw a Q fitted to the
// returns ranks highest (router_coef 0: from the ratio alone). With one expert (joint_clip off and no blend)
// this is PPO, bit for bit.
class PmoePpo : public Ppo {
 public:
  using Config = PmoePpoConfig;

  // Throws InputError where the action space is discrete, or settings are given that a blend leaves without
  // effect.
  PmoePpo(const Task& task, const Config& config);

  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;
  at::Tensor PolicyLoss(const Minibatch& batch, const Actor::Outputs& outputs, double clip) override;

  // Q of some actions (rows x experts x actions), (rows x experts). REQUIRES: no blend.
  at::Tensor Q(const at::Tensor& observations, const at::Tensor& actions) const;

 protected:
  bool Step(const Minibatch& batch, double clip, double learning_rate) override;
  std::vector<const nn::ParameterSet*> ClippedTogether() const override;

 private:
  bool blended() const { return blend_ != Blend::kNone; }
  void ReportExperts(const Actor::Outputs& outputs, const at::Tensor& winner);

  Config config_;
  Blend blend_;
  nn::Mlp q_net_;
  nn::ParameterSet q_;
  nn::Adam q_adam_;
};

}  // namespace strider
