// Agents that learn from rollouts and a dataset at once: what their data are, and which are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "datasets/d4rl.h"
#include "experiments/trainer.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

constexpr const char* kLock = "CombinationLock-v0";

class Hybrid : public ::testing::Test {
 protected:
  std::string data() const { return (folder_.path() / "data.hdf5").string(); }

  // What is wrong with learning from data() in that lock; "" where nothing is.
  std::string Misfit(const std::string& agent, const Assignments& env_options,
                     const std::string& env = kLock) const {
    Assignments changes = {{"run.dataset_cache", "false"}};
    for (const auto& [key, value] : env_options) changes.emplace_back("env." + key, value);
    Experiment experiment(TinySettings(agent, env, data(), changes));
    WorkerPool pool(1);
    try {
      MakeTrainer(experiment, pool);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
};

TEST_F(Hybrid, BehaviourDataSayWhereTheyComeFrom) {
  CollectBehavior(kLock, {{"horizon", "7"}, {"lock_seed", "3"}}, 7 * 100, data());
  const Dataset dataset = ReadD4rl(data());
  ASSERT_EQ(dataset.rows, 700);
  EXPECT_EQ(dataset.metadata.at("algorithm"), "behavior");
  EXPECT_EQ(dataset.metadata.at("policy_source"), "behavior");
  EXPECT_EQ(dataset.metadata.at("env_id"), kLock);
  EXPECT_EQ(dataset.metadata.at("env_options/lock_seed"), "3");
  EXPECT_THAT(dataset.metadata.at("env_instance"), AllOf(HasSubstr("horizon=7"), HasSubstr("lock_seed=3")));
  EXPECT_THAT(dataset.timeouts, Each(0)) << "the end of a lock is no time limit's";
  for (std::size_t row = 0; row < dataset.rows; ++row)
    ASSERT_EQ(dataset.terminals[row], row % 7 == 6 ? 1 : 0);
}

TEST_F(Hybrid, DataOfAnotherLockAreRefused) {
  CollectBehavior(kLock, {{"horizon", "7"}}, 7 * 20, data());
  EXPECT_EQ(Misfit("hnpg", {{"horizon", "7"}}), "");
  EXPECT_EQ(Misfit("hnpg", {{"horizon", "7"}, {"action_bound", "3"}}), "") << "the lock is the same";
  for (const std::string agent : {"hnpg", "bc"}) {
    EXPECT_EQ(Misfit(agent, {}), "") << "what nobody sets is as the data were recorded";
    EXPECT_THAT(Misfit(agent, {{"horizon", "10"}}),
                AllOf(HasSubstr(data()), HasSubstr("another CombinationLock-v0: horizon=7"),
                      HasSubstr("horizon=10")));
    EXPECT_THAT(Misfit(agent, {{"horizon", "7"}, {"lock_seed", "1"}}),
                AllOf(HasSubstr("lock_seed=0"), HasSubstr("lock_seed=1")));
    EXPECT_THAT(Misfit(agent, {{"horizon", "20"}}), HasSubstr("another CombinationLock-v0"))
        << "though the sights are wider, too";
  }
}

TEST_F(Hybrid, DataThatDoNotSayOfWhichLockGetAWarning) {
  CollectBehavior(kLock, {{"horizon", "7"}}, 7 * 20, data());
  Dataset dataset = ReadD4rl(data());
  dataset.metadata.erase("env_instance");
  WriteD4rl(data(), dataset);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Misfit("hnpg", {{"horizon", "7"}}), "");
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      AllOf(HasSubstr("warning: " + data()), HasSubstr("does not say from which CombinationLock-v0")));
}

TEST_F(Hybrid, StatesOfAnotherWorldAreRefused) {
  CollectBehavior("LockChain-v0", {{"horizon", "20"}}, 20 * 20, data());
  EXPECT_THAT(Misfit("hac", {}, "FourRooms-v0"),
              HasSubstr("metadata/env_id is LockChain-v0; expected data of FourRooms-v0"));
  Dataset dataset = ReadD4rl(data());
  dataset.metadata.clear();  // so that only its rows tell
  std::ranges::fill(dataset.actions, 0.0F);
  WriteD4rl(data(), dataset);
  EXPECT_THAT(Misfit("hac", {}, "FrozenLake-v1"), HasSubstr("expected whole numbers from 0 to 15"));
}

TEST_F(Hybrid, DataOfWrongShapesAreRefused) {
  CollectRandomly("Pendulum-v1", 300, data());
  EXPECT_THAT(Misfit("hnpg", {}),
              HasSubstr("metadata/env_id is Pendulum-v1; expected data of CombinationLock-v0"));
  Dataset dataset = ReadD4rl(data());
  dataset.metadata.clear();  // so that only its columns tell
  WriteD4rl(data(), dataset);
  EXPECT_THAT(Misfit("hnpg", {}), HasSubstr("observations: has 3 columns, expected 16 as the environment's"));
  EXPECT_THAT(Misfit("hac", {}, "LockChain-v0"), HasSubstr("has 3 columns, expected 1"));
}

TEST_F(Hybrid, EpisodesOfAnotherLengthAreRefused) {
  CollectBehavior(kLock, {{"horizon", "7"}}, 7 * 20, data());
  Dataset dataset = ReadD4rl(data());
  dataset.metadata.clear();  // so that only its rows tell
  WriteD4rl(data(), dataset);
  EXPECT_THAT(Misfit("hnpg", {}),
              AllOf(HasSubstr(data() + ": transition 6 is step 7 of its episode and ends it"),
                    HasSubstr("exactly 10 steps")));
}

TEST_F(Hybrid, OnlyHybridAgentsTakeBothAndNeedAnEnvironment) {
  CollectBehavior(kLock, {}, 100, data());
  EXPECT_THAT(MessageOf<InputError>([&] { Experiment(TinySettings("trpo", kLock, data())); }),
              HasSubstr("cannot take --dataset"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                Experiment(std::vector<GivenSetting>{{"run.agent", "hnpg", ""}, {"run.dataset", data(), ""}});
              }),
              HasSubstr("expected --env ID beside --dataset"));
  EXPECT_NO_THROW(Experiment(TinySettings("hnpg", kLock, {})));
}

TEST_F(Hybrid, BaselinesInTheLockAreJudgedAsHnpgIs) {
  CollectBehavior(kLock, {}, 2000, data());
  for (const std::string agent : {"hnpg", "rlpd"}) {
    Experiment experiment(TinySettings(agent, kLock, data(), {{"run.dataset_cache", "false"}}));
    WorkerPool pool(1);
    EXPECT_TRUE(MakeTrainer(experiment, pool)->agent().evaluate_sampled()) << agent;
  }
  CollectRandomly("Pendulum-v1", 300, data());
  for (const std::string agent : {"hnpg", "rlpd"}) {
    Experiment experiment(TinySettings(agent, "Pendulum-v1", data(), {{"run.dataset_cache", "false"}}));
    WorkerPool pool(1);
    EXPECT_EQ(MakeTrainer(experiment, pool)->agent().evaluate_sampled(), agent == "hnpg") << agent;
  }
}

TEST_F(Hybrid, WithoutOnPolicyRowsADatasetIsNeeded) {
  for (const auto& [agent, env] : {std::pair("hnpg", kLock), {"hac", "LockChain-v0"}}) {
    CollectBehavior(env, {}, 1000, data());
    const Assignments none = {{"agent.on_policy_weight", "0"}, {"run.dataset_cache", "false"}};
    Experiment alone(TinySettings(agent, env, "", none));
    WorkerPool pool(1);
    EXPECT_THAT(MessageOf<InputError>([&] { MakeTrainer(alone, pool); }),
                HasSubstr("agent.on_policy_weight = 0 leaves nothing to learn from"));
    Experiment hybrid(TinySettings(agent, env, data(), none));
    const auto trainer = MakeTrainer(hybrid, pool);
    trainer->Advance();
    trainer->Advance();
    EXPECT_EQ(trainer->agent().Divergence(), std::nullopt) << agent;
  }
}

// Environments side by side are at the same step of their episodes, whatever their number.
TEST_F(Hybrid, EnvironmentsSideBySideLearnAlike) {
  CollectBehavior(kLock, {}, 2000, data());
  for (const std::string num_envs : {"1", "4"}) {
    Experiment experiment(TinySettings("hnpg", kLock, data(), {{"run.num_envs", num_envs}}));
    WorkerPool pool(1);
    const auto trainer = MakeTrainer(experiment, pool);
    trainer->Advance();
    trainer->Advance();
    EXPECT_EQ(trainer->step(), 2 * 30 * std::stoi(num_envs));
    EXPECT_EQ(trainer->TakeEpisodes().count, 2 * 3 * std::stoi(num_envs));
    EXPECT_EQ(trainer->CurrentPolicy().steps.size(), 10);
  }
}

}  // namespace
}  // namespace strider
