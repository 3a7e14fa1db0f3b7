// The sheets' learning checks as they stand: five seeds, of which four must pass (online baselines sheet,
// section 9; MDPO, section 10; PMOE, section 11). Hours in all.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "experiments/csv_log.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

// Which score of a run counts.
enum class Score {
  kEvaluated,  // mean of ten episodes of the last policy, deterministic
  kTraining,   // mean of the last rollouts' episodes, sampled, which are more than the 20 asked for
};

struct Check {
  const char* name;
  const char* agent;
  const char* env;
  const char* preset;
  double pass;
  Assignments changes = {};
  Score score = Score::kEvaluated;
};

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void PrintTo(const Check& check, std::ostream* out) { *out << check.name; }

std::vector<double> Scores(const Check& check, int seeds) {
  std::vector<double> scores;
  for (int seed = 0; seed < seeds; ++seed) {
    const TemporaryFolder folder;
    std::vector<GivenSetting> settings = {
        {"run.agent", check.agent, ""},   {"run.env", check.env, ""},
        {"run.preset", check.preset, ""}, {"run.seed", std::to_string(seed), ""},
        {"run.threads", "1", ""},         {"run.eval_interval", "100000000", ""},  // at the end alone
        {"run.eval_episodes", "10", ""},
    };
    for (const auto& [key, value] : check.changes) settings.push_back({key, value, ""});
    const RunPaths run{folder.path() / "run"};
    EXPECT_EQ(TrainIn(folder.path() / "run", settings), TrainOutcome::kFinished);
    if (check.score == Score::kTraining) {
      scores.push_back(CsvTable(run.progress()).FullColumn("return").back());
    } else {
      scores.push_back(Mean(CsvTable(run.evaluations()).FullColumn("return")));
    }
  }
  std::cout << fmt::format("{}: {:.1f}; {:g} asked for", check.name, fmt::join(scores, ", "), check.pass)
            << std::endl;
  return scores;
}

class FourOfFiveSeeds : public ::testing::TestWithParam<Check> {};

TEST_P(FourOfFiveSeeds, Pass) {
  const std::vector<double> scores = Scores(GetParam(), 5);
  EXPECT_GE(std::ranges::count_if(scores, [&](double score) { return score >= GetParam().pass; }), 4);
}

// The sheets' InvertedPendulum-v4 is -v5 here.
INSTANTIATE_TEST_SUITE_P(
    Learning, FourOfFiveSeeds,
    ::testing::Values(
        Check{"PpoOnCartPole", "ppo", "CartPole-v1", "zoo", 475},
        Check{"TrpoOnCartPole", "trpo", "CartPole-v1", "zoo", 475},
        Check{"DqnOnCartPole", "dqn", "CartPole-v1", "zoo", 475},
        Check{"MdpoOnOnCartPole",
              "mdpo-on",
              "CartPole-v1",
              "paper",
              450,
              {{"run.steps", "200000"}, {"agent.policy_lr", "1e-3"}, {"agent.value_lr", "1e-3"}},
              Score::kTraining},
        Check{"SacOnPendulum", "sac", "Pendulum-v1", "paper", -200},
        Check{"Td3OnPendulum", "td3", "Pendulum-v1", "zoo", -200},
        Check{"MdpoOffOnPendulum",
              "mdpo-off",
              "Pendulum-v1",
              "paper",
              -200,
              {{"run.steps", "20000"},
               {"agent.learning_starts", "1000"},
               {"agent.critic_lr", "1e-3"},
               {"agent.policy_lr", "1e-3"},
               {"agent.lambda", "0.2"},
               {"agent.kl_coef", "0.4"},
               {"agent.old_policy_interval", "1000"}}},
        Check{"PmoeSacOnPendulum",
              "pmoe-sac",
              "Pendulum-v1",
              "paper",
              -200,
              {{"run.steps", "20000"},
               {"agent.learning_starts", "1000"},
               {"agent.critic_lr", "1e-3"},
               {"agent.actor_lr", "1e-3"},
               {"agent.router_lr", "1e-3"}}},
        Check{"PpoOnInvertedPendulum", "ppo", "InvertedPendulum-v5", "paper", 900, {{"run.steps", "300000"}}},
        Check{"PmoePpoOnInvertedPendulum",
              "pmoe-ppo",
              "InvertedPendulum-v5",
              "paper",
              900,
              {{"run.steps", "300000"}}},
        Check{"MdpoOnOnInvertedPendulum",
              "mdpo-on",
              "InvertedPendulum-v5",
              "paper",
              900,
              {{"run.steps", "500000"}}},
        Check{"Td3OnInvertedPendulum", "td3", "InvertedPendulum-v5", "paper", 950, {{"run.steps", "60000"}}},
        Check{"MdpoOffOnInvertedPendulum",
              "mdpo-off",
              "InvertedPendulum-v5",
              "paper",
              950,
              {{"run.steps", "60000"}}},
        Check{"SacOnHalfCheetah", "sac", "HalfCheetah-v4", "paper", 4500, {{"run.steps", "200000"}}},
        Check{"Td3OnHalfCheetah", "td3", "HalfCheetah-v4", "paper", 5500, {{"run.steps", "200000"}}},
        Check{"MdpoOffOnHalfCheetah",
              "mdpo-off",
              "HalfCheetah-v4",
              "paper",
              3500,
              {{"run.steps", "200000"}, {"agent.kl_coef", "0.3"}}}),
    [](const auto& check) { return check.param.name; });

// MDPO's ablation: with one inner step it learns slower at equal samples.
TEST(LearningComparison, MdpoWithOneInnerStepLearnsSlower) {
  const auto with = [](const char* steps) {
    return Mean(Scores({"MdpoOn",
                        "mdpo-on",
                        "CartPole-v1",
                        "paper",
                        0,
                        {{"run.steps", "50000"},
                         {"agent.policy_lr", "1e-3"},
                         {"agent.value_lr", "1e-3"},
                         {"agent.inner_steps", steps}},
                        Score::kTraining},
                       5));
  };
  EXPECT_LT(with("1"), 0.8 * with("10"));
}

// CleanRL's PPO: 2382 with a deviation of 272 over three seeds.
TEST(LearningComparison, PpoHopsAsPublished) {
  const std::vector<double> scores =
      Scores({"PpoOnHopper", "ppo", "Hopper-v4", "paper", 1700, {}, Score::kTraining}, 3);
  EXPECT_NEAR(Mean(scores), 2382, 3 * 272);
  EXPECT_GE(Mean(scores), 1700);
}

// At 300,000 steps a mixture must not be worse than SAC by more than a tenth.
TEST(LearningComparison, PmoeSacRunsAsSacDoes) {
  const auto score = [](const char* agent) {
    return Mean(Scores({agent, agent, "HalfCheetah-v4", "paper", 0, {{"run.steps", "300000"}}}, 5));
  };
  EXPECT_GE(score("pmoe-sac"), 0.9 * score("sac"));
}

}  // namespace
}  // namespace strider
