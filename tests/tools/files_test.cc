// Wrong files and folders, given to every command that reads them.
#include "core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "datasets/d4rl.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

std::string Malformed(const std::string& name) { return GoldenPath("datasets/malformed/" + name).string(); }

// A file and what every complaint about it holds beside its path.
struct Case {
  std::string file;
  std::string complaint;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.file; }

class WrongDataset : public ::testing::TestWithParam<Case> {
 protected:
  void ExpectRefused(const Words& arguments) const {
    const Finished finished = Strider(arguments);
    EXPECT_EQ(finished.code, 2) << finished.message;
    EXPECT_THAT(finished.out, IsEmpty());
    EXPECT_THAT(finished.message,
                AllOf(StartsWith("strider: "), HasSubstr(path_), HasSubstr(GetParam().complaint)));
  }

  std::string path_ = Malformed(GetParam().file);
};

TEST_P(WrongDataset, IsRefusedByTrain) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  ExpectRefused({"train", "td3bc", "--dataset", path_, "--env", "Hopper-v5", "--out", out, "--quiet"});
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_P(WrongDataset, IsRefusedByMetrics) { ExpectRefused({"metrics", path_, "--json"}); }

TEST_P(WrongDataset, IsRefusedByMerge) {
  const TemporaryFolder folder;
  ExpectRefused({"dataset", "merge", Malformed("whole.hdf5"), path_, "--out", folder.path() / "merged.hdf5"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// A file that is there, so that `validate` has something to say about it.
class MalformedDataset : public WrongDataset {};

TEST_P(MalformedDataset, IsNoSecretOfValidate) {
  const Finished finished = Strider({"dataset", "validate", path_, "--json"});
  EXPECT_EQ(finished.code, 2) << finished.message;
  const auto json = finished.Json();
  EXPECT_EQ(json.at("path"), path_);
  EXPECT_EQ(json.at("ok"), false);
  ASSERT_FALSE(json.at("defects").empty());
  for (const auto& defect : json.at("defects")) {
    EXPECT_TRUE(defect.at("kind").is_string());
    EXPECT_TRUE(defect.at("rows").is_array());
    EXPECT_NE(defect.at("message"), "");
  }
}

std::vector<Case> MalformedCases() {
  return {{"zero_bytes.hdf5", "is empty"},
          {"truncated_half.hdf5", "cut short"},
          {"not_hdf5_text.hdf5", "is not an HDF5 file"},
          {"missing_actions.hdf5", "actions: is missing"},
          {"wrong_rank_observations_3d.hdf5", "observations: has shape"},
          {"wrong_dtype_string_rewards.hdf5", "rewards: is text"},
          {"nan_rewards.hdf5", "rewards: row "},
          {"mismatched_actions.hdf5", "actions: has "},
          {"corrupt_chunk.hdf5", "observations: "}};
}

std::string CaseName(const ::testing::TestParamInfo<Case>& info) {
  return info.param.file.substr(0, info.param.file.find('.'));
}

INSTANTIATE_TEST_SUITE_P(Absent, WrongDataset, ::testing::Values(Case{"not_there.hdf5", "no such file"}),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(Malformed, WrongDataset, ::testing::ValuesIn(MalformedCases()), CaseName);
INSTANTIATE_TEST_SUITE_P(Malformed, MalformedDataset, ::testing::ValuesIn(MalformedCases()), CaseName);

void TrainBriefly(const char* agent, const char* env, const RunPaths& run) {
  ASSERT_EQ(Strider({"train", agent, "--env", env, "--quiet", "--steps", "2", "--out", run.root}).code, 0);
}

TEST(Files, InfoRefusesWhatLearnersCouldNotRead) {
  const Finished whole = Strider({"dataset", "info", Malformed("whole.hdf5"), "--json"});
  EXPECT_EQ(whole.code, 0) << whole.message;
  const D4rlReader reader(Malformed("whole.hdf5"));
  EXPECT_EQ(whole.Json().at("rows"), reader.layout().rows);
  EXPECT_EQ(whole.Json().at("observation_size"), reader.layout().observation_size);
  const std::pair<std::string, std::string> wrong[] = {
      {"not_there.hdf5", "no such file"},      {"zero_bytes.hdf5", "is empty"},
      {"truncated_half.hdf5", "cut short"},    {"missing_actions.hdf5", "actions: is missing"},
      {"nan_rewards.hdf5", "rewards: row "},   {"nan_observations.hdf5", "observations: row "},
      {"corrupt_chunk.hdf5", "observations: "}};
  for (const auto& [file, complaint] : wrong) {
    const Finished finished = Strider({"dataset", "info", Malformed(file)});
    EXPECT_EQ(finished.code, 2);
    EXPECT_EQ(finished.out, "");
    EXPECT_THAT(finished.message, AllOf(HasSubstr(Malformed(file)), HasSubstr(complaint)));
  }
}

TEST(Files, DatasetMustFitTheEnvironment) {
  const TemporaryFolder folder;
  const Finished finished = Strider({"train", "bc", "--dataset", Malformed("whole.hdf5"), "--env",
                                     "HalfCheetah-v5", "--out", folder.path() / "run", "--quiet"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_THAT(finished.message,
              HasSubstr(Malformed("whole.hdf5") +
                        ": observations: has 11 columns, expected 17 as the environment's"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Files, PoliciesThatAreNone) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& policy, const std::string& complaint) {
    const Finished finished = Strider({"evaluate", policy, "--env", "Hopper-v5"});
    EXPECT_EQ(finished.code, 2) << policy;
    EXPECT_THAT(finished.message, AllOf(HasSubstr(policy), HasSubstr(complaint)));
  };
  refused("not_there", "does not exist; expected a run's directory, an HDF5 file, or random");
  refused(folder.path(), "is no run's directory (it has no config.cfg)");
  refused(Malformed("truncated_half.hdf5"), "cut short");
  refused(Malformed("whole.hdf5"), "policy");
}

TEST(Files, FoldersThatAreNoNewRun) {
  const TemporaryFolder folder;
  const auto note = folder.Write("foreign/note.txt", "mine");
  const auto refused = [&](const std::filesystem::path& out, const std::vector<std::string>& more,
                           const std::string& complaint) {
    Words words = {"train", "td3", "--env", "Pendulum-v1", "--steps", "2", "--quiet", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    const Finished finished = Strider(words);
    EXPECT_EQ(finished.code, 2) << finished.message;
    EXPECT_THAT(finished.message, AllOf(HasSubstr(out.string()), HasSubstr(complaint)));
  };
  refused(folder.path() / "foreign", {},
          "is not empty and is no run; expected a new or empty folder for --out");
  refused(folder.path() / "foreign", {"--resume"}, "is not empty and is no run");
  refused(note, {}, "is no folder");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path() / "foreign"), {}), 1);

  const auto run = folder.path() / "run";
  const Finished first =
      Strider({"train", "td3", "--env", "Pendulum-v1", "--steps", "2", "--quiet", "--out", run});
  ASSERT_EQ(first.code, 0) << first.message;
  refused(run, {}, "holds a run already; add --resume");
  refused(run, {"--resume", "--set", "agent.tau=0.5"}, "agent.tau is 0.005 in ");
  refused(run, {"--resume", "--seed", "9"}, "run.seed is 0 in ");
  // What was given before may be given again, in other words too.
  const Finished resumed = Strider({"train", "td3", "--env", "Pendulum-v1", "--steps", "4", "--quiet",
                                    "--out", run, "--resume", "--set", "agent.tau=5e-3"});
  EXPECT_EQ(resumed.code, 0) << resumed.message;
}

// A policy is evaluated where it comes from, or with a warning.
TEST(Files, AMapMayMoveButNotChange) {
  const TemporaryFolder folder;
  const RunPaths run{folder.path() / "run"};
  const auto map = folder.Write("m.csv", "1,2,3\n4,5,6\n");
  const Words train = {
      "train",         "subpo",           "--env",       "Biodiversity-v0", "--set",
      "agent.batch=1", "--set",           "env.start=0", "--set",           "env.map=" + map.string(),
      "--out",         run.root.string(), "--quiet"};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  ASSERT_EQ(Strider(with(train, {"--steps", "40"})).code, 0);
  const Finished before = Strider({"evaluate", run.root, "--quiet"});
  EXPECT_EQ(before.code, 0);
  EXPECT_THAT(before.message, IsEmpty());
  EXPECT_TRUE(std::filesystem::remove(run.evaluation()));

  const auto elsewhere = folder.path() / "n.csv";
  std::filesystem::rename(map, elsewhere);
  const Finished missing = Strider({"evaluate", run.root, "--quiet"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.message, HasSubstr("env.map: cannot read " + map.string() + ": No such file"));
  EXPECT_THAT(Strider({"evaluate", run.root, "--quiet", "--set", "env.map=" + elsewhere.string()}).message,
              StartsWith("not kept as the run's score"))
      << "but no warning";
  const Words resume = {"--resume", "--steps", "80", "--set", "env.map=" + elsewhere.string()};
  EXPECT_EQ(Strider(with(train, resume)).code, 0);

  folder.Write("n.csv", "1,2,3\n4,5,7\n");
  const Finished after = Strider({"evaluate", run.root, "--quiet"});
  EXPECT_EQ(after.code, 0);
  EXPECT_THAT(after.message, HasSubstr("comes from another Biodiversity-v0: start=0 map_sha256="));
  EXPECT_FALSE(std::filesystem::exists(run.evaluation())) << "it is no score of this run";
  const Finished resumed =
      Strider(with(train, {"--resume", "--steps", "120", "--set", "env.map=" + elsewhere.string()}));
  EXPECT_EQ(resumed.code, 2);
  EXPECT_THAT(resumed.message, HasSubstr("Biodiversity-v0 is not the world that the run began in: it is "));

  // Of another size: the world before the shapes.
  folder.Write("n.csv", "1,2\n4,5\n");
  const Finished smaller = Strider({"evaluate", run.root, "--quiet"});
  EXPECT_EQ(smaller.code, 2);
  EXPECT_THAT(smaller.message, HasSubstr("comes from another Biodiversity-v0"));
  EXPECT_THAT(Strider(with(train, {"--resume", "--steps", "120"})).message, HasSubstr("cannot read"));
}

TEST(Files, LocksAreToldApart) {
  const TemporaryFolder folder;
  const auto run = folder.path() / "run";
  ASSERT_EQ(Strider({"train", "trpo", "--env", "CombinationLock-v0", "--set", "env.horizon=3", "--steps",
                     "100", "--quiet", "--out", run})
                .code,
            0);
  const auto said = [&](const char* change) {
    const Finished finished = Strider({"evaluate", run, "--quiet", "--set", change});
    EXPECT_EQ(finished.code, 0) << finished.message;
    return finished.message;
  };
  EXPECT_THAT(said("env.lock_seed=1"),
              AllOf(HasSubstr("comes from another CombinationLock-v0: horizon=3 lock_seed=0"),
                    HasSubstr("this one is horizon=3 lock_seed=1")));
  EXPECT_THAT(said("env.horizon=4"),
              AllOf(HasSubstr("this one is horizon=4"), HasSubstr("not kept as the run's score")));
  EXPECT_THAT(said("env.max_episode_steps=2"), HasSubstr("max_episode_steps=2"));
  EXPECT_FALSE(std::filesystem::exists(RunPaths{run}.evaluation()));
  EXPECT_THAT(said("env.horizon=3"), IsEmpty()) << "the run's own";
  EXPECT_TRUE(std::filesystem::exists(RunPaths{run}.evaluation()));
  // A dataset of the policy in another lock tells both apart.
  const auto data = folder.path() / "data.hdf5";
  const Finished collected = Strider({"collect", "--policy", run, "--env", "CombinationLock-v0", "--set",
                                      "env.horizon=4", "--steps", "8", "--quiet", "--out", data});
  EXPECT_EQ(collected.code, 0) << collected.message;
  EXPECT_THAT(collected.message, HasSubstr("this one is horizon=4"));
  EXPECT_THAT(Strider({"evaluate", data, "--quiet", "--set", "env.horizon=3"}).message, IsEmpty());
  // Left out or named, the environment is the run's, as it was set there.
  for (const Words& named : {Words{}, {"--env", "CombinationLock-v0"}}) {
    Words words = {"collect", "--policy", run, "--steps", "8", "--quiet", "--out", data};
    words.insert(words.end(), named.begin(), named.end());
    const Finished own = Strider(words);
    EXPECT_EQ(own.code, 0) << own.message;
    EXPECT_THAT(own.message, IsEmpty());
    EXPECT_THAT(Strider({"dataset", "info", data, "--json"}).out, HasSubstr("\"env_options/horizon\":\"3\""));
  }
  EXPECT_THAT(Strider({"evaluate", data, "--quiet", "--set", "env.horizon=4"}).message,
              HasSubstr("comes from another CombinationLock-v0: horizon=3"));
}

// The other kind of action is shown, and is no score of the run.
TEST(Files, AnEvaluationIsKeptForTheRunsOwnKindOfAction) {
  const TemporaryFolder folder;
  const RunPaths run{folder.path() / "run"};
  TrainBriefly("sac", "Pendulum-v1", run);
  const Finished drawn = Strider({"evaluate", run.root, "--episodes", "2", "--quiet", "--sampled"});
  ASSERT_EQ(drawn.code, 0);
  EXPECT_EQ(drawn.message, "not kept as the run's score, which is that of its own kind of action\n");
  EXPECT_FALSE(std::filesystem::exists(run.evaluation()));
  ASSERT_EQ(Strider({"evaluate", run.root, "--episodes", "2", "--quiet", "--deterministic"}).code, 0);
  EXPECT_TRUE(std::filesystem::exists(run.evaluation()));
}

TEST(Files, APolicyWithOneActionAStateIsNotSampled) {
  const TemporaryFolder folder;
  const RunPaths run{folder.path() / "run"};
  TrainBriefly("td3", "Pendulum-v1", run);
  const Finished drawn = Strider({"evaluate", run.root, "--episodes", "2", "--quiet", "--sampled", "--json"});
  ASSERT_EQ(drawn.code, 0);
  EXPECT_EQ(drawn.message,
            "strider: --sampled: this policy has one action for each state, which is taken\n"
            "strider: episodes in the run's score: 2 from now on, 10 so far\n");
  EXPECT_EQ(drawn.Json().at("actions"), "deterministic");
  EXPECT_TRUE(std::filesystem::exists(run.evaluation()));
}

TEST(Files, OtherRulesHaveNoNormalisedScore) {
  const TemporaryFolder folder;
  const RunPaths run{folder.path() / "run"};
  TrainBriefly("td3", "Hopper-v5", run);
  const auto normalized = [&](const char* change) {
    return Strider({"evaluate", run.root, "--episodes", "1", "--quiet", "--json", "--set", change})
        .Json()
        .at("normalized");
  };
  EXPECT_FALSE(normalized("env.healthy_reward=1").is_null()) << "the usual one";
  EXPECT_TRUE(normalized("env.healthy_reward=5").is_null());
}

TEST(Files, ResumeSaysWhatIsNotThere) {
  const TemporaryFolder folder;
  const auto out = folder.path() / "runs";
  const auto refused = [&](const std::string& why) {
    const Finished finished = Strider({"train", "td3", "--resume", "--out", out});
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.message, HasSubstr(out.string() + " holds no run to go on with" + why));
  };
  refused("; to begin one, expected --env ID or --dataset FILE");
  folder.Write("runs/seed_0/config.cfg", "");
  refused(", but seed_0 and others (add --seeds N)");
}

TEST(Files, EvaluationsAreThoseOfTheRunAsItStands) {
  const TemporaryFolder folder;
  const RunPaths run{folder.path() / "run"};
  const Words train = {"train", "td3", "--env", "Pendulum-v1", "--quiet", "--out", run.root};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  ASSERT_EQ(Strider(with(train, {"--steps", "2"})).code, 0);
  ASSERT_EQ(Strider({"evaluate", run.root, "--episodes", "2", "--quiet"}).code, 0);
  ASSERT_TRUE(std::filesystem::exists(run.evaluation()));
  const std::string kept = ReadText(run.evaluation());
  // Another environment's is printed, not kept.
  const Finished other = Strider({"evaluate", run.root, "--env", "MountainCarContinuous-v0", "--json"});
  EXPECT_NE(other.code, 0) << "a policy of 3 observations cannot act on 2";
  EXPECT_EQ(ReadText(run.evaluation()), kept);
  // A finished run stays as it is; more steps make the evaluation out of date.
  ASSERT_EQ(Strider(with(train, {"--resume", "--steps", "2"})).code, 0);
  EXPECT_TRUE(std::filesystem::exists(run.evaluation()));
  ASSERT_EQ(Strider(with(train, {"--resume", "--steps", "4"})).code, 0);
  EXPECT_FALSE(std::filesystem::exists(run.evaluation()));
}

TEST(Files, AnEvaluationIsShownWhereItCannotBeKept) {
  const TemporaryFolder folder;
  const RunPaths run{folder.path() / "run"};
  TrainBriefly("td3", "Pendulum-v1", run);
  // A folder of that name cannot be replaced by a file, whoever tries.
  folder.Write("run/evaluation.json/file", "x");
  const Finished finished = Strider({"evaluate", run.root, "--episodes", "2", "--json", "--quiet"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.Json().at("episodes"), 2);
  EXPECT_THAT(finished.message, HasSubstr("warning: not kept for `strider report`"));
}

TEST(Files, FoldersThatCannotBeMade) {
  const TemporaryFolder folder;
  const auto file = folder.Write("file", "x");
  const Finished train =
      Strider({"train", "td3", "--env", "Pendulum-v1", "--steps", "2", "--quiet", "--out", file / "run"});
  EXPECT_NE(train.code, 0);
  EXPECT_GT(train.code, 0);
  EXPECT_THAT(train.message, HasSubstr((file / "run").string()));
  const Finished collect = Strider({"collect", "--policy", "random", "--env", "Hopper-v5", "--steps", "5",
                                    "--quiet", "--out", folder.path() / "none" / "x.hdf5"});
  EXPECT_GT(collect.code, 0);
  EXPECT_THAT(collect.message, HasSubstr("none/x.hdf5"));
}

TEST(Files, ActionsForARollout) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& actions, const std::string& env, const std::string& complaint) {
    const Finished finished =
        Strider({"rollout", "--env", env, "--actions", actions, "--out", folder.path() / "out.hdf5"});
    EXPECT_EQ(finished.code, 2) << finished.message;
    EXPECT_THAT(finished.message, HasSubstr(complaint));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  };
  const std::string whole = Malformed("whole.hdf5");
  refused(whole, "Hopper-v5", "expected FILE.hdf5:/PATH");
  refused(whole + ":/nothing", "Hopper-v5", "nothing");
  refused(whole + ":/actions", "HalfCheetah-v5", "expected (steps, 6) to fit HalfCheetah-v5");
  refused(Malformed("nan_rewards.hdf5") + ":/rewards", "Pendulum-v1",
          "row 3 of rewards: component 0 of the action given to Pendulum-v1 is nan");
  refused("not_there.hdf5:/actions", "Hopper-v5", "not_there.hdf5");

  const auto own = folder.path() / "own.hdf5";
  std::filesystem::copy_file(whole, own);
  const Finished onto_itself = Strider(
      {"rollout", "--env", "Hopper-v5", "--actions", own.string() + ":/actions", "--out", own.string()});
  EXPECT_EQ(onto_itself.code, 2);
  EXPECT_THAT(onto_itself.message, HasSubstr("is to be read and to be written; expected another"));
  EXPECT_EQ(std::filesystem::file_size(own), std::filesystem::file_size(whole));
}

TEST(Files, CollectReplacesDatasetsAlone) {
  const TemporaryFolder folder;
  const Words arguments = {"collect", "--policy", "random",  "--env", "Pendulum-v1",
                           "--steps", "5",        "--quiet", "--out"};
  const auto onto = [&](const std::filesystem::path& out) {
    Words words = arguments;
    words.push_back(out.string());
    return Strider(words);
  };
  folder.Write("config.cfg", "run.agent = sac\n");
  const Finished refused = onto(folder.path() / "config.cfg");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.message,
              HasSubstr("config.cfg is there already and is no dataset; expected a new file"));
  EXPECT_EQ(ReadText(folder.path() / "config.cfg"), "run.agent = sac\n");
  for (int round = 0; round < 2; ++round) EXPECT_EQ(onto(folder.path() / "data.hdf5").code, 0) << round;
}

// What was read stays as it was.
TEST(Files, InputsAreNoOutputs) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::filesystem::path& input, const Words& arguments) {
    const std::string before = ReadText(input);
    const Finished finished = Strider(arguments);
    EXPECT_EQ(finished.code, 2) << finished.message;
    EXPECT_THAT(finished.message, HasSubstr("is to be read and to be written; expected another"));
    EXPECT_EQ(ReadText(input), before);
  };
  const std::filesystem::path policy = folder.path() / "policy.hdf5";
  std::filesystem::copy_file(GoldenPath("datasets/d4rl/hopper_random_policy_metadata.hdf5"), policy);
  refused(policy, {"collect", "--policy", policy, "--env", "Hopper-v5", "--steps", "5", "--out", policy});
  const std::filesystem::path data = folder.path() / "data.svg";
  std::filesystem::copy_file(policy, data);
  refused(data, {"metrics", data, "--reference-unique", "9", "--min-return", "0", "--max-return", "9",
                 "--picture", data});
  refused(data, {"metrics", policy, "--reference", data, "--min-return", "0", "--max-return", "9",
                 "--picture", data});
}

// Reading it would wait for ever.
TEST(Files, PipesAreNoDatasets) {
  const TemporaryFolder folder;
  const std::string pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const Finished finished = Strider({"dataset", "info", pipe});
  EXPECT_EQ(finished.code, 2);
  EXPECT_THAT(finished.message, HasSubstr("pipe: is no regular file, expected an HDF5 file"));
}

TEST(Files, BytesThatAreNoTextDoNotStopJson) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "bad\xff.hdf5";
  std::filesystem::copy_file(Malformed("whole.hdf5"), file);
  for (const char* what : {"info", "validate"}) {
    const Finished finished = Strider({"dataset", what, file, "--json"});
    EXPECT_EQ(finished.code, 0) << finished.message;
    EXPECT_THAT(finished.Json().at("path").get<std::string>(), HasSubstr("bad\uFFFD.hdf5"));
  }
}

TEST(Files, ValidateNamesRows) {
  const Finished finished = Strider({"dataset", "validate", Malformed("nan_rewards.hdf5")});
  EXPECT_EQ(finished.code, 2);
  EXPECT_THAT(finished.out, HasSubstr("; rows 3, "));
}

TEST(Files, MetricsNameMinarisDatasets) {
  const std::string path = GoldenPath("datasets/minari/golden/pendulum-v0");
  const Finished finished = Strider({"metrics", path, "--min-return", "-500", "--max-return", "0"});
  EXPECT_EQ(finished.code, 0) << finished.message;
  EXPECT_THAT(finished.out, HasSubstr("\npendulum-v0 "));
  EXPECT_EQ(Strider({"metrics", path, "--json"}).Json().at("files")[0].at("path"), path);
}

}  // namespace
}  // namespace strider
