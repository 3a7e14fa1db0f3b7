// What a dataset holds, in a few numbers: episodes, returns, lengths, limits of its values.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/discretizer.h"
#include "datasets/reader.h"

namespace strider {

// Smallest, 5 %, 25 %, median, 75 %, 95 %, largest.
inline constexpr std::array kQuantileLevels{0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0};
using Quantiles = std::array<double, kQuantileLevels.size()>;

// Between two values those that lie between them in proportion, as numpy.quantile. Nothing for no values.
std::optional<Quantiles> QuantilesOf(std::vector<double> values);

// The bounds of each action component; -1 and 1 where empty.
struct ActionBounds {
  std::vector<float> low;   // (action_size)
  std::vector<float> high;  // (action_size)
};

struct SummaryOptions {
  int max_episode_steps = 1000;  // step limit of a dataset without timeouts
  // Nothing for actions that are numbers of choices, which no bound saturates.
  std::optional<ActionBounds> action_bounds = ActionBounds{};
};

// Episodes count where they are complete: the rows after the last end belong to none.
struct DatasetSummary {
  std::size_t rows = 0;
  std::size_t episodes = 0;
  std::size_t unfinished_rows = 0;  // after the last end
  std::size_t terminals = 0;
  std::size_t timeouts = 0;                 // that are marked
  std::optional<double> mean_return;        // undiscounted; nothing where there is no episode
  std::optional<Quantiles> returns;         // of episodes
  std::optional<Quantiles> lengths;         // in rows
  std::optional<double> action_saturation;  // share of action components at a bound (or 1e-3 of the half
                                            // width of theirs from it) or beyond
  ColumnLimits limits{0};
};

// Summarises a dataset that is read block by block. Remembers two numbers an episode and no rows.
class Summarizer {
 public:
  // REQUIRES: action bounds, where given, of the layout's action size.
  explicit Summarizer(const DatasetLayout& layout, const SummaryOptions& options = {});

  // The next rows: observations, actions, rewards and flags.
  void Add(const Dataset& block);

  DatasetSummary Finish();

 private:
  void CountSaturated(std::span<const float> actions);

  EpisodeScanner scanner_;
  bool has_bounds_;
  std::vector<float> low_;   // (action_size) from here down components count as saturated
  std::vector<float> high_;  // (action_size) from here up
  std::vector<double> returns_;
  std::vector<double> lengths_;
  std::size_t action_components_ = 0;
  std::size_t saturated_ = 0;
  DatasetSummary summary_;
};

// How far reading has come: rows read, of so many to read.
using RowProgress = std::function<void(std::size_t done, std::size_t total)>;

// Calls visit(block) for block after block of all rows, with observations, actions, rewards and flags, and
// progress after each. Errors are the reader's.
void ForEachBlock(const DatasetReader& reader, const std::function<void(Dataset block)>& visit,
                  const RowProgress& progress = {});

// Summarises all rows.
DatasetSummary Summarize(const DatasetReader& reader, const SummaryOptions& options = {},
                         const RowProgress& progress = {});

}  // namespace strider
