#include "datasets/metrics.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace strider {
namespace {

constexpr std::size_t kCodes = 256;

// Rows that are encoded, hashed and counted at a time, so that they stay in the processor's cache.
constexpr std::size_t kBatchRows = 1024;

constexpr std::size_t kKeptBytes = std::size_t{256} << 20;

}  // namespace

PairCounter::PairCounter(const ColumnLimits& limits, int bins, Counting counting)
    : discretizer_(limits, bins),
      counter_(ExactCounter(discretizer_.code_words())),
      visited_(limits.columns() * kCodes, 0) {
  if (counting == Counting::kHyperLogLog) counter_ = HyperLogLog();
}

void PairCounter::Add(std::span<const float> observations, std::span<const float> actions, std::size_t rows) {
  if (rows == 0) return;
  const std::size_t observation_size = observations.size() / rows;
  const std::size_t action_size = actions.size() / rows;
  const std::size_t columns = discretizer_.columns();
  for (std::size_t first = 0; first < rows; first += kBatchRows) {
    const std::size_t count = std::min(kBatchRows, rows - first);
    discretizer_.Encode(observations.subspan(first * observation_size, count * observation_size),
                        actions.subspan(first * action_size, count * action_size), count, codes_);
    HashCodes(codes_, discretizer_.code_words(), hashes_);
    if (auto* const exact = std::get_if<ExactCounter>(&counter_)) {
      exact->Add(codes_, hashes_);
    } else {
      std::get<HyperLogLog>(counter_).Add(hashes_);
    }
    const auto* code = reinterpret_cast<const std::uint8_t*>(codes_.data());
    for (std::size_t row = 0; row < count; ++row, code += 8 * discretizer_.code_words()) {
      for (std::size_t k = 0; k < columns; ++k) visited_[k * kCodes + code[k]] = 1;
    }
  }
}

std::uint64_t PairCounter::unique() const {
  if (const auto* const exact = std::get_if<ExactCounter>(&counter_)) return exact->unique();
  return static_cast<std::uint64_t>(std::llround(std::get<HyperLogLog>(counter_).Estimate()));
}

std::optional<double> PairCounter::Entropy() const {
  if (const auto* const exact = std::get_if<ExactCounter>(&counter_)) return exact->Entropy();
  return std::nullopt;
}

std::vector<double> PairCounter::Coverage() const {
  std::vector<double> coverage;
  const int bins = discretizer_.bins();
  for (std::size_t column = 0; column < discretizer_.columns(); ++column) {
    const auto first = visited_.begin() + static_cast<std::ptrdiff_t>(column * kCodes);
    coverage.push_back(static_cast<double>(std::count(first + 1, first + 1 + bins, 1)) / bins);
  }
  return coverage;
}

double PairCounter::StandardError() const {
  const auto* const sketch = std::get_if<HyperLogLog>(&counter_);
  return sketch == nullptr ? 0.0 : sketch->StandardError();
}

double PairCounter::ErrorBound() const {
  const auto* const sketch = std::get_if<HyperLogLog>(&counter_);
  return sketch == nullptr ? 0.0 : sketch->ErrorBound();
}

double Saco(std::uint64_t unique, std::uint64_t reference_unique) {
  return static_cast<double>(unique) / static_cast<double>(reference_unique);
}

double LogSaco(std::uint64_t unique, std::uint64_t reference_unique) {
  return std::log(static_cast<double>(unique)) / std::log(static_cast<double>(reference_unique));
}

double TrajectoryQuality(double mean_return, double min_return, double max_return) {
  return (mean_return - min_return) / (max_return - min_return);
}

CoverageReference MeasureCoverage(const DatasetReader& reader, const MetricOptions& options) {
  const DatasetMetrics metrics = MeasureDataset(reader, {}, options);
  return {.unique_state_actions = metrics.unique_state_actions,
          .limits = metrics.limits,
          .bins = metrics.bins,
          .source = metrics.path};
}

DatasetMetrics MeasureDataset(const DatasetReader& reader, const MetricReferences& references,
                              const MetricOptions& options) {
  const CoverageReference* const reference = references.coverage ? &*references.coverage : nullptr;
  const bool limits_given = reference != nullptr && reference->limits;
  const std::size_t columns = reader.layout().observation_size + reader.layout().action_size;
  if (limits_given && columns != reference->limits->columns()) {
    throw InputError("{}: has {} columns of observations and actions, expected {} as in the reference {}",
                     reader.path().string(), columns, reference->limits->columns(), reference->source);
  }
  DatasetMetrics metrics;
  metrics.path = reader.path().string();
  metrics.bins = limits_given ? reference->bins : options.bins;
  CheckBins(metrics.bins);  // before a long pass over the rows
  metrics.counting = options.counting;
  metrics.limits_source = limits_given ? reference->source : metrics.path;

  // Where the limits are to be found first, counting waits: for the rows in memory, or for a second pass.
  const bool keep = !limits_given && reader.layout().rows * columns * sizeof(float) <= kKeptBytes;
  const std::size_t passes = limits_given || keep ? 1 : 2;
  const auto pass = [&](std::size_t index, const std::function<void(Dataset block)>& visit) {
    ForEachBlock(reader, visit, [&](std::size_t done, std::size_t total) {
      if (options.progress) options.progress(index * total + done, passes * total);
    });
  };
  std::optional<PairCounter> counter;
  if (limits_given) counter.emplace(*reference->limits, metrics.bins, options.counting);
  const auto count = [&](const Dataset& block) {
    counter->Add(block.observations, block.actions, block.rows);
  };
  Summarizer summarizer(reader.layout(), options.summary);
  std::vector<Dataset> kept;
  pass(0, [&](Dataset block) {
    summarizer.Add(block);
    if (counter) count(block);
    if (keep) kept.push_back(std::move(block));
  });
  metrics.summary = summarizer.Finish();
  metrics.limits = limits_given ? *reference->limits : metrics.summary.limits;
  if (!counter) {
    counter.emplace(metrics.limits, metrics.bins, options.counting);
    for (const Dataset& block : kept) count(block);
    if (!keep) pass(1, count);
  }
  metrics.unique_state_actions = counter->unique();
  metrics.standard_error = counter->StandardError();
  metrics.error_bound = counter->ErrorBound();
  metrics.entropy = counter->Entropy();
  metrics.coverage = counter->Coverage();
  if (reference != nullptr) {
    metrics.saco = Saco(metrics.unique_state_actions, reference->unique_state_actions);
    if (reference->unique_state_actions > 1) {
      metrics.lsaco = LogSaco(metrics.unique_state_actions, reference->unique_state_actions);
    }
  }
  if (metrics.summary.mean_return && references.min_return && references.max_return) {
    metrics.tq = TrajectoryQuality(*metrics.summary.mean_return, references.min_return->value,
                                   references.max_return->value);
  }
  return metrics;
}

}  // namespace strider
