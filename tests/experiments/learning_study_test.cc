// The sheets' learning checks as they stand: five seeds, of which four must pass (online baselines sheet,
// section 9; MDPO, section 10; PMOE, section 11). Hours in all.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "agents/nn/mixture.h"
#include "agents/pmoe_sac.h"
#include "experiments/csv_log.h"
#include "experiments/run_directory.h"
#include "experiments/statistics.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

// Which score of a run counts.
enum class Score {
  kEvaluated,  // mean of ten episodes of the last policy, deterministic
  kTraining,   // mean of the episodes, sampled, that ended in the last interval of the log
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
              {{"run.steps", "200000"},
               {"run.log_interval", "20000"},
               {"agent.policy_lr", "1e-3"},
               {"agent.value_lr", "1e-3"}},
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
               {"agent.alpha_lr", "1e-3"},
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
        Check{"Td3OnHalfCheetah", "td3", "HalfCheetah-v4", "paper", 5500, {{"run.steps", "200000"}}}),
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
                         {"run.log_interval", "5000"},
                         {"agent.policy_lr", "1e-3"},
                         {"agent.value_lr", "1e-3"},
                         {"agent.inner_steps", steps}},
                        Score::kTraining},
                       5));
  };
  EXPECT_LT(with("1"), 0.8 * with("10"));
}

// MDPO's ablation: without a trust region, c = lambda, it learns as SAC of that entropy weight does. Both
// means are as far apart as chance would have it: Student's 2.306 of 8 degrees of freedom.
TEST(LearningComparison, MdpoOffWithoutATrustRegionLearnsAsSacDoes) {
  const auto scores = [](const char* agent, Assignments changes) {
    for (const auto& [key, value] : Assignments{{"run.steps", "20000"},
                                                {"agent.learning_starts", "1000"},
                                                {"agent.hidden", "64,64"},
                                                {"agent.critic_lr", "1e-3"}}) {
      changes.emplace_back(key, value);
    }
    return Scores({agent, agent, "Pendulum-v1", "paper", -200, changes}, 5);
  };
  const std::vector<double> mdpo =
      scores("mdpo-off", {{"agent.lambda", "0.2"}, {"agent.kl_coef", "0.2"}, {"agent.policy_lr", "1e-3"}});
  const std::vector<double> sac =
      scores("sac", {{"agent.alpha_auto", "false"}, {"agent.alpha", "0.2"}, {"agent.actor_lr", "1e-3"}});
  const auto variance = [](const std::vector<double>& all) { return std::pow(SampleStd(all), 2); };
  const double error = std::sqrt((variance(mdpo) + variance(sac)) / 5);
  EXPECT_NEAR(Mean(mdpo), Mean(sac), 2.306 * error);
  for (const auto* all : {&mdpo, &sac}) {
    EXPECT_GE(std::ranges::count_if(*all, [](double score) { return score >= -200; }), 4);
  }
}

// c = 0.3 is the published one of this robot; lambda is the entropy weight of the SAC beside it.
TEST(LearningComparison, MdpoOffRunsAsSacDoes) {
  const auto scores = [](const char* agent, Assignments changes) {
    changes.emplace_back("run.steps", "200000");
    return Scores({agent, agent, "HalfCheetah-v4", "paper", 3500, changes}, 5);
  };
  const std::vector<double> mdpo = scores("mdpo-off", {{"agent.kl_coef", "0.3"}});
  EXPECT_GE(std::ranges::count_if(mdpo, [](double score) { return score >= 3500; }), 4);
  const double sac = Mean(scores("sac", {{"agent.alpha_auto", "false"}, {"agent.alpha", "0.2"}}));
  EXPECT_NEAR(Mean(mdpo), sac, 0.25 * sac);
}

// CleanRL's PPO: 2382 with a deviation of 272 over three seeds.
TEST(LearningComparison, PpoHopsAsPublished) {
  const std::vector<double> scores = Scores(
      {"PpoOnHopper", "ppo", "Hopper-v4", "paper", 1700, {{"run.log_interval", "100000"}}, Score::kTraining},
      3);
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

// A point on a line, which moves by a tenth of the action. Both goals, at -1 and 1, end the episode and are
// worth the same; it starts half-way, and each step costs a tenth.
class TwoGoals {
 public:
  TwoGoals(const PmoeSacConfig& config, std::uint64_t seed)
      : config_(config), random_(MakeGenerator(at::kCPU, seed)), agent_(Line(seed), config) {}

  void Learn(std::int64_t steps) {
    const at::NoGradGuard no_grad;
    const at::Tensor rows = at::empty({steps, 5});  // x, action, reward, next x, terminal
    at::Tensor x = Start();
    std::int64_t first = 0;  // step of the episode
    for (std::int64_t step = 0; step < steps; ++step) {
      const at::Tensor action = Act(x, /*sampled=*/true);
      const at::Tensor next = x + 0.1 * action;
      const double there = next.abs().item<double>() >= 1 ? 1 : 0;
      rows[step].copy_(
          at::cat({x, action, at::tensor({there - 0.1}, at::kFloat), next, at::tensor({there}, at::kFloat)}));
      const bool over = there == 1 || step - first == 49;
      x = over ? Start() : next;
      if (over) first = step + 1;
      if (step < 1000) continue;
      const at::Tensor drawn = at::randint(step + 1, {config_.sac.replay.batch_size}, random_, at::kLong);
      const auto column = [batch = rows.index_select(0, drawn)](int k) {
        return batch.narrow(1, k, 1).contiguous();
      };
      const at::AutoGradMode grad(true);
      agent_.Update({drawn, column(0), column(1), column(2).flatten(), column(3), column(4).flatten()});
    }
  }

  // Shares of 100 episodes, experts' mean actions, that end at -1 and at 1.
  std::pair<double, double> Arrivals() {
    const at::NoGradGuard no_grad;
    std::pair<double, double> shares;
    for (int episode = 0; episode < 100; ++episode) {
      at::Tensor x = Start();
      for (int step = 0; step < 50 && x.abs().item<double>() < 1; ++step)
        x = x + 0.1 * Act(x, /*sampled=*/false);
      if (x.item<double>() <= -1) shares.first += 0.01;
      if (x.item<double>() >= 1) shares.second += 0.01;
    }
    return shares;
  }

 private:
  static Task Line(std::uint64_t seed) {
    Task task;
    task.observation_size = 1;
    task.action_space = UniformBox(1, -1, 1);
    task.seed = seed;
    return task;
  }

  at::Tensor Start() { return 0.02 * at::randn({1}, random_); }

  at::Tensor Act(const at::Tensor& x, bool sampled) {
    const std::int64_t experts = config_.experts;
    const at::Tensor noise = at::randn({1, experts, 1}, random_);
    const auto draw = agent_.DrawActions(x.unsqueeze(0), noise);
    const at::Tensor gumbel = nn::GumbelNoise({1, experts}, random_, noise);
    const std::int64_t expert = nn::ChooseExpert(draw.logits, gumbel).item<std::int64_t>();
    return (sampled ? draw.actions : draw.mean.tanh())[0][expert];
  }

  PmoeSacConfig config_;
  at::Generator random_;
  PmoeSac agent_;
};

TEST(LearningComparison, PmoeSacGoesToBothGoals) {
  int both = 0;
  at::set_num_threads(1);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    PmoeSacConfig config;
    config.sac.hidden = {64, 64};
    config.sac.replay.batch_size = 128;
    config.sac.actor_lr = config.sac.critic_lr = config.router_lr = 1e-3;
    // Calibrated once, as the sheet leaves the task's numbers open: with the learnt temperature 2 seeds of 5
    // reach both goals.
    config.sac.alpha = 0.02;
    config.sac.alpha_auto = false;
    TwoGoals task(config, seed);
    task.Learn(30000);
    const auto [left, right] = task.Arrivals();
    std::cout << fmt::format("PmoeSacOnTwoGoals: {:.2f} to the left, {:.2f} to the right", left, right)
              << std::endl;
    both += std::min(left, right) >= 0.2 ? 1 : 0;
  }
  EXPECT_GE(both, 4);
}

}  // namespace
}  // namespace strider
