// TRPO: Trust Region Policy Optimization, Schulman, Levine, Moritz, Jordan and Abbeel, ICML 2015
// (arXiv 1502.05477). Online baselines sheet, section 4.
#pragma once

#include <vector>

#include "agents/trust_region.h"

namespace strider {

struct TrpoConfig {
  RolloutConfig rollout;
  std::vector<int> hidden{64, 64};
  TrustRegionConfig trust_region;
  double value_lr = 1e-3;
  bool lr_anneal = false;
  double max_grad_norm = 0;
  int value_epochs = 10;
  int value_batch = 128;
  double log_std_init = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    rollout.Visit(visit);
    visit("hidden", hidden, "widths of the hidden tanh layers of policy and value", InRange(1, 65536));
    trust_region.Visit(visit);
    visit("value_lr", value_lr, "Adam's step length for the value", Above(0));
    visit("lr_anneal", lr_anneal, "let the value's step length fall linearly to 0 over the run");
    visit("max_grad_norm", max_grad_norm, "bound on the value gradient's norm; 0: none", AtLeast(0));
    visit("value_epochs", value_epochs, "passes over the rollout for the value", AtLeast(1));
    visit("value_batch", value_batch,
          "rows in a value step: all of a rollout that has fewer; an incomplete last batch is dropped",
          AtLeast(1));
    visit("log_std_init", log_std_init, "initial natural logarithm of the action noise",
          WithContinuousActions(InRange(-20, 2)));
  }
};

// Each iteration takes one step in the trust region around the policy (trust_region.h) that increases what
// its advantages promise; the whole rollout is one batch. The value is then fitted to the returns.
class Trpo : public OnPolicyAgent {
 public:
  using Config = TrpoConfig;

  Trpo(const Task& task, Config config);

  const RolloutConfig& rollout() const override { return config_.rollout; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override { return actor_.MakePolicy(); }
  std::vector<nn::NamedTensor> State() const override;

  // The policy's step on some rows. False where no length was good, and every parameter is what it was.
  bool StepPolicy(const at::Tensor& observations, const at::Tensor& actions, const at::Tensor& advantages);

  const Actor& actor() const { return actor_; }
  const ValueFunction& value() const { return value_; }

 private:
  Config config_;
  Actor actor_;
  ValueFunction value_;
};

}  // namespace strider
