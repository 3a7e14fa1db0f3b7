#include "agents/td3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "agents/registry.h"
#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/agents/td3_probe.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

Td3Config SmallConfig() {
  Td3Config config;
  config.replay.batch_size = 16;
  config.hidden = {8};
  return config;
}

// The PRDC sheet's section 9, case 9: with frozen online networks, n actor steps bring the targets nearer by
// (1 - tau)^n, and the updates between them leave the targets alone.
TEST(Td3, TargetsLagByThePolyakRate) {
  Td3Config config = SmallConfig();
  config.actor_lr = 0;
  config.critic_lr = 0;
  Td3 agent(BoxTask(3, 2), config);
  for (const char* name : {"actor_target.0.weight", "critic2_target.1.bias"}) State(agent, name).add_(1);
  const at::Tensor actor_lag = agent.actor_target().flat() - agent.actor().flat();
  const at::Tensor critic_lag = agent.critic_target().flat() - agent.critic().flat();
  EXPECT_NEAR(LargestEntry(critic_lag), 1, 1e-6);
  for (int update = 1; update <= 20; ++update) {
    const at::Tensor before = agent.critic_target().flat().clone();
    agent.Update(RandomBatch(3, 2, 16, static_cast<std::uint64_t>(update)));
    EXPECT_EQ(at::equal(agent.critic_target().flat(), before), update % 2 == 1);
    const double left = std::pow(1 - config.tau, update / 2);
    EXPECT_LT(LargestDifference(agent.critic_target().flat() - agent.critic().flat(), left * critic_lag),
              2e-6);
    EXPECT_LT(LargestDifference(agent.actor_target().flat() - agent.actor().flat(), left * actor_lag), 2e-6);
  }
}

TEST(Td3, ActorWaitsForItsTurn) {
  Td3Config config = SmallConfig();
  config.policy_delay = 3;
  Td3 agent(BoxTask(3, 2), config);
  for (int update = 1; update <= 9; ++update) {
    const at::Tensor actor = agent.actor().flat().clone();
    const at::Tensor critic = agent.critic().flat().clone();
    agent.Update(RandomBatch(3, 2, 16, static_cast<std::uint64_t>(update)));
    EXPECT_EQ(at::equal(agent.actor().flat(), actor), update % 3 != 0) << update;
    EXPECT_FALSE(at::equal(agent.critic().flat(), critic)) << update;
  }
}

// Online baselines sheet, section 9, test 8: the noise on the target action is bounded by 0.5 times the
// largest action, and so is the action; without noise and with equal critics the target is DDPG's.
TEST(Td3, Test8TargetNoiseIsBounded) {
  Td3Config config = SmallConfig();
  config.max_action = 0.4;
  Td3Probe<Td3> agent(BoxTask(3, 2), config);
  for (const char* layer : {"actor_target.1.weight", "actor_target.1.bias"}) State(agent, layer).mul_(4);
  TransitionBatch batch = RandomBatch(3, 2, 400, 1);
  const at::Tensor quiet = agent.NextAction(batch, at::zeros({400, 2}));
  const at::Tensor noise = Normal({400, 2}, 2);
  const at::Tensor loud = agent.NextAction(batch, noise);
  const at::Tensor expected = (quiet + (0.2 * 0.4 * noise).clamp(-0.5 * 0.4, 0.5 * 0.4)).clamp(-0.4, 0.4);
  EXPECT_LT(LargestDifference(loud, expected), 1e-6);
  const at::Tensor extreme = agent.NextAction(batch, 1e6 * noise) - quiet;
  EXPECT_LE(LargestEntry(extreme), 0.5 * 0.4 + 1e-6);
  EXPECT_GT(LargestEntry(extreme), 0.5 * 0.4 - 1e-6) << "this test sees nothing";
  EXPECT_LE(LargestEntry(agent.NextAction(batch, 1e6 * noise)), 0.4 + 1e-6);

  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("critic2_target.")) tensor.copy_(State(agent, "critic1" + name.substr(7)));
  }
  const at::Tensor q = agent.TargetQ(batch.next_observations, quiet)[0];
  EXPECT_LT(LargestDifference(agent.TdTarget(batch, quiet),
                              batch.rewards + config.discount * (1 - batch.terminals) * q),
            1e-6);
}

TEST(Td3, SameSeedSameBitsAndResume) {
  ExpectSameBitsAndResume(
      [](std::uint64_t seed) { return std::make_unique<Td3>(BoxTask(3, 2, seed), SmallConfig()); },
      [](Agent& agent, int first, int last) {
        for (int k = first; k < last; ++k) {
          dynamic_cast<Td3&>(agent).Update(RandomBatch(3, 2, 16, 100 + static_cast<std::uint64_t>(k)));
        }
      },
      100);
}

TEST(Td3, RefusesDiscreteActions) {
  EXPECT_THAT(MessageOf<InputError>([] { Td3(DiscreteTask(3, 2), SmallConfig()); }),
              HasSubstr("needs continuous actions"));
}

// Every agent of the list: its settings print and read back, and it refuses what is not its kind.
TEST(OnlineAgents, SettingsReadBackAndKindsAreKept) {
  for (const AgentEntry& entry : OnlineAgents()) {
    const auto factory = entry.factory();
    const SettingList settings = factory->Settings();
    EXPECT_FALSE(settings.settings().empty());
    for (const Setting& setting : settings.settings()) {
      EXPECT_TRUE(setting.key.starts_with("agent.")) << setting.key;
      EXPECT_NO_THROW(setting.set(setting.get())) << entry.id << ": the default of " << setting.key;
    }
    EXPECT_THAT(MessageOf<InputError>([&] { settings.Set("agent.discoun", "0.9"); }),
                HasSubstr("agent.discount"));
    EXPECT_THAT(MessageOf<InputError>([&] { settings.Set("agent.discount", "1.5"); }), HasSubstr("[0, 1]"));
    const bool tables = entry.id == "hac";
    if (!tables) settings.Set("agent.hidden", "4");
    const bool discrete = entry.id == "dqn" || entry.id == "qr-dqn" || entry.id == "deta-n" || tables;
    const Augmentation more = factory->ObservationAugmentation();
    Task task = discrete ? DiscreteTask(3, 2) : BoxTask(3 + more.options, 2 + more.ActionColumns());
    task.augmentation = more;
    if (entry.kind == AgentKind::kOnPolicy || entry.kind == AgentKind::kHybrid) {
      EXPECT_NE(factory->MakeOnPolicy(task), nullptr);
      EXPECT_THAT(MessageOf<InputError>([&] { factory->MakeOffPolicy(task, nullptr); }),
                  HasSubstr("rollouts"));
    } else {
      EXPECT_NE(factory->MakeOffPolicy(task, nullptr), nullptr);
      EXPECT_THAT(MessageOf<InputError>([&] { factory->MakeOnPolicy(task); }), HasSubstr("transitions"));
    }
  }
}

// Half-way through a run a step is as long as one of half the length, and at its end it is none.
TEST(OnlineAgents, StepLengthsFallLinearly) {
  const auto half = [](const Setting& setting) { return fmt::format("{}", 0.5 * std::stod(setting.get())); };
  const std::pair<std::string, bool> cases[] = {{"td3", false},      {"mdpo-off", false}, {"sac", false},
                                                {"pmoe-sac", false}, {"mdpo-off", true},  {"sac", true},
                                                {"dqn", true}};
  for (const auto& which : cases) {
    const std::string& id = which.first;
    const bool discrete = which.second;
    const auto entry = std::ranges::find(OnlineAgents(), id, &AgentEntry::id);
    const auto make = [&](bool anneal) {
      const auto factory = entry->factory();
      const SettingList settings = factory->Settings();
      settings.Set("agent.hidden", "8");
      settings.Set("agent.lr_anneal", anneal ? "true" : "false");
      if (id == "mdpo-off") settings.Set("agent.lambda_auto", "true");
      for (const Setting& setting : settings.settings()) {
        if (!anneal && (setting.key.ends_with("_lr") || setting.key == "agent.lr"))
          setting.set(half(setting));
      }
      return factory->MakeOffPolicy(discrete ? DiscreteTask(3, 2) : BoxTask(3, 2), nullptr);
    };
    const auto update = [&](OffPolicyAgent& agent, std::uint64_t k) {
      TransitionBatch batch = RandomBatch(3, discrete ? 1 : 2, 8, k);
      if (discrete) batch.actions = (batch.actions > 0).to(at::kFloat);
      agent.Update(batch);
    };
    const auto annealed = make(true);
    const auto shorter = make(false);
    annealed->SetProgress(0.5);
    for (std::uint64_t k = 0; k < 4; ++k) {
      update(*annealed, k);
      update(*shorter, k);
    }
    EXPECT_TRUE(SameBits(annealed->State(), shorter->State())) << id;

    std::vector<nn::NamedTensor> before;
    for (const auto& [name, tensor] : annealed->State()) before.emplace_back(name, tensor.clone());
    annealed->SetProgress(1);
    update(*annealed, 9);
    int compared = 0;
    for (const auto& [name, tensor] : annealed->State()) {
      if (name.find("adam.") != std::string::npos || name.find("target") != std::string::npos) continue;
      EXPECT_TRUE(at::equal(tensor, Named(before, name))) << id << ": " << name;
      ++compared;
    }
    EXPECT_GE(compared, 4) << id;
  }
}

TEST(Td3, GradientsAreBounded) {
  Td3Config config = SmallConfig();
  config.policy_delay = 1;
  config.max_grad_norm = 1e-3;
  Td3 agent(BoxTask(3, 2), config);
  agent.Update(RandomBatch(3, 2, 8, 1));
  for (const nn::ParameterSet* set : {&agent.actor(), &agent.critic()}) {
    EXPECT_LE(set->flat_grad().norm().item<double>(), 1.001e-3);
    EXPECT_GT(set->flat_grad().norm().item<double>(), 0);
  }
}

}  // namespace
}  // namespace strider
