// Runs in the combination lock, and how often they open it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
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
    return static_cast<double>(std::count(returns.end() - 100, returns.end(), 1.0)) / 100;
  }

  TemporaryFolder folder_;
  mutable int runs_ = 0;
};

}  // namespace strider
