// Training 2N steps is training N, stopping, resuming and training N: the same bits, for every agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <set>

#include "core/files.h"
#include "datasets/d4rl.h"
#include "datasets/hdf5.h"
#include "datasets/reader.h"
#include "datasets/writer.h"
#include "experiments/collect.h"
#include "experiments/csv_log.h"
#include "experiments/run_directory.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string agent;
  AgentKind kind;
  std::string env;
  std::string num_envs;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.agent << " in " << test.env; }

// Every agent in an environment whose episodes end often, and in one whose time limit cuts them and whose
// actions are not in [-1, 1], the second with several environments; agents for discrete actions in CartPole;
// those of hybrid ones where they have networks for each step, too, and tables where there are states.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const AgentEntry& entry : AllAgents()) {
    if (entry.id == "deta-n") cases.push_back({std::string(entry.id), entry.kind, "GridG-v0", "2"});
    if (NeedsDiscreteActions(std::string(entry.id))) {
      for (const char* num_envs : {"1", "3"}) {
        cases.push_back({std::string(entry.id), entry.kind, "CartPole-v1", num_envs});
      }
      continue;
    }
    if (entry.id == "hac") {
      cases.push_back({std::string(entry.id), entry.kind, "LockChain-v0", "1"});
      cases.push_back({std::string(entry.id), entry.kind, "ThreeState-v0", "3"});
      continue;
    }
    if (entry.id == "hnpg") cases.push_back({std::string(entry.id), entry.kind, "CombinationLock-v0", "3"});
    const bool either = entry.id == "bc" || entry.id == "bcq" || entry.id == "cql" || entry.id == "sac" ||
                        entry.id == "mdpo-off";
    if (either) cases.push_back({std::string(entry.id), entry.kind, "CartPole-v1", "1"});
    cases.push_back({std::string(entry.id), entry.kind, "Hopper-v5", "1"});
    cases.push_back({std::string(entry.id), entry.kind, "Pendulum-v1", "3"});
    if (entry.kind == AgentKind::kOnPolicy && entry.id != "pmoe-ppo" && entry.id != "dac") {
      const char* env = entry.id == "subpo" ? "ItemCollection-v0" : "CartPole-v1";
      cases.push_back({std::string(entry.id), entry.kind, env, "2"});
    }
  }
  return cases;
}

class Resume : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    std::filesystem::path dataset;
    if (GetParam().kind != AgentKind::kOnPolicy && GetParam().kind != AgentKind::kOffPolicy) {
      dataset = folder_.path() / "random.hdf5";
      CollectRandomly(GetParam().env, 300, dataset);
    }
    Assignments changes = {{"run.num_envs", GetParam().num_envs}};
    // Several rollouts for each evaluation and checkpoint, as there are several updates.
    if (OnPolicy()) changes.push_back({"run.steps", "400"});
    if (NeedsDiscreteActions(GetParam().agent)) changes.push_back({"agent.update_interval", "2"});
    if (GetParam().agent == "subpo") {
      changes.push_back({"run.steps", "800"});  // episodes are whole, and updates fewer
      const bool items = GetParam().env == "ItemCollection-v0";
      changes.push_back({"agent.batch", "4"});
      changes.push_back({"agent.step", items ? "natural" : "adam"});
      // Elsewhere episodes differ in length.
      changes.push_back({"agent.baseline", items ? "time" : "value"});
    }
    if (NeedsDiscreteActions(GetParam().agent) && GetParam().num_envs == "3") {
      changes.push_back({"agent.n_step", "3"});
      changes.push_back({"agent.priority_exponent", "0.6"});
    }
    // Without chance its episodes would not depend on the seed.
    if (GetParam().env == "GridG-v0") changes.push_back({"env.slip", "0.5"});
    if (GetParam().env == "Pendulum-v1") changes.push_back({"env.max_episode_steps", "25"});
    settings_ = TinySettings(GetParam().agent, GetParam().env, dataset, changes);
  }

  static bool OnPolicy() {
    return GetParam().kind == AgentKind::kOnPolicy || GetParam().kind == AgentKind::kHybrid;
  }

  // Numbers of pieces of work after which to stop: before the first update, after an odd number of updates,
  // and beyond a checkpoint.
  std::vector<int> Stops() const {
    if (OnPolicy()) return {1, 2};
    if (GetParam().kind == AgentKind::kOffline) return {1, 40};
    return {3, 24};
  }

  TemporaryFolder folder_;
  std::vector<GivenSetting> settings_;
};

TEST_P(Resume, StoppedTwiceEndsLikeAnUndisturbedRun) {
  const auto whole = folder_.path() / "whole";
  ASSERT_EQ(TrainIn(whole, settings_), TrainOutcome::kFinished);

  const auto parts = folder_.path() / "parts";
  ASSERT_EQ(TrainIn(parts, settings_, StopAfter(Stops()[0])), TrainOutcome::kStopped);
  ASSERT_EQ(ResumeIn(parts, StopAfter(Stops()[1])), TrainOutcome::kStopped);
  ASSERT_EQ(ResumeIn(parts), TrainOutcome::kFinished);
  ExpectSameBits(ReadBits(parts), ReadBits(whole));
}

// A copy of the folder in mid-run is what a kill at that moment leaves: rows beyond the last checkpoint, or
// no checkpoint at all.
TEST_P(Resume, KilledRunEndsLikeAnUndisturbedOne) {
  const auto whole = folder_.path() / "whole";
  std::set<std::filesystem::path> killed;
  int asked = 0;
  const auto copy_now_and_then = [&] {
    if (asked == 0 || std::ranges::count(Stops(), asked) > 0) {
      const auto copy = folder_.path() / ("killed_" + std::to_string(asked));
      std::filesystem::copy(whole, copy, std::filesystem::copy_options::recursive);
      killed.insert(copy);
    }
    ++asked;
    return false;
  };
  ASSERT_EQ(TrainIn(whole, settings_, copy_now_and_then), TrainOutcome::kFinished);
  ASSERT_EQ(killed.size(), 3);
  const RunBits expected = ReadBits(whole);
  for (const auto& copy : killed) {
    SCOPED_TRACE(copy);
    ASSERT_EQ(ResumeIn(copy), TrainOutcome::kFinished);
    ExpectSameBits(ReadBits(copy), expected);
  }
}

TEST_P(Resume, FinishedRunStaysAsItIs) {
  const auto run = folder_.path() / "run";
  ASSERT_EQ(TrainIn(run, settings_), TrainOutcome::kFinished);
  const RunBits before = ReadBits(run);
  ASSERT_EQ(ResumeIn(run), TrainOutcome::kFinished);
  ExpectSameBits(ReadBits(run), before);
}

// The comparison itself must be able to fail.
TEST_P(Resume, AnotherSeedGivesOtherBits) {
  const auto one = folder_.path() / "one";
  const auto other = folder_.path() / "other";
  ASSERT_EQ(TrainIn(one, settings_), TrainOutcome::kFinished);
  auto changed = settings_;
  changed.push_back({"run.seed", "6", "test"});
  ASSERT_EQ(TrainIn(other, changed), TrainOutcome::kFinished);
  const RunBits a = ReadBits(one);
  const RunBits b = ReadBits(other);
  EXPECT_NE(a.tensors, b.tensors);
  EXPECT_NE(a.policy_numbers, b.policy_numbers);
  EXPECT_NE(a.progress, b.progress);
  EXPECT_NE(a.evaluations, b.evaluations);
  EXPECT_NE(a.state, b.state);
}

TEST_P(Resume, TheSameSeedGivesTheSameBits) {
  const auto one = folder_.path() / "one";
  const auto other = folder_.path() / "other";
  ASSERT_EQ(TrainIn(one, settings_), TrainOutcome::kFinished);
  ASSERT_EQ(TrainIn(other, settings_), TrainOutcome::kFinished);
  ExpectSameBits(ReadBits(other), ReadBits(one));
}

INSTANTIATE_TEST_SUITE_P(EveryAgent, Resume, ::testing::ValuesIn(Cases()), [](const auto& test) {
  std::string name = test.param.agent + "_" + test.param.env + "_" + test.param.num_envs;
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

// From a dataset to an environment: updates 1 to 45 from the file alone, steps 46 to 130 in three
// environments whose batches the file is mixed into.
class GoesOnline : public ::testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    const auto dataset = folder_.path() / "random.hdf5";
    const auto& [agent, env] = GetParam();
    CollectRandomly(env, 300, dataset);
    settings_ = TinySettings(agent, env, dataset,
                             {{"run.num_envs", "3"},
                              {"run.log_interval", "15"},
                              {"run.online_from", "45"},
                              {"run.offline_ratio", "0.25"},
                              {"env.max_episode_steps", "25"}});
    ASSERT_EQ(TrainIn(whole_, settings_), TrainOutcome::kFinished);
  }

  TemporaryFolder folder_;
  std::filesystem::path whole_ = folder_.path() / "whole";
  std::vector<GivenSetting> settings_;
};

TEST_P(GoesOnline, StoppedBeforeAndAfterEndsLikeAnUndisturbedRun) {
  const auto parts = folder_.path() / "parts";
  ASSERT_EQ(TrainIn(parts, settings_, StopAfter(20)), TrainOutcome::kStopped);
  ASSERT_EQ(ResumeIn(parts, StopAfter(25 + 11)), TrainOutcome::kStopped);
  ASSERT_EQ(ResumeIn(parts), TrainOutcome::kFinished);
  ExpectSameBits(ReadBits(parts), ReadBits(whole_));
}

// Those that can do without an environment at first.
class GoesOnlineLater : public GoesOnline {};

TEST_P(GoesOnlineLater, AFinishedOfflineRunGoesOnLikeOneThatMeantTo) {
  const auto run = folder_.path() / "run";
  auto offline = settings_;
  offline.push_back({"run.steps", "45", "test"});
  offline.push_back({"run.online_from", "-1", "test"});
  ASSERT_EQ(TrainIn(run, offline), TrainOutcome::kFinished);
  ASSERT_EQ(ResumeIn(run, {}, {{"run.steps", "130", "--steps"}, {"run.online_from", "45", "--set"}}),
            TrainOutcome::kFinished);
  ExpectSameBits(ReadBits(run), ReadBits(whole_));
}

// Each on an environment of every kind of action that it takes.
std::vector<std::pair<std::string, std::string>> LearnersFromDatasets() {
  std::vector<std::pair<std::string, std::string>> learners;
  for (const AgentEntry& entry : AllAgents()) {
    const std::string id(entry.id);
    // A stock is carried along episodes, of which a dataset's rows know nothing.
    const bool rolls_out = entry.kind == AgentKind::kOnPolicy || entry.kind == AgentKind::kHybrid;
    if (rolls_out || NeedsDiscreteActions(id) || id == "deta-td3") continue;
    for (const char* env : {"Pendulum-v1", "CartPole-v1"}) {
      if (Takes(entry.actions, MakeEnv(env)->spec().action_space)) learners.emplace_back(id, env);
    }
  }
  return learners;
}

std::string NameOf(const ::testing::TestParamInfo<std::pair<std::string, std::string>>& test) {
  std::string name = test.param.first + "_" + test.param.second;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(EveryAgent, GoesOnline, ::testing::ValuesIn(LearnersFromDatasets()), NameOf);
INSTANTIATE_TEST_SUITE_P(EveryAgent, GoesOnlineLater, ::testing::ValuesIn([] {
                           auto learners = LearnersFromDatasets();
                           // Online from the start.
                           std::erase_if(learners, [](const auto& one) { return one.first == "rlpd"; });
                           return learners;
                         }()),
                         NameOf);

// PMOE sheet, section 11, case 9, for a whole run: acting, evaluation and learning.
TEST(OneExpert, RunsLikeSac) {
  const TemporaryFolder folder;
  const Assignments changes = {{"run.steps", "260"}};
  ASSERT_EQ(TrainIn(folder.path() / "sac", TinySettings("sac", "Hopper-v5", {}, changes)),
            TrainOutcome::kFinished);
  auto settings = TinySettings("pmoe-sac", "Hopper-v5", {}, changes);
  settings.push_back({"agent.experts", "1", "test"});
  ASSERT_EQ(TrainIn(folder.path() / "pmoe", settings), TrainOutcome::kFinished);
  const RunBits sac = ReadBits(folder.path() / "sac");
  const RunBits pmoe = ReadBits(folder.path() / "pmoe");
  EXPECT_EQ(pmoe.evaluations, sac.evaluations);
  for (const auto& [name, values] : sac.policy_numbers)
    EXPECT_EQ(pmoe.policy_numbers.at(name), values) << name;
}

class RunFolder : public ::testing::Test {
 protected:
  std::vector<GivenSetting> Settings() const { return TinySettings("td3", "Pendulum-v1", {}); }

  TemporaryFolder folder_;
};

TEST_F(RunFolder, FinishedRunHoldsWhatTheDesignNames) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings()), TrainOutcome::kFinished);
  for (const auto& file : {paths.config(), paths.manifest(), paths.progress(), paths.evaluations(),
                           paths.checkpoint(), paths.policy()}) {
    EXPECT_TRUE(std::filesystem::exists(file)) << file;
  }
  const auto is_log = [](const auto& entry) {
    return entry.path().filename().string().starts_with("events.out.tfevents.");
  };
  EXPECT_EQ(std::ranges::count_if(std::filesystem::directory_iterator(paths.root), is_log), 1);
  EXPECT_TRUE(IsRun(paths.root));
}

TEST_F(RunFolder, OtherFoldersAndFilesAreLeftAlone) {
  const auto foreign = folder_.path() / "foreign";
  const auto note = folder_.Write("foreign/note.txt", "mine");
  EXPECT_THAT(
      MessageOf<InputError>([&] { TrainIn(foreign, Settings()); }),
      HasSubstr(foreign.string() + " exists, is not empty and is no run; expected a new or empty folder"));
  EXPECT_THAT(MessageOf<InputError>([&] { TrainIn(note, Settings()); }),
              HasSubstr(note.string() + " exists and is no folder; expected a new or empty folder"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(foreign), {}), 1);

  const auto run = folder_.path() / "run";
  ASSERT_EQ(TrainIn(run, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  EXPECT_THAT(MessageOf<InputError>([&] { TrainIn(run, Settings()); }),
              HasSubstr(run.string() + " holds a run already; add --resume"));
}

TEST_F(RunFolder, SettingsOfAResumedRunStay) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  const std::string message = MessageOf<InputError>([&] {
    ResumedSettings(paths, {{"agent.tau", "0.5", "--set"}});
  });
  EXPECT_THAT(message, HasSubstr("agent.tau"));
  EXPECT_THAT(message, HasSubstr("0.005"));
  EXPECT_THAT(message, HasSubstr("0.5"));
  EXPECT_THAT(message, HasSubstr("--set"));
  EXPECT_THAT(message, HasSubstr(paths.config().string()));
  EXPECT_THAT(message, HasSubstr("run.steps"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                const Experiment experiment(ResumedSettings(paths, {{"agent.tua", "0.5", "--set"}}));
              }),
              HasSubstr("did you mean 'agent.tau'?"));
  // What does not make it another experiment may change; the same value in other words is no change.
  Experiment resumed(ResumedSettings(
      paths, {{"run.steps", "999", "--steps"}, {"agent.tau", "5e-3", "--set"}, {"run.threads", "2", ""}}));
  EXPECT_EQ(resumed.run().steps, 999);
  EXPECT_EQ(resumed.run().threads, 2);
}

// Nothing has been learnt by the old ones.
TEST_F(RunFolder, BeforeTheFirstCheckpointSettingsMayChange) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  std::filesystem::remove(paths.checkpoint());
  std::filesystem::remove(paths.policy());
  ASSERT_EQ(ResumeIn(paths.root, StopAfter(1), {{"agent.tau", "0.5", "--set"}, {"run.seed", "7", "--seed"}}),
            TrainOutcome::kStopped);
  EXPECT_THAT(ReadText(paths.config()), HasSubstr("agent.tau = 0.5\n"));
  EXPECT_THAT(ReadText(paths.manifest()), HasSubstr("\"seed\": 7"));
  // Another environment has other settings.
  std::filesystem::remove(paths.checkpoint());
  std::filesystem::remove(paths.policy());
  const std::vector<GivenSetting> other = {{"run.agent", "subpo", ""}, {"run.env", "TwoRooms-v0", "--env"}};
  EXPECT_EQ(Experiment(ResumedSettings(paths, other)).run().env, "TwoRooms-v0");
}

TEST_F(RunFolder, CheckpointOfOtherShapesIsRefused) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  // As if another run's config.cfg had been copied here.
  auto changed = ResumedSettings(paths, {});
  changed.push_back({"agent.hidden", "17,16", "test"});
  folder_.Write("run/config.cfg", Experiment(changed).Text());
  const std::string message = MessageOf<InputError>([&] { ResumeIn(paths.root); });
  EXPECT_THAT(message, HasSubstr(paths.checkpoint().string()));
  EXPECT_THAT(message, HasSubstr("has shape (16, 3); expected (17, 3) of this run's settings"));
}

TEST_F(RunFolder, WhatIsGivenWithResumeIsKept) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  ASSERT_EQ(ResumeIn(paths.root, StopAfter(1), {{"run.steps", "999", "--steps"}}), TrainOutcome::kStopped);
  EXPECT_EQ(Experiment(ResumedSettings(paths, {})).run().steps, 999);
}

TEST_F(RunFolder, AFinishedRunDoesNotEndEarlierAfterwards) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings()), TrainOutcome::kFinished);
  const std::string config = ReadText(paths.config());
  const std::int64_t steps = Experiment(ResumedSettings(paths, {})).run().steps;
  EXPECT_THAT(MessageOf<InputError>([&] {
                ResumeIn(paths.root, {}, {{"run.steps", "1", "--steps"}});
              }),
              HasSubstr(fmt::format("{} has done {} steps already", paths.root.string(), steps)));
  ASSERT_EQ(ResumeIn(paths.root, {}, {{"run.log_interval", "3", "--set"}}), TrainOutcome::kFinished);
  EXPECT_EQ(ReadText(paths.config()), config);
}

TEST_F(RunFolder, TemporariesOfKilledProcessesGoWithTheNextResume) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  const std::vector<std::string> left = {"run/checkpoint/checkpoint.hdf5.4711.tmp",
                                         "run/policy/policy.hdf5.12.tmp", "run/config.cfg.9.tmp"};
  const std::vector<std::string> others = {"run/notes.tmp", "run/4711.tmp.txt", "run/checkpoint/a.12x.tmp"};
  for (const auto& name : left) folder_.Write(name, "half");
  for (const auto& name : others) folder_.Write(name, "mine");
  ASSERT_EQ(ResumeIn(paths.root), TrainOutcome::kFinished);
  for (const auto& name : left) EXPECT_FALSE(std::filesystem::exists(folder_.path() / name)) << name;
  for (const auto& name : others) EXPECT_TRUE(std::filesystem::exists(folder_.path() / name)) << name;
}

TEST_F(RunFolder, LostCheckpointIsNoNewStart) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings()), TrainOutcome::kFinished);
  const std::string progress = ReadText(paths.progress());
  std::filesystem::remove(paths.checkpoint());
  EXPECT_THAT(MessageOf<InputError>([&] { ResumeIn(paths.root); }),
              HasSubstr(paths.checkpoint().string() + " is missing though the run has got further"));
  EXPECT_EQ(ReadText(paths.progress()), progress);
}

TEST_F(RunFolder, LostPolicyIsWrittenAgain) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings()), TrainOutcome::kFinished);
  const RunBits before = ReadBits(paths.root);
  std::filesystem::remove(paths.policy());
  ASSERT_EQ(ResumeIn(paths.root), TrainOutcome::kFinished);
  ExpectSameBits(ReadBits(paths.root), before);
}

TEST_F(RunFolder, OneProcessAtATime) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings()), TrainOutcome::kFinished);
  const RunBits before = ReadBits(paths.root);
  const FolderLock other(paths.root);
  EXPECT_EQ(MessageOf<WorkError>([&] { ResumeIn(paths.root); }),
            "another process is at work in " + paths.root.string());
  ExpectSameBits(ReadBits(paths.root), before);
}

TEST_F(RunFolder, TheDatasetMayMoveButNotChange) {
  const RunPaths paths{folder_.path() / "run"};
  const auto here = folder_.path() / "here.hdf5";
  CollectRandomly("Hopper-v5", 300, here);
  ASSERT_EQ(TrainIn(paths.root, TinySettings("td3bc", "Hopper-v5", here), StopAfter(1)),
            TrainOutcome::kStopped);
  const auto resume = [&](const std::filesystem::path& dataset) {
    return ResumeIn(paths.root, StopAfter(1), {{"run.dataset", dataset.string(), "--dataset"}});
  };
  const auto there = folder_.path() / "there.hdf5";
  std::filesystem::rename(here, there);
  EXPECT_EQ(resume(there), TrainOutcome::kStopped);
  CollectRandomly("Hopper-v5", 301, there);
  EXPECT_THAT(MessageOf<InputError>([&] { resume(there); }),
              HasSubstr(there.string() + " is not the dataset that the run began with: its SHA-256 is "));
}

TEST_F(RunFolder, GoesOnlineOnceAndNotInThePast) {
  const auto run = folder_.path() / "run";
  const auto dataset = folder_.path() / "random.hdf5";
  CollectRandomly("Pendulum-v1", 300, dataset);
  ASSERT_EQ(TrainIn(run, TinySettings("td3bc", "Pendulum-v1", dataset), StopAfter(40)),
            TrainOutcome::kStopped);
  const auto from = [&](const char* step, int pieces) {
    return ResumeIn(run, StopAfter(pieces), {{"run.online_from", step, "--set"}});
  };
  EXPECT_EQ(
      MessageOf<InputError>([&] { from("39", 1); }),
      "run.online_from = 39, but 40 updates from the dataset alone lie behind the run; expected at least "
      "40");
  ASSERT_EQ(from("41", 3), TrainOutcome::kStopped);
  EXPECT_EQ(MessageOf<InputError>([&] { from("50", 1); }),
            "run.online_from = 50, but the run went online at step 41 and keeps to that");
}

// A dataset that says nothing of an environment: the run gets one when it is to act.
TEST_F(RunFolder, AnEnvironmentIsGivenLater) {
  const auto dataset = folder_.path() / "mine.hdf5";
  const auto begin = [&](const char* name, const char* env, bool timeouts = true) {
    CollectRandomly(env, 300, dataset);
    Dataset nameless = ReadDataset(dataset);
    nameless.metadata.clear();
    if (!timeouts) nameless.timeouts.clear();
    WriteDataset(DatasetFormat::kD4rl, dataset, nameless);
    const auto run = folder_.path() / name;
    auto settings = TinySettings("td3bc", "", dataset, {{"run.steps", "40"}});
    EXPECT_EQ(TrainIn(run, settings), TrainOutcome::kFinished);
    return run;
  };
  const auto go_on = [](const std::filesystem::path& run, const char* env) {
    return ResumeIn(
        run, {},
        {{"run.env", env, "--env"}, {"run.steps", "130", "--steps"}, {"run.online_from", "40", "--set"}});
  };
  const auto hopper = begin("hopper", "Hopper-v5");
  // What is refused leaves the run as it was.
  const std::string manifest = ReadText(RunPaths{hopper}.manifest());
  EXPECT_THAT(MessageOf<InputError>([&] {
                ResumeIn(hopper, {}, {{"run.env", "Hopper-v5", "--env"}, {"run.steps", "20", "--steps"}});
              }),
              HasSubstr("20"));
  EXPECT_EQ(ReadText(RunPaths{hopper}.manifest()), manifest);
  EXPECT_EQ(go_on(hopper, "Hopper-v5"), TrainOutcome::kFinished);
  EXPECT_GT(CsvTable(RunPaths{hopper}.evaluations()).rows(), 0U);
  // Its episodes, of 50 steps, were taken for episodes of 1000.
  const auto reacher = begin("reacher", "Reacher-v5", /*timeouts=*/false);
  EXPECT_THAT(MessageOf<InputError>([&] { go_on(reacher, "Reacher-v5"); }),
              HasSubstr("of 1000 steps at most"));
  // Its actions, up to 2, were taken for actions in [-1, 1].
  const auto pendulum = begin("pendulum", "Pendulum-v1");
  EXPECT_THAT(MessageOf<InputError>([&] { go_on(pendulum, "Pendulum-v1"); }),
              AllOf(HasSubstr("has learnt without an environment"), HasSubstr("--env Pendulum-v1")));
}

// The actor's schedule of IQL ends with its published updates; a run that goes on needs more.
TEST_F(RunFolder, TheScheduleMayBeLengthened) {
  const auto run = folder_.path() / "run";
  const auto dataset = folder_.path() / "random.hdf5";
  CollectRandomly("Pendulum-v1", 300, dataset);
  ASSERT_EQ(TrainIn(run, TinySettings("iql", "Pendulum-v1", dataset,
                                      {{"run.steps", "40"}, {"agent.schedule_steps", "40"}})),
            TrainOutcome::kFinished);
  const auto actor = [&] { return ReadBits(run).policy_numbers; };
  const auto before = actor();
  testing::internal::CaptureStderr();
  ASSERT_EQ(ResumeIn(run, {}, {{"run.steps", "60", "--steps"}}), TrainOutcome::kFinished);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("the actor's step length has fallen to 0 in agent.schedule_steps = 40 updates"));
  EXPECT_TRUE(actor() == before);
  ASSERT_EQ(ResumeIn(run, {}, {{"run.steps", "80", "--steps"}, {"agent.schedule_steps", "1000", "--set"}}),
            TrainOutcome::kFinished);
  EXPECT_FALSE(actor() == before);
}

TEST_F(RunFolder, EvaluationsBesideTrainingChangeNothing) {
  // Checkpoints right at evaluations, between two, and a stop at one.
  auto settings = TinySettings("td3", "Pendulum-v1", {}, {{"run.checkpoint_interval", "15"}});
  const auto run = [&](const char* name, const char* threads, bool stopped) {
    settings.push_back({"run.eval_threads", threads, "test"});
    const auto directory = folder_.path() / name;
    if (stopped) {
      EXPECT_EQ(TrainIn(directory, settings, StopAfter(45)), TrainOutcome::kStopped);
      EXPECT_EQ(ResumeIn(directory), TrainOutcome::kFinished);
    } else {
      EXPECT_EQ(TrainIn(directory, settings), TrainOutcome::kFinished);
    }
    return ReadBits(directory);
  };
  const RunBits in_turn = run("in_turn", "0", false);
  ExpectSameBits(run("beside", "1", false), in_turn);
  ExpectSameBits(run("beside_by_three", "3", false), in_turn);
  ExpectSameBits(run("in_turn_stopped", "0", true), in_turn);
  ExpectSameBits(run("beside_stopped", "3", true), in_turn);
}

// With steps of that length the critics overflow within a few updates; checkpoints come more often than logs,
// which might notice too late.
TEST_F(RunFolder, DivergingCriticsLeaveTheLastGoodCheckpoint) {
  const RunPaths paths{folder_.path() / "run"};
  const auto dataset = folder_.path() / "random.hdf5";
  CollectRandomly("Hopper-v5", 300, dataset);
  const Assignments changes = {{"run.steps", "100000"},      {"run.checkpoint_interval", "1"},
                               {"run.log_interval", "1000"}, {"run.eval_interval", "100000"},
                               {"agent.critic_lr", "1e15"},  {"agent.actor_lr", "1e15"},
                               {"agent.hidden", "16,16"}};
  const std::string message = MessageOf<WorkError>(
      [&] { TrainIn(paths.root, TinySettings("td3bc", "Hopper-v5", dataset, changes)); });
  EXPECT_THAT(message, HasSubstr("the learner diverged; the last good checkpoint, of step "));
  const Hdf5File checkpoint = Hdf5File::Open(paths.checkpoint());
  for (const std::string& name : checkpoint.Names("tensors")) {
    const std::vector<float> values = checkpoint.Read<float>("tensors/" + name).values;
    EXPECT_TRUE(std::ranges::all_of(values, [](float x) { return std::isfinite(x); })) << name;
  }
  // A policy with weights that are not finite would be refused.
  EXPECT_NO_THROW(LoadPolicy(paths.root.string(), MakeEnv("Hopper-v5")->spec()));
}

// Made by hand: columns that never change, no row that ends anything, all rewards zero.
class OddDatasets : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(OddDatasets, AreLearntFromWithFiniteNumbers) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "odd.hdf5";
  const auto& [agent, env] = GetParam();
  const EnvSpec spec = MakeEnv(env)->spec();
  const auto width = static_cast<std::size_t>(spec.observation_size());
  Dataset dataset = MakeDataset(200, width, 1);
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    dataset.observations[width * row + 1] = 0.7F;
    if (std::holds_alternative<Discrete>(spec.action_space))
      dataset.actions[row] = row % 2 == 0 ? 0.0F : 1.0F;
  }
  std::ranges::fill(dataset.terminals, std::uint8_t{0});
  std::ranges::fill(dataset.timeouts, std::uint8_t{0});
  std::ranges::fill(dataset.rewards, 0.0F);
  WriteD4rl(file, dataset);
  const auto run = folder.path() / "run";
  auto settings = TinySettings(agent, env, file, {{"run.steps", "60"}});
  const auto factory = FindAgent(agent).factory();
  if (factory->Settings().Find("agent.normalize_states") != nullptr) {
    settings.push_back({"agent.normalize_states", "true", "test"});
  }
  ASSERT_EQ(TrainIn(run, settings), TrainOutcome::kFinished);
  for (const auto& [name, values] : ReadBits(run).tensors) {
    EXPECT_TRUE(std::ranges::all_of(values, [](float x) { return std::isfinite(x); })) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryAgent, OddDatasets, ::testing::ValuesIn(LearnersFromDatasets()), NameOf);

TEST_F(RunFolder, FilteringNeedsWholeEpisodes) {
  const auto file = folder_.path() / "endless.hdf5";
  Dataset dataset = MakeDataset(200, 3, 1);
  std::ranges::fill(dataset.terminals, std::uint8_t{0});
  std::ranges::fill(dataset.timeouts, std::uint8_t{0});
  WriteD4rl(file, dataset);
  EXPECT_THAT(
      MessageOf<InputError>([&] {
        TrainIn(folder_.path() / "run",
                TinySettings("bc", "Pendulum-v1", file, {{"agent.best_fraction", "0.1"}}));
      }),
      HasSubstr(file.string() + ": agent.best_fraction = 0.1 needs returns of episodes, but there is none"));
}

TEST_F(RunFolder, OdiceWithoutRewardsWarnsOnce) {
  const auto dataset = folder_.path() / "random.hdf5";
  CollectRandomly("Hopper-v5", 300, dataset);
  const Assignments changes = {
      {"agent.reward_scale", "0"}, {"agent.lambda", "0.9"}, {"agent.value_lr", "0.05"}};
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(TrainIn(folder_.path() / "run", TinySettings("odice", "Hopper-v5", dataset, changes)),
            TrainOutcome::kFinished);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("strider: warning: step "));
  EXPECT_THAT(text, HasSubstr("% of the latest batch's transitions have a positive weight"));
  EXPECT_EQ(text.find("warning: step"), text.rfind("warning: step"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("all rewards are 0")))
      << "they are not, but imitation leaves them out";
}

TEST_F(RunFolder, CheckpointWithAChangedByteIsRefused) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  // In the middle lie the numbers of a tensor or of the state.
  std::fstream file(paths.checkpoint(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(std::filesystem::file_size(paths.checkpoint()) / 2));
  const auto position = file.tellg();
  const auto byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(position);
  file.put(byte);
  file.close();
  EXPECT_THAT(MessageOf<InputError>([&] { ResumeIn(paths.root); }),
              HasSubstr(paths.checkpoint().string() + ": is damaged"));
}

TEST_F(RunFolder, DamagedCheckpointIsRefused) {
  const RunPaths paths{folder_.path() / "run"};
  ASSERT_EQ(TrainIn(paths.root, Settings(), StopAfter(1)), TrainOutcome::kStopped);
  std::filesystem::resize_file(paths.checkpoint(), std::filesystem::file_size(paths.checkpoint()) / 2);
  EXPECT_THAT(MessageOf<InputError>([&] { ResumeIn(paths.root); }), HasSubstr(paths.checkpoint().string()));
}

}  // namespace
}  // namespace strider
