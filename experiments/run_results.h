// What is left of a run when it is over: whose it was, and the returns of its evaluations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace strider {

// The episodes of one evaluation in training.
struct EvaluationResult {
  double step;
  std::vector<double> returns;  // one an episode, undiscounted
};

struct RunResult {
  std::filesystem::path folder;
  std::string agent;                            // run.agent
  std::string env;                              // run.env; may be empty where there is a dataset
  std::string dataset;                          // run.dataset; empty for an agent that learns by acting
  std::string beside;                           // the dataset that it had beside its acting, if any
  std::string preset;                           // run.preset; empty where there is none
  std::map<std::string, std::string> settings;  // agent.* and env.*
  std::int64_t seed = 0;
  std::optional<std::int64_t> steps;  // run.steps, where config.cfg has it
  std::optional<double> target_return;
  std::vector<EvaluationResult> evaluations;  // by rising step, from evaluations.csv
  std::vector<double> final_returns;  // from evaluation.json (`strider evaluate`); empty where there is none

  // False where the run was stopped before its first evaluation.
  bool evaluated() const { return !evaluations.empty() || !final_returns.empty(); }

  // The episodes that count as the run's final score: those of evaluation.json, or else of the last
  // evaluation. REQUIRES: evaluated().
  const std::vector<double>& LastReturns() const {
    return final_returns.empty() ? evaluations.back().returns : final_returns;
  }
};

// The run directories among `paths`: a path is one itself (it holds a config.cfg), or a folder in which they
// lie up to three levels deep (seed_0, seed_1, ...). Sorted within each path, each once. Throws InputError
// naming a path that does not exist or holds no run.
std::vector<std::filesystem::path> FindRuns(const std::vector<std::filesystem::path>& paths);

// Reads config.cfg, evaluations.csv and evaluation.json of a run directory. One of the latter two may be
// missing, and the former empty. Throws InputError naming file, line or key, and what was expected.
RunResult ReadRun(const std::filesystem::path& folder);

}  // namespace strider
