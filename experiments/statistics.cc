#include "experiments/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/random.h"

namespace strider {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Sorting needs an order, and NaN has none.
bool Sortable(std::span<const double> values) {
  return !values.empty() && std::ranges::none_of(values, [](double value) { return std::isnan(value); });
}

std::vector<double> Sorted(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return sorted;
}

}  // namespace

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double SampleStd(std::span<const double> values) {
  if (values.size() < 2) return kNaN;
  // Counted from the first value, so that equal ones have no deviation by rounding.
  const double first = values.front();
  double sum = 0;
  for (const double value : values) sum += value - first;
  const double mean = sum / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - first - mean) * (value - first - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double InterquartileMean(std::span<const double> values) {
  if (!Sortable(values)) return kNaN;
  const std::vector<double> sorted = Sorted(values);
  // In units of 1/(4n), value i covers [4i, 4i + 4) and the middle half is [n, 3n): whole numbers, so exact.
  const auto size = static_cast<std::int64_t>(sorted.size());
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t weight = std::min(4 * i + 4, 3 * size) - std::max(4 * i, size);
    if (weight > 0) sum += static_cast<double>(weight) * sorted[static_cast<std::size_t>(i)];
  }
  return sum / static_cast<double>(2 * size);
}

double Quantile(std::span<const double> values, double quantile) {
  if (!Sortable(values)) return kNaN;
  const std::vector<double> sorted = Sorted(values);
  const double position = quantile * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

Interval BootstrapInterval(std::span<const std::vector<double>> strata, const Statistic& statistic,
                           const BootstrapOptions& options) {
  if (std::ranges::any_of(strata, &std::vector<double>::empty)) return {kNaN, kNaN};
  Pcg64 random(StreamSeed(options.seed, Purpose::kStatistics));
  std::vector<double> statistics;
  std::vector<double> resample;
  for (int i = 0; i < options.resamples; ++i) {
    resample.clear();
    for (const std::vector<double>& stratum : strata) {
      const auto size = static_cast<std::int64_t>(stratum.size());
      for (std::int64_t draw = 0; draw < size; ++draw) {
        resample.push_back(stratum[static_cast<std::size_t>(random.Integers(0, size))]);
      }
    }
    statistics.push_back(statistic(resample));
  }
  const double tail = (1 - options.confidence) / 2;
  return {Quantile(statistics, tail), Quantile(statistics, 1 - tail)};
}

Interval BootstrapInterval(std::span<const double> values, const Statistic& statistic,
                           const BootstrapOptions& options) {
  const std::vector<std::vector<double>> strata{{values.begin(), values.end()}};
  return BootstrapInterval(strata, statistic, options);
}

Summary Summarise(std::span<const double> values) {
  return {.count = values.size(),
          .mean = Mean(values),
          .std = SampleStd(values),
          .iqm = InterquartileMean(values),
          .ci95 = BootstrapInterval(values, Mean),
          .iqm_ci95 = BootstrapInterval(values, InterquartileMean)};
}

}  // namespace strider
