// TD3 with quantiles and a stock: targets and losses by hand, and a choice that depends on the stock.
#include "agents/deta_td3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/agents/stock_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

// Access to what the agent computes.
class Probe : public DetaTd3 {
 public:
  using DetaTd3::ActorAction;
  using DetaTd3::ActorLoss;
  using DetaTd3::CriticLosses;
  using DetaTd3::DetaTd3;
  using DetaTd3::TdTarget;
};

DetaTd3Config Small(const std::string& objective) {
  DetaTd3Config config;
  config.hidden = {};
  config.discount = 0.5;
  config.quantile.quantiles = 2;
  config.stock.objective = objective;
  return config;
}

Probe Made(const DetaTd3Config& config, std::uint64_t seed = 1) {
  return {WithStock(BoxTask(1, 1, seed), config.stock, config.discount), config};
}

// Rows of one observation, with stocks.
at::Tensor Observations(const DetaTd3& agent, const at::Tensor& stock, double time = 0.5) {
  at::Tensor rows = at::zeros({stock.size(0), 4});
  rows.select(1, 1).fill_(time);
  return agent.stocks().With(rows, stock);
}

// The target critics say {1, 1} and {-1, 4}: which of them is worth less depends on the stock.
TEST(DetaTd3, TheTargetIsThatOfTheLesserCritic) {
  const Probe agent = Made(Small("cvar:0.5"));
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("critic")) tensor.zero_();
  }
  Assign(agent, "critic1_target.0.bias", {1, 1});
  Assign(agent, "critic2_target.0.bias", {-1, 4});
  TransitionBatch batch;
  batch.next_observations = Observations(agent, Row({-4, 0, 0}));
  batch.rewards = Row({0, 2, 7});
  batch.terminals = Row({0, 0, 1});
  const at::Tensor expected = at::stack({Row({0.5, 0.5}), Row({1.5, 4}), Row({7, 7})});
  EXPECT_LT(LargestDifference(agent.TdTarget(batch, at::zeros({3, 1})), expected), 1e-6);
}

TEST(DetaTd3, LossesByHand) {
  Probe agent = Made(Small("cvar:0.5"));
  // The quantile loss of V8 for one critic, none for the other.
  const at::Tensor theta = at::stack({Row({0, 1}), Row({0, 1})}).unsqueeze(1);
  const at::Tensor losses = agent.CriticLosses(theta, Row({0.5, 2}).unsqueeze(0));
  EXPECT_LT(LargestDifference(losses, Row({0.40625, 0.40625})), 1e-6);
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("critic")) tensor.zero_();
  }
  Assign(agent, "critic1.0.bias", {-1, 4});
  TransitionBatch batch;
  batch.observations = Observations(agent, Row({-4, 0}));
  // min(x, 0) / 0.5 of {-5, 0} and {-1, 4}: -5 and -1.
  EXPECT_NEAR(agent.ActorLoss(batch, at::zeros({2, 1})).item<double>(), 3, 1e-6);
}

// V2 with a dial: p = (a + 1) / 2 of the way from the safe 1 to the risky 4 or -1. After nothing (stock -4)
// all of the risk is right, after 2 (stock 0) at most half.
TEST(DetaTd3, HowMuchRiskIsRightDependsOnTheStock) {
  DetaTd3Config config = Small("cvar:0.5");
  config.hidden = {32, 32};
  config.actor_lr = 1e-3;
  config.critic_lr = 3e-3;
  config.quantile.quantiles = 8;
  config.stock.stock_bound = 12;
  Probe agent = Made(config, 3);
  at::Generator random = MakeGenerator(at::kCPU, 5);
  constexpr std::int64_t kRows = 64;
  for (int k = 0; k < 3000; ++k) {
    const auto uniform = [&](double low, double high) {
      return low + (high - low) * at::rand({kRows}, random, at::TensorOptions().dtype(at::kFloat));
    };
    const at::Tensor p = uniform(0, 1);
    const at::Tensor luck = uniform(0, 1).gt(0.5).to(at::kFloat);
    TransitionBatch batch;
    batch.observations = Observations(agent, uniform(-6, 2));
    batch.next_observations = batch.observations;
    batch.actions = (2 * p - 1).unsqueeze(1);
    batch.rewards = 1 + p * (5 * luck - 2);
    batch.terminals = at::ones({kRows});
    agent.Update(batch);
  }
  const at::Tensor action = agent.ActorAction(Observations(agent, Row({-4, -0.25})));
  EXPECT_GT(action[0].item<double>(), 0.8);
  EXPECT_LT(action[1].item<double>(), 0.2);
  // The mean alone would take all of the risk in both.
  const Policy policy = agent.MakePolicy();
  EXPECT_EQ(policy.distribution, ActionDistribution::kTanh);
  EXPECT_EQ(policy.objective, "cvar:0.5");
}

TEST(DetaTd3, SameSeedSameBitsAndResume) {
  DetaTd3Config config = Small("cvar:0.5");
  config.hidden = {8};
  config.stock_interval = 7;
  config.stock.edited_stocks = 1;
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) {
        return std::make_unique<DetaTd3>(WithStock(BoxTask(3, 2, seed), config.stock, 0.5), config);
      },
      [](Agent& agent, int first, int last) {
        auto& deta = dynamic_cast<DetaTd3&>(agent);
        for (int k = first; k < last; ++k) {
          const auto seed = 100 + static_cast<std::uint64_t>(k);
          deta.Update(WithStocks(RandomBatch(6, 2, 16, seed), deta.stocks(), seed));
        }
      },
      40);
}

TEST(DetaTd3, WhatDoesNotFitIsRefused) {
  EXPECT_THAT(MessageOf<InputError>([] { Made(Small("exponential:1")); }), HasSubstr("cannot be learnt"));
  EXPECT_THAT(MessageOf<InputError>([] { DetaTd3(BoxTask(4, 1), Small("mean")); }),
              HasSubstr("expected --env ID without --dataset"));
  const DetaTd3Config config = Small("mean");
  EXPECT_THAT(MessageOf<InputError>([&] { DetaTd3(WithStock(DiscreteTask(1, 2), config.stock, 1), config); }),
              HasSubstr("needs continuous actions"));
  DetaTd3Config one = config;
  one.quantile.quantiles = 1;
  EXPECT_THAT(MessageOf<InputError>([&] { Made(one); }), HasSubstr("agent.quantiles = 1"));
}

}  // namespace
}  // namespace strider
