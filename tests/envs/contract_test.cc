// What every environment of the registry promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "envs/submodular/survey.h"
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

  // Whether two environments in one state do the same for the same random actions, though their random
  // streams differ.
  static bool GoTheSameWay(std::uint64_t seed) {
    // In the chain of the lock few actions leave anything to chance; so there they differ.
    Driver original = GetParam() == "LockChain-v0" ? Make({}, /*action_seed=*/seed) : Make();
    original.Reset(seed);
    // Some worlds come to rest after a few steps.
    for (std::uint64_t i = 0; i < seed % 6; ++i) original.StepRandomly();
    Driver other = Make();
    other.Reset(seed + 100);
    other.env().SetState(original.env().State());
    EXPECT_EQ(other.env().State(), original.env().State());
    for (int i = 0; i < 20; ++i) {
      const double reward = original.StepRandomly().reward;
      const double other_reward = other.env().Step(original.action(), other.observation()).reward;
      // Ant's and Humanoid's first reward counts from where the step before left the body (rule 4).
      if (i > 0 && other_reward != reward) return false;
      if (other.observation() != original.observation()) return false;
    }
    return true;
  }
};

// What takes thousands of steps.
class EnvLongContract : public EnvContract {};

// Neither its starts nor its steps are left to chance.
bool WithoutChance(std::string_view id) {
  return id == "CliffWalking-v1" || id == "GridG-v0" ||
         dynamic_cast<const Survey*>(MakeEnv(id).get()) != nullptr;
}

// What 300 random steps from here on show, past the ends of episodes.
std::vector<double> Play(Driver driver) {
  std::vector<double> shown = driver.observation();
  for (int i = 0; i < 300; ++i) {
    shown.push_back(driver.StepOn().reward);
    shown.insert(shown.end(), driver.observation().begin(), driver.observation().end());
  }
  return shown;
}

void ExpectInside(const Space& space, std::span<const double> row) {
  if (const auto* discrete = std::get_if<Discrete>(&space)) {
    ASSERT_EQ(row.size(), 1);
    ASSERT_EQ(row[0], std::floor(row[0]));
    ASSERT_GE(row[0], 0);
    ASSERT_LT(row[0], discrete->n);
    return;
  }
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
  Driver c = Make();
  Driver d = Make();
  c.Reset(3);
  d.Reset(4);
  EXPECT_EQ(Play(std::move(c)) == Play(std::move(d)), WithoutChance(GetParam()));
}

TEST_P(EnvContract, UnseededResetsContinueTheStream) {
  Driver once = Make();
  Driver twice = Make();
  for (Driver* driver : {&once, &twice}) {
    driver->Reset(3);
    std::ranges::fill(driver->action(), 0.0F);
    driver->env().Step(driver->action(), driver->observation());
  }
  once.Reset(3);
  twice.Reset();
  EXPECT_EQ(Play(std::move(once)) == Play(std::move(twice)), WithoutChance(GetParam()));
  Driver unseeded = Make();
  unseeded.Reset();
  Driver zero = Make();
  zero.Reset(0);
  EXPECT_EQ(unseeded.Save(), zero.Save());
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

TEST_P(EnvLongContract, RandomActionsKeepEverythingFinite) {
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

TEST_P(EnvLongContract, TheTimeLimitIsExact) {
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

TEST_P(EnvContract, ThePhysicalStateDeterminesTheFutureUnlessStepsAreRandom) {
  int same = 0;
  const int states = GetParam() == "LockChain-v0" ? 300 : 20;
  for (int seed = 0; seed < states; ++seed) same += GoTheSameWay(static_cast<std::uint64_t>(seed)) ? 1 : 0;
  if (Make().env().spec().random_steps) {
    EXPECT_LT(same, states);
  } else {
    EXPECT_EQ(same, states);
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

// Vectors of one, and of so many that batches step in blocks and singly.
TEST_P(EnvContract, AVectorIsSingleEnvironments) {
  WorkerPool pool(1);
  for (const std::size_t size : {1U, 19U}) {
    VectorEnv vector([] { return MakeEnv(GetParam()); }, static_cast<int>(size), pool);
    vector.Reset(21);
    std::vector<Driver> singles;
    for (std::size_t i = 0; i < size; ++i) {
      singles.push_back(Make({}, /*action_seed=*/i));
      singles.back().Reset(21 + i);
    }
    const std::size_t width = singles[0].observation().size();
    const auto expect_rows = [&](std::span<const double> rows) {
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_TRUE(std::ranges::equal(rows.subspan(i * width, width), singles[i].observation())) << i;
      }
    };
    std::vector<float> actions;
    std::vector<StepResult> results(size);
    for (int step = 0; step < 250; ++step) {
      SCOPED_TRACE(fmt::format("{} environments, step {}", size, step));
      expect_rows(vector.observations());
      actions.clear();
      for (std::size_t i = 0; i < size; ++i) {
        results[i] = singles[i].StepRandomly();
        actions.insert(actions.end(), singles[i].action().begin(), singles[i].action().end());
      }
      vector.Step(actions);
      expect_rows(vector.next_observations());
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(vector.rewards()[i], results[i].reward);
        ASSERT_EQ(vector.terminated()[i] != 0, results[i].terminated);
        ASSERT_EQ(vector.truncated()[i] != 0, results[i].truncated);
        if (results[i].terminated || results[i].truncated) singles[i].Reset();
      }
      ASSERT_FALSE(HasFatalFailure());
    }
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

TEST_P(EnvContract, DiscreteActionsThatDoNotExistAreRefused) {
  Driver driver = Make();
  const auto* actions = std::get_if<Discrete>(&driver.env().spec().action_space);
  if (actions == nullptr) return;
  driver.Reset(0);
  for (const float action : {-1.0F, 0.5F, static_cast<float>(actions->n), NAN}) {
    EXPECT_THAT([&] { driver.env().Step(std::array{action}, driver.observation()); },
                ThrowsMessage<InputError>(
                    HasSubstr(fmt::format("action {} given to {}; expected", action, GetParam()))));
  }
}

TEST_P(EnvContract, ActionsThatAreNotFiniteAreRefused) {
  Driver driver = Make();
  if (std::holds_alternative<Discrete>(driver.env().spec().action_space)) return;
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

INSTANTIATE_TEST_SUITE_P(Registry, EnvContract, ::testing::ValuesIn(AllEnvIds()), TestName);
INSTANTIATE_TEST_SUITE_P(Registry, EnvLongContract, ::testing::ValuesIn(DistinctEnvIds()), TestName);

}  // namespace
}  // namespace strider
