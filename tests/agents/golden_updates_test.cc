// SAC and TD3 against updates recorded from published code.
#include "tests/agents/golden_updates.h"

#include <gtest/gtest.h>

#include "agents/mdpo_off.h"
#include "agents/nn/heads.h"
#include "tests/agents/td3_probe.h"

namespace strider {
namespace {

TEST(GoldenUpdates, Td3) {
  const GoldenUpdates golden("TD3");
  Td3Probe<Td3> agent(golden.MakeTask(), Td3ConfigOf(golden));
  CompareTd3Updates(golden, agent, [](const TransitionBatch&, GoldenUpdates::Checks&) {});
}

class SacProbe : public Sac {
 public:
  using Sac::NextValue;
  using Sac::Q;
  using Sac::Sac;
  using Sac::SamplePolicy;
};

SacConfig SacConfigOf(const GoldenUpdates& golden) {
  SacConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.actor_lr = golden.Hyper("actor_lr");
  config.critic_lr = golden.Hyper("critic_lr");
  config.alpha_lr = golden.Hyper("alpha_lr");
  config.alpha = golden.Hyper("initial_alpha");
  config.target_entropy = golden.Hyper("target_entropy") / golden.action_size();
  config.log_std_min = golden.Hyper("log_std_min");
  config.log_std_max = golden.Hyper("log_std_max");
  return config;
}

// SAC's names in MDPO.
std::string InMdpo(const std::string& name) {
  if (name == "log_alpha") return "lambda.log_lambda";
  return name.starts_with("actor.") ? "policy." + name.substr(6) : name;
}

TEST(GoldenUpdates, SacIsMdpoWithCEqualToLambda) {
  const GoldenUpdates golden("SAC", &InMdpo);
  const SacConfig config = SacConfigOf(golden);
  ASSERT_EQ(config.AsMdpo().kl_coef, config.AsMdpo().lambda);
  SacProbe agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, /*max_action=*/1);
    const MdpoOff::UpdateNoise noise{golden.Noise(k, "actor_noise"), golden.Noise(k, "next_action_noise")};

    const at::Tensor alpha = agent.log_lambda()[0].detach().exp();
    const auto sample = agent.SamplePolicy(batch.observations, noise.action).sample;
    const auto next = agent.SamplePolicy(batch.next_observations, noise.next_action).sample;
    const at::Tensor q = agent.Q(agent.critic(), batch.observations, batch.actions);
    const at::Tensor next_q = agent.Q(agent.critic_target(), batch.next_observations, next.action);
    const at::Tensor soft = agent.NextValue(batch, noise.next_action, alpha);
    GoldenUpdates::Checks checks = {
        {"pi", sample.action},
        {"log_pi", sample.log_prob},
        {"next_action", next.action},
        {"next_log_pi", next.log_prob},
        {"q1", q[0].detach().clone()},
        {"q2", q[1].detach().clone()},
        {"target_q_min", std::get<0>(next_q.min(0))},
        {"target_q_soft", soft},
        {"td_target", batch.rewards + config.discount * (1 - batch.terminals) * soft}};
    agent.Update(batch, noise);

    golden.CompareLosses(
        k, {{"alpha", Metric(agent, "lambda")},
            {"alpha_loss", Metric(agent, "lambda_loss")},
            {"critic1_loss", Metric(agent, "critic1_loss")},
            {"critic2_loss", Metric(agent, "critic2_loss")},
            {"critic_loss", 0.5 * (Metric(agent, "critic1_loss") + Metric(agent, "critic2_loss"))},
            {"actor_loss", Metric(agent, "policy_loss")}});
    golden.CompareGradients(k, nn::Concatenate({NamedGradients(agent.policy(), "policy"),
                                                NamedGradients(agent.critic(), "critic"),
                                                NamedGradients(agent.log_lambda(), "lambda")}));
    golden.CompareWeights(k, agent);
    if (!golden.HasChecks(k)) continue;
    // The critics are the updated ones by now, as they are for the actor's loss.
    checks["q_pi_min"] =
        std::get<0>(agent.Q(agent.critic(), batch.observations, sample.action.detach()).min(0));
    golden.CompareChecks(k, checks, {});
  }
}

}  // namespace
}  // namespace strider
