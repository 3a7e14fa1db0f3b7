// What scripts read: JSON keys, the rollout's file, a whole session from collecting to evaluating.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/files.h"
#include "datasets/d4rl.h"
#include "datasets/hdf5.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Words = std::vector<std::string>;

std::vector<std::string> KeysOf(const nlohmann::json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

class Contract : public ::testing::Test {
 protected:
  std::string Collect(const std::string& env, int steps) const {
    std::string path = folder_.path() / (env + ".hdf5");
    const Finished finished = Strider({"collect", "--policy", "random", "--env", env, "--steps",
                                       std::to_string(steps), "--out", path, "--quiet"});
    EXPECT_EQ(finished.code, 0) << finished.message;
    EXPECT_EQ(finished.out, "");
    return path;
  }

  TemporaryFolder folder_;
};

// HNPG sheet, section 4: evaluation with sampled actions; a flag chooses otherwise.
TEST_F(Contract, EvaluateActsAsThePolicyIsJudged) {
  const std::string run = folder_.path() / "run";
  ASSERT_EQ(
      Strider({"train", "hac", "--env", "LockChain-v0", "--steps", "1000", "--quiet", "--out", run}).code, 0);
  const auto evaluated = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"evaluate", run, "--episodes", "200", "--json", "--quiet"});
    return Strider(flags).Json();
  };
  const auto judged = evaluated({});
  EXPECT_EQ(judged.at("actions"), "sampled");
  EXPECT_EQ(judged, evaluated({"--sampled"}));
  EXPECT_EQ(evaluated({"--deterministic"}).at("actions"), "deterministic");
  EXPECT_EQ(Strider({"evaluate", run, "--sampled", "--deterministic"}).code, 2);

  const std::string usual = folder_.path() / "usual";
  ASSERT_EQ(Strider({"train", "ppo", "--env", "CartPole-v1", "--preset", "zoo", "--steps", "256", "--quiet",
                     "--out", usual})
                .code,
            0);
  EXPECT_EQ(Strider({"evaluate", usual, "--episodes", "1", "--json", "--quiet"}).Json().at("actions"),
            "deterministic");
}

TEST_F(Contract, Evaluate) {
  const Finished finished = Strider(
      {"evaluate", "random", "--env", "Hopper-v5", "--episodes", "7", "--seed", "3", "--json", "--quiet"});
  ASSERT_EQ(finished.code, 0) << finished.message;
  const auto json = finished.Json();
  EXPECT_THAT(KeysOf(json), IsSupersetOf({"env", "episodes", "returns", "lengths", "mean", "std", "iqm",
                                          "ci95", "normalized"}));
  EXPECT_EQ(json.at("env"), "Hopper-v5");
  EXPECT_EQ(json.at("episodes"), 7);
  EXPECT_EQ(json.at("actions"), "sampled") << "random actions have no mean";
  const auto returns = json.at("returns").get<std::vector<double>>();
  ASSERT_THAT(returns, SizeIs(7));
  EXPECT_THAT(json.at("lengths").get<std::vector<int>>(), SizeIs(7));
  double sum = 0;
  for (const double value : returns) sum += value;
  EXPECT_NEAR(json.at("mean"), sum / 7, 1e-9);
  EXPECT_THAT(json.at("ci95"), SizeIs(2));
  EXPECT_LE(json.at("ci95")[0], json.at("mean"));
  EXPECT_GE(json.at("ci95")[1], json.at("mean"));
  EXPECT_TRUE(json.at("normalized").is_number());
  EXPECT_EQ(json.at("normalized_scores").at("D4RL"), json.at("normalized"));
  EXPECT_TRUE(json.at("normalized_scores").at("Strider").is_number());
  // The same for another number of threads, another for another seed.
  EXPECT_EQ(Strider({"evaluate", "random", "--env", "Hopper-v5", "--episodes", "7", "--seed", "3", "--json",
                     "--threads", "3", "--quiet"})
                .Json()
                .at("returns"),
            json.at("returns"));
  EXPECT_NE(Strider({"evaluate", "random", "--env", "Hopper-v5", "--episodes", "7", "--json", "--quiet"})
                .Json()
                .at("returns"),
            json.at("returns"));
  // One episode has no deviation, and an environment without reference returns no normalised score.
  const auto one =
      Strider({"evaluate", "random", "--env", "CartPole-v1", "--episodes", "1", "--json", "--quiet"}).Json();
  EXPECT_TRUE(one.at("normalized").is_null());
  EXPECT_TRUE(one.at("expert_choice").is_null()) << "no mixture";
  EXPECT_THAT(one.at("returns"), SizeIs(1));
}

TEST_F(Contract, Metrics) {
  const std::string hopper = Collect("Hopper-v5", 400);
  const Finished finished = Strider({"metrics", hopper, "--reference", hopper, "--json"});
  ASSERT_EQ(finished.code, 0) << finished.message;
  const auto json = finished.Json();
  ASSERT_THAT(json.at("files"), SizeIs(1));
  const auto& file = json.at("files")[0];
  EXPECT_THAT(KeysOf(file), IsSupersetOf({"path", "rows", "episodes", "unique_state_actions", "saco", "lsaco",
                                          "tq", "mean_return", "references"}));
  EXPECT_EQ(file.at("path"), hopper);
  EXPECT_EQ(file.at("rows"), 400);
  EXPECT_EQ(file.at("saco"), 1.0) << "a dataset covers itself";
  EXPECT_TRUE(file.at("references").is_object());
  EXPECT_TRUE(file.at("tq").is_number());
  EXPECT_EQ(file.at("references").at("max_return_source"), "D4RL: Hopper-v5");
}

// The worked toy examples of the dataset-metrics sheet, section 7 (V1 and V2), through the program.
TEST_F(Contract, MetricsOfTheToys) {
  const std::string toy = GoldenPath("datasets/metrics/toy.hdf5");
  const std::string reference = GoldenPath("datasets/metrics/toy_reference.hdf5");
  for (const std::string counting : {"--exact", "--hll"}) {
    const Finished finished = Strider({"metrics", toy, reference, "--reference", reference, "--min-return",
                                       "0.5", "--max-return", "4", counting, "--json"});
    ASSERT_EQ(finished.code, 0) << finished.message;
    const auto files = finished.Json().at("files");
    ASSERT_THAT(files, SizeIs(2));
    EXPECT_NEAR(files[0].at("saco").get<double>(), .666667, 5e-7);
    EXPECT_NEAR(files[0].at("lsaco").get<double>(), .773706, 5e-7);
    EXPECT_NEAR(files[0].at("tq").get<double>(), .428571, 5e-7);
    EXPECT_EQ(files[0].at("unique_state_actions"), 4);
    EXPECT_EQ(files[0].at("episodes"), 2);
    EXPECT_EQ(files[0].at("return_quantiles").at("max"), 3);
    EXPECT_EQ(files[0].at("references").at("bins"), 100);
    EXPECT_EQ(files[0].at("references").at("limits"), reference);
    EXPECT_EQ(files[0].at("references").at("unique_state_actions"), 6);
    EXPECT_EQ(files[0].at("references").at("min_return_source"), "given");
    EXPECT_EQ(files[0].at("counting").at("method"), counting == "--exact" ? "exact" : "hyperloglog");
    EXPECT_EQ(files[0].at("counting").at("error_bound") > 0, counting == "--hll");
    EXPECT_EQ(files[0].at("coverage").at("observations"), std::vector{.03});
    EXPECT_EQ(files[1].at("saco"), 1.0);
  }
  const Finished table = Strider({"metrics", toy, "--reference-unique", "6", "--random", reference,
                                  "--max-return", "4", "--picture", (folder_.path() / "toy.svg").string()});
  ASSERT_EQ(table.code, 0) << table.message;
  // The reference's two episodes return 2 each.
  for (const char* text : {"0.666667", "0.773706", "0.000000", "1.329661", "100 bins", "counted exactly",
                           "toy_reference.hdf5) to 4 (given)"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "toy.svg"));
}

// References of one's own run: TQ 1 is its best evaluation, whichever that was.
TEST_F(Contract, MetricsTakeARunsBestEvaluation) {
  folder_.Write("run/config.cfg", "run.agent = sac\nrun.env = Hopper-v5\nrun.seed = 0\n");
  folder_.Write("run/evaluations.csv",
                "step,episode,return,length,normalised\n"
                "1000,0,3,9,\n1000,1,5,9,\n2000,0,1,9,\n2000,1,2,9,\n");
  const std::string run = folder_.path() / "run";
  const std::string toy = GoldenPath("datasets/metrics/toy.hdf5");
  const Finished finished = Strider({"metrics", toy, "--min-return", "0", "--run", run, "--json"});
  ASSERT_EQ(finished.code, 0) << finished.message;
  const auto file = finished.Json().at("files")[0];
  EXPECT_EQ(file.at("references").at("max_return"), 4);
  EXPECT_EQ(file.at("references").at("max_return_source"), run);
  EXPECT_EQ(file.at("tq"), .5);
  EXPECT_TRUE(file.at("saco").is_null());
}

TEST_F(Contract, DatasetValidate) {
  const std::string hopper = Collect("Hopper-v5", 200);
  const Finished sound = Strider({"dataset", "validate", hopper, "--json"});
  EXPECT_EQ(sound.code, 0) << sound.message << sound.out;
  const auto json = sound.Json();
  EXPECT_THAT(KeysOf(json), IsSupersetOf({"path", "ok", "defects"}));
  EXPECT_EQ(json.at("ok"), true);
  EXPECT_TRUE(json.at("defects").empty());
  const auto bad =
      Strider({"dataset", "validate", GoldenPath("datasets/malformed/nan_rewards.hdf5"), "--json"}).Json();
  ASSERT_EQ(bad.at("ok"), false);
  EXPECT_THAT(KeysOf(bad.at("defects").at(0)), IsSupersetOf({"kind", "rows", "message"}));
}

TEST_F(Contract, DatasetMerge) {
  const std::string hopper = Collect("Hopper-v5", 130);
  const std::string out = folder_.path() / "twice.hdf5";
  EXPECT_EQ(Strider({"dataset", "merge", hopper, hopper, "--out", out}).code, 0);
  EXPECT_EQ(Strider({"dataset", "info", out, "--json"}).Json().at("rows"), 260);
}

TEST_F(Contract, DatasetConvertAndSplit) {
  const std::string d4rl = Collect("Pendulum-v1", 600);
  const std::string minari = folder_.path() / "pendulum-v0";
  const Finished made = Strider({"dataset", "convert", d4rl, "--out", minari});
  ASSERT_EQ(made.code, 0) << made.message;
  EXPECT_EQ(made.out, "");
  const auto info = Strider({"dataset", "info", minari, "--json"}).Json();
  EXPECT_EQ(info.at("rows"), 600);
  EXPECT_EQ(info.at("metadata").at("env_id"), "Pendulum-v1");
  EXPECT_EQ(Strider({"dataset", "validate", minari, "--json"}).Json().at("ok"), true);
  EXPECT_EQ(Strider({"metrics", minari, "--json"}).Json().at("files").at(0).at("rows"), 600);
  const std::string back = folder_.path() / "back.hdf5";
  ASSERT_EQ(Strider({"dataset", "convert", minari, "--out", back, "--format", "d4rl"}).code, 0);
  const auto actions = [](const std::string& path) {
    return Hdf5File::Open(path).Read<float>("actions").values;
  };
  EXPECT_EQ(actions(back), actions(d4rl));
  const std::string a = folder_.path() / "a-v0";
  const std::string b = folder_.path() / "b-v0";
  const Finished split =
      Strider({"dataset", "split", minari, "--out", a, "--out", b, "--fraction", "0.7", "--seed", "1"});
  ASSERT_EQ(split.code, 0) << split.message;
  const auto rows = [](const std::string& path) {
    return Strider({"dataset", "info", path, "--json"}).Json().at("rows").get<int>();
  };
  EXPECT_EQ(rows(a) + rows(b), 600);
  // Collected in Minari's layout at once, and learnt from.
  const std::string direct = folder_.path() / "direct-v0";
  const Finished collected = Strider({"collect", "--policy", "random", "--env", "Pendulum-v1", "--steps",
                                      "600", "--out", direct, "--format", "minari", "--quiet"});
  ASSERT_EQ(collected.code, 0) << collected.message;
  const std::string run = folder_.path() / "run";
  const Finished trained =
      Strider({"train", "prdc", "--dataset", direct, "--env", "Pendulum-v1", "--out", run, "--steps", "5",
               "--set", "agent.hidden=16,16", "--set", "run.eval_episodes=1", "--threads", "1", "--quiet"});
  EXPECT_EQ(trained.code, 0) << trained.message;
}

// Every defect, planted in a sound file, is named with its rows.
TEST_F(Contract, DatasetValidateFindsPlantedDefects) {
  const std::string path = folder_.path() / "planted.hdf5";
  const auto expect = [&](const std::string& kind, const std::vector<std::size_t>& rows, const auto& plant,
                          std::vector<std::string> options = {}) {
    Dataset dataset = MakeDataset(100, 3, 2);
    plant(dataset);
    WriteD4rl(path, dataset);
    std::vector<std::string> words = {"dataset", "validate", path, "--json"};
    words.insert(words.end(), options.begin(), options.end());
    const auto json = Strider(words).Json();
    EXPECT_EQ(json.at("ok"), false) << kind;
    bool found = false;
    for (const auto& defect : json.at("defects"))
      found = found || (defect.at("kind") == kind && defect.at("rows") == rows);
    EXPECT_TRUE(found) << kind << " is not among " << json.dump();
  };
  expect("no_terminals", {}, [](Dataset& d) {
    d.terminals.assign(100, 0);
    d.timeouts.assign(100, 0);
  });
  expect("unmarked_end", {13}, [](Dataset& d) { d.terminals[13] = 0; });
  expect("crossed_border", {9},
         [](Dataset& d) { std::copy_n(d.observations.begin() + 30, 3, d.next_observations.begin() + 27); });
  expect("timeout_as_terminal", {24, 49, 74, 99}, [](Dataset& d) {
    d.next_observations.clear();
    d.timeouts.assign(100, 0);
    for (std::size_t row = 0; row < 100; ++row) d.terminals[row] = row % 25 == 24;
  });
  expect("action_range", {50}, [](Dataset& d) { d.actions[101] = -3; });
  expect("reward_range", {8}, [](Dataset& d) { d.rewards[8] = 7; }, {"--rewards", "-1,1"});
  expect("non_finite", {8}, [](Dataset& d) { d.rewards[8] = std::numeric_limits<float>::quiet_NaN(); });
  expect("duplicate_block", {70}, [](Dataset& d) {
    std::copy_n(d.observations.begin(), 3 * 30, d.observations.begin() + 3 * 70);
    std::copy_n(d.actions.begin(), 2 * 30, d.actions.begin() + 2 * 70);
    std::copy_n(d.rewards.begin(), 30, d.rewards.begin() + 70);
  });
}

// A learner on a dataset, evaluated; then its policy collects.
TEST_F(Contract, WholeSession) {
  const std::string data = Collect("Pendulum-v1", 500);
  const std::string run = folder_.path() / "run";
  const Finished trained = Strider({"train", "bc", "--dataset", data, "--env", "Pendulum-v1", "--out", run,
                                    "--steps", "40", "--seed", "3", "--set", "agent.hidden=16,16", "--set",
                                    "run.eval_episodes=2", "--threads", "1"});
  ASSERT_EQ(trained.code, 0) << trained.message;
  EXPECT_EQ(trained.out, "") << "progress goes to standard error";
  const auto evaluated = Strider({"evaluate", run, "--episodes", "2", "--json", "--quiet"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.message;
  EXPECT_EQ(evaluated.Json().at("env"), "Pendulum-v1");
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(run) / "evaluation.json"));
  const std::string acted = folder_.path() / "acted.hdf5";
  const Finished collected = Strider({"collect", "--policy", run, "--env", "Pendulum-v1", "--steps", "50",
                                      "--deterministic", "--out", acted, "--quiet"});
  ASSERT_EQ(collected.code, 0) << collected.message;
  EXPECT_EQ(Strider({"dataset", "info", acted, "--json"}).Json().at("rows"), 50);
  const Finished reported = Strider({"report", run, "--out", folder_.path() / "report"});
  EXPECT_EQ(reported.code, 0) << reported.message;
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "report" / "report.md"));
}

// PMOE sheet, section 7: it is said which expert acted.
TEST_F(Contract, EvaluationOfAMixtureNamesItsExpert) {
  const struct {
    const char* setting;
    const char* choice;
    const char* sampled;
    const char* text;
  } cases[] = {
      {"agent.acting_expert=sampled", "sampled", "sampled", "the mean of an expert drawn by the router"},
      {"agent.acting_expert=most_probable", "most_probable", "sampled",
       "the mean of the most probable expert"},
      {"agent.acting_expert=best_q", "best_q", "sampled", "the mean of the expert whose mean has"},
      {"agent.blend=multiplied", "multiplied", "multiplied", "the mean of the product of all experts"}};
  for (const auto& expected : cases) {
    const std::string run = folder_.path() / expected.setting;
    const Finished trained = Strider({"train", "pmoe-sac", "--env", "Pendulum-v1", "--out", run, "--steps",
                                      "3", "--set", "agent.hidden=8", "--set", expected.setting, "--quiet"});
    ASSERT_EQ(trained.code, 0) << trained.message;
    EXPECT_THAT(Strider({"evaluate", run, "--episodes", "1", "--quiet"}).message,
                HasSubstr("episodes in the run's score: 1 from now on, 10 so far"));
    const auto choice = [&](std::vector<std::string> more) {
      std::vector<std::string> words = {"evaluate", run, "--episodes", "1", "--json", "--quiet"};
      words.insert(words.end(), more.begin(), more.end());
      return Strider(words).Json().at("expert_choice");
    };
    EXPECT_EQ(choice({}), expected.choice);
    EXPECT_EQ(choice({"--sampled"}), expected.sampled);
    EXPECT_THAT(Strider({"evaluate", run, "--episodes", "1", "--quiet"}).out, HasSubstr(expected.text));
  }

  // Another expert than the policy's own may be asked for; that is not the run's score.
  const std::string run = folder_.path() / "agent.acting_expert=sampled";
  const std::vector<std::string> words = {"evaluate", run,       "--episodes", "1",
                                          "--json",   "--quiet", "--expert"};
  const auto with = [&](const std::string& expert) {
    std::vector<std::string> all = words;
    all.push_back(expert);
    return Strider(all);
  };
  EXPECT_EQ(Strider({"evaluate", run, "--episodes", "2", "--quiet"}).message, "");
  EXPECT_THAT(Strider({"evaluate", run, "--episodes", "1", "--quiet"}).message,
              HasSubstr("episodes in the run's score: 1 from now on, 2 so far"));
  const std::string kept = ReadText(std::filesystem::path(run) / "evaluation.json");
  const Finished other = with("most_probable");
  EXPECT_EQ(other.Json().at("expert_choice"), "most_probable");
  EXPECT_GT(other.Json().at("policy_parameters"), 0);
  EXPECT_THAT(other.message,
              HasSubstr("not kept as the run's score, which is that of its own choice of expert"));
  EXPECT_EQ(ReadText(std::filesystem::path(run) / "evaluation.json"), kept);
  const Finished drawn = Strider({"evaluate", run, "--sampled", "--expert", "most_probable", "--quiet"});
  EXPECT_EQ(drawn.code, 2);
  EXPECT_THAT(
      drawn.message,
      HasSubstr("--expert most_probable: drawn actions are of drawn experts; expected it without --sampled"));
  const Finished none = with("best_q");
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.message, HasSubstr("this policy holds no critics"));
}

// DAC's options: which one acts is said too.
TEST_F(Contract, EvaluationOfOptionsNamesTheirChoice) {
  const std::string run = folder_.path() / "dac";
  const Finished trained =
      Strider({"train", "dac", "--env", "Pendulum-v1", "--out", run, "--steps", "64", "--set",
               "agent.hidden=8", "--set", "agent.rollout_steps=64", "--set", "run.num_envs=1", "--quiet"});
  ASSERT_EQ(trained.code, 0) << trained.message;
  const Finished drawn = Strider({"evaluate", run, "--episodes", "1", "--quiet"});
  EXPECT_THAT(drawn.out, HasSubstr("the mean of an option, drawn where the last one ends (\"sampled\")"));
  const Finished likely =
      Strider({"evaluate", run, "--episodes", "1", "--quiet", "--expert", "most_probable"});
  EXPECT_THAT(likely.out, HasSubstr("the mean of the most probable option (\"most_probable\")"));
}

TEST_F(Contract, SeedsTrainOneRunEach) {
  const std::string out = folder_.path() / "runs";
  const Finished finished = Strider({"train", "td3", "--env", "Pendulum-v1", "--out", out, "--steps", "3",
                                     "--seed", "4", "--seeds", "2", "--set", "agent.hidden=8", "--quiet"});
  ASSERT_EQ(finished.code, 0) << finished.message;
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(out) / "seed_4" / "policy" / "policy.hdf5"));
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(out) / "seed_5" / "policy" / "policy.hdf5"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out), {}), 2);
  // Reports would look for no runs in a run.
  const Finished inside = Strider({"train", "td3", "--env", "Pendulum-v1", "--out", out + "/seed_4",
                                   "--steps", "3", "--seeds", "2", "--quiet"});
  EXPECT_EQ(inside.code, 2);
  EXPECT_THAT(inside.message,
              HasSubstr("seed_4 is a run itself; expected a folder for the runs of all seeds"));
}

// Seeds that a shorter call adds are of the same experiment.
TEST_F(Contract, SeedsThatAreAddedBeginAsTheOthersDid) {
  const std::filesystem::path out = folder_.path() / "runs";
  const Words first = {"train",   "td3",     "--env", "Pendulum-v1",    "--out",
                       out,       "--steps", "3",     "--seed",         "4",
                       "--seeds", "1",       "--set", "agent.hidden=8", "--quiet"};
  ASSERT_EQ(Strider(first).code, 0);
  const Finished more = Strider({"train", "--out", out, "--seeds", "2", "--resume", "--quiet"});
  ASSERT_EQ(more.code, 0) << more.message;
  const auto config = [&](const char* seed) { return ReadText(out / seed / "config.cfg"); };
  EXPECT_THAT(config("seed_5"), AllOf(HasSubstr("agent.hidden = 8\n"), HasSubstr("run.seed = 5\n")));
  std::string expected = config("seed_4");
  expected.replace(expected.find("run.seed = 4"), 12, "run.seed = 5");
  EXPECT_EQ(config("seed_5"), expected);
  const Finished other =
      Strider({"train", "--out", out, "--seeds", "3", "--resume", "--quiet", "--set", "agent.hidden=16"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.message, HasSubstr("agent.hidden"));
  EXPECT_FALSE(std::filesystem::exists(out / "seed_6"));
  // One that was removed is made again, by the words that made it.
  std::filesystem::remove_all(out / "seed_4");
  Words again = first;
  again.insert(again.end(), "--resume");
  ASSERT_EQ(Strider(again).code, 0);
  EXPECT_THAT(config("seed_4"), HasSubstr("agent.hidden = 8\n"));
  EXPECT_FALSE(std::filesystem::exists(out / "seed_6"));
}

TEST_F(Contract, RunsAreNoFoldersForOtherThings) {
  folder_.Write("run/config.cfg", "run.agent = sac\nrun.env = Hopper-v5\nrun.seed = 0\n");
  folder_.Write("page.cfg", "run.agent = td3\nrun.env = Pendulum-v1\n");
  const std::string run = folder_.path() / "run";
  for (const Words& words : {Words{"report", run, "--out", run},
                             Words{"sweep", (folder_.path() / "page.cfg").string(), "--out", run}}) {
    const Finished finished = Strider(words);
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.message, HasSubstr(run + " is a run"));
  }
}

// Returns of another environment say little, and under changed rules nobody has measured any.
TEST_F(Contract, MetricsAndInfoKnowWhoseReturnsTheyTake) {
  const std::string hopper = Collect("Hopper-v5", 200);
  const std::string pole = Collect("CartPole-v1", 200);
  folder_.Write("run/config.cfg", "run.agent = dqn\nrun.env = CartPole-v1\nrun.seed = 0\n");
  folder_.Write("run/evaluations.csv", "step,episode,return,length,normalised\n1000,0,500,500,\n");
  const std::string run = folder_.path() / "run";
  EXPECT_THAT(Strider({"metrics", hopper, "--run", run}).message,
              AllOf(HasSubstr("was recorded in Hopper-v5, but "), HasSubstr("run is of CartPole-v1")));
  EXPECT_THAT(Strider({"metrics", hopper, "--random", pole, "--max-return", "3000"}).message,
              HasSubstr("is of CartPole-v1"));
  EXPECT_THAT(Strider({"metrics", hopper, "--env", "Walker2d-v5"}).message,
              HasSubstr("--env Walker2d-v5 is of another task"));
  EXPECT_THAT(Strider({"metrics", hopper, "--env", "hopper-medium-v2"}).message, IsEmpty());
  EXPECT_THAT(Strider({"metrics", pole, "--env", "Hopper-v5"}).message,
              HasSubstr("--env Hopper-v5 is of another task"));
  const std::string changed = folder_.path() / "changed.hdf5";
  ASSERT_EQ(Strider({"collect", "--policy", "random", "--env", "Hopper-v5", "--set",
                     "env.reset_noise_scale=0.1", "--steps", "200", "--out", changed, "--quiet"})
                .code,
            0);
  EXPECT_TRUE(Strider({"dataset", "info", hopper, "--json"}).Json().at("normalized").is_number());
  EXPECT_TRUE(Strider({"dataset", "info", changed, "--json"}).Json().at("normalized").is_null());
  EXPECT_TRUE(Strider({"metrics", changed, "--json"}).Json().at("files")[0].at("tq").is_null());
  const std::string rules = "Hopper-v5 with reset_noise_scale = 0.1";
  EXPECT_THAT(Strider({"metrics", changed, "--env", "Hopper-v5"}).message,
              HasSubstr("was recorded in " + rules));
  EXPECT_THAT(Strider({"metrics", hopper, "--random", changed, "--max-return", "3000"}).message,
              HasSubstr("changed.hdf5 is of " + rules));
}

// A run's datasets name all options of its environment, others those that were given.
TEST_F(Contract, MergeKnowsWhichOptionsAreTheUsualOnes) {
  const std::string run = folder_.path() / "run";
  const std::string own = folder_.path() / "own.hdf5";
  const std::string out = folder_.path() / "both.hdf5";
  const std::string random = Collect("Hopper-v5", 50);
  ASSERT_EQ(Strider({"train", "td3", "--env", "Hopper-v5", "--steps", "2", "--quiet", "--out", run}).code, 0);
  const auto merged = [&](const Words& options) {
    Words words = {"collect", "--policy", run, "--steps", "50", "--quiet", "--out", own};
    words.insert(words.end(), options.begin(), options.end());
    EXPECT_EQ(Strider(words).code, 0);
    return Strider({"dataset", "merge", random, own, "--out", out, "--quiet"});
  };
  EXPECT_EQ(merged({}).code, 0);
  const Finished other = merged({"--set", "env.reset_noise_scale=0.1"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(
      other.message,
      HasSubstr("was recorded with reset_noise_scale = 0.1; expected the environment's usual options"));
}

// A policy's file leads to the environment as it was set, as the run that it is of does.
TEST_F(Contract, PolicyFilesKnowTheirEnvironmentsOptions) {
  const std::filesystem::path run = folder_.path() / "run";
  const std::string data = folder_.path() / "data.hdf5";
  ASSERT_EQ(Strider({"train", "td3", "--env", "Pendulum-v1", "--set", "env.max_episode_steps=7", "--steps",
                     "2", "--quiet", "--out", run})
                .code,
            0);
  ASSERT_EQ(Strider({"collect", "--policy", run, "--steps", "20", "--quiet", "--out", data}).code, 0);
  for (const std::string& source : {run.string(), (run / "policy" / "policy.hdf5").string(), data}) {
    const auto json = Strider({"evaluate", source, "--episodes", "2", "--json", "--quiet"}).Json();
    EXPECT_THAT(json.at("lengths").get<std::vector<int>>(), ElementsAre(7, 7)) << source;
    EXPECT_TRUE(json.at("normalized").is_null());
  }
  const auto named =
      Strider({"evaluate", data, "--set", "env.max_episode_steps=9", "--episodes", "1", "--json", "--quiet"})
          .Json();
  EXPECT_THAT(named.at("lengths").get<std::vector<int>>(), ElementsAre(9));
}

TEST_F(Contract, OutputsNeedAFolder) {
  const std::string out = folder_.path() / "nodir" / "x.hdf5";
  const Finished finished = Strider(
      {"collect", "--policy", "random", "--env", "CartPole-v1", "--steps", "5", "--out", out, "--quiet"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.message, HasSubstr(fmt::format("cannot write {}: there is no folder {}", out,
                                                      (folder_.path() / "nodir").string())));
}

TEST_F(Contract, SeedsGoOnAfterOneThatFailed) {
  const std::string out = folder_.path() / "runs";
  const Finished finished =
      Strider({"train", "td3", "--env", "Pendulum-v1", "--out", out, "--steps", "30", "--seeds", "2", "--set",
               "agent.hidden=8", "--set", "agent.learning_starts=10", "--set", "agent.batch_size=4", "--set",
               "agent.critic_lr=1e30", "--quiet"});
  EXPECT_EQ(finished.code, 1);
  for (const char* part :
       {"seed_0: ", "seed_1: ", "the learner diverged", "2 of 2 runs in ", "failed: seed_0, seed_1"}) {
    EXPECT_THAT(finished.message, HasSubstr(part));
  }
}

// Both are 0 on the machines tried; another C library's sin and cos may differ, and a free run amplifies it.
constexpr double kResetTolerance = 1e-12;
constexpr double kFreeRunTolerance = 1e-9;

// The recorded actions of Gymnasium lead to Gymnasium's observations, up to the first end of an episode.
class RolloutOf : public Contract, public ::testing::WithParamInterface<std::string> {};

TEST_P(RolloutOf, MatchesGymnasium) {
  const std::string golden_path = GoldenPath("envs/" + GetParam() + ".h5");
  const GoldenFile golden(golden_path);
  for (const std::string& group : golden.Members("/")) {
    const std::string seed = group.substr(std::string("seed_").size());
    const std::string out = folder_.path() / (group + ".hdf5");
    const Finished finished = Strider({"rollout", "--env", GetParam(), "--seed", seed, "--actions",
                                       golden_path + ":/" + group + "/actions", "--out", out});
    ASSERT_EQ(finished.code, 0) << finished.message;

    const auto expected = golden.Read(group + "/obs");
    const auto rewards = golden.Read(group + "/reward");
    const auto terminated = golden.Read<std::int64_t>(group + "/terminated");
    const auto truncated = golden.Read<std::int64_t>(group + "/truncated");
    std::size_t steps = 0;
    while (steps < expected.rows() &&
           (steps == 0 || (terminated.values[steps - 1] == 0 && truncated.values[steps - 1] == 0)))
      ++steps;

    const Hdf5File file = Hdf5File::Open(out);
    const auto observations = file.Read<double>("observations");
    ASSERT_EQ(observations.shape, Shape({steps + 1, expected.width()}));
    const auto reset = golden.Read(group + "/resets/obs");
    for (std::size_t i = 0; i < expected.width(); ++i)
      EXPECT_NEAR(observations.values[i], reset.values[i], kResetTolerance);
    for (std::size_t k = 0; k < steps * expected.width(); ++k) {
      ASSERT_NEAR(observations.values[expected.width() + k], expected.values[k],
                  kFreeRunTolerance * std::max(1.0, std::abs(expected.values[k])))
          << "step " << k / expected.width();
    }
    const auto ours = file.Read<double>("rewards").values;
    ASSERT_EQ(ours.size(), steps);
    for (std::size_t t = 0; t < steps; ++t) {
      EXPECT_NEAR(ours[t], rewards.values[t], kFreeRunTolerance * std::max(1.0, std::abs(rewards.values[t])));
      EXPECT_EQ(file.Read<std::uint8_t>("terminals").values[t], terminated.values[t]);
      EXPECT_EQ(file.Read<std::uint8_t>("timeouts").values[t], truncated.values[t]);
    }
    EXPECT_EQ(file.Has("infos/qpos"), golden.Has(group + "/qpos"));
    if (file.Has("infos/qpos")) {
      EXPECT_EQ(file.Info("infos/qpos").shape[0], steps + 1);
    }
  }
}

TEST_F(Contract, TheRecipesPoliciesAreForTheRecipe) {
  for (const char* flag : {"--medium", "--expert"}) {
    const Finished refused = Strider({"collect", "--policy", "random", "--env", "Pendulum-v1", "--steps",
                                      "10", "--out", folder_.path() / "x.hdf5", flag, "policy.hdf5"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.message, HasSubstr(std::string(flag) + " does not go with --policy"));
    const Finished missing = Strider({"collect", "--preset", "d4rl", "--env", "Pendulum-v1", "--out",
                                      folder_.path() / "sets", flag, "/nothing.hdf5"});
    EXPECT_EQ(missing.code, 2);
    EXPECT_THAT(missing.message, HasSubstr("policy '/nothing.hdf5' does not exist"));
  }
}

TEST_F(Contract, BenchIsOneObjectWithItsMachine) {
  const std::string dataset = Collect("Hopper-v5", 500);
  const Finished finished = Strider({"bench", "offline", "--json", "--rows", "3000", "--repetitions", "1",
                                     "--seconds", "0.01", "--threads", "1", "--dataset", dataset});
  ASSERT_EQ(finished.code, 0) << finished.message;
  const nlohmann::json report = finished.Json();
  EXPECT_GE(report.at("machine").at("cores"), 1);
  const nlohmann::json& results = report.at("results");
  ASSERT_EQ(results.size(), 13);
  for (const nlohmann::json& result : results) {
    EXPECT_THAT(KeysOf(result), UnorderedElementsAre("name", "ours", "peer", "ratio", "unit"));
    EXPECT_GT(result.at("ours"), 0) << result;
    EXPECT_TRUE(result.at("peer").is_null()) << result;                              // no Python was named
    EXPECT_THAT(finished.message, HasSubstr(result.at("name").get<std::string>()));  // people read them too
  }
  for (const auto& [flags, complaint] :
       std::vector<std::pair<Words, std::string>>{{{"--rows", "0"}, "--rows 0"},
                                                  {{"--threads", "0"}, "--threads 0"},
                                                  {{"--repetitions", "0"}, "--repetitions 0"},
                                                  {{"--seconds", "nan"}, "--seconds nan"},
                                                  {{"--dataset", "/nothing.hdf5"}, "/nothing.hdf5"}}) {
    Words words = {"bench", "offline"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Finished refused = Strider(words);
    EXPECT_EQ(refused.code, 2) << complaint;
    EXPECT_THAT(refused.message, HasSubstr(complaint));
  }
}

// The rows of a goal environment are Gymnasium's dictionary in a row; the goals are written by name as well.
TEST_F(Contract, RolloutsOfGoalEnvironmentsWriteTheGoals) {
  const std::string golden_path = GoldenPath("envs/PointMaze_UMaze-v3.h5");
  const GoldenFile golden(golden_path);
  const std::string out = folder_.path() / "maze.hdf5";
  const Finished finished = Strider({"rollout", "--env", "PointMaze_UMaze-v3", "--seed", "123", "--actions",
                                     golden_path + ":/seed_123/actions", "--out", out});
  ASSERT_EQ(finished.code, 0) << finished.message;
  const Hdf5File file = Hdf5File::Open(out);
  const auto observations = file.Read<double>("observations");
  for (const auto& [key, column] : {std::pair{"achieved_goal", 4}, {"desired_goal", 6}}) {
    const auto expected = golden.Read(std::string("seed_123/") + key);
    const auto ours = file.Read<double>(std::string("infos/") + key);
    ASSERT_EQ(ours.shape, Shape({expected.rows() + 1, 2}));
    for (std::size_t k = 0; k < expected.values.size(); ++k) {
      const std::size_t row = k / 2 + 1;
      ASSERT_NEAR(ours.values[2 * row + k % 2], expected.values[k], kFreeRunTolerance)
          << key << " in row " << row;
      ASSERT_EQ(ours.values[2 * row + k % 2], observations.values[8 * row + column + k % 2]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, RolloutOf,
                         ::testing::Values("CartPole-v1", "Pendulum-v1", "InvertedPendulum-v5",
                                           "HalfCheetah-v5", "Hopper-v5", "Walker2d-v5"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('-')); });

}  // namespace
}  // namespace strider
