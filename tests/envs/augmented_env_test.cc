// Observations with more in them: what is added, and that nothing else changes.
#include "envs/augmented_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "envs/registry.h"

namespace strider {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::array<float, 1> kSafe = {0};

Augmentation WithStock(StockRule rule) { return {.one_hot = true, .time = true, .stock = rule}; }

// The three states of the distributional DP sheet, V2: from -2 the stock becomes -4 after 0, and 0 after 2.
TEST(AugmentedEnvTest, ThreeStatesByHand) {
  const auto env =
      Augmented(MakeEnv("ThreeState-v0"), WithStock({.discount = 0.5, .low = -2, .high = -2, .bound = 8}));
  ASSERT_EQ(env->spec().observation_size(), 6);
  std::vector<double> row(6);
  int after_nothing = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    env->Reset(seed, row);
    EXPECT_THAT(row, ElementsAre(1, 0, 0, 0, -0.25, DoubleEq(-std::log(3.0))));
    const StepResult first = env->Step(kSafe, row);
    const double stock = first.reward == 0 ? -4 : 0;
    after_nothing += first.reward == 0 ? 1 : 0;
    EXPECT_THAT(row, ElementsAre(0, 1, 0, 0.5, stock / 8, DoubleEq(-std::log(1 - stock))));
    EXPECT_FALSE(first.terminated);
    const StepResult last = env->Step(kSafe, row);
    EXPECT_TRUE(last.terminated);
    EXPECT_EQ(env->State().back(), std::clamp((stock + last.reward) / 0.5, -8.0, 8.0));
  }
  EXPECT_GT(after_nothing, 0);
  EXPECT_LT(after_nothing, 20);
}

// V1: c_0 + G_0 = discount^t (c_t + G_t) along random trajectories.
TEST(AugmentedEnvTest, StockPlusReturnStaysItsDiscountedSelf) {
  for (const double discount : {0.5, 0.9, 1.0}) {
    const auto env = Augmented(MakeEnv("GridG-v0", {{"slip", "0.5"}}),
                               WithStock({.discount = discount, .low = -6, .high = 6, .bound = 1e9}));
    std::vector<double> row(static_cast<std::size_t>(env->spec().observation_size()));
    Pcg64 random(1);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      env->Reset(seed, row);
      std::vector<double> stocks = {env->State().back()};
      std::vector<double> rewards;
      for (bool ended = false; !ended;) {
        const std::array action = {static_cast<float>(random.Integers(0, 4))};
        const StepResult step = env->Step(action, row);
        rewards.push_back(step.reward);
        stocks.push_back(env->State().back());
        ended = step.terminated || step.truncated;
      }
      std::vector<double> returns(stocks.size());
      for (std::size_t t = rewards.size(); t-- > 0;) returns[t] = rewards[t] + discount * returns[t + 1];
      for (std::size_t t = 0; t < stocks.size(); ++t) {
        const double here = std::pow(discount, static_cast<double>(t)) * (stocks[t] + returns[t]);
        EXPECT_NEAR(here, stocks[0] + returns[0], 1e-10);
      }
    }
  }
}

TEST(AugmentedEnvTest, WhatIsInsideStaysAsItIs) {
  for (const char* id : {"GridR-v0", "CartPole-v1"}) {
    const auto plain = MakeEnv(id);
    const auto more = Augmented(MakeEnv(id), WithStock({.low = -1, .high = 1, .bound = 20}));
    std::vector<double> row(static_cast<std::size_t>(plain->spec().observation_size()));
    std::vector<double> long_row(static_cast<std::size_t>(more->spec().observation_size()));
    Pcg64 random(3);
    for (int episode = 0; episode < 5; ++episode) {
      if (episode % 2 == 0) {
        plain->Reset(7, row);
        more->Reset(7, long_row);
      } else {
        plain->Reset(row);
        more->Reset(long_row);
      }
      for (bool ended = false; !ended;) {
        const std::vector<float> rows(long_row.begin(), long_row.end());
        const auto own = OwnRows(rows, plain->spec(), WithStock({.low = -1, .high = 1, .bound = 20}));
        EXPECT_EQ(own, std::vector<float>(row.begin(), row.end()));
        const std::array action = {static_cast<float>(random.Integers(0, 2))};
        const StepResult expected = plain->Step(action, row);
        const StepResult step = more->Step(action, long_row);
        EXPECT_EQ(step.reward, expected.reward);
        EXPECT_EQ(step.truncated, expected.truncated);
        EXPECT_EQ(step.terminated, expected.terminated || expected.truncated);
        ended = step.terminated;
      }
    }
  }
}

TEST(AugmentedEnvTest, WithoutTheTimeItsLimitIsNoEnd) {
  const auto env = Augmented(MakeEnv("GridG-v0", {{"max_episode_steps", "2"}}), {.one_hot = true});
  std::vector<double> row(16);
  env->Reset(1, row);
  env->Step(kSafe, row);
  const StepResult step = env->Step(kSafe, row);
  EXPECT_FALSE(step.terminated);
  EXPECT_TRUE(step.truncated);
}

TEST(AugmentedEnvTest, InitialStocksAreSpreadOverTheirRange) {
  const auto env = Augmented(MakeEnv("GridG-v0"), WithStock({.low = -3, .high = 5, .bound = 10}));
  std::vector<double> row(19);
  env->Reset(1, row);
  double sum = 0;
  double low = 9;
  double high = -9;
  for (int i = 0; i < 2000; ++i) {
    env->Reset(row);
    const double stock = env->State().back();
    EXPECT_DOUBLE_EQ(row[17], stock / 10);
    sum += stock;
    low = std::min(low, stock);
    high = std::max(high, stock);
  }
  EXPECT_NEAR(sum / 2000, 1, 5 * 8 / std::sqrt(12.0 * 2000));
  EXPECT_GE(low, -3);
  EXPECT_LT(low, -2.9);
  EXPECT_LE(high, 5);
  EXPECT_GT(high, 4.9);
}

TEST(AugmentedEnvTest, ClippedAndHiddenStocks) {
  const StockRule rule{.discount = 0.5, .low = -4, .high = -4, .bound = 5, .hidden = true};
  const auto env = Augmented(MakeEnv("GridR-v0"), WithStock(rule));
  std::vector<double> row(18);
  env->Reset(1, row);
  EXPECT_EQ(row[16], 0);
  env->Step(kSafe, row);
  EXPECT_EQ(env->State().back(), -5);  // (-4 - 1) / 0.5 clipped
  EXPECT_EQ(row[16], 0);
  EXPECT_EQ(row[17], 0);
}

TEST(AugmentedEnvTest, SavedInMidEpisodeItGoesOnAlike) {
  const auto make = [] {
    return Augmented(MakeEnv("GridG-v0", {{"slip", "0.3"}}), WithStock({.low = -3, .high = 3, .bound = 20}));
  };
  const auto env = make();
  std::vector<double> row(19);
  env->Reset(5, row);
  for (int i = 0; i < 3; ++i) env->Step(kSafe, row);
  StateWriter out;
  env->Save(out);
  const auto other = make();
  StateReader in(out.bytes());
  other->Load(in);
  std::vector<double> other_row(19);
  for (int i = 0; i < 30; ++i) {
    const StepResult step = env->Step(kSafe, row);
    EXPECT_EQ(other->Step(kSafe, other_row).reward, step.reward);
    EXPECT_EQ(other_row, row);
    if (!step.terminated) continue;
    env->Reset(row);
    other->Reset(other_row);
    EXPECT_EQ(other_row, row);
  }
}

TEST(AugmentedEnvTest, OptionsAreShownByTheNextRowAndKeptFromTheEnvironment) {
  const auto env = Augmented(MakeEnv("Pendulum-v1"), {.options = 3});
  const auto plain = MakeEnv("Pendulum-v1");
  EXPECT_EQ(std::get<Box>(env->spec().action_space), (Box{{-2, -0.5}, {2, 2.5}}));
  ASSERT_EQ(env->spec().observation_size(), 6);
  std::vector<double> row(6);
  std::vector<double> own(3);
  env->Reset(1, row);
  plain->Reset(1, own);
  EXPECT_THAT(row, ElementsAre(own[0], own[1], own[2], 0, 0, 0));
  const struct {
    float number;
    int option;
  } cases[] = {{2, 2}, {0, 0}, {1, 1}, {1.4F, 1}, {-0.5F, 0}, {7, 2}};
  for (const auto& expected : cases) {
    const StepResult step = env->Step(std::array{0.5F, expected.number}, row);
    EXPECT_EQ(step.reward, plain->Step(std::array{0.5F}, own).reward);
    EXPECT_THAT(row, ElementsAre(own[0], own[1], own[2], expected.option == 0, expected.option == 1,
                                 expected.option == 2));
  }
  env->Reset(row);
  EXPECT_THAT(std::span(row).subspan(3), ElementsAre(0, 0, 0));
}

TEST(AugmentedEnvTest, OptionsAreSavedInMidEpisode) {
  const auto env = Augmented(MakeEnv("Pendulum-v1"), {.options = 3});
  std::vector<double> row(6);
  env->Reset(1, row);
  const auto other = Augmented(MakeEnv("Pendulum-v1"), {.options = 3});
  for (const double option : {-1.0, 1.0}) {
    EXPECT_EQ(env->State()[2], option);  // after the pendulum's own two numbers
    StateWriter out;
    env->Save(out);
    StateReader in(out.bytes());
    other->Load(in);
    EXPECT_EQ(other->State(), env->State());
    env->Step(std::array{0.5F, 1.0F}, row);
  }
  EXPECT_THAT(
      [&] {
        env->SetState(std::array{0.0, 0.0, 3.0, 0.0});
      },
      ThrowsMessage<InputError>(HasSubstr("option 3 given to Pendulum-v1; expected a whole number")));
  EXPECT_THAT([&] { env->SetState(std::array{0.0}); },
              ThrowsMessage<InputError>(HasSubstr("expected an option and a stock")));
}

TEST(AugmentedEnvTest, OptionsNeedContinuousActions) {
  EXPECT_THAT([] { Augmented(MakeEnv("CartPole-v1"), {.options = 2}); },
              ThrowsMessage<InputError>(HasSubstr("needs continuous actions, but those of CartPole-v1")));
}

TEST(AugmentedEnvTest, WhereNothingIsAddedThereIsNoWrapper) {
  auto env = MakeEnv("CartPole-v1");
  const Env* const before = env.get();
  EXPECT_EQ(Augmented(std::move(env), {.one_hot = true}).get(), before);
}

TEST(AugmentedEnvTest, BadStatesAreRefused) {
  const auto env = Augmented(MakeEnv("GridG-v0"), WithStock({}));
  EXPECT_THAT([&] { env->SetState({}); }, ThrowsMessage<InputError>(HasSubstr("expected a stock")));
  EXPECT_THAT(
      [&] {
        env->SetState(std::array{99.0, 0.0});
      },
      ThrowsMessage<InputError>(HasSubstr("expected a whole number from 0 to 15")));
}

}  // namespace
}  // namespace strider
