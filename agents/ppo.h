// PPO: Proximal Policy Optimization, Schulman, Wolski, Dhariwal, Radford and Klimov 2017 (arXiv 1707.06347).
// Online baselines sheet, section 3.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agents/actor_critic.h"

namespace strider {

struct PpoConfig {
  RolloutConfig rollout;
  std::vector<int> hidden{64, 64};
  std::string activation = "tanh";
  bool orthogonal = true;
  double lr = 3e-4;
  bool lr_anneal = true;
  int epochs = 10;
  int minibatch = 64;
  double clip = 0.2;
  bool clip_anneal = false;
  double value_clip = 0.2;
  double value_coef = 0.5;
  double entropy_coef = 0;
  double max_grad_norm = 0.5;
  double target_kl = 0;
  std::string kl_stop = "epoch";
  double log_std_init = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    rollout.Visit(visit);
    visit("hidden", hidden, "widths of the hidden layers of policy and value", InRange(1, 65536));
    visit("activation", activation, "of the hidden layers", OneOf({"tanh", "relu"}));
    visit("orthogonal", orthogonal, "draw orthogonal weights, or else LibTorch's uniform ones");
    visit("lr", lr, "Adam's step length", Above(0));
    visit("lr_anneal", lr_anneal, "let the step length fall linearly to 0 over the run");
    visit("epochs", epochs, "passes over the rollout", AtLeast(1));
    visit("minibatch", minibatch,
          "rows in a step: all of a rollout that has fewer; an incomplete last minibatch is dropped",
          AtLeast(2));
    visit("clip", clip, "epsilon: how far the probability ratio counts from 1", Above(0));
    visit("clip_anneal", clip_anneal, "let epsilon fall linearly to 0 over the run");
    visit("value_clip", value_clip, "how far a step may move a value from the old one; 0: any distance",
          AtLeast(0));
    visit("value_coef", value_coef, "weight of half the squared error of the value", AtLeast(0));
    visit(
        "entropy_coef", entropy_coef,
        "weight of the policy's entropy, a bonus; a mixture's is the mean of its experts' entropies by their "
        "weights, which is less than its own",
        AtLeast(0));
    visit("max_grad_norm", max_grad_norm, "bound on the gradient's norm, policy and value together",
          Above(0));
    visit("target_kl", target_kl,
          "no further steps once the divergence from the old policy exceeds this; 0: all steps", AtLeast(0));
    visit("kl_stop", kl_stop,
          "where target_kl is looked at: after each pass, as CleanRL does, or in each minibatch before its "
          "step, which is not taken above 1.5 times target_kl, as Stable-Baselines3 does",
          OneOf({"epoch", "minibatch"}));
    visit("log_std_init", log_std_init, "initial natural logarithm of the action noise",
          WithContinuousActions(InRange(-20, 2)));
  }
};

nn::Activation ActivationOf(const PpoConfig& config);
nn::Initialisation InitialisationOf(const PpoConfig& config);

// Adam's, of policy and value.
inline constexpr double kPpoAdamEpsilon = 1e-5;

// max(-A r, -A clip(r, 1 +- epsilon)), (rows), for r = pi(a|s) / pi_old(a|s) and epsilon = `clip`.
at::Tensor ClippedLosses(const at::Tensor& ratio, const at::Tensor& advantages, double clip);

// Whether the mean of some divergences is above that multiple of target_kl, where there is one.
bool IsBeyond(const PpoConfig& config, const at::Tensor& divergences, double multiple);

// Whether a minibatch's divergences forbid its step (kl_stop).
bool ForbidsStep(const PpoConfig& config, const at::Tensor& divergences);

// The passes of one update: step(rows) for shuffled minibatches of `count` rows, until it returns false or
// kl_stop asks for an end after a pass. `divergences` are those that the latest step has put there.
void MakePasses(const PpoConfig& config, std::int64_t count, at::Device device, at::Generator& random,
                const std::function<bool(const at::Tensor& rows)>& step, const at::Tensor& divergences);

// Several passes of shuffled minibatches over each rollout, each step minimising
//   mean max(-A r, -A clip(r, 1 +- epsilon)) - entropy_coef H + value_coef L_V,   r = pi(a|s) / pi_old(a|s),
// L_V = 1/2 mean max((V - R)^2, (V_old + clip(V - V_old, +-value_clip) - R)^2), advantages standardised in
// each minibatch.
class Ppo : public OnPolicyAgent {
 public:
  using Config = PpoConfig;

  Ppo(const Task& task, const Config& config) : Ppo(task, config, Actor::kNoMixture, Blend::kNone) {}

  const RolloutConfig& rollout() const override { return ppo_.rollout; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override { return actor_.MakePolicy(); }
  std::vector<nn::NamedTensor> State() const override;

  // Some rows of a rollout with log pi_old(a|s), (rows).
  struct Minibatch {
    Experience data;
    at::Tensor old_log_prob;
  };

  // What one step minimises over the policy, whose outputs at the batch's states are given; epsilon is
  // `clip`.
  virtual at::Tensor PolicyLoss(const Minibatch& batch, const Actor::Outputs& outputs, double clip);

  const Actor& actor() const { return actor_; }
  const ValueFunction& value() const { return value_; }

 protected:
  // With a mixture of `experts` for a policy, perhaps blended. Descendants initialise what they add with
  // `random_weights`.
  Ppo(const Task& task, const Config& config, int experts, Blend blend);

  // False where the policy has moved too far for a step by `kl_stop`, and nothing was stepped.
  virtual bool Step(const Minibatch& batch, double clip, double learning_rate);

  // Sets whose gradients share one bound on their norm.
  virtual std::vector<const nn::ParameterSet*> ClippedTogether() const;

  at::Generator& random_weights() { return random_weights_; }

 private:
  // The losses' gradients, by LibTorch's graph or in closed form (agents/clipped_losses.h) where there is
  // one: on the CPU, the policy's for one Gaussian. False, and no gradient, as Step has it.
  bool PolicyGradient(const Minibatch& batch, double clip);
  void ValueGradient(const Experience& batch);
  void ReportPolicy(const at::Tensor& losses, const at::Tensor& log_ratio, const at::Tensor& ratio,
                    double clip);

  Config ppo_;
  Actor actor_;
  ValueFunction value_;
  nn::Adam policy_adam_;
  nn::Adam router_adam_;
  at::Generator random_weights_;
  at::Tensor divergences_;  // of the latest minibatch, (rows)
};

}  // namespace strider
