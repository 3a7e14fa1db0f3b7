// What an agent learns from: columns of environment steps, and the views of them that algorithms use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace strider {

// The columns that learners and measures look at, wherever they lie: in a Dataset, or in a file that is
// mapped into memory (datasets/dataset_cache.h). Valid as long as what it was taken of.
struct DatasetView {
  std::size_t rows = 0;
  std::size_t observation_size = 0;
  std::size_t action_size = 0;
  std::span<const float> observations;      // (rows x observation_size)
  std::span<const float> actions;           // (rows x action_size)
  std::span<const float> rewards;           // (rows)
  std::span<const std::uint8_t> terminals;  // (rows)
  std::span<const std::uint8_t> timeouts;   // (rows); empty where there are none
};

// Columns as in a D4RL file (dataset-formats sheet, section 1.1), one row per environment step, row-major.
struct Dataset {
  std::size_t rows = 0;
  std::size_t observation_size = 0;
  std::size_t action_size = 0;
  std::size_t qpos_size = 0;  // 0 where the column is absent
  std::size_t qvel_size = 0;

  std::vector<float> observations;       // (rows x observation_size) before the action
  std::vector<float> actions;            // (rows x action_size)
  std::vector<float> rewards;            // (rows)
  std::vector<std::uint8_t> terminals;   // (rows) 1: the task ended
  std::vector<std::uint8_t> timeouts;    // (rows) 1: cut by the step limit; empty where the file has none
  std::vector<float> next_observations;  // (rows x observation_size) after the action; empty where absent
  std::vector<double> qpos;  // (rows x qpos_size) simulator state before the action; empty where absent
  std::vector<double> qvel;  // (rows x qvel_size)
  std::vector<float> action_log_probs;  // (rows) under the behaviour policy; empty where absent

  // Where the data come from: algorithm, environment's id, seed, versions.
  std::map<std::string, std::string> metadata;

  // NOLINTNEXTLINE(google-explicit-constructor): a dataset is one way to hold what a view shows
  operator DatasetView() const {
    return {rows, observation_size, action_size, observations, actions, rewards, terminals, timeouts};
  }
};

// Transitions (s, a, r, s', d) as learners take them.
struct Transitions {
  std::size_t size = 0;
  std::size_t observation_size = 0;
  std::size_t action_size = 0;
  std::vector<float> observations;       // (size x observation_size)
  std::vector<float> actions;            // (size x action_size)
  std::vector<float> rewards;            // (size)
  std::vector<float> next_observations;  // (size x observation_size)
  std::vector<float> terminals;          // (size) 1 only at true ends of the task
  // (size x action_size) of the next row, which at terminals belongs to another episode; empty where not
  // asked for
  std::vector<float> next_actions;
};

struct ViewOptions {
  // Keeps the rows that the step limit cut; their next observation is then the next episode's first (D4RL's
  // option).
  bool terminate_on_end = false;
  // The step limit, used only where the dataset has no `timeouts`.
  int max_episode_steps = 1000;
};

// The rows that D4RL's q-learning rule keeps, in order (sheet, section 1.3): never the last one, and none
// that ends by the step limit.
std::vector<std::size_t> QlearningRows(const DatasetView& dataset, const ViewOptions& options = {});

// D4RL's q-learning view of those rows, or of some of them: s' is the next row's observation, whatever
// next_observations says.
Transitions QlearningTransitions(const DatasetView& dataset, const ViewOptions& options = {});
Transitions QlearningTransitions(const DatasetView& dataset, const std::vector<std::size_t>& rows,
                                 bool next_actions = false);

// Per-component shift and scale of observations.
struct Normalizer {
  std::vector<float> mean;  // (observation_size)
  std::vector<float> std;   // (observation_size) population standard deviation + 1e-3
};

// From the observations s of the transitions (offline-baselines sheet, section 2). REQUIRES: size >= 1.
Normalizer FitNormalizer(const Transitions& transitions);

// Which rows the step limit cuts: those that `timeouts` marks or, without that column, those where D4RL's
// counter of steps says so. Rows are asked about in order; views differ in when the counter starts again.
class StepLimit {
 public:
  explicit StepLimit(int max_episode_steps) : last_step_(max_episode_steps - 1) {}

  bool Cuts(const DatasetView& block, std::size_t row) const {
    return block.timeouts.empty() ? counter_ == last_step_ : block.timeouts[row] != 0;
  }
  void Restart() { counter_ = 0; }
  void Advance() { ++counter_; }

 private:
  int last_step_;
  int counter_ = 0;
};

struct Episode {
  std::size_t start = 0;      // first row
  std::size_t length = 0;     // rows
  double episode_return = 0;  // undiscounted sum of rewards
  bool complete = true;       // ended by a terminal or by the step limit
};

// Finds the episodes (sheet, section 1.4) of a dataset that is read block by block. Options: only
// max_episode_steps counts.
class EpisodeScanner {
 public:
  explicit EpisodeScanner(const ViewOptions& options = {}) : limit_(options.max_episode_steps) {}

  // Takes the next rows, of which it needs rewards and flags, and returns the episodes that end in them.
  std::vector<Episode> Add(const DatasetView& block);

  // The rows after the last end; of length 0 where there are none.
  const Episode& unfinished() const { return unfinished_; }

 private:
  StepLimit limit_;
  Episode unfinished_{.complete = false};
};

// Episodes in order. The rows after the last end are given out, as incomplete, only with
// `with_trailing`. Options: only max_episode_steps counts.
std::vector<Episode> Episodes(const DatasetView& dataset, const ViewOptions& options = {},
                              bool with_trailing = false);

}  // namespace strider
