#include "experiments/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "experiments/comparison.h"
#include "experiments/csv_log.h"
#include "experiments/gnuplot.h"
#include "experiments/pictures.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

namespace fs = std::filesystem;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Config(std::string_view agent, std::string_view env, std::string_view dataset, int seed,
                   std::string_view preset = "") {
  return fmt::format(
      "# resolved settings\nrun.agent = {}\nrun.env = {}\nrun.dataset = {}\nrun.preset = {}\n"
      "run.seed = {}\nagent.discount = 0.99\n",
      agent, env, dataset, preset, seed);
}

constexpr std::string_view kHeader = "step,episode,return,length,normalised\n";

// A run with two episodes at each step; the mean returns are `means`, a step is 1000.
void WriteRun(const TemporaryFolder& folder, const fs::path& name, const std::string& config,
              const std::vector<double>& means) {
  folder.Write(name / "config.cfg", config);
  std::string csv(kHeader);
  for (std::size_t i = 0; i < means.size(); ++i) {
    csv += fmt::format("{},0,{},100,\n{},1,{},100,\n", 1000 * (i + 1), means[i] - 10, 1000 * (i + 1),
                       means[i] + 10);
  }
  folder.Write(name / "evaluations.csv", csv);
}

// Twelve evaluations: 10, 20, ..., 110 and a last one.
std::vector<double> Rising(double last) {
  std::vector<double> means;
  for (int i = 1; i <= 11; ++i) means.push_back(10 * i);
  means.push_back(last);
  return means;
}

TEST(FindRuns, TakesRunsAndFoldersOfRunsEachOnce) {
  const TemporaryFolder folder;
  for (const char* name : {"sac/seed_0", "sac/seed_2", "sac/seed_10", "ppo"}) {
    WriteRun(folder, name, Config("sac", "Hopper-v5", "", 0), {1});
  }
  folder.Write("sac/notes/readme.txt", "no run");
  const std::vector<fs::path> runs = FindRuns({folder.path() / "ppo", folder.path()});
  EXPECT_THAT(runs, ElementsAre(folder.path() / "ppo", folder.path() / "sac/seed_0",
                                folder.path() / "sac/seed_2", folder.path() / "sac/seed_10"));
}

TEST(FindRuns, RefusesWhatHoldsNoRun) {
  const TemporaryFolder folder;
  EXPECT_THAT(MessageOf<InputError>([&] { FindRuns({folder.path()}); }),
              HasSubstr("holds no run; expected a config.cfg"));
  EXPECT_THAT(MessageOf<InputError>([&] { FindRuns({folder.path() / "gone"}); }),
              HasSubstr("gone is not a folder"));
  EXPECT_THAT(MessageOf<InputError>([&] { WriteReport({}, folder.path() / "out"); }),
              HasSubstr("no run is given"));
}

// What a dataset was only an aid to stands beside what was learnt without it.
TEST(ReadRun, RunsThatActedBesideADatasetAreTheEnvironments) {
  const TemporaryFolder folder;
  WriteRun(folder, "hybrid", Config("hnpg", "Hopper-v5", "data/mixed.hdf5", 1), {50, 70});
  WriteRun(folder, "alone", Config("hnpg", "Hopper-v5", "", 1), {40, 60});
  WriteRun(folder, "offline", Config("prdc", "Hopper-v5", "data/mixed.hdf5", 1), {30, 50});
  folder.Write("hybrid/manifest.json", R"({"acts": true})");
  folder.Write("offline/manifest.json", R"({"acts": false})");
  std::vector<RunResult> runs;
  for (const char* name : {"hybrid", "alone", "offline"}) runs.push_back(ReadRun(folder.path() / name));
  const std::vector<TaskComparison> tasks = CompareRuns(runs);
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].name, "Hopper-v5");
  ASSERT_EQ(tasks[0].agents.size(), 2U);
  EXPECT_EQ(tasks[0].agents[0].label, "hnpg with mixed");
  EXPECT_EQ(tasks[0].agents[1].label, "hnpg");
  EXPECT_EQ(tasks[1].name, "mixed (Hopper-v5)");
}

TEST(ReadRun, TakesConfigEvaluationsAndTheFinalEvaluation) {
  const TemporaryFolder folder;
  WriteRun(folder, "run", Config("prdc", "Hopper-v5", "data/mixed.hdf5", 7, "demo"), {50, 70});
  RunResult run = ReadRun(folder.path() / "run");
  EXPECT_EQ(run.agent, "prdc");
  EXPECT_EQ(run.env, "Hopper-v5");
  EXPECT_EQ(run.dataset, "data/mixed.hdf5");
  EXPECT_EQ(run.preset, "demo");
  EXPECT_EQ(run.seed, 7);
  ASSERT_EQ(run.evaluations.size(), 2U);
  EXPECT_EQ(run.evaluations[1].step, 2000);
  EXPECT_THAT(run.evaluations[1].returns, ElementsAre(60, 80));
  EXPECT_THAT(run.LastReturns(), ElementsAre(60, 80));

  folder.Write("run/evaluation.json", R"({"env": "Hopper-v5", "episodes": 3, "returns": [90, 100, 110.5]})");
  run = ReadRun(folder.path() / "run");
  EXPECT_THAT(run.LastReturns(), ElementsAre(90, 100, 110.5));
  EXPECT_EQ(run.evaluations.size(), 2U);

  // Of a policy that training has replaced since: no score of the run.
  folder.Write("run/policy/policy.hdf5", "abc");
  constexpr const char* kScore = R"({{"returns": [90, 100], "policy_sha256": "{}"}})";
  constexpr const char* kAbc =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-2
  folder.Write("run/evaluation.json", fmt::format(fmt::runtime(kScore), kAbc));
  EXPECT_THAT(ReadRun(folder.path() / "run").LastReturns(), ElementsAre(90, 100));
  folder.Write("run/policy/policy.hdf5", "abcd");
  EXPECT_THAT(ReadRun(folder.path() / "run").LastReturns(), ElementsAre(60, 80));
}

// A run that was stopped or diverged has a score, but not that of its steps; one that reached its target has.
TEST(CompareRunsTest, SaysWhichRunsEndedEarly) {
  const TemporaryFolder folder;
  const std::string config = Config("sac", "Hopper-v5", "", 0) + "run.steps = 3000\n";
  WriteRun(folder, "cut", config, {50, 70});
  WriteRun(folder, "whole", config, {50, 70, 90});
  WriteRun(folder, "good", config + "run.target_return = 60\n", {50, 70});
  WriteRun(folder, "short", config + "run.target_return = 80\n", {50, 70});
  const auto notes = [&](const char* name) {
    return CompareRuns({ReadRun(folder.path() / name)})[0].agents[0].notes;
  };
  EXPECT_THAT(
      notes("cut"),
      ElementsAre("seed 0 was last evaluated at step 2000 of 3000: it was stopped, diverged, or still runs"));
  EXPECT_THAT(notes("whole"), ElementsAre());
  EXPECT_THAT(notes("good"), ElementsAre());
  EXPECT_THAT(notes("short"), ElementsAre(HasSubstr("at step 2000 of 3000")));
  // Not evaluated while it learnt.
  WriteRun(folder, "later", config, {});
  folder.Write("later/evaluation.json", R"({"env": "Hopper-v5", "episodes": 2, "returns": [90, 100]})");
  EXPECT_THAT(notes("later"), ElementsAre());
}

TEST(ReadRun, BadFilesAreNamed) {
  const TemporaryFolder folder;
  const auto message = [&folder] { return MessageOf<InputError>([&] { ReadRun(folder.path() / "run"); }); };
  const std::string good = Config("sac", "Hopper-v5", "", 0);

  folder.Write("run/config.cfg", good);
  EXPECT_THAT(message(), HasSubstr("evaluations.csv: No such file"));
  for (const std::string_view nothing_yet : {std::string_view(), kHeader}) {
    folder.Write("run/evaluations.csv", std::string(nothing_yet));
    EXPECT_FALSE(ReadRun(folder.path() / "run").evaluated()) << nothing_yet;
  }
  folder.Write("run/evaluations.csv", std::string(kHeader) + "1,0,5,10,\n2,0,5x,10,\n");
  EXPECT_THAT(message(), HasSubstr("evaluations.csv:3: column 'return' holds '5x'; expected a number"));
  folder.Write("run/evaluations.csv", std::string(kHeader) + "1,0,,10,\n");
  EXPECT_THAT(message(), HasSubstr("evaluations.csv:2: column 'return' is empty"));
  folder.Write("run/evaluations.csv", std::string(kHeader) + "2,0,5,10,\n1,0,5,10,\n");
  EXPECT_THAT(message(), HasSubstr("evaluations.csv:3: step 1 comes after step 2"));
  folder.Write("run/evaluations.csv", "step,episode\n1,0\n");
  EXPECT_THAT(message(), HasSubstr("evaluations.csv: no column 'return'"));

  folder.Write("run/evaluations.csv", std::string(kHeader) + "1,0,5,10,\n");
  folder.Write("run/config.cfg", "run.env = Hopper-v5\nrun.seed = 0\n");
  EXPECT_THAT(message(), HasSubstr("config.cfg: no value for 'run.agent'"));
  folder.Write("run/config.cfg", "run.agent = sac\nrun.seed = 0\n");
  EXPECT_THAT(message(), HasSubstr("config.cfg: no value for 'run.env'"));
  folder.Write("run/config.cfg", "run.agent = sac\nrun.env = Hopper-v5\n");
  EXPECT_THAT(message(), HasSubstr("config.cfg: no value for 'run.seed'"));
  folder.Write("run/config.cfg", "run.agent = sac\nrun.env = Hopper-v5\nrun.seed = one\n");
  EXPECT_THAT(message(), HasSubstr("config.cfg: run.seed = 'one' is not accepted; expected a whole number"));
  folder.Write("run/config.cfg", "run.agent = sac\nrun.env Hopper-v5\n");
  EXPECT_THAT(message(), HasSubstr("config.cfg:2: 'run.env Hopper-v5' is not of the form key = value"));

  folder.Write("run/config.cfg", good);
  folder.Write("run/evaluation.json", "{\"returns\": [1, 2");
  EXPECT_THAT(message(), HasSubstr("evaluation.json is not a JSON object"));
  folder.Write("run/evaluation.json", R"({"env": "Ant-v5", "returns": [1, 2]})");
  EXPECT_THAT(message(), HasSubstr("evaluation.json is of \"Ant-v5\" but the run is of Hopper-v5"));
  folder.Write("run/evaluation.json", "{\"returns\": []}");
  EXPECT_THAT(message(), HasSubstr("evaluation.json: 'returns' is missing or empty"));
  folder.Write("run/evaluation.json", "{\"returns\": [1, \"two\"]}");
  EXPECT_THAT(message(), HasSubstr("evaluation.json: 'returns' holds \"two\"; expected numbers"));
}

TEST(CompareRuns, StatisticsAreOverSeeds) {
  const TemporaryFolder folder;
  const double last[] = {200, 260, 290};
  std::vector<RunResult> runs;
  for (int seed = 0; seed < 3; ++seed) {
    const fs::path name = fmt::format("seed_{}", seed);
    WriteRun(folder, name, Config("sac", "NoReference-v0", "", seed), Rising(last[seed]));
    runs.push_back(ReadRun(folder.path() / name));
  }
  const std::vector<TaskComparison> tasks = CompareRuns(runs);
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].name, "NoReference-v0");
  EXPECT_FALSE(tasks[0].scale);
  const AgentScores& sac = tasks[0].agents.at(0);
  EXPECT_THAT(sac.seeds, ElementsAre(0, 1, 2));
  EXPECT_EQ(sac.Over(), "3 seeds");
  ASSERT_EQ(sac.scores.size(), 4U);
  EXPECT_THAT(sac.scores[0].samples, ElementsAre(200, 260, 290));
  EXPECT_DOUBLE_EQ(sac.scores[0].summary.mean, 250);
  EXPECT_DOUBLE_EQ(sac.scores[0].summary.iqm, (200 + 4 * 260 + 290) / 6.0);
  // Of the last ten evaluations, 30 ... 110 sum to 630.
  EXPECT_EQ(sac.scores[1].measure.name, "last-10");
  EXPECT_THAT(sac.scores[1].samples, ElementsAre(83, 89, 92));
  EXPECT_EQ(sac.scores[2].measure.name, "best");
  EXPECT_THAT(sac.scores[2].samples, ElementsAre(200, 260, 290));
  // 10 ... 110 sum to 660; twelve evaluations.
  EXPECT_EQ(sac.scores[3].measure.name, "auc");
  EXPECT_THAT(sac.scores[3].samples,
              ElementsAre(DoubleEq(860 / 12.0), DoubleEq(920 / 12.0), DoubleEq(950 / 12.0)));
  ASSERT_EQ(sac.curve.steps.size(), 12U);
  EXPECT_EQ(sac.curve.steps[0], 1000);
  EXPECT_DOUBLE_EQ(sac.curve.means[0], 10);
  EXPECT_DOUBLE_EQ(sac.curve.means[11], 250);
  // With three seeds, 1 resample in 27 is thrice the lowest: beyond the 2.5 % cut.
  EXPECT_DOUBLE_EQ(sac.curve.bands[11].low, 200);
  EXPECT_DOUBLE_EQ(sac.curve.bands[11].high, 290);
  EXPECT_TRUE(sac.notes.empty());
}

TEST(CompareRuns, OneSeedCountsItsEpisodesAndBestIsNotLast) {
  const TemporaryFolder folder;
  WriteRun(folder, "run", Config("bc", "Hopper-v5", "", 0), {50, 90, 60});
  const std::vector<TaskComparison> tasks = CompareRuns({ReadRun(folder.path() / "run")});
  const AgentScores& bc = tasks.at(0).agents.at(0);
  EXPECT_EQ(bc.Over(), "2 episodes of 1 seed");
  EXPECT_THAT(bc.scores[0].samples, ElementsAre(50, 70));
  EXPECT_THAT(bc.scores[1].samples, ElementsAre(40, 60, 80, 100, 50, 70));
  EXPECT_THAT(bc.scores[2].samples, ElementsAre(80, 100));
  EXPECT_THAT(bc.scores[3].samples, ElementsAre(40, 60, 80, 100, 50, 70));
}

TEST(CompareRuns, ACutOffSeedShortensTheCurveAndIsReported) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0), {10, 20, 30});
  WriteRun(folder, "b", Config("sac", "Hopper-v5", "", 1), {30, 40});
  const std::vector<TaskComparison> tasks =
      CompareRuns({ReadRun(folder.path() / "a"), ReadRun(folder.path() / "b")});
  const AgentScores& sac = tasks.at(0).agents.at(0);
  EXPECT_THAT(sac.curve.steps, ElementsAre(1000, 2000));
  EXPECT_THAT(sac.curve.means, ElementsAre(20, 30));
  EXPECT_THAT(
      sac.notes,
      ElementsAre("seed 1 was last evaluated at step 2000, others at step 3000; the curve stops there"));
}

TEST(CompareRuns, TheBestIsNotBelowTheLast) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0), {10, 20});
  folder.Write("a/evaluation.json", R"({"returns": [50, 60]})");
  const TaskComparison task = CompareRuns({ReadRun(folder.path() / "a")}).at(0);
  EXPECT_THAT(task.agents[0].scores[2].samples, ElementsAre(50, 60));
}

TEST(CompareRuns, AgentsThatWereEvaluatedEarlierAreNoted) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0), {10, 20, 30});
  WriteRun(folder, "b", Config("td3", "Hopper-v5", "", 0), {30, 40});
  const TaskComparison task = CompareRuns({ReadRun(folder.path() / "a"), ReadRun(folder.path() / "b")}).at(0);
  EXPECT_EQ(task.agents[0].agent, "td3");
  EXPECT_THAT(task.agents[0].notes, ElementsAre("last evaluated at step 2000, others at step 3000"));
  EXPECT_THAT(task.agents[1].notes, ElementsAre());
}

// Returns by other rules than those of the reference scores.
TEST(CompareRuns, OnlyTheUsualEnvironmentHasNormalisedScores) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0) + "env.healthy_reward = 1.0\n", {10});
  WriteRun(folder, "b", Config("sac", "Hopper-v5", "", 1) + "env.healthy_reward = 50\n", {10});
  EXPECT_TRUE(CompareRuns({ReadRun(folder.path() / "a")}).at(0).scale);
  EXPECT_FALSE(CompareRuns({ReadRun(folder.path() / "b")}).at(0).scale);
  const TaskComparison both = CompareRuns({ReadRun(folder.path() / "a"), ReadRun(folder.path() / "b")}).at(0);
  EXPECT_FALSE(both.scale);
  std::vector<std::string> notes;
  for (const AgentScores& agent : both.agents)
    notes.insert(notes.end(), agent.notes.begin(), agent.notes.end());
  EXPECT_THAT(notes,
              ElementsAre("ran under other rules than Hopper-v5's usual ones, so that nothing of the task is "
                          "normalised"));
  EXPECT_FALSE(CompareRuns({ReadRun(folder.path() / "b"), ReadRun(folder.path() / "a")}).at(0).scale);
}

TEST(CompareRuns, GroupsByTaskAgentAndPreset) {
  const TemporaryFolder folder;
  const std::vector<std::string> configs{Config("sac", "Hopper-v5", "", 0),
                                         Config("bc", "Hopper-v5", "x/mixed.hdf5", 0),
                                         Config("sac", "Hopper-v5", "", 0, "fast"),
                                         Config("sac", "Hopper-v5", "", 1),
                                         Config("bc", "Hopper-v5", "y/mixed.hdf5", 0),
                                         Config("prdc", "Hopper-v5", "x/mixed.hdf5", 0)};
  std::vector<RunResult> runs;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    WriteRun(folder, std::to_string(i), configs[i], {1});
    runs.push_back(ReadRun(folder.path() / std::to_string(i)));
  }
  const std::vector<TaskComparison> tasks = CompareRuns(runs);
  ASSERT_EQ(tasks.size(), 3U);
  EXPECT_EQ(tasks[0].name, "Hopper-v5");
  EXPECT_EQ(tasks[1].name, "mixed (Hopper-v5)");
  EXPECT_EQ(tasks[1].dataset, "x/mixed.hdf5");
  EXPECT_EQ(tasks[2].dataset, "y/mixed.hdf5");
  ASSERT_EQ(tasks[0].agents.size(), 2U);
  EXPECT_EQ(tasks[0].agents[0].label, "sac (no preset)");
  EXPECT_THAT(tasks[0].agents[0].seeds, ElementsAre(0, 1));
  EXPECT_EQ(tasks[0].agents[1].label, "sac fast");
  // One colour an agent, whatever the task.
  EXPECT_EQ(tasks[1].agents[0].label, "bc");
  EXPECT_EQ(tasks[1].agents[0].colour, tasks[2].agents[0].colour);
  EXPECT_NE(tasks[1].agents[0].colour, tasks[1].agents[1].colour);
}

TEST(CompareRuns, TellsSettingsApart) {
  const TemporaryFolder folder;
  std::vector<RunResult> runs;
  for (const char* beta : {"1", "2", "2"}) {
    const int seed = static_cast<int>(runs.size());
    const std::string name = std::to_string(seed);
    WriteRun(folder, name,
             Config("prdc", "Hopper-v5", "mixed.hdf5", seed) + fmt::format("agent.beta = {}\n", beta), {1});
    runs.push_back(ReadRun(folder.path() / name));
  }
  const std::vector<TaskComparison> tasks = CompareRuns(runs);
  ASSERT_EQ(tasks.size(), 1U);
  ASSERT_EQ(tasks[0].agents.size(), 2U);
  EXPECT_EQ(tasks[0].agents[0].label, "prdc beta=1");
  EXPECT_EQ(tasks[0].agents[1].label, "prdc beta=2");
  EXPECT_THAT(tasks[0].agents[1].seeds, ElementsAre(1, 2));
}

TEST(CompareRuns, RefusesASeedTwice) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 4), {1});
  WriteRun(folder, "b", Config("sac", "Hopper-v5", "", 4), {1});
  EXPECT_THAT(MessageOf<InputError>([&] { WriteReport({folder.path()}, folder.path() / "out"); }),
              HasSubstr("are both seed 4 of sac on Hopper-v5"));
}

TEST(CompareRuns, NormalisesByTheReferenceScoresOfD4rl) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0), {1});
  const std::vector<TaskComparison> tasks = CompareRuns({ReadRun(folder.path() / "a")});
  ASSERT_TRUE(tasks[0].scale);
  // D4RL: hopper scores 0 at a return of -20.272305 and 100 at 3234.3.
  EXPECT_NEAR(tasks[0].scale->slope * -20.272305 + tasks[0].scale->offset, 0, 1e-9);
  EXPECT_NEAR(tasks[0].scale->slope * 3234.3 + tasks[0].scale->offset, 100, 1e-9);
}

void ExpectPicture(const fs::path& base) {
  EXPECT_THAT(ReadText(base.string() + ".png"), StartsWith("\x89PNG\r\n"));
  EXPECT_THAT(ReadText(base.string() + ".svg"), HasSubstr("</svg>"));
}

TEST(WriteReport, WritesTablesAndPictures) {
  const TemporaryFolder folder;
  WriteRun(folder, "sac/seed_0", Config("sac", "Hopper-v5", "", 0), Rising(200));
  WriteRun(folder, "sac/seed_1", Config("sac", "Hopper-v5", "", 1), Rising(300));
  WriteRun(folder, "ppo", Config("ppo", "Hopper-v5", "", 0), Rising(150));
  folder.Write("prdc/config.cfg", Config("prdc", "Hopper-v5", "medium, mixed.hdf5", 0));
  folder.Write("prdc/evaluation.json", R"({"returns": [900, 1100]})");
  const fs::path out = folder.path() / "deep/report";
  WriteReport({folder.path() / "sac", folder.path() / "ppo", folder.path() / "prdc"}, out);

  ExpectPicture(out / "hopper-v5-curves");
  ExpectPicture(out / "hopper-v5-scores");
  ExpectPicture(out / "medium-mixed-hopper-v5-scores");
  EXPECT_FALSE(fs::exists(out / "medium-mixed-hopper-v5-curves.png"))
      << "no evaluations in training, no curve";
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    EXPECT_THAT(entry.path().string(), Not(::testing::EndsWith(".tmp")));
  }

  const std::string markdown = ReadText(out / "report.md");
  EXPECT_THAT(markdown, HasSubstr("![Learning curves on Hopper-v5](hopper-v5-curves.png)"));
  EXPECT_THAT(markdown,
              HasSubstr("| sac | 2 seeds | 250.0 | 70.7 | [200.0, 300.0] | 250.0 | [200.0, 300.0] |"));
  EXPECT_THAT(markdown, HasSubstr("| prdc | 2 episodes of 1 seed | 1000.0 | 141.4 |"));
  // (250 + 20.272305) / 3254.572305, of the last ten (83 + 93) / 2 = 88, of all (860 + 960) / 2 / 12 = 75.8.
  EXPECT_THAT(markdown, HasSubstr("| sac | 250.0 (8.3) | 88.0 (3.3) | 250.0 (8.3) | 75.8 (3.0) |"));

  const std::string csv = ReadText(out / "report.csv");
  EXPECT_THAT(csv, StartsWith("task,agent,preset,seeds,measure,samples,mean,std,"));
  EXPECT_THAT(csv, HasSubstr("\nHopper-v5,sac,,2,last,2,250,70.71067811865476,200,300,250,200,300,8.30"));
  EXPECT_THAT(csv, HasSubstr("\n\"medium, mixed (Hopper-v5)\",prdc,,1,last,2,1000,"));

  const nlohmann::json json = nlohmann::json::parse(ReadText(out / "report.json"));
  ASSERT_EQ(json["tasks"].size(), 2U);
  const nlohmann::json& sac = json["tasks"][0]["agents"][0];
  EXPECT_EQ(sac["agent"], "sac");
  EXPECT_EQ(sac["seeds"], nlohmann::json({0, 1}));
  EXPECT_EQ(sac["last"]["samples"], nlohmann::json({200, 300}));
  EXPECT_EQ(sac["last"]["ci95"], nlohmann::json({200, 300}));
  EXPECT_NEAR(sac["last"]["normalized"]["mean"].get<double>(), 8.30438, 1e-4);
  EXPECT_EQ(sac["curve"]["step"].size(), 12U);
}

TEST(WriteReport, RunsWithoutAnEvaluationAreLeftOutAndNamed) {
  const TemporaryFolder folder;
  WriteRun(folder, "young", Config("sac", "Hopper-v5", "", 1), {50});
  folder.Write("young/evaluations.csv", "");
  const auto out = folder.path() / "out";
  EXPECT_THAT(MessageOf<InputError>([&] { WriteReport({folder.path()}, out); }),
              HasSubstr((folder.path() / "young").string() + " holds no evaluation"));
  WriteRun(folder, "old", Config("sac", "Hopper-v5", "", 0), {50, 70});
  WriteReport({folder.path()}, out);
  const std::string report = ReadText(out / "report.md");
  EXPECT_THAT(report,
              HasSubstr("Left out, for they hold no evaluation: " + (folder.path() / "young").string()));
  EXPECT_THAT(report, HasSubstr("| sac |"));
}

TEST(WriteReport, SmallAndHugeReturnsKeepTheirDigits) {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out";
  folder.Write("lock/config.cfg", Config("sac", "CombinationLock-v0", "", 0));
  folder.Write("lock/evaluations.csv",
               std::string(kHeader) + "1,0,0.05,10,\n2,0,12345678901,10,\n3,0,1e-15,10,\n");
  WriteReport({folder.path() / "lock"}, out);
  // Last, mean of the last ten, best.
  EXPECT_THAT(ReadText(out / "report.md"), HasSubstr("| sac | 0.0 | 4.12e+09 | 1.23e+10 |"));
  folder.Write("lock/evaluations.csv", std::string(kHeader) + "1,0,0.05,10,\n");
  WriteReport({folder.path() / "lock"}, out);
  EXPECT_THAT(ReadText(out / "report.md"), HasSubstr("| sac | 0.05 | 0.05 | 0.05 |"));
}

TEST(WriteReport, ADivergedRunIsShownAsSuch) {
  const TemporaryFolder folder;
  folder.Write("a/config.cfg", Config("sac", "Hopper-v5", "", 0));
  folder.Write("a/evaluations.csv", std::string(kHeader) + "1,0,5,10,\n2,0,nan,10,\n");
  const fs::path out = folder.path() / "out";
  WriteReport({folder.path() / "a"}, out);
  ExpectPicture(out / "hopper-v5-scores");
  EXPECT_THAT(ReadText(out / "report.md"), HasSubstr("| sac | – | – | 5.0 (0.777) |"));
  EXPECT_THAT(ReadText(out / "report.md"), HasSubstr("- sac: seed 0 diverged: its last evaluation"));
  const nlohmann::json json = nlohmann::json::parse(ReadText(out / "report.json"));
  EXPECT_TRUE(json["tasks"][0]["agents"][0]["last"]["mean"].is_null());
}

TEST(WriteReport, MissingGnuplotIsSaid) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0), {1, 2});
  const std::string search_path = std::getenv("PATH");
  ::setenv("PATH", folder.path().c_str(), 1);
  const std::string message =
      MessageOf<WorkError>([&] { WriteReport({folder.path() / "a"}, folder.path() / "out"); });
  ::setenv("PATH", search_path.c_str(), 1);
  EXPECT_THAT(message, HasSubstr("pictures need gnuplot, which is not installed"));
}

TEST(WriteReport, AFileInTheWayIsSaid) {
  const TemporaryFolder folder;
  WriteRun(folder, "a", Config("sac", "Hopper-v5", "", 0), {1, 2});
  folder.Write("out", "a file");
  EXPECT_THAT(MessageOf<WorkError>([&] { WriteReport({folder.path() / "a"}, folder.path() / "out"); }),
              HasSubstr("cannot make the folder"));
}

TEST(Gnuplot, AScriptThatFailsIsQuoted) {
  const TemporaryFolder folder;
  const std::string message = MessageOf<WorkError>([&] {
    DrawPicture({.title = "t", .subtitle = "s"}, "plot no_such_thing\n", folder.path() / "picture");
  });
  EXPECT_THAT(message, HasSubstr("gnuplot could not draw"));
  EXPECT_THAT(message, HasSubstr("no_such_thing"));
  EXPECT_FALSE(fs::exists(folder.path() / "picture.png"));
}

TEST(Gnuplot, TextCannotEndItsString) {
  EXPECT_EQ(GnuplotText("it's"), "'it''s'");
  EXPECT_EQ(GnuplotText("a\nb"), "'a b'");
}

// A deterministic policy where nothing is left to chance: ten times one number, whose mean may differ from it
// in the last bit.
TEST(WriteScoresPicture, ScoresMayBeAllOne) {
  const TemporaryFolder folder;
  const double score = 9.812999999999999;
  const double next = std::nextafter(score, 10);
  WriteScoresPicture("Scores", "all one", {{"subpo", 0, std::vector<double>(10, score), next, {score, next}}},
                     std::nullopt, folder.path() / "scores");
  ExpectPicture(folder.path() / "scores");
}

TEST(WriteMetricsPicture, DrawsEveryDatasetIntoOneFile) {
  const TemporaryFolder folder;
  for (const char* ending : {"svg", "png"}) {
    const fs::path file = folder.path() / ending / (std::string("metrics.") + ending);
    fs::create_directory(file.parent_path());
    WriteMetricsPicture({{"random", 0.4, 0.0}, {"it's \"mixed\"", 1.0, 0.5}, {"medium", 0.7, 1.2}}, file);
    EXPECT_GT(fs::file_size(file), 1000);
    EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), fs::directory_iterator()), 1)
        << "nothing is left beside it";
  }
  const std::string svg = ReadText(folder.path() / "svg" / "metrics.svg");
  for (const char* label : {"random", "it's", "medium", "SACo", "TQ"}) EXPECT_THAT(svg, HasSubstr(label));
  EXPECT_THAT(ReadText(folder.path() / "png" / "metrics.png").substr(1, 3), "PNG");
}

TEST(WriteMetricsPicture, RefusesNothingAndNanAndOtherFormats) {
  const TemporaryFolder folder;
  EXPECT_THAT(MessageOf<InputError>([&] { WriteMetricsPicture({}, folder.path() / "m.svg"); }),
              HasSubstr("no dataset to draw"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                WriteMetricsPicture({{"bad", 0.5, NAN}}, folder.path() / "m.svg");
              }),
              HasSubstr("dataset 'bad' has SACo 0.5 and TQ nan; expected finite numbers"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                WriteMetricsPicture({{"good", 0.5, 0.5}}, folder.path() / "m.pdf");
              }),
              HasSubstr("m.pdf': expected a name that ends in .png or .svg"));
  EXPECT_EQ(PictureFormat("M.PNG"), "png");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace strider
