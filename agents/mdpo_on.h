// On-policy MDPO: Mirror Descent Policy Optimization, Tomar, Shani, Efroni and Ghavamzadeh, ICLR 2022
// (arXiv 2005.09814). Sections named below are those of the MDPO sheet.
#pragma once

#include <vector>

#include "agents/actor_critic.h"

namespace strider {

struct MdpoOnConfig {
  RolloutConfig rollout;
  std::vector<int> hidden{64, 64};
  double policy_lr = 3e-4;
  double value_lr = 3e-4;
  bool lr_anneal = false;
  int inner_steps = 10;
  std::string step_size_schedule = "linear";
  double step_size = 1;
  double max_grad_norm = 0.5;
  double log_std_init = 0;
  int value_epochs = 5;
  int value_batch = 128;
  double value_clip = 0.2;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    rollout.Visit(visit);
    visit("hidden", hidden, "widths of the hidden tanh layers of policy and value", InRange(1, 65536));
    visit("policy_lr", policy_lr, "Adam's step length for the policy", Above(0));
    visit("value_lr", value_lr, "Adam's step length for the value", Above(0));
    visit("lr_anneal", lr_anneal, "let both step lengths fall linearly to 0 over the run");
    visit("inner_steps", inner_steps, "m: whole-rollout gradient steps on the objective of one iteration",
          AtLeast(1));
    visit("step_size_schedule", step_size_schedule,
          "how the mirror-descent step size t_k falls with k of K iterations",
          OneOf({"linear", "constant", "inverse_sqrt"}));
    visit("step_size", step_size, "t_0; the KL penalty is divided by t_k", Above(0));
    visit("max_grad_norm", max_grad_norm, "bound on the policy gradient's norm", Above(0));
    visit("log_std_init", log_std_init, "initial natural logarithm of the action noise",
          WithContinuousActions(InRange(-20, 2)));
    visit("value_epochs", value_epochs, "passes over the rollout for the value", AtLeast(1));
    visit("value_batch", value_batch,
          "rows in a value step: all of a rollout that has fewer; an incomplete last batch is dropped",
          AtLeast(1));
    visit("value_clip", value_clip, "how far a value step may move a value from the old one", Above(0));
  }
};

// Each iteration maximises, with m full-batch gradient steps,
//   E_{s ~ rho_k, a ~ pi}[A_k(s, a)] - KL(pi(.|s) || pi_k(.|s)) / t_k
// from the rollout of pi_k: a diagonal Gaussian with state-independent deviation for boxes, a categorical for
// discrete actions. Unlike TRPO there is no line search and unlike PPO no clipping and no minibatches for the
// policy.
class MdpoOn : public OnPolicyAgent {
 public:
  using Config = MdpoOnConfig;

  MdpoOn(const Task& task, Config config);

  const RolloutConfig& rollout() const override { return config_.rollout; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  // t_k at iteration k of K: t_0 times max(1 - k/K, 1/K) (section 8), 1, or 1/sqrt(1 + k).
  double StepSize(std::int64_t iteration, std::int64_t iterations) const;

  // The loss of one inner step (section 3.1): -mean(ratio * advantage) + mean KL(pi || pi_k) / t_k.
  at::Tensor PolicyLoss(const at::Tensor& observations, const at::Tensor& actions,
                        const at::Tensor& advantages, const at::Tensor& old_log_prob,
                        const Actor::Outputs& old, double step_size);

  const Actor& actor() const { return actor_; }

 private:
  Config config_;
  Actor actor_;
  ValueFunction value_;
  nn::Adam policy_adam_;
};

}  // namespace strider
