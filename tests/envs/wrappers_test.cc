#include "envs/wrappers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::FloatNear;
using ::testing::Pointwise;
using ::testing::ThrowsMessage;

constexpr int kSize = 4;

std::function<std::unique_ptr<Env>()> Maker(const std::string& id) {
  return [=] { return MakeEnv(id, {{"max_episode_steps", "30"}}); };
}

class WrappersTest : public ::testing::Test {
 protected:
  // Random actions in [-1, 1].
  std::vector<float> Actions(const EnvSpec& spec) {
    std::vector<float> actions(static_cast<std::size_t>(kSize * spec.action_size()));
    for (float& a : actions) a = static_cast<float>(random_.Uniform(-1, 1));
    return actions;
  }

  WorkerPool pool_{1};
  Pcg64 random_{3};
};

TEST_F(WrappersTest, ActionsAreRescaledToTheBox) {
  VectorEnv plain(Maker("InvertedPendulum-v5"), kSize, pool_);
  VectorEnv wrapped(Maker("InvertedPendulum-v5"), kSize, pool_);
  RescaleActions rescaled(wrapped);
  EXPECT_EQ(std::get<Box>(rescaled.spec().action_space), UniformBox(1, -1, 1));
  plain.Reset(1);
  rescaled.Reset(1);
  for (int step = 0; step < 50; ++step) {
    std::vector<float> actions = Actions(plain.spec());
    rescaled.Step(actions);
    for (float& a : actions) a *= 3;
    plain.Step(actions);
    ASSERT_THAT(rescaled.observations(), Pointwise(::testing::DoubleNear(1e-5), plain.observations()));
  }
}

// The mean and deviation of all observations that were acted on, and the same for final ones.
TEST_F(WrappersTest, ObservationsAreNormalisedByWhatWasSeen) {
  VectorEnv plain(Maker("Hopper-v5"), kSize, pool_);
  VectorEnv wrapped(Maker("Hopper-v5"), kSize, pool_);
  NormalizeObservations normalized(wrapped, 5);
  RunningMoments seen(plain.spec().observation_size());
  plain.Reset(1);
  normalized.Reset(1);
  seen.Update(plain.observations());
  int ends = 0;
  for (int step = 0; step < 100; ++step) {
    const std::vector<float> actions = Actions(plain.spec());
    plain.Step(actions);
    normalized.Step(actions);
    seen.Update(plain.observations());
    std::vector<float> expected(plain.observations().size());
    seen.Transform(5).Apply(plain.observations(), expected);
    ASSERT_THAT(normalized.observations(), ElementsAreArray(expected));
    seen.Transform(5).Apply(plain.next_observations(), expected);
    ASSERT_THAT(normalized.next_observations(), ElementsAreArray(expected));
    EXPECT_EQ(normalized.rewards()[0], plain.rewards()[0]);
    ends += static_cast<int>(std::ranges::count(plain.truncated(), 1));
  }
  EXPECT_GT(ends, 0);
  EXPECT_EQ(normalized.transform().mean, seen.mean());
}

TEST_F(WrappersTest, RewardsAreNormalisedByTheDiscountedReturn) {
  VectorEnv plain(Maker("Pendulum-v1"), kSize, pool_);
  VectorEnv wrapped(Maker("Pendulum-v1"), kSize, pool_);
  NormalizeRewards normalized(wrapped, 0.9, 10);
  RewardScaler scaler(kSize, 0.9, 10);
  plain.Reset(1);
  normalized.Reset(1);
  for (int step = 0; step < 100; ++step) {
    const std::vector<float> actions = Actions(plain.spec());
    plain.Step(actions);
    normalized.Step(actions);
    std::vector<double> expected(plain.rewards().begin(), plain.rewards().end());
    scaler.Scale(expected, plain.truncated());
    ASSERT_THAT(normalized.rewards(), ElementsAreArray(expected));
    ASSERT_THAT(normalized.episode_returns(), ElementsAreArray(plain.episode_returns()));
  }
}

// All of them on one environment, saved and restored in the middle.
TEST_F(WrappersTest, WrappersNestAndRestoreToTheBit) {
  struct Stack {
    explicit Stack(WorkerPool& pool) : envs(Maker("HalfCheetah-v5"), kSize, pool) {}
    VectorEnv envs;
    RescaleActions<VectorEnv> rescaled{envs};
    NormalizeObservations<RescaleActions<VectorEnv>> observed{rescaled, 10};
    NormalizeRewards<NormalizeObservations<RescaleActions<VectorEnv>>> all{observed, 0.99, 10};
  };
  Stack original(pool_);
  Stack copy(pool_);
  original.all.Reset(1);
  copy.all.Reset(2);
  for (int step = 0; step < 50; ++step) original.all.Step(Actions(original.all.spec()));
  StateWriter out;
  original.all.Save(out);
  StateReader in(out.bytes());
  copy.all.Load(in);
  EXPECT_EQ(in.remaining(), 0);
  EXPECT_THAT(copy.all.observations(), ElementsAreArray(original.all.observations()));
  for (int step = 0; step < 50; ++step) {
    const std::vector<float> actions = Actions(original.all.spec());
    original.all.Step(actions);
    copy.all.Step(actions);
    ASSERT_THAT(copy.all.observations(), ElementsAreArray(original.all.observations()));
    ASSERT_THAT(copy.all.next_observations(), ElementsAreArray(original.all.next_observations()));
    ASSERT_THAT(copy.all.rewards(), ElementsAreArray(original.all.rewards()));
  }
  EXPECT_THAT(original.all.observations(), Each(::testing::Le(10)));
}

TEST_F(WrappersTest, BadInputIsNamed) {
  VectorEnv discrete(Maker("CartPole-v1"), kSize, pool_, Autoreset::kNextStep);
  EXPECT_THAT([&] { RescaleActions rescaled(discrete); },
              ThrowsMessage<InputError>("actions of CartPole-v1 are discrete and cannot be rescaled"));
  EXPECT_THAT(
      [&] { NormalizeRewards normalized(discrete, 0.99, 10); },
      ThrowsMessage<InputError>("rewards are normalised only where environments are reset in the same step"));
  VectorEnv pendulum(Maker("Pendulum-v1"), kSize, pool_);
  RescaleActions rescaled(pendulum);
  rescaled.Reset(0);
  EXPECT_THAT([&] { rescaled.Step(std::vector<float>(3)); },
              ThrowsMessage<InputError>("3 action numbers given to 4 environments Pendulum-v1; expected 4"));
}

}  // namespace
}  // namespace strider
