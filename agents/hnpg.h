// HNPG: hybrid natural policy gradient. Zhou, Sekhari, Song and Sun, "Offline Data Enhanced On-Policy Policy
// Gradient with Provable Guarantees", ICLR 2024 (arXiv 2311.08384), algorithms 3 to 5; where paper and
// authors' code differ, the code, as the HNPG sheet, section 5, has it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/offline_rows.h"
#include "agents/trust_region.h"

namespace strider {

struct HnpgConfig {
  std::string networks = "auto";
  int rollout_steps = 1000;
  double discount = 0.99;
  double gae_lambda = 0.97;
  double on_policy_weight = 1;
  std::vector<int> hidden{16, 16};
  std::vector<int> critic_hidden{64, 64};
  double critic_lr = 3e-4;
  int critic_steps = 30;
  int critic_rounds = 5;
  double critic_l2 = 0;
  int value_actions = 10;
  bool normalize_states = false;
  TrustRegionConfig trust_region{
      .cg_iterations = 10, .line_search_shrinkage = 0.5, .accept_ratio = 0.1, .kl_constraint = false};

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit(
        "networks", networks,
        "step: a policy and a critic for each step of an episode, undiscounted, where all episodes have one "
        "length; shared: one of each for all steps; auto: step where possible",
        OneOf({"auto", "step", "shared"}));
    visit(
        "rollout_steps", rollout_steps,
        "steps of each environment between updates, rounded up to whole episodes where those have one length",
        InRange(1, 1e7));
    visit("discount", discount, "discount factor per step of shared networks", InRange(0, 1));
    visit("gae_lambda", gae_lambda, "lambda of generalised advantage estimation", InRange(0, 1));
    visit("on_policy_weight", on_policy_weight,
          "the paper's lambda: weight of on-policy rows where offline ones have 1; 0: the dataset's alone "
          "count",
          AtLeast(0));
    visit("hidden", hidden, "widths of the policy's hidden tanh layers", InRange(1, 65536));
    visit("critic_hidden", critic_hidden, "widths of the critic's hidden tanh layers", InRange(1, 65536));
    visit("critic_lr", critic_lr, "Adam's step length for the critic", Above(0));
    visit("critic_steps", critic_steps, "steps of a fresh Adam on all rows in one round of evaluation",
          AtLeast(1));
    visit("critic_rounds", critic_rounds,
          "rounds of fitted evaluation in one update; networks of each step need one", AtLeast(1));
    visit("critic_l2", critic_l2, "weight of the sum of the critic's squared weights in its loss",
          AtLeast(0));
    visit("value_actions", value_actions, "draws from the policy that the value of a state averages",
          AtLeast(1));
    visit("normalize_states", normalize_states, "scale observations by the dataset's mean and deviation");
    trust_region.Visit(visit);
  }
};

// Each update fits the critic to the sum of two losses (hybrid fitted policy evaluation),
//   mean over offline rows  (Q(s,a) - r - discount Q_next(s', a'))^2,  a' ~ pi,  and
//   lambda mean over on-policy rows  (Q(s,a) - y)^2,
// y being what was collected from there on, and then takes one natural-gradient step on the union of both:
// on-policy rows with GAE over V(s) = mean of Q over draws from pi, offline states with actions drawn from
// pi and Q(s,a) - V(s). With networks for each step Q_next is that of the step after, which has just been
// fitted, and y the Monte-Carlo return. Shared networks bootstrap from themselves in several rounds; y then
// is the discounted return up to where the rollout or the time limit cuts it, and from there what the critic
// before the fit says, since nothing was collected.
// Without a dataset the offline terms are left out: TRPO with the same networks and critic.
class Hnpg final : public OnPolicyAgent {
 public:
  using Config = HnpgConfig;
  // `data` may be null and must outlive the agent. Throws InputError where actions are discrete, or networks
  // for each step do not suit the task or the data.
  Hnpg(const Task& task, Config config, const TransitionColumns* data);

  const RolloutConfig& rollout() const override { return rollout_; }
  // What is learnt is the stochastic policy, whose mean may do better or worse.
  bool evaluate_sampled() const override { return true; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  // What each step of an episode has of its own; only one where networks are shared.
  struct Stage {
    Actor actor;
    nn::ParameterSet critic;
  };
  const std::vector<Stage>& stages() const { return stages_; }
  at::Tensor Q(const Stage& stage, const at::Tensor& observations, const at::Tensor& actions) const;

 private:
  // What one update learns from at one stage. Offline parts are undefined without a dataset.
  struct Rows {
    at::Tensor observations;  // (n x observations) on-policy
    at::Tensor actions;       // (n x actions)
    at::Tensor returns;       // (n) y
    TransitionBatch offline;
  };

  void DoSave(StateWriter& out) const override {
    if (hybrid()) offline_->Save(out);
  }
  void DoLoad(StateReader& in) override {
    if (hybrid()) offline_->Load(in);
  }

  struct Estimates {
    std::vector<float> advantages;  // (rows of the rollout)
    std::vector<float> returns;
  };
  struct CriticLoss {
    at::Tensor online;
    at::Tensor offline;
  };

  bool hybrid() const { return offline_.has_value(); }
  at::Tensor OnDevice(const std::vector<float>& rows, std::int64_t width) const;
  at::Tensor Draw(const Stage& stage, const at::Tensor& observations, int draws = 1);
  at::Tensor Value(const Stage& stage, const at::Tensor& observations);
  Estimates Estimate(const Rollout& rollout, const std::vector<float>& values, double lambda);
  std::vector<Rows> Split(const Rollout& rollout);
  CriticLoss FitCritic(std::size_t index, const Rows& rows);
  TrustRegionStep StepPolicy(const Stage& stage, const Rows& rows, const at::Tensor& advantages);

  Config config_;
  RolloutConfig rollout_;
  nn::Mlp critic_net_;
  std::vector<Stage> stages_;
  std::optional<OfflineRows> offline_;
};

}  // namespace strider
