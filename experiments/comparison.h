// Runs put together: the seeds of an agent on a task, and the agents of a task beside one another.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/settings.h"
#include "datasets/reference_scores.h"
#include "experiments/pictures.h"
#include "experiments/run_results.h"
#include "experiments/statistics.h"

namespace strider {

// What returns in an environment are normalised by, as FindReferenceScores has it by its id: nothing where
// its options make other rules than the usual ones.
std::vector<ReferenceScore> ReferencesOf(std::string_view env, const Assignments& options);

// One way to score a training, with its name in report.csv and report.json and its title in report.md.
struct Measure {
  std::string_view name;
  std::string_view title;
};
inline constexpr Measure kLast{"last", "last"};
inline constexpr Measure kLastTen{"last-10", "mean of last 10"};
inline constexpr Measure kBest{"best", "best (flatters)"};
// The mean of all evaluations, which is the area under the learning curve over its length: they are equally
// far apart.
inline constexpr Measure kArea{"auc", "mean of all (area under curve)"};
inline constexpr std::array kMeasures = {kLast, kLastTen, kBest, kArea};

// A measure of one agent: the sample and its statistics, all as raw returns.
struct MeasuredScore {
  Measure measure;
  std::vector<double> samples;  // each seed's mean; the episodes themselves where there is one seed
  Summary summary;
};

// One agent on one task.
struct AgentScores {
  std::string label;  // the agent's id, with the preset and the settings in which it differs from others
  std::string agent;
  std::string beside;  // see RunResult
  std::string preset;
  std::map<std::string, std::string> settings;  // agent.* and env.*
  std::size_t colour = 0;
  std::vector<std::int64_t> seeds;
  std::vector<MeasuredScore> scores;  // `last` first; the others where there are evaluations in training
  LearningCurve curve;                // at the steps at which every seed was evaluated; may be empty
  std::vector<std::string> notes;     // what a reader should know of these numbers

  bool one_seed() const { return seeds.size() == 1; }
  // What the statistics are taken over: "5 seeds", "20 episodes of 1 seed".
  std::string Over() const;
};

struct TaskComparison {
  std::string name;  // "Hopper-v5", or "medium (Hopper-v5)" for a dataset
  std::string env;
  std::string dataset;              // the file; empty for a task that is learnt by acting
  std::optional<ScoreScale> scale;  // of normalised scores, where D4RL has references
  std::vector<AgentScores> agents;  // by falling mean of `last`
};

// Tasks in the order in which the runs bring them. Throws InputError where two runs of one agent,
// task, preset and settings have the same seed.
std::vector<TaskComparison> CompareRuns(const std::vector<RunResult>& runs);

}  // namespace strider
