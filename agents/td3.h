// TD3: Fujimoto, van Hoof and Meger, ICML 2018 (arXiv 1802.09477); and the base of its offline descendants.
// The critic step and the delays are those of the golden updates' page, "Critic step shared by TD3, TD3_BC,
// PRDC, A2PR".
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

struct Td3Config {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  double discount = 0.99;
  double tau = 0.005;
  double actor_lr = 3e-4;
  double critic_lr = 3e-4;
  double max_grad_norm = 0;
  double policy_noise = 0.2;
  double noise_clip = 0.5;
  int policy_delay = 2;
  double max_action = 1;
  double exploration_noise = 0.1;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden,
          "widths of the hidden ReLU layers of the actor and, but where critic_hidden is a setting, the "
          "critics",
          InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the targets move in one actor update", InRange(0, 1));
    visit("actor_lr", actor_lr, "Adam's step length for the actor", Above(0));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("max_grad_norm", max_grad_norm, "bound on each network's gradient norm; 0: none", AtLeast(0));
    visit("policy_noise", policy_noise, "deviation of the noise on the target action, times max_action",
          AtLeast(0));
    visit("noise_clip", noise_clip, "bound on that noise, times max_action", AtLeast(0));
    visit("policy_delay", policy_delay, "critic updates for each actor update", AtLeast(1));
    visit("max_action", max_action,
          "actor and critics see actions in [-max_action, max_action]; the authors take the environment's "
          "bound",
          Above(0));
    visit("exploration_noise", exploration_noise, "deviation of the Gaussian noise on actions while training",
          AtLeast(0));
  }
};

// Deterministic actor, twin critics, smoothed and delayed targets. Every update fits both critics to
//   y = r + gamma (1 - terminal) min_i Q_i'(s', clip(pi'(s') + clip(policy_noise * N(0, I), +-noise_clip),
//   +-1));
// every policy_delay-th one then steps the actor on ActorLoss with the critics just updated and moves all
// targets.
class Td3 : public OffPolicyAgent {
 public:
  using Config = Td3Config;

  // Throws InputError where the action space is discrete.
  Td3(const Task& task, const Config& config);

  const ReplayConfig& replay() const override { return td3_.replay; }
  double exploration_noise() const override { return td3_.exploration_noise; }
  void Update(const TransitionBatch& batch) override;
  // With given standard normal noise (batch x actions) on the target action.
  void Update(const TransitionBatch& drawn, const at::Tensor& target_policy_noise);
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  const nn::ParameterSet& actor() const { return actor_; }
  const nn::ParameterSet& actor_target() const { return actor_target_; }
  const nn::ParameterSet& critic() const { return critic_; }  // an ensemble of two
  const nn::ParameterSet& critic_target() const { return critic_target_; }

 protected:
  // For descendants with other networks: `critic` is an ensemble of two.
  Td3(const Task& task, Config config, nn::Mlp actor, nn::Mlp critic);

  // Below, actions are in the networks' frame: times max_action.

  // What the actor minimises, for its actions p = pi(s) on a batch: -mean Q_1(s, p). Descendants add a
  // regulariser.
  virtual at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action);

  // What a descendant learns between the step of the critics and that of the actor: a' and y are those of the
  // critics' step.
  virtual void AfterCritics(const TransitionBatch& /*batch*/, const at::Tensor& /*next_action*/,
                            const at::Tensor& /*target*/) {}

  // a' = clip(pi'(s') + noise), (batch x actions), and the critics' target y at it, (batch). No gradients.
  at::Tensor NextAction(const TransitionBatch& batch, const at::Tensor& target_policy_noise) const;
  virtual at::Tensor TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const;

  // The losses (2) of both critics for Q(s, a) and y.
  virtual at::Tensor CriticLosses(const at::Tensor& q, const at::Tensor& target) const {
    return (q - target).square().mean(1);
  }

  // pi(s), (rows x actions).
  at::Tensor ActorAction(const at::Tensor& observations) const { return Act(actor_, observations); }

  // Whether it is the first of every policy_delay updates that steps the actor, and not the last.
  virtual bool ActorStepsFirst() const { return false; }

  // Whether the actor's target moves towards the actor before the actor's step, and not after it.
  virtual bool ActorTargetMovesFirst() const { return false; }

  // Both online critics and both target critics, (2 x batch), or (2 x batch x outputs) where they have
  // several.
  at::Tensor Q(const at::Tensor& observations, const at::Tensor& actions) const;
  at::Tensor TargetQ(const at::Tensor& observations, const at::Tensor& actions) const;

  // The first online critic alone, (batch) or (batch x outputs), which passes a gradient to the actions.
  at::Tensor FirstQ(const at::Tensor& observations, const at::Tensor& actions) const;

  // -lambda mean q with lambda = alpha / mean |q|, no gradient through lambda: the TD3+BC scaling of the Q
  // term.
  at::Tensor NormalizedQTerm(const at::Tensor& q, double alpha);

 private:
  at::Tensor Act(const nn::ParameterSet& actor, const at::Tensor& observations) const;
  void StepCritics(const TransitionBatch& batch, const at::Tensor& target);

  Config td3_;
  nn::Mlp actor_net_;
  nn::Mlp critic_net_;
  nn::ParameterSet actor_;
  nn::ParameterSet actor_target_;
  nn::ParameterSet critic_;
  nn::ParameterSet critic_target_;
  nn::Adam actor_adam_;
  nn::Adam critic_adam_;
};

}  // namespace strider
