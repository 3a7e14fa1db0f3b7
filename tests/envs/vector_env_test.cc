#include "envs/vector_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envs/kit.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::ThrowsMessage;

std::function<std::unique_ptr<Env>()> Maker(const std::string& id, const Assignments& options = {}) {
  return [=] { return MakeEnv(id, options); };
}

// Gymnasium's SyncVectorEnv of three CartPoles in one of its modes: golden/envs/vector_autoreset.h5.
void ExpectGymnasiums(Autoreset autoreset, const std::string& group) {
  const GoldenFile file(GoldenPath("envs/vector_autoreset.h5"));
  const auto size = static_cast<int>(file.Attribute<std::int64_t>("/", "num_envs").at(0));
  const auto read = [&](const std::string& name) { return file.Read(group + "/" + name); };
  const auto actions = read("actions");
  const auto observations = read("obs");
  const auto rewards = read("reward");
  const auto terminated = read("terminated");
  const auto truncated = read("truncated");
  const auto final_observations = read("final_obs");
  const auto ended = read("final_obs_mask");

  WorkerPool pool(2);
  VectorEnv envs(Maker("CartPole-v1"), size, pool, autoreset);
  envs.Reset(static_cast<std::uint64_t>(file.Attribute<std::int64_t>("/", "seed").at(0)));
  EXPECT_THAT(envs.observations(), ElementsAreArray(read("reset_obs").values));
  const auto width = static_cast<std::size_t>(envs.spec().observation_size());
  int ends = 0;
  for (std::size_t t = 0; t < actions.rows(); ++t) {
    const std::vector<float> row(actions.row(t), actions.row(t) + size);
    envs.Step(row);
    EXPECT_THAT(envs.observations(), ElementsAreArray(observations.row(t), observations.width()))
        << "step " << t;
    EXPECT_THAT(envs.rewards(), ElementsAreArray(rewards.row(t), rewards.width())) << "step " << t;
    EXPECT_THAT(envs.terminated(), ElementsAreArray(terminated.row(t), terminated.width())) << "step " << t;
    EXPECT_THAT(envs.truncated(), ElementsAreArray(truncated.row(t), truncated.width())) << "step " << t;
    for (std::size_t i = 0; i < envs.terminated().size(); ++i) {
      // Gymnasium marks final observations in SameStep only; in NextStep they are the usual ones.
      const bool apart = ended.row(t)[i] != 0;
      const auto* expected = (apart ? final_observations : observations).row(t) + i * width;
      EXPECT_THAT(envs.next_observations().subspan(i * width, width), ElementsAreArray(expected, width));
      ends += envs.terminated()[i] != 0 ? 1 : 0;
    }
  }
  EXPECT_GT(ends, 0);
}

TEST(VectorEnvTest, SameStepIsGymnasiums) { ExpectGymnasiums(Autoreset::kSameStep, "SameStep"); }
TEST(VectorEnvTest, NextStepIsGymnasiums) { ExpectGymnasiums(Autoreset::kNextStep, "NextStep"); }

// The action that NextStep ignores may be anything.
TEST(VectorEnvTest, NextStepResetsInsteadOfStepping) {
  WorkerPool pool(1);
  for (const std::string id : {"CartPole-v1", "Hopper-v5"}) {
    VectorEnv envs(Maker(id, {{"max_episode_steps", "2"}}), 3, pool, Autoreset::kNextStep);
    envs.Reset(5);
    const std::vector<float> actions(3 * static_cast<std::size_t>(envs.spec().action_size()), 1.0F);
    for (int i = 0; i < 2; ++i) envs.Step(actions);
    EXPECT_THAT(envs.truncated(), Each(1));
    EXPECT_THAT(envs.episode_lengths(), Each(2));
    EXPECT_NE(envs.episode_returns()[0], 0);
    envs.Step(std::vector<float>(actions.size(), NAN));
    EXPECT_THAT(envs.rewards(), Each(0));
    EXPECT_THAT(envs.truncated(), Each(0));
    EXPECT_THAT(envs.terminated(), Each(0));
    EXPECT_THAT(envs.episode_lengths(), Each(0));
    EXPECT_THAT(envs.episode_returns(), Each(0));
    Driver single(MakeEnv(id));
    single.Reset(5);
    single.Reset();
    EXPECT_THAT(envs.observations().first(single.observation().size()),
                ElementsAreArray(single.observation()));
    EXPECT_TRUE(std::ranges::equal(envs.observations(), envs.next_observations()));
  }
}

// Everything that can be seen of a few hundred steps, and the state they end in.
std::string Trace(const std::string& id, int threads, Autoreset autoreset, std::size_t size) {
  WorkerPool pool(threads);
  VectorEnv envs(Maker(id), static_cast<int>(size), pool, autoreset);
  envs.Reset(17);
  Pcg64 random(1);
  const auto width = static_cast<std::size_t>(envs.spec().action_size());
  std::vector<float> actions(size * width);
  StateWriter out;
  for (int step = 0; step < 200; ++step) {
    for (std::size_t i = 0; i < size; ++i) {
      SampleUniform(envs.spec().action_space, random, std::span(actions).subspan(i * width, width));
    }
    envs.Step(actions);
    out.PutSpan(envs.observations());
    out.PutSpan(envs.next_observations());
    out.PutSpan(envs.rewards());
    out.PutSpan(envs.terminated());
  }
  envs.Save(out);
  return out.bytes();
}

void ExpectEqualForAnyThreads(const std::string& id, std::size_t size) {
  for (const Autoreset autoreset : {Autoreset::kSameStep, Autoreset::kNextStep}) {
    const std::string expected = Trace(id, 1, autoreset, size);
    for (const int threads : {2, 4}) {
      EXPECT_TRUE(Trace(id, threads, autoreset, size) == expected) << id << ", threads " << threads;
    }
  }
}

TEST(VectorEnvTest, ResultsDoNotDependOnTheNumberOfThreads) {
  for (const std::string& id : DistinctEnvIds()) ExpectEqualForAnyThreads(id, 5);
}

// So many that threads are worth waking; ranges begin and end inside blocks of lanes.
TEST(VectorEnvTest, ResultsOfLargeBatchesDoNotDependOnTheNumberOfThreads) {
  for (const auto* id : {"CartPole-v1", "Pendulum-v1"}) ExpectEqualForAnyThreads(id, 5003);
}

TEST(VectorEnvTest, EnvironmentNumberIStartsFromSeedPlusI) {
  WorkerPool pool(1);
  VectorEnv envs(Maker("Hopper-v5"), 3, pool);
  envs.Reset(10);
  Driver third(MakeEnv("Hopper-v5"));
  third.Reset(12);
  EXPECT_THAT(envs.observations().last(third.observation().size()), ElementsAreArray(third.observation()));
}

TEST(VectorEnvTest, ReturnsAndLengthsAreThoseOfTheEpisode) {
  WorkerPool pool(1);
  VectorEnv envs(Maker("Pendulum-v1", {{"max_episode_steps", "3"}}), 2, pool);
  envs.Reset(0);
  const std::vector<float> actions(2, 0.5F);
  for (int episode = 0; episode < 3; ++episode) {
    double sum = 0;
    for (int step = 1; step <= 3; ++step) {
      envs.Step(actions);
      sum += envs.rewards()[1];
      EXPECT_EQ(envs.episode_returns()[1], sum);
      EXPECT_THAT(envs.episode_lengths(), Each(step));
      EXPECT_THAT(envs.truncated(), Each(step == 3 ? 1 : 0));
    }
  }
}

TEST(VectorEnvTest, ARestoredVectorContinuesToTheBit) {
  WorkerPool pool(2);
  VectorEnv original(Maker("Hopper-v5"), 3, pool);
  VectorEnv copy(Maker("Hopper-v5"), 3, pool);
  const std::vector<float> actions{0.9F, -0.4F, 0.3F, 0.1F, 0.2F, 0.3F, -0.5F, 0.5F, 0};
  original.Reset(4);
  copy.Reset(5);
  for (int i = 0; i < 40; ++i) original.Step(actions);
  StateWriter out;
  original.Save(out);
  StateReader in(out.bytes());
  copy.Load(in);
  EXPECT_EQ(in.remaining(), 0);
  EXPECT_TRUE(std::ranges::equal(copy.observations(), original.observations()));
  for (int i = 0; i < 200; ++i) {
    original.Step(actions);
    copy.Step(actions);
  }
  StateWriter expected;
  original.Save(expected);
  StateWriter actual;
  copy.Save(actual);
  EXPECT_TRUE(actual.bytes() == expected.bytes());
}

TEST(VectorEnvTest, BadInputIsNamed) {
  WorkerPool pool(1);
  EXPECT_THAT([&] { VectorEnv(Maker("Hopper-v5"), 0, pool); },
              ThrowsMessage<InputError>("number of environments is 0; expected at least 1"));
  VectorEnv envs(Maker("Hopper-v5"), 2, pool);
  envs.Reset(0);
  EXPECT_THAT([&] { envs.Step(std::vector<float>(5)); },
              ThrowsMessage<InputError>("5 action numbers given to 2 environments Hopper-v5; expected 6"));
}

// Batches do not go through Env::Step, and refuse the same actions.
TEST(VectorEnvTest, BadActionsAreRefusedByBatches) {
  WorkerPool pool(1);
  for (const auto* id : {"Pendulum-v1", "MountainCarContinuous-v0"}) {
    VectorEnv envs(Maker(id), 3, pool);
    envs.Reset(0);
    EXPECT_THAT(
        [&] {
          envs.Step(std::vector<float>{0, NAN, 0});
        },
        ThrowsMessage<InputError>(
            fmt::format("component 0 of the action given to {} is nan; expected a finite number", id)));
  }
  VectorEnv acrobots(Maker("Acrobot-v1"), 2, pool);
  acrobots.Reset(0);
  for (const float bad : {-1.0F, 3.0F, 0.5F, NAN}) {
    EXPECT_THAT(
        [&] {
          acrobots.Step(std::vector<float>{0, bad});
        },
        ThrowsMessage<InputError>(
            fmt::format("action {} given to Acrobot-v1; expected a whole number from 0 to 2", bad)));
  }
}

TEST(VectorEnvTest, ErrorsOnAnyThreadArrive) {
  WorkerPool pool(2);
  VectorEnv envs(Maker("CartPole-v1"), 4, pool);
  envs.Reset(0);
  EXPECT_THAT(
      [&] {
        envs.Step(std::vector<float>{0, 1, 1, 3});
      },
      ThrowsMessage<InputError>("action 3 given to CartPole-v1; expected a whole number from 0 to 1"));
}

}  // namespace
}  // namespace strider
