// The combination locks: HNPG sheet, sections 3 and 7 (V4, V5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>
#include <utility>

#include "envs/lock/embedding_lock.h"
#include "envs/lock/lock_env.h"
#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kBad = LatentLock::kBad;

// An indicator of one action, `scale` in its place.
std::vector<float> Indicator(int action, float scale = 1) {
  std::vector<float> row(LatentLock::kActions, 0.0F);
  row[static_cast<std::size_t>(action)] = scale;
  return row;
}

// The table of a lock, from its chain: the action that leads to a good state.
int RightAction(const LockConfig& config, int step, int state) {
  const TabularMdp mdp = LatentLock(config).Mdp();
  for (int action = 0; action < mdp.actions; ++action) {
    if (std::as_const(mdp).Outcomes(3 * step + state, action)[0].next_state % 3 != LatentLock::kBad) {
      return action;
    }
  }
  throw std::runtime_error("no action is right");
}

struct Statistics {
  double success = 0;  // share of episodes that return 1 at the last step
  double mean = 0;
  double deviation = 0;
  double early = 0;  // share of the rewards' sum that was paid before the last step
};

// Episodes of an environment's own behaviour policy; each must last H steps and end by itself.
Statistics Behave(const std::string& id, const Assignments& options, int episodes) {
  Driver driver(MakeEnv(id, options));
  const Demonstrator& behavior = FindDemonstrator(driver.env());
  const int horizon = driver.env().spec().fixed_length;
  Pcg64 random(17);
  driver.Reset(3);
  Statistics result;
  double squares = 0;
  for (int i = 0; i < episodes; ++i) {
    double sum = 0;
    for (int h = 0; h < horizon; ++h) {
      behavior.Demonstrate(random, driver.action());
      const StepResult step = driver.env().Step(driver.action(), driver.observation());
      EXPECT_EQ(step.terminated, h + 1 == horizon);
      EXPECT_FALSE(step.truncated);
      sum += step.reward;
      if (h + 1 < horizon) result.early += step.reward;
      if (h + 1 == horizon && step.reward == 1) result.success += 1.0 / episodes;
    }
    result.mean += sum / episodes;
    squares += sum * sum / episodes;
    driver.Reset();
  }
  result.deviation = std::sqrt(squares - result.mean * result.mean);
  return result;
}

TEST(Hadamard, IsSylvestersMatrix) {
  for (const std::size_t size : {16U, 32U, 64U}) {
    for (std::size_t column = 0; column < size; ++column) {
      std::vector<double> x(size, 0.0);
      x[column] = 1;
      HadamardTransform(x);
      for (std::size_t row = 0; row < size; ++row) {
        ASSERT_EQ(x[row], std::popcount(row & column) % 2 == 0 ? 1 : -1) << row << " " << column;
      }
      HadamardTransform(x);  // R R^T = d I
      for (std::size_t row = 0; row < size; ++row) {
        ASSERT_EQ(x[row], row == column ? static_cast<double>(size) : 0);
      }
    }
  }
}

TEST(CombinationLock, SightsHaveTheSizesOfTheSheet) {
  for (const auto& [horizon, size] : {std::pair{5, 16}, {10, 16}, {15, 32}, {30, 64}, {50, 64}}) {
    const auto env = MakeEnv("CombinationLock-v0", {{"horizon", std::to_string(horizon)}});
    EXPECT_EQ(env->spec().observation_size(), size);
    EXPECT_EQ(env->spec().action_size(), 10);
    EXPECT_EQ(env->spec().fixed_length, horizon);
  }
}

// V4.
TEST(CombinationLock, SightsTellStateAndStep) {
  Driver driver(MakeEnv("CombinationLock-v0", {{"horizon", "10"}}));
  const Demonstrator& behavior = FindDemonstrator(driver.env());
  Pcg64 random(1);
  driver.Reset(2);
  std::set<std::vector<double>> seen;
  double noise = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<double> code = driver.observation();
    HadamardTransform(code);
    for (double& x : code) x /= 16;
    const auto state = std::max_element(code.begin(), code.begin() + 3) - code.begin();
    const auto step = std::max_element(code.begin() + 3, code.end()) - (code.begin() + 3);
    const std::vector<double> truth = driver.env().State();
    ASSERT_EQ(step, truth[0]) << i;
    ASSERT_EQ(state, truth[1]) << i;
    seen.insert(truth);
    const auto at = static_cast<std::size_t>(state);
    noise += (code[at] - 1) * (code[at] - 1) / kDraws;
    for (std::size_t k = 13; k < 16; ++k) {
      ASSERT_NEAR(code[k], k == static_cast<std::size_t>(3 + step) ? 1 : 0, 1e-12) << "noise in the padding";
    }
    if (driver.env().elapsed_steps() == 10) {
      driver.Reset();
      continue;
    }
    behavior.Demonstrate(random, driver.action());
    driver.env().Step(driver.action(), driver.observation());
  }
  EXPECT_EQ(seen.size(), 11 * 3 - 1) << "all states but the bad one at the start";
  EXPECT_NEAR(std::sqrt(noise), 0.1, 0.003);
}

class LockStatistics : public ::testing::TestWithParam<std::tuple<int, double, double>> {};

// V5, with the table of section 3.3: success q^H and mean return under both rewards.
TEST_P(LockStatistics, BehaviourIsTheSheets) {
  const auto [horizon, success, mean] = GetParam();
  constexpr int kEpisodes = 20'000;
  for (const std::string reward : {"lost", "end"}) {
    const Statistics found =
        Behave("CombinationLock-v0", {{"horizon", std::to_string(horizon)}, {"reward", reward}}, kEpisodes);
    EXPECT_NEAR(found.success, success, 3 * std::sqrt(success * (1 - success) / kEpisodes)) << reward;
    EXPECT_NEAR(found.mean, mean, 3 * found.deviation / std::sqrt(kEpisodes)) << reward;
    // Given the success, only the coins of failed episodes are left to chance.
    const double coins = 0.05 * std::sqrt((1 - found.success) / kEpisodes);
    EXPECT_NEAR(found.mean, 0.05 + 0.95 * found.success, 3 * coins) << reward;
    EXPECT_EQ(found.early > 0, reward == "lost");
  }
}

INSTANTIATE_TEST_SUITE_P(Horizons, LockStatistics,
                         ::testing::Values(std::tuple{5, 0.37000, 0.40150}, std::tuple{10, 0.38785, 0.41845},
                                           std::tuple{15, 0.39289, 0.42325}, std::tuple{30, 0.39614, 0.42633},
                                           std::tuple{50, 0.39511, 0.42536}));

// p = e^10 / (e^10 + 9) for an indicator, and 1 for ten times and more of it, without overflow.
TEST(CombinationLock, SoftmaxHasTheCodesTemperature) {
  LockConfig config;
  config.horizon = 1;
  Driver driver(MakeEnv("CombinationLock-v0", {{"horizon", "1"}}));
  driver.Reset(5);
  const auto failures = [&](float scale, int draws) {
    int count = 0;
    for (int i = 0; i < draws; ++i) {
      const int state = static_cast<int>(driver.env().State()[1]);
      const StepResult step =
          driver.env().Step(Indicator(RightAction(config, 0, state), scale), driver.observation());
      count += step.reward == 1 ? 0 : 1;
      driver.Reset();
    }
    return count;
  };
  const double wrong = 9 / (std::exp(10.0) + 9);
  EXPECT_NEAR(wrong, 1 - 0.999592, 1e-6);
  constexpr int kDraws = 100'000;
  EXPECT_NEAR(failures(1, kDraws), kDraws * wrong, 3 * std::sqrt(kDraws * wrong));
  EXPECT_EQ(failures(10, 1000), 0);
  EXPECT_EQ(failures(1e30F, 1000), 0);
  EXPECT_NEAR(failures(-1e30F, 1000), 1000, 0) << "the right one becomes impossible";
}

TEST(CombinationLock, BadStateIsNeverLeftAndPaysNothing) {
  for (const std::string reward : {"lost", "end", "dense"}) {
    Driver driver(MakeEnv("CombinationLock-v0", {{"horizon", "6"}, {"reward", reward}}));
    driver.Reset(0);
    int paid = 0;
    for (int i = 0; i < 2000; ++i) {
      driver.Reset();
      driver.env().SetState(std::vector<double>{1, kBad});
      double sum = 0;
      for (int h = 1; h < 6; ++h) {
        sum += driver.StepRandomly().reward;
        ASSERT_EQ(driver.env().State()[1], kBad);
      }
      paid += sum > 0 ? 1 : 0;
      ASSERT_TRUE(sum == 0 || (reward == "end" && sum == 0.1));
    }
    EXPECT_NEAR(paid, reward == "end" ? 1000 : 0, reward == "end" ? 70 : 0);
  }
}

TEST(CombinationLock, DenseRewardPaysEachRightStep) {
  LockConfig config;
  config.horizon = 6;
  config.lock_seed = 4;
  Driver driver(MakeEnv("CombinationLock-v0", {{"horizon", "6"}, {"lock_seed", "4"}, {"reward", "dense"}}));
  driver.Reset(8);
  for (int h = 0; h < 6; ++h) {
    const int state = static_cast<int>(driver.env().State()[1]);
    const StepResult step =
        driver.env().Step(Indicator(RightAction(config, h, state), 10), driver.observation());
    EXPECT_EQ(step.reward, h == 5 ? 1 : 0.1);
    EXPECT_EQ(step.terminated, h == 5);
  }
  EXPECT_EQ(driver.env().Step(Indicator(0), driver.observation()).reward, 0) << "after the end";
}

// The sight shows (1, 0, 0) and noise: at temperature 1 the state stays with probability e / (e + 2).
TEST(CombinationLock, SimplexVariantDrawsTheStateAfterItsSight) {
  Driver driver(MakeEnv("CombinationLock-v0", {{"simplex_temperature", "1"}, {"noise", "0"}}));
  driver.Reset(0);
  constexpr int kDraws = 20'000;
  int same = 0;
  int bad = 0;
  for (int i = 0; i < kDraws; ++i) {
    driver.Reset();
    std::vector<double> code = driver.observation();
    HadamardTransform(code);
    const auto shown = std::max_element(code.begin(), code.begin() + 3) - code.begin();
    EXPECT_LT(shown, 2);
    const double state = driver.env().State()[1];
    same += state == static_cast<double>(shown) ? 1 : 0;
    bad += state == kBad ? 1 : 0;
  }
  const double stay = std::exp(1.0) / (std::exp(1.0) + 2);
  EXPECT_NEAR(static_cast<double>(same) / kDraws, stay, 3 * std::sqrt(stay * (1 - stay) / kDraws));
  EXPECT_NEAR(static_cast<double>(bad) / kDraws, (1 - stay) / 2, 0.01);
}

// Section 3.5: nine episodes out of ten start at the second step in the bad state.
TEST(CombinationLock, BadStarts) {
  for (const std::string id : {"CombinationLock-v0", "LockChain-v0"}) {
    Driver driver(MakeEnv(id, {{"horizon", "4"}, {"bad_start", "0.9"}}));
    EXPECT_EQ(driver.env().spec().fixed_length, 0) << "not all episodes have four steps";
    EXPECT_THAT(driver.env().spec().instance, HasSubstr("bad_start=0.9"));
    driver.Reset(0);
    int bad = 0;
    constexpr int kDraws = 20'000;
    for (int i = 0; i < kDraws; ++i) {
      driver.Reset();
      const std::vector<double> state = driver.env().State();
      const bool is_bad = id == "LockChain-v0" ? state[0] == 5 : state == std::vector<double>{1, kBad};
      if (is_bad) {
        ++bad;
      } else {
        ASSERT_LE(state.back(), 1) << "state 0 or 1 at the first step";
      }
    }
    EXPECT_NEAR(bad, 0.9 * kDraws, 3 * std::sqrt(0.09 * kDraws)) << id;
  }
  Driver driver(MakeEnv("CombinationLock-v0", {{"horizon", "4"}, {"bad_start", "1"}}));
  driver.Reset(0);
  for (int h = 1; h < 4; ++h) EXPECT_EQ(driver.StepRandomly().terminated, h == 3);
  EXPECT_THAT(
      [] {
        MakeEnv("CombinationLock-v0", {{"horizon", "1"}, {"bad_start", "0.5"}});
      },
      ThrowsMessage<InputError>(HasSubstr("env.horizon of at least 2")));
}

TEST(CombinationLock, InstancesTellLocksApart) {
  const auto instance = [](const Assignments& options) {
    return MakeEnv("CombinationLock-v0", options)->spec().instance;
  };
  EXPECT_EQ(instance({}), instance({{"action_bound", "1"}, {"max_episode_steps", "30"}}));
  for (const auto& option : Assignments{
           {"horizon", "9"}, {"lock_seed", "1"}, {"reward", "end"}, {"noise", "0.2"}, {"bad_start", "0.9"}}) {
    EXPECT_NE(instance({}), instance({option})) << option.first;
  }
  const auto table = [](std::int64_t seed) {
    LockConfig config;
    config.horizon = 20;
    config.lock_seed = seed;
    std::vector<int> right;
    for (int h = 0; h < 20; ++h) {
      for (const int s : {0, 1}) right.push_back(RightAction(config, h, s));
    }
    return right;
  };
  EXPECT_EQ(table(3), table(3));
  EXPECT_NE(table(3), table(4));
  const std::vector<int> right = table(3);
  EXPECT_EQ(std::set<int>(right.begin(), right.end()).size(), 10) << "uniform over all actions";
}

TEST(CombinationLock, BadOptionsAreNamed) {
  for (const std::string id : {"CombinationLock-v0", "EmbeddingLock-v0", "LockChain-v0"}) {
    EXPECT_THAT(
        [&] {
          MakeEnv(id, {{"horizon", "0"}});
        },
        ThrowsMessage<InputError>(AllOf(HasSubstr("env.horizon"), HasSubstr("0"), HasSubstr("[1, 150]"))))
        << id;
    EXPECT_THAT([&] { MakeEnv(id, {{"reward", "shaped"}}); }, ThrowsMessage<InputError>(HasSubstr("lost")));
  }
  EXPECT_NO_THROW(MakeEnv("EmbeddingLock-v0", {{"horizon", "32"}}));
  EXPECT_THAT(
      [] {
        MakeEnv("EmbeddingLock-v0", {{"horizon", "33"}});
      },
      ThrowsMessage<InputError>(AllOf(HasSubstr("env.horizon = 33"), HasSubstr("at most 32"))));
  EXPECT_EQ(MakeEnv("CombinationLock-v0", {{"max_episode_steps", "10"}})->spec().fixed_length, 0)
      << "the limit cuts the last step";
}

TEST(LockBehaviour, OtherEnvironmentsHaveNone) {
  const auto env = MakeEnv("Pendulum-v1");
  EXPECT_THAT([&] { FindDemonstrator(*env); },
              ThrowsMessage<InputError>(HasSubstr("Pendulum-v1 has no behaviour policy of its own")));
}

// Of the chain a wrong action is uniform, and no softmax errs: q = 1 - 0.9 / H.
TEST(LockChain, IsTheLockInSight) {
  const double q = std::pow(1 - 0.9 / 10, 10);
  const Statistics found = Behave("LockChain-v0", {}, 20'000);
  EXPECT_NEAR(found.success, q, 3 * std::sqrt(q * (1 - q) / 20'000));
  EXPECT_NEAR(found.mean, 0.05 + 0.95 * q, 3 * found.deviation / std::sqrt(20'000));
}

// The chain's expectations, by dynamic programming: what a policy of independent errors returns.
TEST(LockChain, MdpHasTheLocksReturns) {
  for (const std::string reward : {"lost", "end"}) {
    LockConfig config;
    config.horizon = 7;
    config.reward = reward;
    const TabularMdp mdp = LatentLock(config).Mdp();
    mdp.Validate("test");
    constexpr double kRight = 0.8;
    std::vector<double> value(static_cast<std::size_t>(mdp.states), 0.0);
    for (int h = 6; h >= 0; --h) {
      for (int s = 0; s < 3; ++s) {
        double sum = 0;
        for (int action = 0; action < 10; ++action) {
          const bool right = s != LatentLock::kBad && action == RightAction(config, h, s);
          const double probability = right ? kRight : s == LatentLock::kBad ? 0.1 : (1 - kRight) / 9;
          for (const Outcome& outcome : std::as_const(mdp).Outcomes(3 * h + s, action)) {
            EXPECT_EQ(outcome.terminal, h == 6);
            sum += probability * outcome.probability *
                   (outcome.reward + value[static_cast<std::size_t>(outcome.next_state)]);
          }
        }
        value[static_cast<std::size_t>(3 * h + s)] = sum;
      }
    }
    EXPECT_NEAR(value[0], 0.05 + 0.95 * std::pow(kRight, 7), 1e-12) << reward;
    EXPECT_NEAR(value[3 + kBad], reward == "end" ? 0.05 : 0, 1e-12) << reward;
  }
}

TEST(EmbeddingLock, ShowsPicturesOfTheClassOfStateAndStep) {
  EmbeddingLockConfig config;
  config.horizon = 4;
  EmbeddingLock lock("EmbeddingLock-v0", config);
  std::vector<double> row(512);
  std::vector<double> picture(512);
  lock.Reset(3, row);
  const Demonstrator& behavior = lock;
  Pcg64 random(1);
  std::vector<float> action(10);
  for (int h = 0; h < 4; ++h) {
    double norm = 0;
    for (const double x : row) norm += x * x;
    EXPECT_NEAR(norm, 1, 1e-12);
    const auto picture_class = static_cast<int>(3 * lock.State()[0] + lock.State()[1]);
    int shown = 0;
    for (int j = 0; j < lock.pictures(); ++j) {
      lock.Show(picture_class, j, picture);
      shown += picture == row ? 1 : 0;
    }
    EXPECT_EQ(shown, 1);
    behavior.Demonstrate(random, action);
    lock.Step(std::span<const float>(action), row);
  }
  config.split = "test";
  const EmbeddingLock test("EmbeddingLock-v0", config);
  EXPECT_EQ(lock.pictures(), 500);
  EXPECT_EQ(test.pictures(), 100);
  test.Show(0, 0, row);
  lock.Show(0, 0, picture);
  EXPECT_NE(row, picture);
  EXPECT_EQ(test.spec().instance, lock.spec().instance) << "the split is no other lock";
}

}  // namespace
}  // namespace strider
