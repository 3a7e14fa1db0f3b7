#include "datasets/dataset.h"

#include <algorithm>
#include <cmath>

namespace strider {
namespace {

// Which rows the step limit cuts: those that `timeouts` marks or, without that column, those where D4RL's
// counter of steps says so.
class LimitFinder {
 public:
  LimitFinder(const Dataset& dataset, int max_episode_steps)
      : dataset_(dataset), last_step_(max_episode_steps - 1) {}

  bool IsFinal(std::size_t row) const {
    return dataset_.timeouts.empty() ? counter_ == last_step_ : dataset_.timeouts[row] != 0;
  }
  void Restart() { counter_ = 0; }
  void Advance() { ++counter_; }

 private:
  const Dataset& dataset_;
  int last_step_;
  int counter_ = 0;
};

// The rows of a row-major matrix that `rows` names, each moved on by `offset`.
std::vector<float> Gather(const std::vector<float>& matrix, std::size_t width,
                          const std::vector<std::size_t>& rows, std::size_t offset = 0) {
  std::vector<float> gathered(rows.size() * width);
  auto* to = gathered.data();
  for (const std::size_t row : rows) to = std::copy_n(matrix.data() + (row + offset) * width, width, to);
  return gathered;
}

}  // namespace

std::vector<std::size_t> QlearningRows(const Dataset& dataset, const ViewOptions& options) {
  std::vector<std::size_t> rows;
  rows.reserve(dataset.rows);
  LimitFinder limit(dataset, options.max_episode_steps);
  for (std::size_t row = 0; row + 1 < dataset.rows; ++row) {
    const bool final = limit.IsFinal(row);
    if (final && !options.terminate_on_end) {
      limit.Restart();
      continue;
    }
    if (final || dataset.terminals[row] != 0) limit.Restart();
    rows.push_back(row);
    limit.Advance();  // after a kept end the counter is 1, not 0: D4RL's rule, and public results rest on it
  }
  return rows;
}

Transitions QlearningTransitions(const Dataset& dataset, const ViewOptions& options) {
  return QlearningTransitions(dataset, QlearningRows(dataset, options));
}

Transitions QlearningTransitions(const Dataset& dataset, const std::vector<std::size_t>& rows,
                                 bool next_actions) {
  Transitions transitions;
  transitions.size = rows.size();
  transitions.observation_size = dataset.observation_size;
  transitions.action_size = dataset.action_size;
  transitions.observations = Gather(dataset.observations, dataset.observation_size, rows);
  transitions.actions = Gather(dataset.actions, dataset.action_size, rows);
  transitions.rewards = Gather(dataset.rewards, 1, rows);
  transitions.next_observations = Gather(dataset.observations, dataset.observation_size, rows, 1);
  if (next_actions) transitions.next_actions = Gather(dataset.actions, dataset.action_size, rows, 1);
  transitions.terminals.reserve(rows.size());
  for (const std::size_t row : rows)
    transitions.terminals.push_back(dataset.terminals[row] != 0 ? 1.0F : 0.0F);
  return transitions;
}

Normalizer FitNormalizer(const Transitions& transitions) {
  constexpr double kEpsilon = 1e-3;
  const std::size_t width = transitions.observation_size;
  const auto count = static_cast<double>(transitions.size);
  std::vector<double> mean(width, 0.0);
  std::vector<double> variance(width, 0.0);
  // Two passes: a variance from sums of squares loses digits where the mean is large.
  for (std::size_t i = 0; i < transitions.observations.size(); ++i) {
    mean[i % width] += transitions.observations[i];
  }
  for (double& value : mean) value /= count;
  for (std::size_t i = 0; i < transitions.observations.size(); ++i) {
    const double deviation = transitions.observations[i] - mean[i % width];
    variance[i % width] += deviation * deviation;
  }
  Normalizer normalizer;
  for (std::size_t k = 0; k < width; ++k) {
    normalizer.mean.push_back(static_cast<float>(mean[k]));
    normalizer.std.push_back(static_cast<float>(std::sqrt(variance[k] / count) + kEpsilon));
  }
  return normalizer;
}

std::vector<Episode> Episodes(const Dataset& dataset, const ViewOptions& options, bool with_trailing) {
  std::vector<Episode> episodes;
  LimitFinder limit(dataset, options.max_episode_steps);
  Episode episode;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    ++episode.length;
    episode.episode_return += static_cast<double>(dataset.rewards[row]);
    if (dataset.terminals[row] != 0 || limit.IsFinal(row)) {
      episodes.push_back(episode);
      episode = {.start = row + 1};
      limit.Restart();
    }
    limit.Advance();  // here too the counter is 1 at the next episode's first step
  }
  if (with_trailing && episode.length > 0) {
    episode.complete = false;
    episodes.push_back(episode);
  }
  return episodes;
}

}  // namespace strider
