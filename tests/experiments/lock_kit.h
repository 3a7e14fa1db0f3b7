// Runs in the combination lock, and how often they open it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "experiments/csv_log.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {

class LockLearning : public ::testing::Test {
 protected:
  // Data of the behaviour policy.
  std::string Data(const std::string& env, int horizon, int episodes) const {
    const auto path = folder_.path() / "data.hdf5";
    CollectBehavior(env, {{"horizon", std::to_string(horizon)}}, horizon * episodes, path);
    return path.string();
  }

  // Share of the last evaluation's episodes that opened the lock.
  double Success(const std::string& agent, const std::string& env, int horizon, const std::string& data,
                 const Assignments& changes) const {
    std::vector<GivenSetting> settings = {
        {"run.agent", agent, ""},         {"run.env", env, ""},
        {"run.dataset", data, ""},        {"run.threads", "1", ""},
        {"run.eval_episodes", "100", ""}, {"env.horizon", std::to_string(horizon), ""}};
    for (const auto& [key, value] : changes) settings.push_back({key, value, ""});
    const auto run =
        folder_.path() / fmt::format("{}_{}_{}", agent, data.empty() ? "alone" : "hybrid", runs_++);
    EXPECT_EQ(TrainIn(run, settings), TrainOutcome::kFinished);
    const std::vector<double> returns = CsvTable(RunPaths{run}.evaluations()).FullColumn("return");
    last_run_ = run;
    return static_cast<double>(std::count(returns.end() - 100, returns.end(), 1.0)) / 100;
  }

  // An agent that learns, but not this: its policy moves, and it returns 0.05, as giving up does.
  void ExpectShutOut(int horizon, const std::string& steps) const {
    EXPECT_LE(Success("hnpg", "CombinationLock-v0", horizon, "", {{"run.steps", steps}}), 0.02);
    const RunPaths paths{last_run_};
    const std::vector<double> returns = CsvTable(paths.evaluations()).FullColumn("return");
    const double mean = std::accumulate(returns.end() - 100, returns.end(), 0.0) / 100;
    EXPECT_NEAR(mean, 0.05, 0.025);  // five deviations of a hundred coins
    const std::vector<double> moves = CsvTable(paths.progress()).FullColumn("kl");
    EXPECT_GT(std::ranges::count_if(moves, [](double kl) { return kl > 1e-4; }), std::ssize(moves) / 2);
  }

  TemporaryFolder folder_;
  mutable int runs_ = 0;
  mutable std::filesystem::path last_run_;
};

}  // namespace strider
