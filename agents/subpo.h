// SubPO: Submodular Policy Optimization, Prajapat, Mutny, Zeilinger and Krause, "Submodular Reinforcement
// Learning", ICLR 2024 (arXiv 2307.13372). SubPO sheet, sections 2, 4 and 5.
#pragma once

#include <string>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/credit.h"

namespace strider {

struct SubpoConfig {
  RolloutConfig rollout{.steps = 0,
                        .discount = 1,
                        .gae_lambda = 1,
                        .normalize_observations = false,
                        .normalize_rewards = false};
  int batch = 500;
  std::vector<int> hidden{64, 32};
  std::string credit = "to_go";
  std::string baseline = "time";
  std::string step = "adam";
  double lr = 0.01;
  double max_kl = 0.01;
  int cg_iterations = 15;
  double cg_damping = 0.1;
  double entropy_coef = 0;
  bool entropy_anneal = true;
  double value_lr = 0.01;
  int value_epochs = 1;
  double log_std_init = 0.1;
  std::string activation = "tanh";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit(
        "batch", batch,
        "episodes of full length that an update learns from, over all environments: as many in each, rounded "
        "up",
        InRange(1, 1e6));
    visit(
        "credit", credit,
        "what an action is credited with: to_go, the gains from its step on; prefix, the objective after its "
        "step, as the authors' code for grids does; myopic, the gain of its step",
        OneOf({"to_go", "prefix", "myopic"}));
    visit("baseline", baseline,
          "what is taken off the credit: none; time, the mean at the same time of the episodes that last so "
          "long; value, a learnt "
          "function of the observation",
          OneOf({"none", "time", "value"}));
    visit("discount", rollout.discount, "discount factor per step; below 1 the gains no longer telescope",
          InRange(0, 1));
    visit("gae_lambda", rollout.gae_lambda,
          "lambda of generalised advantage estimation, for baseline = value", InRange(0, 1));
    visit("normalize_observations", rollout.normalize_observations,
          "scale observations by running mean and deviation");
    visit("normalize_rewards", rollout.normalize_rewards,
          "scale rewards by the running deviation of the discounted return");
    visit("hidden", hidden, "widths of the hidden layers of policy and value", InRange(1, 65536));
    visit("activation", activation, "of the hidden layers", OneOf({"tanh", "relu"}));
    visit("step", step, "adam, or natural: along the inverse Fisher matrix times the gradient",
          OneOf({"adam", "natural"}));
    visit("lr", lr, "Adam's step length", Above(0));
    visit("max_kl", max_kl, "mean divergence that a natural step is long, to second order", Above(0));
    visit("cg_iterations", cg_iterations, "steps of the conjugate gradient method of a natural step",
          AtLeast(1));
    visit("cg_damping", cg_damping, "multiple of the identity added to the Fisher matrix", AtLeast(0));
    visit("entropy_coef", entropy_coef, "weight of the policy's entropy, a bonus", AtLeast(0));
    visit("entropy_anneal", entropy_anneal, "divide that weight by the number of the update, counted from 1");
    visit("value_lr", value_lr, "Adam's step length for the value", Above(0));
    visit("value_epochs", value_epochs, "steps of the value on the whole batch", AtLeast(1));
    visit("log_std_init", log_std_init, "initial natural logarithm of the action noise",
          WithContinuousActions(InRange(-20, 2)));
  }
};

// Policy gradient where rewards are marginal gains of a set function of the states visited,
//   grad J = E sum_i grad log pi(a_i | .) (sum_{j >= i} F(s_{j+1} | tau_{0:j}) - b(tau_{0:i})),
// one step on a batch of whole episodes. What the policy sees is the environment's business: cell and time
// (SubPO-M) or all that was visited (SubPO-NM). With rewards that do not depend on the past it is REINFORCE.
// An episode that the batch cuts counts as ended there.
class Subpo : public OnPolicyAgent {
 public:
  using Config = SubpoConfig;

  // Throws InputError where credit, baseline, discount and lambda do not fit together, or the batch has less
  // than an episode for each environment.
  Subpo(const Task& task, Config config);

  const RolloutConfig& rollout() const override { return config_.rollout; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override { return actor_.MakePolicy(); }
  std::vector<nn::NamedTensor> State() const override;

  // What multiplies grad log pi of each row: credit less baseline, which for `time` is the mean over the
  // episodes that last so long.
  std::vector<float> Weights(const Rollout& rollout) const;

  // Gives the policy's parameters the gradient of mean(log pi(a|s) weight) + entropy_coef H, to be ascended.
  void FindGradient(const at::Tensor& observations, const at::Tensor& actions, const at::Tensor& weights);

  const Actor& actor() const { return actor_; }

 private:
  void Ascend(const at::Tensor& observations, const at::Tensor& actions, const at::Tensor& weights);
  void FitValue(const Experience& data);

  Config config_;
  Credit credit_;
  Actor actor_;
  ValueFunction value_;  // for baseline = value
  nn::Adam policy_adam_;
};

}  // namespace strider
