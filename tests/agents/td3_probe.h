// Looks inside TD3 and its descendants.
#pragma once

#include "agents/td3.h"
#include "tests/agents/golden_updates.h"

namespace strider {

// An agent of class A that shows what its updates see on the way.
template <class A>
class Td3Probe : public A {
 public:
  using A::A;
  using A::NextAction;
  using A::Q;
  using A::TargetQ;
  using A::TdTarget;

  // Of the latest actor step: pi(s), and Q_1 at it.
  const at::Tensor& pi() const { return pi_; }
  const at::Tensor& q_pi() const { return q_pi_; }

 protected:
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override {
    pi_ = action.detach();
    q_pi_ = A::Q(batch.observations, pi_)[0].detach();
    return A::ActorLoss(batch, action);
  }

 private:
  at::Tensor pi_;
  at::Tensor q_pi_;
};

inline Td3Config Td3ConfigOf(const GoldenUpdates& golden) {
  Td3Config config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.actor_lr = golden.Hyper("actor_lr");
  config.critic_lr = golden.Hyper("critic_lr");
  config.max_action = golden.Hyper("max_action");
  // The file has them multiplied by max_action already.
  config.policy_noise = golden.Hyper("policy_noise") / config.max_action;
  config.noise_clip = golden.Hyper("noise_clip") / config.max_action;
  config.policy_delay = golden.HyperInt("policy_freq");
  return config;
}

// Runs all updates of a file of the TD3 family and compares them. `more_checks(batch, checks)` adds what the
// actor step of one algorithm records beside the rest. Of an algorithm with further networks, `before(k)` is
// called before update k, and `further()` gives those networks' gradients.
template <class Probe, class MoreChecks>
void CompareTd3Updates(
    const GoldenUpdates& golden, Probe& agent, const MoreChecks& more_checks,
    const std::function<void(int k)>& before = [](int) {},
    const std::function<std::vector<nn::NamedTensor>()>& further =
        [] { return std::vector<nn::NamedTensor>(); }) {
  golden.LoadInitialWeights(agent);
  const Td3Config config = Td3ConfigOf(golden);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, config.max_action);
    const at::Tensor noise = golden.Noise(k, "target_policy_noise");
    before(k);

    // Before the update: what its critic step will see.
    const at::Tensor next_action = agent.NextAction(batch, noise);
    const at::Tensor target_q = agent.TargetQ(batch.next_observations, next_action);
    const at::Tensor q = agent.Q(batch.observations, config.max_action * batch.actions);
    GoldenUpdates::Checks checks = {{"next_action", next_action},
                                    {"target_q1", target_q[0]},
                                    {"target_q2", target_q[1]},
                                    {"target_q_min", std::get<0>(target_q.min(0))},
                                    {"td_target", agent.TdTarget(batch, next_action)},
                                    {"q1", q[0].clone()},
                                    {"q2", q[1].clone()}};
    agent.Update(batch, noise);

    const bool actor_stepped = k % config.policy_delay == 0;
    std::map<std::string, double> losses;
    for (const auto& [name, value] : agent.metrics()) losses[name] = value;
    losses["critic_loss"] = losses["critic1_loss"] + losses["critic2_loss"];
    golden.CompareLosses(k, losses);
    std::vector<nn::NamedTensor> gradients =
        nn::Concatenate({NamedGradients(agent.critic(), "critic"), further()});
    if (actor_stepped) gradients = nn::Concatenate({gradients, NamedGradients(agent.actor(), "actor")});
    golden.CompareGradients(k, gradients);
    golden.CompareWeights(k, agent);
    if (!golden.HasChecks(k)) continue;
    if (actor_stepped) {
      checks["pi"] = agent.pi();
      checks["q_pi"] = agent.q_pi();
    }
    more_checks(batch, checks);
    // The clipped noise is a step inside NextAction, and next_action shows it.
    golden.CompareChecks(k, checks, {"clipped_noise"});
  }
}

}  // namespace strider
