// Offline runs on data with something amiss.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "datasets/hdf5.h"
#include "datasets/writer.h"
#include "envs/registry.h"
#include "experiments/collect.h"
#include "experiments/run_directory.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::filesystem::path Written(const TemporaryFolder& folder, const Dataset& dataset) {
  auto path = folder.path() / "made.hdf5";
  WriteDataset(DatasetFormat::kD4rl, path, dataset);
  return path;
}

std::vector<std::string> OfflineIds() {
  std::vector<std::string> ids;
  for (const AgentEntry& entry : AllAgents()) {
    if (entry.kind == AgentKind::kOffline) ids.emplace_back(entry.id);
  }
  return ids;
}

// Neither terminals nor time-outs, and fewer rows than an episode has.
TEST(OfflineTraining, NeedsNoEndOfAnEpisode) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(300, 3, 2);
  std::ranges::fill(dataset.terminals, 0);
  dataset.timeouts.clear();
  const auto path = Written(folder, dataset);
  for (const std::string& id : OfflineIds()) {
    const auto run = folder.path() / id;
    EXPECT_EQ(TrainIn(run, TinySettings(id, "", path, {{"run.steps", "20"}})), TrainOutcome::kFinished) << id;
    EXPECT_TRUE(std::filesystem::exists(RunPaths{run}.policy())) << id;
  }
}

TEST(OfflineTraining, OdiceSaysThatAllRewardsAreZero) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(300, 3, 2);
  std::ranges::fill(dataset.rewards, 0.0F);
  const auto path = Written(folder, dataset);
  testing::internal::CaptureStderr();
  TrainIn(folder.path() / "run",
          TinySettings("odice", "", path, {{"run.steps", "20"}, {"agent.reward_map", "range"}}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("warning: step 10: all rewards of the latest batch are zero"),
                    HasSubstr("% of its transitions have a positive weight")));
}

// O-DICE sheet, section 7: one complete episode of many, without its rewards. The others push the other way,
// and have all the reward. At the sheet's fixed point, which a short discount brings near, all weights are 1:
// plain cloning.
TEST(OfflineTraining, OdiceImitatesTheEpisodeThatIsNamed) {
  const TemporaryFolder folder;
  constexpr std::size_t kLength = 60;
  constexpr std::size_t kEpisode = 2;
  Dataset dataset = MakeDataset(5 * kLength, 3, 1);
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    const bool imitated = row / kLength == kEpisode;
    dataset.actions[row] = imitated ? 1.2F : -1.2F;
    dataset.rewards[row] = imitated ? -1.0F : 1.0F;
    dataset.terminals[row] = 0;
    dataset.timeouts[row] = row % kLength == kLength - 1 ? 1 : 0;
  }
  const auto path = Written(folder, dataset);
  const auto env = MakeEnv("Pendulum-v1");
  for (const auto& [episode, torque] : {std::pair<int, float>{kEpisode, 1.2F}, {0, -1.2F}}) {
    const auto run = folder.path() / std::to_string(episode);
    EXPECT_EQ(TrainIn(run, TinySettings("odice", "Pendulum-v1", path,
                                        {{"run.steps", "800"},
                                         {"run.eval_episodes", "0"},
                                         {"agent.policy_lr", "1e-2"},
                                         {"agent.value_lr", "1e-2"},
                                         {"agent.lambda", "0.4"},
                                         {"agent.discount", "0.5"},
                                         {"agent.episode", std::to_string(episode)}})),
              TrainOutcome::kFinished);
    const Policy policy = LoadPolicy(run.string(), env->spec());
    Pcg64 random(0);
    std::vector<float> action(1);
    for (const std::size_t row : {0, 70, 130, 190}) {
      const float* const state = dataset.observations.data() + 3 * row;
      policy.Act(std::vector<double>(state, state + 3), /*deterministic=*/true, random, action);
      EXPECT_NEAR(action[0], torque, 0.2) << "of row " << row;
    }
  }
}

// Whoever learns from rewards, as they are after the method's own changes.
TEST(OfflineTraining, OthersSaySoToo) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(300, 3, 2);
  std::ranges::fill(dataset.rewards, 0.0F);
  const auto path = Written(folder, dataset);
  const std::string zero = "all rewards are 0: no action is better";
  const struct {
    const char* agent;
    Assignments changes;
    std::string told;
  } cases[] = {
      {"td3bc", {}, zero},
      {"td3bc", {{"agent.reward_shift", "-1"}}, ""},  // as fast as possible
      {"td3bc", {{"agent.reward_scale", "0"}}, "all rewards are 0, as agent.reward_scale is: no action"},
      {"bc", {}, ""},
      {"bc", {{"agent.best_fraction", "0.5"}}, zero},
      {"odice", {{"agent.reward_scale", "0"}}, ""}};
  int number = 0;
  for (const auto& [agent, changes, told] : cases) {
    Assignments settings = changes;
    settings.emplace_back("run.steps", "5");
    testing::internal::CaptureStderr();
    TrainIn(folder.path() / std::to_string(number), TinySettings(agent, "", path, settings));
    const std::string message = testing::internal::GetCapturedStderr();
    SCOPED_TRACE(fmt::format("case {}", number));
    EXPECT_EQ(message.find("all rewards are 0") == std::string::npos, told.empty()) << message;
    EXPECT_THAT(message, HasSubstr(told));
    ++number;
  }
}

// One row whose reward no critic can be fitted to in float32.
TEST(OfflineTraining, DivergenceKeepsTheLastGoodCheckpoint) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(300, 3, 2);
  dataset.rewards[200] = 1e30F;
  const auto path = Written(folder, dataset);
  for (const std::string id : {"td3bc", "iql", "cql"}) {
    const auto run = folder.path() / id;
    const std::string message = MessageOf<WorkError>([&] {
      TrainIn(run, TinySettings(id, "", path, {{"run.steps", "1000"}, {"run.checkpoint_interval", "1"}}));
    });
    EXPECT_THAT(message, AllOf(HasSubstr("the learner diverged"),
                               HasSubstr("the last good checkpoint, of step"), HasSubstr(run.string())))
        << id;
    const Hdf5File checkpoint = Hdf5File::Open(RunPaths{run}.checkpoint());
    for (const std::string& name : checkpoint.Names("tensors")) {
      for (const float x : checkpoint.Read<float>("tensors/" + name).values) {
        ASSERT_TRUE(std::isfinite(x)) << id << ": " << name;
      }
    }
  }
}

}  // namespace
}  // namespace strider
