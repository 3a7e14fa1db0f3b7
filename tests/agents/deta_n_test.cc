// D-eta-N: what stocks do to targets, replayed transitions and the choice of the initial stock, by hand.
#include "agents/deta_n.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/agents/stock_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

// A network of biases alone: the same law in every row, whatever its stock.
DetaNConfig Table(const std::string& objective, double discount = 0.5) {
  DetaNConfig config;
  config.hidden = {};
  config.target_interval = 1;
  config.draws.discount = discount;
  config.replay.batch_size = 2;
  config.quantile.quantiles = 2;
  config.stock.objective = objective;
  return config;
}

DetaN Agent2(const DetaNConfig& config, std::uint64_t seed = 1) {
  return {WithStock(DiscreteTask(1, 2, seed), config.stock, config.draws.discount), config};
}

// V2 at s1: safe gives 1 for sure, risky -1 or 4.
void KnowsThreeStates(const Agent& agent) {
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("q")) tensor.zero_();
  }
  Assign(agent, "q.0.bias", {1, 1, -1, 4});
  Assign(agent, "q_target.0.bias", {1, 1, -1, 4});
}

// Rows of one observation, with stocks.
at::Tensor Observations(const DetaN& agent, const at::Tensor& stock, double time = 0.5) {
  at::Tensor rows = at::zeros({stock.size(0), 4});
  rows.select(1, 1).fill_(time);
  return agent.stocks().With(rows, stock);
}

TEST(DetaN, TheTargetFollowsTheActionThatIsBestFromTheNextStock) {
  const DetaNConfig config = Table("cvar:0.5");
  const DetaN agent = Agent2(config);
  KnowsThreeStates(agent);
  TransitionBatch batch;
  batch.next_observations = Observations(agent, Row({-4, 0, -4}));
  batch.rewards = Row({0, 2, 7});
  batch.terminals = Row({0, 0, 1});
  // Risky from -4: 0 + {-1, 4} / 2; safe from 0: 2 + {1, 1} / 2; after an end the reward alone.
  const at::Tensor expected = at::stack({Row({-0.5, 2}), Row({2.5, 2.5}), Row({7, 7})});
  EXPECT_LT(LargestDifference(agent.Targets(batch), expected), 1e-6);
}

TEST(DetaN, PolicyAndAgentChooseAlike) {
  DetaNConfig config;
  config.hidden = {16};
  config.quantile.quantiles = 7;
  for (const char* objective : {"cvar:0.3", "target:2", "mean", "utility:3,0.5"}) {
    for (const bool dueling : {false, true}) {
      config.stock.objective = objective;
      config.dueling = dueling;
      const DetaN agent(WithStock(DiscreteTask(3, 4), config.stock, 1), config);
      TransitionBatch batch = RandomBatch(6, 1, 64, 5);
      batch = WithStocks(batch, agent.stocks(), 6);
      batch.rewards.zero_();
      batch.terminals.zero_();
      const at::Tensor theta = agent.Outputs(agent.target(), batch.next_observations);
      const Policy policy = agent.MakePolicy();
      ASSERT_EQ(policy.distribution, ActionDistribution::kGreedyUtility);
      Pcg64 random(1);
      std::vector<float> actions(64);
      const at::Tensor rows = batch.next_observations.contiguous();
      policy.Sample({rows.const_data_ptr<float>(), 64 * 6}, /*deterministic=*/true, random, actions);
      const at::Tensor targets = agent.Targets(batch);
      for (std::int64_t i = 0; i < 64; ++i) {
        const auto action = static_cast<std::int64_t>(actions[static_cast<std::size_t>(i)]);
        EXPECT_LT(LargestDifference(targets[i], theta[i][action]), 1e-5) << objective << " row " << i;
      }
    }
  }
}

// c_t + discount^-t (c0' - c0), then (c + r) / discount; the first rows stay.
TEST(DetaN, EditedTransitionsAreThoseOfAnotherInitialStock) {
  DetaNConfig config = Table("cvar:0.5");
  config.stock.edited_stocks = 200;
  config.stock.stock_bound = 1e4;
  const DetaN agent = Agent2(config);
  TransitionBatch batch;
  batch.observations = Observations(agent, Row({-4, 1}), 0.3);  // after three steps of ten
  batch.next_observations = Observations(agent, Row({-6, 7}), 0.4);
  batch.actions = Row({0, 1}).unsqueeze(1);
  batch.rewards = Row({1, 2.5});
  batch.terminals = Row({0, 1});
  at::Generator random = MakeGenerator(at::kCPU, 3);
  const TransitionBatch all = agent.stocks().Edited(batch, random);
  ASSERT_EQ(all.rewards.size(0), 402);
  const at::Tensor before = agent.stocks().Of(all.observations);
  const at::Tensor after = agent.stocks().Of(all.next_observations);
  EXPECT_LT(LargestDifference(before.narrow(0, 0, 2), Row({-4, 1})), 1e-3);
  EXPECT_LT(LargestDifference(after, 2 * (before + all.rewards)), 1e-2);
  EXPECT_TRUE(at::equal(all.actions, batch.actions.repeat({201, 1})));
  EXPECT_TRUE(at::equal(all.terminals, batch.terminals.repeat({201})));
  EXPECT_LT(LargestDifference(all.observations.narrow(1, 0, 2),
                              batch.observations.narrow(1, 0, 2).repeat({201, 1})),
            1e-6);
  // Differences of initial stocks in [-10, 10], two uniform draws apart: of deviation 20 / sqrt(6).
  const at::Tensor difference = (before - Row({-4, 1}).repeat({201})).narrow(0, 2, 400) / 8;
  EXPECT_LE(LargestEntry(difference), 20);
  EXPECT_NEAR(difference.mean().item<double>(), 0, 5 * 20 / std::sqrt(6.0 * 400));
  EXPECT_NEAR(difference.std().item<double>(), 20 / std::sqrt(6.0), 1.2);
}

// Over three rewards, the discount of what follows is that of three steps.
TEST(DetaN, EditedReturnsOfSeveralSteps) {
  DetaNConfig config = Table("mean");
  config.stock.edited_stocks = 1;
  const DetaN agent = Agent2(config);
  TransitionBatch batch;
  batch.observations = Observations(agent, Row({-1}), 0);
  batch.next_observations = Observations(agent, Row({9}), 0.3);
  batch.actions = at::zeros({1, 1});
  batch.rewards = Row({1.25});
  batch.terminals = Row({0});
  batch.discounts = Row({0.125});
  at::Generator random = MakeGenerator(at::kCPU, 3);
  const TransitionBatch all = agent.stocks().Edited(batch, random);
  const at::Tensor expected = (8 * (agent.stocks().Of(all.observations) + 1.25)).clamp(-20, 20);
  EXPECT_LT(LargestDifference(agent.stocks().Of(all.next_observations), expected), 1e-4);
}

// From a law of {1, 1} or {-1, 4}: of all initial stocks CVaR takes the one for which the better law is best.
TEST(DetaN, TheInitialStockIsMinusAQuantileOfTheBestLaw) {
  for (const auto& [objective, low, high] : {std::tuple("cvar:0.5", -1.0, -1.0), {"cvar:1", -10.0, -4.0}}) {
    DetaNConfig config = Table(objective);
    config.lr = 1e-9;
    DetaN agent = Agent2(config);
    KnowsThreeStates(agent);
    EXPECT_EQ(agent.stocks().initial().item<double>(), 0);
    TransitionBatch batch;
    batch.observations = Observations(agent, Row({-3, 2}), 0);
    batch.next_observations = Observations(agent, Row({-3, 2}), 0.1);
    batch.actions = at::zeros({2, 1});
    batch.rewards = Row({0, 0});
    batch.terminals = Row({1, 1});
    agent.Update(batch);
    // cvar:0.5 of {1, 1} is 1 at stock -1; of {-1, 4} it is -1. cvar:1, the mean, is 1.5 for any stock <= -4.
    EXPECT_GE(agent.stocks().initial().item<double>(), low - 1e-4) << objective;
    EXPECT_LE(agent.stocks().initial().item<double>(), high + 1e-4) << objective;
    const Policy policy = agent.MakePolicy();
    EXPECT_EQ(policy.augmentation.stock->low, agent.stocks().initial().item<double>());
    EXPECT_EQ(policy.augmentation.stock->high, policy.augmentation.stock->low);
    EXPECT_EQ(policy.objective, objective);
  }
}

TEST(DetaN, ATargetSetsTheInitialStock) {
  const DetaN agent = Agent2(Table("target:4"));
  EXPECT_EQ(agent.stocks().initial().item<double>(), -4);
  EXPECT_EQ(agent.MakePolicy().augmentation.stock->low, -4);
}

TEST(DetaN, WarnsOfStocksOutOfBounds) {
  // cvar:0.5 of {1, 1} starts from -1, and of {-1, 4}, which is as good from 2 on, from 1.
  for (const auto& [low, high, bound, warning] :
       {std::tuple{-5.0, 3.0, 20.0, ""},
        {2.0, 3.0, 20.0, "the best initial stock would be 1 "},
        {-3.5, 3.0, 3.5, "returns of 4 are foreseen, beyond agent.stock_bound = 3.5"}}) {
    DetaNConfig config = Table("cvar:0.5");
    config.target_interval = 1;
    config.lr = 1e-12;
    config.stock.stock_low = low;
    config.stock.stock_high = high;
    config.stock.stock_bound = bound;
    DetaN agent = Agent2(config);
    KnowsThreeStates(agent);
    TransitionBatch batch;
    batch.observations = Observations(agent, Row({0, 0}), 0);
    batch.next_observations = Observations(agent, Row({0, 0}), 0.1);
    batch.actions = at::zeros({2, 1});
    batch.rewards = Row({0, 0});
    batch.terminals = Row({1, 1});
    agent.Update(batch);
    EXPECT_EQ(agent.Warning(), "") << "once is nothing";
    for (int k = 0; k < 5; ++k) agent.Update(batch);
    EXPECT_THAT(agent.Warning(), ::testing::StartsWith(warning));
    EXPECT_EQ(agent.Warning().empty(), std::string(warning).empty());
  }
}

// Without its stock the agent cannot tell what came before: it is safe in both cases.
TEST(DetaN, BlindToItsStockItChoosesAsFromNought) {
  DetaNConfig config = Table("cvar:0.5");
  config.stock.use_stock = false;
  DetaN agent = Agent2(config);
  KnowsThreeStates(agent);
  TransitionBatch batch;
  batch.next_observations = Observations(agent, Row({-4, 0}));
  batch.rewards = Row({0, 2});
  batch.terminals = Row({0, 0});
  EXPECT_LT(LargestDifference(agent.Targets(batch), at::stack({Row({0.5, 0.5}), Row({2.5, 2.5})})), 1e-6);
}

TEST(DetaN, SameSeedSameBitsAndResume) {
  for (const int edited : {0, 2}) {
    DetaNConfig config;
    config.hidden = {8};
    config.target_interval = 7;
    config.replay.batch_size = 16;
    config.quantile.quantiles = 5;
    config.stock.edited_stocks = edited;
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) {
          return std::make_unique<DetaN>(WithStock(DiscreteTask(3, 2, seed), config.stock, 1), config);
        },
        [](Agent& agent, int first, int last) {
          auto& deta = dynamic_cast<DetaN&>(agent);
          for (int k = first; k < last; ++k) {
            const auto seed = 100 + static_cast<std::uint64_t>(k);
            TransitionBatch batch = RandomBatch(6, 1, 16, seed);
            batch.actions = (batch.actions > 0).to(at::kFloat);
            deta.Update(WithStocks(batch, deta.stocks(), seed));
          }
          EXPECT_EQ(deta.td_errors().size(0), 16);
        },
        40);
  }
}

TEST(DetaN, WhatDoesNotFitIsRefused) {
  const auto refused = [](const DetaNConfig& config) {
    return MessageOf<InputError>([&] { Agent2(config); });
  };
  EXPECT_THAT(refused(Table("exponential:1")),
              AllOf(HasSubstr("agent.objective = 'exponential:1' cannot be learnt"),
                    HasSubstr("linear on either side of zero")));
  EXPECT_THAT(refused(Table("homeostasis:1,2")), HasSubstr("cannot be learnt"));
  EXPECT_THAT(refused(Table("cvar:2")), HasSubstr("tau is 2; expected a number in (0, 1]"));
  EXPECT_THAT(refused(Table("quantile:0.5")), HasSubstr("not indifferent to mixtures"));
  EXPECT_THAT(refused(Table("target:25")), HasSubstr("starts from a stock of -25"));
  EXPECT_THAT(refused(Table("target:11")),
              AllOf(HasSubstr("starts from a stock of -11"), HasSubstr("agent.stock_low = -10")));
  EXPECT_THAT(refused(Table("mean", 0)), HasSubstr("agent.discount = 0; expected a number in (0, 1]"));
  DetaNConfig config = Table("mean");
  config.stock.stock_low = 3;
  config.stock.stock_high = 2;
  EXPECT_THAT(refused(config), HasSubstr("agent.stock_low = 3 is above agent.stock_high = 2"));
  config.stock.stock_high = 30;
  EXPECT_THAT(refused(config),
              HasSubstr("agent.stock_bound = 20 is less than an initial stock from 3 to 30"));
  EXPECT_THAT(MessageOf<InputError>([] { DetaN(DiscreteTask(4, 2), Table("mean")); }),
              HasSubstr("expected --env ID without --dataset"));
  const DetaNConfig table = Table("mean");
  EXPECT_THAT(MessageOf<InputError>([&] { DetaN(WithStock(BoxTask(1, 2), table.stock, 1), table); }),
              HasSubstr("needs discrete actions"));
}

}  // namespace
}  // namespace strider
