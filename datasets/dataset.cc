#include "datasets/dataset.h"

#include <algorithm>
#include <cmath>

#include "core/memory.h"

namespace strider {
namespace {

struct RowRange {
  std::size_t first = 0;
  std::size_t count = 0;
};

// The rows of the q-learning view, as runs of neighbours: whatever is long is then copied in blocks.
std::vector<RowRange> QlearningRuns(const DatasetView& dataset, const ViewOptions& options) {
  std::vector<RowRange> runs;
  StepLimit limit(options.max_episode_steps);
  std::size_t first = 0;  // of the run under way
  const auto end_run = [&](std::size_t row) {
    if (row > first) runs.push_back({first, row - first});
    first = row + 1;
  };
  std::size_t row = 0;
  for (; row + 1 < dataset.rows; ++row) {
    const bool final = limit.Cuts(dataset, row);
    if (final && !options.terminate_on_end) {
      limit.Restart();
      end_run(row);
      continue;
    }
    if (final || dataset.terminals[row] != 0) limit.Restart();
    limit.Advance();  // after a kept end the counter is 1, not 0: D4RL's rule, and public results rest on it
  }
  end_run(row);
  return runs;
}

// The rows of a row-major matrix in the runs, each moved on by `offset`.
std::vector<float> Gather(std::span<const float> matrix, std::size_t width, const std::vector<RowRange>& runs,
                          std::size_t size, std::size_t offset = 0) {
  auto gathered = ReserveColumn<float>(size * width);
  for (const RowRange& run : runs) {
    const auto rows = matrix.subspan((run.first + offset) * width, run.count * width);
    gathered.insert(gathered.end(), rows.begin(), rows.end());
  }
  return gathered;
}

// The view of the rows in the runs.
Transitions TransitionsOf(const DatasetView& dataset, const std::vector<RowRange>& runs, bool next_actions) {
  Transitions transitions;
  for (const RowRange& run : runs) transitions.size += run.count;
  const std::size_t size = transitions.size;
  transitions.observation_size = dataset.observation_size;
  transitions.action_size = dataset.action_size;
  transitions.observations = Gather(dataset.observations, dataset.observation_size, runs, size);
  transitions.actions = Gather(dataset.actions, dataset.action_size, runs, size);
  transitions.rewards = Gather(dataset.rewards, 1, runs, size);
  transitions.next_observations = Gather(dataset.observations, dataset.observation_size, runs, size, 1);
  if (next_actions) transitions.next_actions = Gather(dataset.actions, dataset.action_size, runs, size, 1);
  transitions.terminals = ReserveColumn<float>(size);
  for (const RowRange& run : runs) {
    for (const std::uint8_t terminal : dataset.terminals.subspan(run.first, run.count)) {
      transitions.terminals.push_back(terminal != 0 ? 1.0F : 0.0F);
    }
  }
  return transitions;
}

}  // namespace

std::vector<std::size_t> QlearningRows(const DatasetView& dataset, const ViewOptions& options) {
  std::vector<std::size_t> rows;
  for (const RowRange& run : QlearningRuns(dataset, options)) {
    for (std::size_t i = 0; i < run.count; ++i) rows.push_back(run.first + i);
  }
  return rows;
}

Transitions QlearningTransitions(const DatasetView& dataset, const ViewOptions& options) {
  return TransitionsOf(dataset, QlearningRuns(dataset, options), /*next_actions=*/false);
}

Transitions QlearningTransitions(const DatasetView& dataset, const std::vector<std::size_t>& rows,
                                 bool next_actions) {
  std::vector<RowRange> runs;
  for (const std::size_t row : rows) {
    if (runs.empty() || row != runs.back().first + runs.back().count) runs.push_back({row, 0});
    ++runs.back().count;
  }
  return TransitionsOf(dataset, runs, next_actions);
}

Normalizer FitNormalizer(const Transitions& transitions) {
  constexpr double kEpsilon = 1e-3;
  const std::size_t width = transitions.observation_size;
  const auto count = static_cast<double>(transitions.size);
  std::vector<double> mean(width, 0.0);
  std::vector<double> variance(width, 0.0);
  // Two passes: a variance from sums of squares loses digits where the mean is large.
  const float* const end = transitions.observations.data() + transitions.observations.size();
  for (const float* row = transitions.observations.data(); row != end; row += width) {
    for (std::size_t k = 0; k < width; ++k) mean[k] += row[k];
  }
  for (double& value : mean) value /= count;
  for (const float* row = transitions.observations.data(); row != end; row += width) {
    for (std::size_t k = 0; k < width; ++k) {
      const double deviation = row[k] - mean[k];
      variance[k] += deviation * deviation;
    }
  }
  Normalizer normalizer;
  for (std::size_t k = 0; k < width; ++k) {
    normalizer.mean.push_back(static_cast<float>(mean[k]));
    normalizer.std.push_back(static_cast<float>(std::sqrt(variance[k] / count) + kEpsilon));
  }
  return normalizer;
}

std::vector<Episode> EpisodeScanner::Add(const DatasetView& block) {
  std::vector<Episode> episodes;
  for (std::size_t row = 0; row < block.rows; ++row) {
    ++unfinished_.length;
    unfinished_.episode_return += static_cast<double>(block.rewards[row]);
    if (block.terminals[row] != 0 || limit_.Cuts(block, row)) {
      episodes.push_back(unfinished_);
      episodes.back().complete = true;
      unfinished_ = {.start = unfinished_.start + unfinished_.length, .complete = false};
      limit_.Restart();
    }
    limit_.Advance();  // here too the counter is 1 at the next episode's first step
  }
  return episodes;
}

std::vector<Episode> Episodes(const DatasetView& dataset, const ViewOptions& options, bool with_trailing) {
  EpisodeScanner scanner(options);
  std::vector<Episode> episodes = scanner.Add(dataset);
  if (with_trailing && scanner.unfinished().length > 0) episodes.push_back(scanner.unfinished());
  return episodes;
}

}  // namespace strider
