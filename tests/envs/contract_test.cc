// What every environment of the registry promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "envs/vector_env.h"
#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class EnvContract : public ::testing::TestWithParam<std::string> {
 protected:
  static Driver Make(const Assignments& options = {}, std::uint64_t action_seed = 7) {
    return Driver(MakeEnv(GetParam(), options), action_seed);
  }
};

void ExpectInside(const Space& space, std::span<const double> row) {
  const Box& box = std::get<Box>(space);
  for (std::size_t i = 0; i < row.size(); ++i) {
    ASSERT_TRUE(std::isfinite(row[i])) << "component " << i;
    ASSERT_LE(box.low[i], row[i]) << "component " << i;
    ASSERT_GE(box.high[i], row[i]) << "component " << i;
  }
}

void ExpectEqual(const StepResult& a, const StepResult& b) {
  EXPECT_EQ(a.reward, b.reward);
  EXPECT_EQ(a.terminated, b.terminated);
  EXPECT_EQ(a.truncated, b.truncated);
}

TEST_P(EnvContract, OneSeedGivesOneEpisode) {
  Driver a = Make();
  Driver b = Make();
  b.Reset(99);
  for (int i = 0; i < 20; ++i) b.env().Step(b.action(), b.observation());
  a.Reset(3);
  b.Reset(3);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(a.observation(), b.observation()) << "step " << i;
    ExpectEqual(a.StepOn(), b.StepOn());
  }
  b.Reset(4);
  a.Reset(3);
  EXPECT_NE(a.observation(), b.observation());
}

TEST_P(EnvContract, UnseededResetsContinueTheStream) {
  Driver driver = Make();
  driver.Reset(3);
  const std::vector<double> first = driver.observation();
  driver.Reset();
  EXPECT_NE(driver.observation(), first);
  Driver unseeded = Make();
  unseeded.Reset();
  Driver zero = Make();
  zero.Reset(0);
  EXPECT_EQ(unseeded.observation(), zero.observation());
}

TEST_P(EnvContract, TheSpecIsTruthful) {
  Driver driver = Make();
  const EnvSpec& spec = driver.env().spec();
  EXPECT_EQ(spec.id, GetParam());
  EXPECT_GT(spec.max_episode_steps, 0);
  if (const auto* actions = std::get_if<Box>(&spec.action_space)) {
    for (std::size_t i = 0; i < actions->low.size(); ++i) {
      EXPECT_LT(actions->low[i], actions->high[i]);
      EXPECT_TRUE(std::isfinite(actions->high[i] - actions->low[i]));
    }
  } else {
    EXPECT_GE(std::get<Discrete>(spec.action_space).n, 2);
  }
  // Every component of a row is written, at a reset and at a step.
  std::ranges::fill(driver.observation(), NAN);
  driver.Reset(0);
  ExpectInside(spec.observation_space, driver.observation());
  std::ranges::fill(driver.observation(), NAN);
  driver.StepRandomly();
  ExpectInside(spec.observation_space, driver.observation());
}

TEST_P(EnvContract, RandomActionsKeepEverythingFinite) {
  Driver driver = Make();
  driver.Reset(11);
  for (int i = 0; i < 10'000; ++i) {
    const StepResult result = driver.StepRandomly();
    ASSERT_TRUE(std::isfinite(result.reward)) << "step " << i;
    ExpectInside(driver.env().spec().observation_space, driver.observation());
    ASSERT_FALSE(HasFatalFailure()) << "step " << i;
    if (result.terminated || result.truncated) driver.Reset();
  }
}

TEST_P(EnvContract, TheTimeLimitIsExact) {
  Driver limited = Make({{"max_episode_steps", "7"}});
  EXPECT_EQ(limited.env().spec().max_episode_steps, 7);
  for (int episode = 0; episode < 2; ++episode) {
    limited.Reset();
    for (int step = 1; step <= 7; ++step) {
      EXPECT_EQ(limited.StepRandomly().truncated, step == 7) << "step " << step;
      EXPECT_EQ(limited.env().elapsed_steps(), step);
    }
  }
  Driver whole = Make();
  whole.Reset(0);
  const int limit = whole.env().spec().max_episode_steps;
  for (int step = 1; step <= limit; ++step) ASSERT_EQ(whole.StepRandomly().truncated, step == limit);
}

TEST_P(EnvContract, ARestoredEnvironmentContinuesToTheBit) {
  Driver original = Make();
  original.Reset(5);
  for (int i = 0; i < 30; ++i) original.StepOn();
  const std::string saved = original.Save();

  Driver copy = Make();
  copy.Reset(6);
  for (int i = 0; i < 10; ++i) copy.env().Step(copy.action(), copy.observation());
  LoadFrom(saved, copy.env());
  EXPECT_EQ(copy.Save(), saved);
  EXPECT_EQ(copy.env().elapsed_steps(), original.env().elapsed_steps());

  // Past several ends of episodes, so that the random stream and the step count matter as well.
  for (int i = 0; i < 1200; ++i) {
    const StepResult expected = original.StepRandomly();
    ExpectEqual(copy.env().Step(original.action(), copy.observation()), expected);
    ASSERT_EQ(copy.observation(), original.observation()) << "step " << i;
    if (expected.terminated || expected.truncated) {
      original.Reset();
      copy.Reset();
      ASSERT_EQ(copy.observation(), original.observation()) << "reset after step " << i;
    }
  }
  EXPECT_EQ(copy.Save(), original.Save());
}

TEST_P(EnvContract, ThePhysicalStateDeterminesTheFuture) {
  Driver original = Make();
  original.Reset(5);
  for (int i = 0; i < 5; ++i) original.StepRandomly();
  Driver other = Make();
  other.Reset(6);
  other.env().SetState(original.env().State());
  EXPECT_EQ(other.env().State(), original.env().State());
  for (int i = 0; i < 20; ++i) {
    original.StepRandomly();
    other.env().Step(original.action(), other.observation());
    ASSERT_EQ(other.observation(), original.observation()) << "step " << i;
  }
}

TEST_P(EnvContract, EnvironmentsAreIndependent) {
  Driver a = Make();
  Driver b = Make();
  a.Reset(1);
  b.Reset(1);
  const std::string before = b.Save();
  for (int i = 0; i < 50; ++i) a.StepOn();
  EXPECT_EQ(b.Save(), before);
  EXPECT_NE(a.Save(), before);
}

TEST_P(EnvContract, AVectorOfOneIsTheSingleEnvironment) {
  WorkerPool pool(1);
  VectorEnv vector([] { return MakeEnv(GetParam()); }, 1, pool);
  Driver single = Make();
  vector.Reset(21);
  single.Reset(21);
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(std::ranges::equal(vector.observations(), single.observation())) << "step " << i;
    const StepResult result = single.StepRandomly();
    vector.Step(single.action());
    ASSERT_TRUE(std::ranges::equal(vector.next_observations(), single.observation())) << "step " << i;
    EXPECT_EQ(vector.rewards()[0], result.reward);
    EXPECT_EQ(vector.terminated()[0] != 0, result.terminated);
    EXPECT_EQ(vector.truncated()[0] != 0, result.truncated);
    if (result.terminated || result.truncated) single.Reset();
  }
}

TEST_P(EnvContract, WrongSizesAreNamed) {
  Driver driver = Make();
  driver.Reset(0);
  std::vector<float> action(driver.action().size() + 1);
  std::vector<double> row(driver.observation().size() - 1);
  EXPECT_THAT([&] { driver.env().Step(action, driver.observation()); },
              ThrowsMessage<InputError>(fmt::format("action of {} numbers given to {}; expected {}",
                                                    action.size(), GetParam(), action.size() - 1)));
  EXPECT_THAT([&] { driver.env().Reset(row); },
              ThrowsMessage<InputError>(fmt::format("observation row of {} numbers given to {}; expected {}",
                                                    row.size(), GetParam(), row.size() + 1)));
  const std::vector<double> state = driver.env().State();
  EXPECT_THAT([&] { driver.env().SetState(std::span(state).subspan(1)); },
              ThrowsMessage<InputError>(fmt::format("state of {} numbers given to {}; expected {}",
                                                    state.size() - 1, GetParam(), state.size())));
}

TEST_P(EnvContract, ActionsThatAreNotFiniteAreRefused) {
  Driver driver = Make();
  driver.Reset(0);
  const std::string before = driver.Save();
  for (const float bad : {NAN, INFINITY}) {
    std::vector<float> action(driver.action().size());
    action.back() = bad;
    EXPECT_THAT([&] { driver.env().Step(action, driver.observation()); },
                ThrowsMessage<InputError>(
                    fmt::format("component {} of the action given to {} is {}; expected a finite number",
                                action.size() - 1, GetParam(), bad)));
  }
  EXPECT_EQ(driver.Save(), before);
}

TEST_P(EnvContract, DamagedSavesAreErrors) {
  Driver driver = Make();
  driver.Reset(0);
  const std::string saved = driver.Save();
  EXPECT_THAT([&] { LoadFrom(saved.substr(0, saved.size() - 1), driver.env()); },
              ThrowsMessage<InputError>("saved state ends too early"));
  const std::string other_id = GetParam() == "Pendulum-v1" ? "CartPole-v1" : "Pendulum-v1";
  Driver other(MakeEnv(other_id));
  EXPECT_THAT([&] { LoadFrom(saved, other.env()); },
              ThrowsMessage<InputError>(HasSubstr("saved state of environment '" + GetParam() + "'")));
}

INSTANTIATE_TEST_SUITE_P(Registry, EnvContract, ::testing::ValuesIn(DistinctEnvIds()), TestName);

}  // namespace
}  // namespace strider
