// D4RL's whole set of a task, from a tiny run.
#include "experiments/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agents/policy_file.h"
#include "core/checksum.h"
#include "core/files.h"
#include "datasets/d4rl.h"
#include "experiments/collect.h"
#include "tests/experiments/policies.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kRows = 200;

class RecipeTest : public ::testing::Test {
 protected:
  RecipeTest() {
    options_.env = "Pendulum-v1";
    options_.rows = kRows;
    options_.seed = 3;
    options_.progress = StandardError(/*quiet=*/true);
    for (const GivenSetting& setting :
         TinySettings("sac", "Pendulum-v1", {}, {{"env.max_episode_steps", "20"}})) {
      if (setting.key != "run.env" && setting.key != "run.seed") options_.given.push_back(setting);
    }
  }

  // The file of a policy whose actions are about 2 tanh(`push`).
  std::string Pusher(const std::string& name, float push) {
    const auto env = MakeEnv("Pendulum-v1");
    const std::filesystem::path file = folder_.path() / (name + "-policy.hdf5");
    WritePolicy(file, ConstantPolicy(env->spec(), ActionDistribution::kTanh, push), {"hand", "Pendulum-v1"});
    return file.string();
  }

  // An expert no better than chance, so that the first evaluation may well be "medium".
  void GiveExpert() { options_.expert = Pusher("expert", -5); }

  nlohmann::json Manifest() const { return nlohmann::json::parse(ReadText(out() / "manifest.json")); }
  Dataset Read(const std::string& name) const { return ReadD4rl(out() / (name + ".hdf5")); }
  std::filesystem::path out() const { return folder_.path() / "sets"; }

  TemporaryFolder folder_;
  RecipeOptions options_;
};

TEST_F(RecipeTest, EveryDatasetIsWhatItsNameSays) {
  GiveExpert();
  ASSERT_TRUE(MakeDatasets(options_, out()));
  const auto sets = Manifest()["datasets"];
  ASSERT_EQ(sets.size(), 6);  // no full-replay: the run was not the expert
  for (const auto& [name, entry] : sets.items()) {
    SCOPED_TRACE(name);
    const std::filesystem::path file = out() / entry["file"].get<std::string>();
    const Dataset dataset = ReadD4rl(file);
    EXPECT_EQ(entry["rows"], dataset.rows);
    EXPECT_EQ(entry["episodes"], Episodes(dataset).size());
    EXPECT_EQ(entry["sha256"], FileChecksum(file));
    EXPECT_EQ(dataset.metadata.at("env_id"), "Pendulum-v1");
  }
  // Ten episodes of twenty steps, each ended by the step limit.
  EXPECT_EQ(Read("random").rows, kRows);
  EXPECT_EQ(Read("random").metadata.at("env_options/max_episode_steps"), "20");
  // The expert pushes one way all the time, and the noisy one four times in five.
  EXPECT_THAT(Read("expert").actions, Each(Le(-1.9F)));
  const auto pushes = std::ranges::count_if(Read("noisy").actions, [](float a) { return a <= -1.9F; });
  EXPECT_GT(pushes, 0.7 * kRows);
  EXPECT_LT(pushes, 0.95 * kRows);
  EXPECT_EQ(Read("medium-expert").rows, 2 * kRows);
}

TEST_F(RecipeTest, ReplayIsWhatTheRunLivedThrough) {
  GiveExpert();
  ASSERT_TRUE(MakeDatasets(options_, out()));
  // The run ended at its first evaluation, at step 45, with a buffer of the last 101 steps.
  const Dataset replay = Read("medium-replay");
  ASSERT_EQ(replay.rows, 45);
  EXPECT_EQ(replay.metadata.at("iteration"), "45");
  EXPECT_EQ(replay.metadata.at("algorithm"), "sac");
  EXPECT_EQ(replay.timeouts[19] + replay.timeouts[39], 2);
  EXPECT_EQ(std::ranges::count(replay.terminals, 1), 0);
  // Actions are torques, in the environment's frame: the warm-up's are uniform on +-2.
  EXPECT_GT(std::ranges::max(replay.actions), 1.0F);
  // Replayed in the environment, they lead where the file says.
  const auto env = MakeEnv("Pendulum-v1", {{"max_episode_steps", "20"}});
  std::vector<double> observation(3);
  env->Reset(0, observation);
  for (const std::size_t row : {0, 7, 25}) {
    const std::span<const float> seen(replay.observations.data() + row * 3, 3);
    env->SetState(std::array{std::atan2(static_cast<double>(seen[1]), static_cast<double>(seen[0])),
                             static_cast<double>(seen[2])});
    const StepResult step = env->Step(std::span<const float>(replay.actions).subspan(row, 1), observation);
    EXPECT_NEAR(step.reward, replay.rewards[row], 1e-4);
    EXPECT_NEAR(observation[2], replay.next_observations[row * 3 + 2], 1e-4);
  }
}

TEST_F(RecipeTest, AMediumPolicyCanBeGiven) {
  GiveExpert();
  // A little torque is no better than what a few steps of learning bring.
  options_.medium = Pusher("medium", 0.5);
  ASSERT_TRUE(MakeDatasets(options_, out()));
  EXPECT_THAT(Read("medium").actions, Each(FloatNear(2 * std::tanh(0.5F), 1e-4F)));
  EXPECT_THAT(Read("expert").actions, Each(Le(-1.9F)));
  EXPECT_EQ(Manifest()["recipe"]["medium"], FileChecksum(options_.medium));
  // The run went on to the mean return of that set.
  const RunPaths run{out() / "run"};
  const double asked =
      std::stod(Experiment(ResumedSettings(run, {})).Settings().Find("run.target_return")->get());
  EXPECT_EQ(asked, Manifest()["datasets"]["medium"]["mean_return"].get<double>());
  EXPECT_EQ(Read("medium-replay").metadata.at("algorithm"), "sac");

  const std::string given = std::exchange(options_.medium, "");
  EXPECT_THAT(MessageOf<InputError>([&] { MakeDatasets(options_, out()); }),
              HasSubstr(fmt::format(", medium = nothing and not {}", FileChecksum(given))));
  options_.medium = (folder_.path() / "nothing").string();
  EXPECT_THAT(MessageOf<InputError>([&] { MakeDatasets(options_, folder_.path() / "other"); }),
              HasSubstr("nothing"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "other"));
}

// It is the policy that counts, not where its file lies.
TEST_F(RecipeTest, AnotherPolicyInTheFileIsNoticed) {
  GiveExpert();
  ASSERT_TRUE(MakeDatasets(options_, out()));
  const std::filesystem::path expert = options_.expert;
  options_.expert = (folder_.path() / "moved.hdf5").string();
  std::filesystem::copy(expert, options_.expert);
  EXPECT_TRUE(MakeDatasets(options_, out()));
  options_.expert = Pusher("expert", 3);
  EXPECT_THAT(MessageOf<InputError>([&] { MakeDatasets(options_, out()); }), HasSubstr(", expert = "));
}

// What needs no learning is there all the same, and exchanged policies are told of.
TEST_F(RecipeTest, ARunThatFailsCostsTheReplayAlone) {
  options_.expert = Pusher("expert", 5);
  options_.medium = Pusher("medium", 5);  // as good: better than a policy that has not learnt yet
  options_.given.push_back({"run.steps", "50", "--set"});
  options_.given.push_back({"agent.learning_starts", "50", "--set"});
  testing::internal::CaptureStderr();
  const std::string message = MessageOf<WorkError>([&] { MakeDatasets(options_, out()); });
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_THAT(message, HasSubstr("below the medium policy's"));
  EXPECT_THAT(warning, HasSubstr("expected the expert's to be higher"));
  std::vector<std::string> made;
  const auto sets = Manifest()["datasets"];
  for (const auto& [name, entry] : sets.items()) made.push_back(name);
  EXPECT_THAT(made, UnorderedElementsAre("random", "medium", "expert", "noisy", "medium-expert"));
}

TEST_F(RecipeTest, TheSameCallGoesOnAndEndsLikeAnUndisturbedOne) {
  GiveExpert();
  ASSERT_TRUE(MakeDatasets(options_, out()));
  const auto whole = Manifest()["datasets"];
  std::filesystem::remove_all(out());
  int calls = 0;
  // Stopped in each of its parts, a little later each time.
  for (int allowed = 1; allowed < 3000; allowed += 150) {
    options_.stop = [&, left = allowed]() mutable { return left-- == 0; };
    ++calls;
    if (MakeDatasets(options_, out())) break;
  }
  EXPECT_GT(calls, 3);
  const auto sets = Manifest()["datasets"];
  ASSERT_FALSE(sets.empty());
  for (const auto& [name, entry] : sets.items()) {
    EXPECT_EQ(entry["mean_return"], whole[name]["mean_return"]) << name;
    EXPECT_EQ(entry["rows"], whole[name]["rows"]) << name;
  }
  EXPECT_EQ(Manifest()["datasets"].size(), whole.size());
}

TEST_F(RecipeTest, OtherOptionsNeedAnotherFolder) {
  GiveExpert();
  ASSERT_TRUE(MakeDatasets(options_, out()));
  options_.rows = kRows + 1;
  EXPECT_THAT(
      MessageOf<InputError>([&] { MakeDatasets(options_, out()); }),
      AllOf(HasSubstr("manifest.json"), HasSubstr("other options"), HasSubstr(", rows = 201 and not 200")));
  options_.rows = kRows;
  options_.given.push_back({"agent.tau", "0.5", "--set"});
  EXPECT_THAT(MessageOf<InputError>([&] { MakeDatasets(options_, out()); }),
              HasSubstr(", agent.tau = 0.5 and not 0.005"));
  EXPECT_THAT(MessageOf<InputError>([&] { MakeDatasets(options_, out() / "run"); }),
              HasSubstr("expected a new folder"));
}

// Said before hours of work, and before anything is written.
TEST_F(RecipeTest, WhatCannotEndIsNotBegun) {
  const auto complaint = [&] { return MessageOf<InputError>([&] { MakeDatasets(options_, out()); }); };
  EXPECT_THAT(complaint(),
              AllOf(HasSubstr("no reference return for Pendulum-v1"), HasSubstr("--expert POLICY")));
  EXPECT_FALSE(std::filesystem::exists(out()));
  options_.expert = (folder_.path() / "nothing").string();
  EXPECT_THAT(complaint(), HasSubstr("nothing' does not exist"));
  EXPECT_FALSE(std::filesystem::exists(out()));
  GiveExpert();
  options_.given.push_back({"run.eval_episodes", "0", "--set"});
  EXPECT_THAT(complaint(), HasSubstr("run.eval_episodes = 0"));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

// All of them were recorded under the run's options, the merged one too.
TEST_F(RecipeTest, EveryDatasetKeepsTheOptions) {
  GiveExpert();
  ASSERT_TRUE(MakeDatasets(options_, out()));
  const auto sets = Manifest()["datasets"];
  ASSERT_FALSE(sets.empty());
  for (const auto& [name, entry] : sets.items()) {
    EXPECT_EQ(Read(name).metadata.at("env_options/max_episode_steps"), "20") << name;
  }
}

TEST_F(RecipeTest, ARunThatNeverGetsMediumIsAnError) {
  // A hopper's reference return is out of reach for a run of 130 steps.
  options_.env = "Hopper-v5";
  std::erase_if(options_.given, [](const GivenSetting& setting) { return setting.key.starts_with("env."); });
  EXPECT_THAT(MessageOf<WorkError>([&] { MakeDatasets(options_, out()); }),
              AllOf(HasSubstr("below the medium policy's"), HasSubstr("run.steps")));
}

TEST_F(RecipeTest, OnlyRunsThatRememberHaveAReplay) {
  const auto on_policy = folder_.path() / "on-policy";
  ASSERT_EQ(TrainIn(on_policy, TinySettings("mdpo-on", "CartPole-v1", {}, {{"run.eval_episodes", "0"}})),
            TrainOutcome::kFinished);
  const auto file = folder_.path() / "replay.hdf5";
  EXPECT_THAT(MessageOf<InputError>([&] { CollectReplay(on_policy, file); }),
              HasSubstr("keeps no replay buffer"));
  EXPECT_THAT(MessageOf<InputError>([&] { CollectReplay(folder_.path() / "nothing", file); }),
              HasSubstr("is no run"));
  EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace strider
