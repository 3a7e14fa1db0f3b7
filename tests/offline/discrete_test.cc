// BC, CQL and BCQ with discrete actions: cases worked by hand, and a bandit whose arms they must tell apart.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "offline/bc.h"
#include "offline/discrete_bcq.h"
#include "offline/discrete_cql.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

// One state; of a hundred rows 49 take arm 0 (reward 0), 49 arm 1 (reward 1) and two arm 2 (reward 3). All
// end.
TransitionBatch Bandit() {
  TransitionBatch batch;
  batch.indices = at::arange(100);
  batch.observations = at::ones({100, 1});
  batch.actions = at::cat({at::zeros({49}), at::ones({49}), at::full({2}, 2.0)}).unsqueeze(1);
  const at::Tensor arm = batch.actions.squeeze(1);
  batch.rewards = at::where(arm == 2, 3.0, arm.to(at::kDouble)).to(at::kFloat);
  batch.next_observations = batch.observations;
  batch.terminals = at::ones({100});
  return batch;
}

// Networks that give their last biases, whatever they see.
void MakeConstant(const Agent& agent, const std::string& layer, std::initializer_list<float> outputs) {
  const at::NoGradGuard no_grad;
  State(agent, layer + ".weight").zero_();
  Assign(agent, layer + ".bias", outputs);
}

float Choice(const OffPolicyAgent& agent) {
  Pcg64 random(1);
  std::vector<float> action(1);
  const std::vector<double> observation = {1};
  agent.MakePolicy().Act(observation, /*deterministic=*/true, random, action);
  return action[0];
}

TEST(DiscreteBc, GradientIsProbabilityMinusFrequency) {
  BcConfig config;
  config.hidden = {4};
  Bc agent(DiscreteTask(1, 3), config);
  MakeConstant(agent, "actor.1", {0, 0, 0});
  agent.Update(Bandit());
  EXPECT_NEAR(Metric(agent, "actor_loss"), std::log(3.0), 1e-6);
  const at::Tensor expected = at::tensor({1.0 / 3 - 0.49, 1.0 / 3 - 0.49, 1.0 / 3 - 0.02});
  EXPECT_LT(LargestDifference(agent.actor().grad(3), expected), 1e-6);
}

TEST(DiscreteBc, LearnsTheFrequencies) {
  BcConfig config;
  config.hidden = {8};
  config.actor_lr = 0.05;
  Bc agent(DiscreteTask(1, 3), config);
  for (int i = 0; i < 400; ++i) agent.Update(Bandit());
  const double entropy = -2 * 0.49 * std::log(0.49) - 0.02 * std::log(0.02);
  EXPECT_NEAR(Metric(agent, "actor_loss"), entropy, 1e-3);
}

TEST(DiscreteCql, PenaltyOfEqualValuesIsTheLogOfTheirNumber) {
  CqlConfig config;
  config.critic_hidden = {4};
  config.cql_alpha = 2;
  DiscreteCql agent(DiscreteTask(1, 3), config);
  MakeConstant(agent, "q.1", {0, 0, 0});
  TransitionBatch batch = Bandit();
  batch.rewards.zero_();  // so that nothing is left of the temporal difference
  agent.Update(batch);
  EXPECT_NEAR(Metric(agent, "td_loss"), 0, 1e-12);
  EXPECT_NEAR(Metric(agent, "cql_loss"), 2 * std::log(3.0), 1e-5);
  // Down on what chance takes, up on what was logged; in sum nothing.
  const at::Tensor expected = 2 * at::tensor({1.0 / 3 - 0.49, 1.0 / 3 - 0.49, 1.0 / 3 - 0.02});
  EXPECT_LT(LargestDifference(agent.online().grad(3), expected), 1e-5);
}

TEST(DiscreteCql, BootstrapsFromTheTargetsValueOfTheOnlineChoice) {
  CqlConfig config;
  config.critic_hidden = {4};
  config.cql_alpha = 0;
  config.discount = 0.5;
  DiscreteCql agent(DiscreteTask(1, 3), config);
  MakeConstant(agent, "q.1", {1, 3, 2});
  MakeConstant(agent, "q_target.1", {10, 20, 40});
  TransitionBatch batch = Bandit();
  batch.terminals.zero_();
  agent.Update(batch);
  // y = r + 0.5 * 20.
  const double expected =
      0.49 * std::pow(1 - 10, 2) + 0.49 * std::pow(3 - 11, 2) + 0.02 * std::pow(2 - 13, 2);
  EXPECT_NEAR(Metric(agent, "td_loss"), expected, 1e-4);
}

TEST(DiscreteCql, RefusesWhatNeedsAnActor) {
  CqlConfig config;
  config.lagrange = true;
  EXPECT_THAT(MessageOf<InputError>([&] { DiscreteCql(DiscreteTask(1, 3), config); }),
              HasSubstr("agent.lagrange and agent.max_target_backup are for continuous actions"));
}

TEST(DiscreteCql, ValuesRareArmsLess) {
  CqlConfig config;
  config.critic_hidden = {16};
  config.critic_lr = 0.01;
  config.cql_alpha = 0.02;
  DiscreteCql mild(DiscreteTask(1, 3), config);
  config.cql_alpha = 2;
  DiscreteCql strict(DiscreteTask(1, 3), config);
  for (int i = 0; i < 600; ++i) {
    mild.Update(Bandit());
    strict.Update(Bandit());
  }
  EXPECT_EQ(Choice(mild), 2);
  EXPECT_EQ(Choice(strict), 1);
}

TEST(DiscreteBcq, ConsidersLikelyActionsAlone) {
  // Of probabilities 0.5, 0.2 and 0.3, relative to the first: 1, 0.4 and 0.6.
  const std::initializer_list<float> heads = {1, 3, 2, std::log(0.5F), std::log(0.2F), std::log(0.3F)};
  for (const auto& [threshold, best] : {std::pair{0.0, 1}, {0.3, 1}, {0.5, 2}, {0.7, 0}, {1.0, 0}}) {
    BcqConfig config;
    config.hidden = {4};
    config.threshold = threshold;
    const DiscreteBcq agent(DiscreteTask(1, 3), config);
    MakeConstant(agent, "q.1", heads);
    EXPECT_EQ(agent.LikelyBest(agent.Forward(agent.online(), at::ones({1, 1}))).item<int>(), best);
    EXPECT_EQ(Choice(agent), static_cast<float>(best)) << threshold;
  }
}

TEST(DiscreteBcq, BootstrapsFromTheTargetsValueOfTheLikelyBest) {
  BcqConfig config;
  config.hidden = {4};
  config.threshold = 0.5;
  config.discount = 0.5;
  const DiscreteBcq agent(DiscreteTask(1, 3), config);
  MakeConstant(agent, "q.1", {1, 3, 2, std::log(0.5F), std::log(0.2F), std::log(0.3F)});
  // The target's own likelihoods do not count.
  MakeConstant(agent, "q_target.1", {10, 20, 40, 0, 9, 0});
  TransitionBatch batch = Bandit();
  EXPECT_TRUE(at::equal(agent.Target(batch), batch.rewards));
  batch.terminals.zero_();
  EXPECT_LT(LargestEntry(agent.Target(batch) - (batch.rewards + 20)), 1e-5);
}

TEST(DiscreteBcq, LossIsThatOfThePaper) {
  BcqConfig config;
  config.hidden = {4};
  DiscreteBcq agent(DiscreteTask(1, 3), config);
  MakeConstant(agent, "q.1", {0, 0.5, 0, 1, 1, 1});
  agent.Update(Bandit());
  // Errors 0, -0.5 and -3, the last beyond Huber's bound.
  const double q_loss = 0.49 * 0.5 * 0.25 + 0.02 * (3 - 0.5);
  EXPECT_NEAR(Metric(agent, "q_loss"), q_loss, 1e-6);
  EXPECT_NEAR(Metric(agent, "imitation_loss"), std::log(3.0), 1e-6);
  EXPECT_NEAR(Metric(agent, "loss"), q_loss + std::log(3.0) + 0.01, 1e-6);
}

TEST(DiscreteBcq, TakesTheBestOfTheCommonArms) {
  BcqConfig config;
  config.hidden = {16};
  config.lr = 0.01;
  DiscreteBcq careful(DiscreteTask(1, 3), config);
  config.threshold = 0;
  DiscreteBcq greedy(DiscreteTask(1, 3), config);
  for (int i = 0; i < 600; ++i) {
    careful.Update(Bandit());
    greedy.Update(Bandit());
  }
  EXPECT_EQ(Choice(careful), 1);
  EXPECT_EQ(Choice(greedy), 2);
}

TEST(DiscreteBcq, RefusesContinuousActions) {
  EXPECT_THAT(MessageOf<InputError>([] { DiscreteBcq(BoxTask(1, 2), {}); }),
              HasSubstr("needs discrete actions"));
}

TEST(DiscreteAgents, SameBitsAndResume) {
  const auto train = [](Agent& agent, int first, int last) {
    for (int i = first; i < last; ++i) dynamic_cast<OffPolicyAgent&>(agent).Update(Bandit());
  };
  const auto task = [](std::uint64_t seed) { return DiscreteTask(1, 3, seed); };
  ExpectSameBitsAndResume([&](std::uint64_t seed) { return std::make_unique<Bc>(task(seed), BcConfig{}); },
                          train, 6);
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<DiscreteBcq>(task(seed), BcqConfig{}); }, train, 6);
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<DiscreteCql>(task(seed), CqlConfig{}); }, train, 6);
}

}  // namespace
}  // namespace strider
