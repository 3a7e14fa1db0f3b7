// Collected datasets: every row against a simulation of its own.
#include "experiments/collect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "agents/policy_file.h"
#include "core/checksum.h"
#include "datasets/d4rl.h"
#include "envs/registry.h"
#include "experiments/statistics.h"
#include "experiments/version.h"
#include "tests/experiments/policies.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CollectTest : public ::testing::Test {
 protected:
  Dataset Make(const std::string& env_id, const Policy& policy, CollectOptions options,
               const Assignments& env_options = {}) {
    const auto env = MakeEnv(env_id, env_options);
    options.env_options = env_options;
    EXPECT_TRUE(Collect(policy, *env, options, path(), {}));
    return ReadD4rl(path());
  }

  std::filesystem::path path() const { return folder_.path() / "data.hdf5"; }

  TemporaryFolder folder_;
};

Policy Uniform(const std::string& env_id) {
  const auto env = MakeEnv(env_id);
  return UniformPolicy(env->spec().observation_size(), env->spec().action_space);
}

std::vector<float> AsFloat(std::span<const double> values) { return {values.begin(), values.end()}; }

template <class T>
std::vector<T> Row(const std::vector<T>& column, std::size_t row, std::size_t width) {
  const auto first = column.begin() + static_cast<std::ptrdiff_t>(row * width);
  return {first, first + static_cast<std::ptrdiff_t>(width)};
}

double Deviation(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += (value - Mean(values)) * (value - Mean(values));
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// A short limit, so that episodes end both ways, and some of them both ways at once.
const Assignments kShort = {{"max_episode_steps", "15"}};

class CollectEverywhere : public CollectTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(CollectEverywhere, RowsAreThoseOfTheEnvironmentUnderTheSameActions) {
  CollectOptions options;
  options.steps = 500;
  options.seed = 42;
  const Dataset data = Make(GetParam(), Uniform(GetParam()), options, kShort);
  ASSERT_EQ(data.rows, 500);

  const auto env = MakeEnv(GetParam(), kShort);
  std::vector<double> observation(data.observation_size);
  env->Reset(42, observation);
  int terminals = 0;
  int timeouts = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    ASSERT_EQ(Row(data.observations, row, data.observation_size), AsFloat(observation)) << row;
    ASSERT_EQ(Row(data.qpos, row, data.qpos_size), std::vector(env->qpos().begin(), env->qpos().end()));
    ASSERT_EQ(Row(data.qvel, row, data.qvel_size), std::vector(env->qvel().begin(), env->qvel().end()));
    const StepResult step = env->Step(Row(data.actions, row, data.action_size), observation);
    ASSERT_EQ(Row(data.next_observations, row, data.observation_size), AsFloat(observation)) << row;
    ASSERT_EQ(data.rewards[row], static_cast<float>(step.reward));
    ASSERT_EQ(data.timeouts[row], step.truncated ? 1 : 0) << row;
    ASSERT_EQ(data.terminals[row], step.terminated && !step.truncated ? 1 : 0) << row;
    terminals += data.terminals[row];
    timeouts += data.timeouts[row];
    if (step.terminated || step.truncated) env->Reset(observation);
  }
  EXPECT_GT(timeouts, 0);
  EXPECT_EQ(terminals > 0, GetParam() != "Pendulum-v1" && GetParam() != "HalfCheetah-v5");
}

INSTANTIATE_TEST_SUITE_P(All, CollectEverywhere,
                         ::testing::Values("CartPole-v1", "Pendulum-v1", "HalfCheetah-v5", "Hopper-v5",
                                           "Walker2d-v5"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('-')); });

// What other people's tools do with infos/qpos and infos/qvel. The solver's warm start is not in the file and
// moves its answer by less than float32 rounding.
TEST_F(CollectTest, StoredSimulatorStatesLeadToTheNextObservations) {
  CollectOptions options;
  options.steps = 300;
  const Dataset data = Make("Hopper-v5", Uniform("Hopper-v5"), options);
  const auto env = MakeEnv("Hopper-v5");
  std::vector<double> observation(data.observation_size);
  env->Reset(0, observation);
  for (std::size_t row = 0; row < data.rows; ++row) {
    std::vector<double> state = Row(data.qpos, row, data.qpos_size);
    const auto velocities = Row(data.qvel, row, data.qvel_size);
    state.insert(state.end(), velocities.begin(), velocities.end());
    state.resize(env->State().size(), 0.0);
    env->SetState(state);
    env->Step(Row(data.actions, row, data.action_size), observation);
    const auto stored = Row(data.next_observations, row, data.observation_size);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      ASSERT_NEAR(stored[i], observation[i], 1e-5 * std::max(1.0, std::abs(observation[i]))) << row;
    }
  }
}

TEST_F(CollectTest, SeedDecidesEverything) {
  CollectOptions options;
  options.steps = 100;
  options.seed = 1;
  const Dataset one = Make("Hopper-v5", Uniform("Hopper-v5"), options);
  const Dataset again = Make("Hopper-v5", Uniform("Hopper-v5"), options);
  EXPECT_EQ(again.observations, one.observations);
  EXPECT_EQ(again.actions, one.actions);
  options.seed = 2;
  const Dataset other = Make("Hopper-v5", Uniform("Hopper-v5"), options);
  EXPECT_NE(other.observations, one.observations);
  EXPECT_NE(other.actions, one.actions);
}

TEST_F(CollectTest, UniformActionsFillTheBoxAndHaveItsDensity) {
  CollectOptions options;
  options.steps = 4000;
  const Dataset data = Make("Pendulum-v1", Uniform("Pendulum-v1"), options);
  const std::vector<double> actions(data.actions.begin(), data.actions.end());
  EXPECT_THAT(data.actions, Each(::testing::AllOf(::testing::Ge(-2.0F), ::testing::Le(2.0F))));
  EXPECT_NEAR(Mean(actions), 0, 0.1);
  EXPECT_NEAR(Deviation(actions), 4 / std::sqrt(12.0), 0.05);

  const Dataset hopper = Make("Hopper-v5", Uniform("Hopper-v5"), options);
  EXPECT_THAT(hopper.action_log_probs, Each(::testing::FloatNear(-3 * std::log(2.0F), 1e-5F)));
}

// From the mean, the deviation and the action as the file has it; for the squashed kind by the change of
// variables a = tanh(x).
TEST_F(CollectTest, LogProbabilitiesAreThoseOfTheStoredActions) {
  const EnvSpec spec = MakeEnv("Hopper-v5")->spec();
  constexpr float kMean = 0.2F;
  constexpr float kLogStd = -1.5F;
  CollectOptions options;
  options.steps = 300;
  for (const auto distribution : {ActionDistribution::kGaussian, ActionDistribution::kTanhGaussian}) {
    const Dataset data = Make("Hopper-v5", ConstantPolicy(spec, distribution, kMean, kLogStd), options);
    ASSERT_EQ(data.action_log_probs.size(), data.rows);
    for (std::size_t row = 0; row < data.rows; ++row) {
      double expected = 0;
      bool clipped = false;
      for (const double a : Row(data.actions, row, data.action_size)) {
        const bool squashed = distribution == ActionDistribution::kTanhGaussian;
        const double x = squashed ? std::atanh(a) : a;
        const double z = (x - kMean) / std::exp(kLogStd);
        expected += -0.5 * z * z - kLogStd - 0.5 * std::log(2 * M_PI);
        if (squashed) expected -= std::log(1 - a * a);
        clipped = clipped || std::abs(a) >= 1;
      }
      if (!clipped) {
        ASSERT_NEAR(data.action_log_probs[row], expected, 1e-4) << row;
      }
    }
  }
}

TEST_F(CollectTest, OtherPeoplesDrawsHaveNoLogProbabilities) {
  const Policy policy = RandomPolicy(MakeEnv("Hopper-v5")->spec(), ActionDistribution::kTanhGaussian);
  CollectOptions options;
  options.steps = 20;
  EXPECT_EQ(Make("Hopper-v5", policy, options).action_log_probs.size(), 20);
  auto noisy = options;
  noisy.noise = 0.1;
  EXPECT_THAT(Make("Hopper-v5", policy, noisy).action_log_probs, IsEmpty());
  auto mixed = options;
  mixed.epsilon = 0.1;
  EXPECT_THAT(Make("Hopper-v5", policy, mixed).action_log_probs, IsEmpty());
  auto mean = options;
  mean.deterministic = true;
  EXPECT_THAT(Make("Hopper-v5", policy, mean).action_log_probs, IsEmpty());
}

TEST_F(CollectTest, EpsilonIsTheShareOfUniformActions) {
  const EnvSpec spec = MakeEnv("Pendulum-v1")->spec();
  const Policy constant = ConstantPolicy(spec, ActionDistribution::kTanh, 0);
  CollectOptions options;
  options.steps = 4000;
  options.epsilon = 0.3;
  options.deterministic = true;
  const Dataset data = Make("Pendulum-v1", constant, options);
  std::vector<double> others;
  for (const float a : data.actions) {
    if (a != 0) others.push_back(a);
  }
  EXPECT_NEAR(static_cast<double>(others.size()) / 4000, 0.3, 0.03);
  EXPECT_NEAR(Mean(others), 0, 0.15);
  EXPECT_NEAR(Deviation(others), 4 / std::sqrt(12.0), 0.1);

  options.epsilon = 1;
  EXPECT_THAT(Make("Pendulum-v1", constant, options).actions, Each(::testing::Ne(0.0F)));
}

// The noise is measured in half widths of the box, [-2, 2] here, whatever frame the policy acts in.
TEST_F(CollectTest, NoiseHasTheDeviationThatWasAskedFor) {
  const EnvSpec spec = MakeEnv("Pendulum-v1")->spec();
  CollectOptions options;
  options.steps = 4000;
  options.noise = 0.05;
  options.deterministic = true;
  const float squashed_half = std::atanh(0.75F);
  for (const Policy& policy : {ConstantPolicy(spec, ActionDistribution::kTanh, squashed_half),
                               ConstantPolicy(spec, ActionDistribution::kGaussian, 1.5F)}) {
    const Dataset data = Make("Pendulum-v1", policy, options);
    const std::vector<double> actions(data.actions.begin(), data.actions.end());
    EXPECT_NEAR(Mean(actions), 1.5, 0.01);
    EXPECT_NEAR(Deviation(actions), 0.1, 0.01);
  }
  options.noise = 5;
  const Dataset wild = Make("Pendulum-v1", ConstantPolicy(spec, ActionDistribution::kGaussian, 0), options);
  EXPECT_THAT(wild.actions, Each(::testing::AllOf(::testing::Ge(-2.0F), ::testing::Le(2.0F))));
  EXPECT_GT(std::ranges::count(wild.actions, 2.0F), 1000);
}

TEST_F(CollectTest, NoiseNeedsContinuousActions) {
  const auto env = MakeEnv("CartPole-v1");
  CollectOptions options;
  options.steps = 10;
  options.noise = 0.1;
  EXPECT_THAT(MessageOf<InputError>([&] { Collect(Uniform("CartPole-v1"), *env, options, path(), {}); }),
              HasSubstr("CartPole-v1's are discrete (use epsilon)"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CollectTest, MetadataSayWhereTheRowsComeFrom) {
  const auto env = MakeEnv("Hopper-v5", kShort);
  const Policy policy = RandomPolicy(env->spec(), ActionDistribution::kTanhGaussian);
  CollectOptions options;
  options.steps = 10;
  options.seed = 77;
  options.epsilon = 0.25;
  const std::filesystem::path file = folder_.path() / "policy.hdf5";
  WritePolicy(file, policy, {"pmoe", "Hopper-v5"});
  options.source = file.string();
  Make("Hopper-v5", policy, options, kShort);
  const auto metadata = D4rlReader(path()).Metadata();
  EXPECT_EQ(metadata.at("algorithm"), "pmoe");
  EXPECT_EQ(metadata.at("policy_source"), file.string());
  EXPECT_EQ(metadata.at("policy_sha256"), FileChecksum(file));
  EXPECT_EQ(metadata.at("env_id"), "Hopper-v5");
  EXPECT_EQ(metadata.at("env_options/max_episode_steps"), "15");
  EXPECT_EQ(metadata.at("seed"), "77");
  EXPECT_EQ(metadata.at("deterministic"), "false");
  EXPECT_EQ(metadata.at("noise"), "0");
  EXPECT_EQ(metadata.at("epsilon"), "0.25");
  EXPECT_EQ(metadata.at("strider_version"), kVersion);

  // The policy that acted can be taken out of the dataset again.
  const Policy stored = LoadPolicy(path().string(), env->spec());
  EXPECT_EQ(stored.distribution, policy.distribution);
  ASSERT_EQ(stored.hidden.size(), 2);
  EXPECT_EQ(stored.hidden[1].weight, policy.hidden[1].weight);
  EXPECT_EQ(stored.mean.weight, policy.mean.weight);
  EXPECT_EQ(stored.log_std.bias, policy.log_std.bias);
}

// The policy sees its stock; the dataset holds the environment's own rows.
TEST_F(CollectTest, StocksStayWithThePolicy) {
  CollectOptions options;
  options.steps = 200;
  const Dataset data = Make("ThreeState-v0", ThreeStatePolicy(-2), options);
  ASSERT_EQ(data.observation_size, 1);
  for (std::size_t row = 1; row < 200; row += 2) {
    EXPECT_EQ(data.observations[row - 1], 0);
    EXPECT_EQ(data.observations[row], 1);
    EXPECT_EQ(data.next_observations[row], 2);
    EXPECT_EQ(data.actions[row], data.rewards[row - 1] == 0 ? 1 : 0) << row;
  }
  const Policy stored = LoadPolicy(path().string(), MakeEnv("ThreeState-v0")->spec());
  EXPECT_EQ(stored.augmentation.stock->low, -2);
  EXPECT_EQ(stored.observation_size, 6);
}

// The policy remembers its option over an episode, whatever noise is added and whoever explores; the dataset
// holds the environment's own rows and actions.
TEST_F(CollectTest, OptionsStayWithThePolicy) {
  const EnvSpec spec = MakeEnv("Pendulum-v1")->spec();
  for (const double noise : {0.0, 0.05}) {
    CollectOptions options;
    options.steps = 1000;
    options.noise = noise;
    const Dataset data =
        Make("Pendulum-v1", TwoOptionsPolicy(spec, 1, false), options, {{"max_episode_steps", "20"}});
    ASSERT_EQ(data.observation_size, 3);
    ASSERT_EQ(data.action_size, 1);
    int positive = 0;
    for (std::size_t row = 0; row < 1000; ++row) {
      EXPECT_EQ(data.actions[row] > 0, data.actions[row / 20 * 20] > 0) << row;
      EXPECT_NEAR(std::abs(data.actions[row]), 1, 1e-6 + 10 * noise);
      positive += data.actions[row] > 0 ? 1 : 0;
    }
    EXPECT_NEAR(positive / 20, 25, 14);  // of 50 episodes; 4 standard deviations
  }
  const Policy stored = LoadPolicy(path().string(), spec);
  EXPECT_EQ(stored.augmentation.options, 2);
  EXPECT_EQ(stored.chooser.size(), 1);

  // A random action comes with a random option, and that one goes on.
  CollectOptions explore;
  explore.steps = 2000;
  explore.epsilon = 0.1;
  const Dataset data =
      Make("Pendulum-v1", TwoOptionsPolicy(spec, 1, false), explore, {{"max_episode_steps", "2000"}});
  int positive = 0;
  for (const float a : data.actions) positive += a > 0 ? 1 : 0;
  EXPECT_NEAR(positive, 1000, 450);
}

// Densities are those of the action, whichever option it is from: an even mixture, and after that one
// Gaussian.
TEST_F(CollectTest, DensitiesUnderOptions) {
  const EnvSpec spec = MakeEnv("Pendulum-v1")->spec();
  CollectOptions options;
  options.steps = 40;
  const Dataset data = Make("Pendulum-v1", TwoOptionsPolicy(spec, 0.5F, false, /*log_std=*/-1), options,
                            {{"max_episode_steps", "2"}});
  ASSERT_EQ(data.action_log_probs.size(), 40);
  const auto density = [](double x, double mean) {
    const double z = (x - mean) * std::exp(1.0);
    return std::exp(-0.5 * z * z + 1) / std::sqrt(2 * M_PI);
  };
  for (std::size_t row = 0; row < 40; row += 2) {
    const double a = data.actions[row];
    EXPECT_NEAR(data.action_log_probs[row], std::log(0.5 * density(a, -0.5) + 0.5 * density(a, 0.5)), 1e-4);
    const double b = data.actions[row + 1];
    const double first = std::abs(data.action_log_probs[row + 1] - std::log(density(b, -0.5)));
    const double second = std::abs(data.action_log_probs[row + 1] - std::log(density(b, 0.5)));
    EXPECT_LT(std::min(first, second), 1e-4);
  }
}

// What deta-n remembers, with stocks, times and ones, comes out as the environment's own rows.
TEST_F(CollectTest, ReplayOfAnAgentThatSeesMore) {
  const auto run = folder_.path() / "run";
  ASSERT_EQ(TrainIn(run, TinySettings("deta-n", "GridR-v0", {})), TrainOutcome::kFinished);
  CollectReplay(run, path());
  const Dataset data = ReadD4rl(path());
  ASSERT_EQ(data.observation_size, 1);
  ASSERT_GT(data.rows, 20);
  const auto env = MakeEnv("GridR-v0");
  std::vector<double> next(1);
  for (std::size_t row = 0; row < data.rows; ++row) {
    EXPECT_GE(data.observations[row], 0);
    EXPECT_LT(data.observations[row], 15);
    env->SetState(std::array{static_cast<double>(data.observations[row])});
    env->Step(std::array{data.actions[row]}, next);
    EXPECT_EQ(data.next_observations[row], static_cast<float>(next[0])) << row;
  }
}

TEST_F(CollectTest, MoreRowsThanABlockAreAllThere) {
  CollectOptions options;
  options.steps = 25001;
  const Dataset data = Make("CartPole-v1", Uniform("CartPole-v1"), options);
  EXPECT_EQ(data.rows, 25001);
  EXPECT_EQ(data.qpos_size, 0);
  for (std::size_t row = 0; row + 1 < data.rows; ++row) {
    if (data.terminals[row] != 0 || data.timeouts[row] != 0) continue;
    ASSERT_EQ(Row(data.next_observations, row, 4), Row(data.observations, row + 1, 4)) << row;
  }
}

TEST_F(CollectTest, StoppedCollectionLeavesNothingAndAnOlderFileAsItWas) {
  const auto env = MakeEnv("CartPole-v1");
  CollectOptions options;
  options.steps = 30000;
  const auto stop_at = [](std::int64_t last) { return [last](std::int64_t rows) { return rows < last; }; };
  EXPECT_FALSE(Collect(Uniform("CartPole-v1"), *env, options, path(), stop_at(15000)));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));

  options.steps = 10;
  const Dataset old = Make("CartPole-v1", Uniform("CartPole-v1"), options);
  options.steps = 30000;
  EXPECT_FALSE(Collect(Uniform("CartPole-v1"), *env, options, path(), stop_at(1)));
  EXPECT_EQ(ReadD4rl(path()).observations, old.observations);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(CollectTest, PoliciesThatCannotBeLoadedSayWhy) {
  const EnvSpec spec = MakeEnv("Hopper-v5")->spec();
  const auto message = [&](const std::filesystem::path& source) {
    return MessageOf<InputError>([&] { LoadPolicy(source.string(), spec); });
  };
  EXPECT_THAT(message(folder_.path() / "none"),
              HasSubstr("none' does not exist; expected a run's directory, an HDF5 file, or random"));
  EXPECT_THAT(message(folder_.path()), HasSubstr("is no run's directory (it has no config.cfg)"));
  folder_.Write("run/config.cfg", "run.agent = td3\n");
  EXPECT_THAT(message(folder_.path() / "run"),
              HasSubstr("has no policy yet: it was stopped before its first checkpoint"));
  // A dataset without a policy in it, and one of a policy for another environment.
  CollectOptions options;
  options.steps = 10;
  Make("Hopper-v5", Uniform("Hopper-v5"), options);
  EXPECT_THAT(message(path()), HasSubstr(path().string()));
  const EnvSpec cheetah = MakeEnv("HalfCheetah-v5")->spec();
  Make("HalfCheetah-v5", RandomPolicy(cheetah, ActionDistribution::kTanh), options);
  EXPECT_THAT(message(path()), ::testing::AllOf(HasSubstr(path().string()), HasSubstr("Hopper-v5")));
}

}  // namespace
}  // namespace strider
