#include "datasets/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "datasets/reader.h"

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 65536;
constexpr int kMinBins = 2;
constexpr int kMaxBins = 255;  // a code, 0 to bins, is a byte
constexpr std::size_t kFirstSlots = 1024;

// 32 well-mixed bits of a row's code.
std::uint32_t HashOf(std::span<const std::uint8_t> code) {
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio, odd
  std::uint64_t hash = code.size() * kMultiplier;
  for (std::size_t i = 0; i < code.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, code.data() + i, std::min(sizeof(word), code.size() - i));
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 32;
  }
  hash *= kMultiplier;
  return static_cast<std::uint32_t>(hash >> 32);
}

// Calls visit(block) for all rows of a file, observations and actions only among the wide columns.
template <class Visit>
void ForEachBlock(const DatasetReader& reader, const Visit& visit) {
  constexpr DatasetColumns kColumns{.next_observations = false, .infos = false};
  const std::size_t rows = reader.layout().rows;
  for (std::size_t first = 0; first < rows; first += kBlockRows) {
    visit(reader.Read(first, std::min(kBlockRows, rows - first), kColumns));
  }
}

ColumnLimits MeasureLimits(const DatasetReader& reader) {
  ColumnLimits limits(reader.layout().observation_size + reader.layout().action_size);
  ForEachBlock(reader,
               [&](const Dataset& block) { limits.Add(block.observations, block.actions, block.rows); });
  return limits;
}

UniqueCounter Count(const DatasetReader& reader, const ColumnLimits& limits, int bins) {
  UniqueCounter counter(limits, bins);
  ForEachBlock(reader,
               [&](const Dataset& block) { counter.Add(block.observations, block.actions, block.rows); });
  return counter;
}

}  // namespace

void ColumnLimits::Add(std::span<const float> observations, std::span<const float> actions,
                       std::size_t rows) {
  if (rows == 0) return;
  const std::size_t observation_size = observations.size() / rows;
  const auto widen = [&](std::span<const float> values, std::size_t width, std::size_t first_column) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t column = first_column + i % width;
      low_[column] = std::min(low_[column], static_cast<double>(values[i]));
      high_[column] = std::max(high_[column], static_cast<double>(values[i]));
    }
  };
  widen(observations, observation_size, 0);
  widen(actions, actions.size() / rows, observation_size);
}

Digitizer::Digitizer(double low, double high, int edges)
    : scale_(high > low ? static_cast<double>(edges - 1) / (high - low) : 0.0) {
  const double step = (high - low) / static_cast<double>(edges - 1);
  edges_.reserve(static_cast<std::size_t>(edges));
  for (int k = 0; k + 1 < edges; ++k) edges_.push_back(static_cast<double>(k) * step + low);
  edges_.push_back(high);
}

std::uint8_t Digitizer::operator()(double value) const {
  if (value < edges_.front()) return 0;
  if (!(value < edges_.back())) return static_cast<std::uint8_t>(edges_.size());
  // The quotient may be off by a rounding: the edges themselves decide.
  auto k = std::min(static_cast<std::size_t>((value - edges_.front()) * scale_), edges_.size() - 2);
  while (value >= edges_[k + 1]) ++k;
  while (value < edges_[k]) --k;
  return static_cast<std::uint8_t>(k + 1);
}

UniqueCounter::UniqueCounter(const ColumnLimits& limits, int bins)
    : width_(limits.columns()), slots_(kFirstSlots, 0) {
  if (bins < kMinBins || bins > kMaxBins) {
    throw InputError("bins: {} is out of range, expected {} to {}", bins, kMinBins, kMaxBins);
  }
  digitizers_.reserve(width_);
  for (std::size_t column = 0; column < width_; ++column) {
    digitizers_.emplace_back(limits.low(column), limits.high(column), bins);
  }
}

void UniqueCounter::Add(std::span<const float> observations, std::span<const float> actions,
                        std::size_t rows) {
  if (rows == 0) return;
  const std::size_t observation_size = observations.size() / rows;
  const std::size_t action_size = actions.size() / rows;
  std::vector<std::uint8_t> code(width_);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t k = 0; k < observation_size; ++k) {
      code[k] = digitizers_[k](observations[row * observation_size + k]);
    }
    for (std::size_t k = 0; k < action_size; ++k) {
      code[observation_size + k] = digitizers_[observation_size + k](actions[row * action_size + k]);
    }
    ++CountOf(code);
  }
  rows_ += rows;
}

std::uint64_t& UniqueCounter::CountOf(std::span<const std::uint8_t> code) {
  if (2 * counts_.size() >= slots_.size()) Grow();
  const std::uint64_t hash = HashOf(code);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t place = hash & mask;; place = (place + 1) & mask) {
    const std::uint64_t slot = slots_[place];
    if (slot == 0) {
      codes_.insert(codes_.end(), code.begin(), code.end());
      counts_.push_back(0);
      slots_[place] = (hash << 32) | counts_.size();
      return counts_.back();
    }
    // Equal hashes are no proof: the codes decide.
    const std::size_t index = (slot & 0xffffffffULL) - 1;
    if (slot >> 32 == hash && std::memcmp(codes_.data() + index * width_, code.data(), width_) == 0) {
      return counts_[index];
    }
  }
}

void UniqueCounter::Grow() {
  std::vector<std::uint64_t> larger(2 * slots_.size(), 0);
  const std::size_t mask = larger.size() - 1;
  for (const std::uint64_t slot : slots_) {
    if (slot == 0) continue;
    std::size_t place = (slot >> 32) & mask;
    while (larger[place] != 0) place = (place + 1) & mask;
    larger[place] = slot;
  }
  slots_ = std::move(larger);
}

double UniqueCounter::Entropy() const {
  if (rows_ == 0) return 0.0;
  const auto total = static_cast<double>(rows_);
  double sum = 0.0;  // of n ln n
  for (const std::uint64_t count : counts_)
    sum += static_cast<double>(count) * std::log(static_cast<double>(count));
  return std::log(total) - sum / total;
}

double Saco(std::size_t unique, std::size_t reference_unique) {
  return static_cast<double>(unique) / static_cast<double>(reference_unique);
}

double LogSaco(std::size_t unique, std::size_t reference_unique) {
  if (reference_unique == 1) return std::numeric_limits<double>::quiet_NaN();
  return std::log(static_cast<double>(unique)) / std::log(static_cast<double>(reference_unique));
}

std::optional<double> MeanReturn(std::span<const Episode> episodes) {
  double sum = 0.0;
  std::size_t count = 0;
  for (const Episode& episode : episodes) {
    if (!episode.complete) continue;
    sum += episode.episode_return;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

double TrajectoryQuality(double mean_return, const ReferenceScore& reference) {
  return (mean_return - reference.min) / (reference.max - reference.min);
}

CoverageReference MeasureCoverage(const std::filesystem::path& path, int bins) {
  const auto opened = OpenDataset(path);
  const DatasetReader& reader = *opened;
  CoverageReference reference{.limits = MeasureLimits(reader), .bins = bins, .source = path.string()};
  reference.unique_state_actions = Count(reader, reference.limits, bins).unique();
  return reference;
}

DatasetMetrics MeasureDataset(const std::filesystem::path& path, const CoverageReference* reference,
                              const MetricOptions& options) {
  const auto opened = OpenDataset(path);
  const DatasetReader& reader = *opened;
  const std::size_t rows = reader.layout().rows;
  const std::size_t columns = reader.layout().observation_size + reader.layout().action_size;
  if (reference != nullptr && columns != reference->limits.columns()) {
    throw InputError("{}: has {} columns of observations and actions, expected {} as in the reference {}",
                     path.string(), columns, reference->limits.columns(), reference->source);
  }
  DatasetMetrics metrics;
  metrics.path = path.string();
  metrics.rows = rows;
  metrics.references.bins = reference != nullptr ? reference->bins : options.bins;
  metrics.references.limits_source = reference != nullptr ? reference->source : metrics.path;

  const UniqueCounter counter = Count(
      reader, reference != nullptr ? reference->limits : MeasureLimits(reader), metrics.references.bins);
  metrics.unique_state_actions = counter.unique();
  metrics.entropy = counter.Entropy();
  if (reference != nullptr) {
    metrics.references.unique_state_actions = reference->unique_state_actions;
    metrics.saco = Saco(counter.unique(), reference->unique_state_actions);
    metrics.lsaco = LogSaco(counter.unique(), reference->unique_state_actions);
  }

  constexpr DatasetColumns kRewardsAndFlags{
      .observations = false, .actions = false, .next_observations = false, .infos = false};
  const std::vector<Episode> episodes =
      Episodes(reader.Read(0, rows, kRewardsAndFlags), {.max_episode_steps = options.max_episode_steps});
  metrics.episodes = episodes.size();
  metrics.mean_return = MeanReturn(episodes);
  if (options.returns) {
    metrics.references.min_return = options.returns->min;
    metrics.references.max_return = options.returns->max;
    if (metrics.mean_return) metrics.tq = TrajectoryQuality(*metrics.mean_return, *options.returns);
  }
  return metrics;
}

}  // namespace strider
