#include "datasets/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 65536;
constexpr float kNearBound = 1e-3F;  // by the half width between the bounds

std::size_t CountSet(const std::vector<std::uint8_t>& flags) {
  return static_cast<std::size_t>(std::ranges::count_if(flags, [](std::uint8_t flag) { return flag != 0; }));
}

}  // namespace

std::optional<Quantiles> QuantilesOf(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  Quantiles quantiles{};
  for (std::size_t i = 0; i < quantiles.size(); ++i) {
    const double place = kQuantileLevels[i] * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    quantiles[i] = std::lerp(values[below], values[above], place - std::floor(place));
  }
  return quantiles;
}

Summarizer::Summarizer(const DatasetLayout& layout, const SummaryOptions& options)
    : scanner_({.max_episode_steps = options.max_episode_steps}),
      has_bounds_(options.action_bounds.has_value()) {
  summary_.limits = ColumnLimits(layout.observation_size + layout.action_size);
  if (!has_bounds_) return;
  const ActionBounds& bounds = *options.action_bounds;
  for (std::size_t k = 0; k < layout.action_size; ++k) {
    const float low = bounds.low.empty() ? -1.0F : bounds.low[k];
    const float high = bounds.high.empty() ? 1.0F : bounds.high[k];
    const float near = kNearBound * (high - low) / 2;
    low_.push_back(low + near);
    high_.push_back(high - near);
  }
}

void Summarizer::CountSaturated(std::span<const float> actions) {
  const std::size_t width = low_.size();
  for (const float* row = actions.data(); row != actions.data() + actions.size(); row += width) {
    for (std::size_t k = 0; k < width; ++k) saturated_ += row[k] <= low_[k] || row[k] >= high_[k] ? 1 : 0;
  }
  action_components_ += actions.size();
}

void Summarizer::Add(const Dataset& block) {
  summary_.rows += block.rows;
  summary_.terminals += CountSet(block.terminals);
  summary_.timeouts += CountSet(block.timeouts);
  summary_.limits.Add(block.observations, block.actions, block.rows);
  if (has_bounds_) CountSaturated(block.actions);
  for (const Episode& episode : scanner_.Add(block)) {
    returns_.push_back(episode.episode_return);
    lengths_.push_back(static_cast<double>(episode.length));
  }
}

DatasetSummary Summarizer::Finish() {
  summary_.episodes = returns_.size();
  summary_.unfinished_rows = scanner_.unfinished().length;
  if (!returns_.empty()) {
    const double sum = std::accumulate(returns_.begin(), returns_.end(), 0.0);
    summary_.mean_return = sum / static_cast<double>(returns_.size());
  }
  if (action_components_ > 0) {
    summary_.action_saturation = static_cast<double>(saturated_) / static_cast<double>(action_components_);
  }
  summary_.returns = QuantilesOf(std::move(returns_));
  summary_.lengths = QuantilesOf(std::move(lengths_));
  return std::move(summary_);
}

void ForEachBlock(const DatasetReader& reader, const std::function<void(Dataset block)>& visit,
                  const RowProgress& progress) {
  constexpr DatasetColumns kColumns{.next_observations = false, .infos = false};
  const std::size_t rows = reader.layout().rows;
  for (std::size_t first = 0; first < rows; first += kBlockRows) {
    const std::size_t count = std::min(kBlockRows, rows - first);
    visit(reader.Read(first, count, kColumns));
    if (progress) progress(first + count, rows);
  }
}

DatasetSummary Summarize(const DatasetReader& reader, const SummaryOptions& options,
                         const RowProgress& progress) {
  Summarizer summarizer(reader.layout(), options);
  ForEachBlock(
      reader, [&](const Dataset& block) { summarizer.Add(block); }, progress);
  return summarizer.Finish();
}

}  // namespace strider
