// Means and intervals of scores over seeds, episodes and tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace strider {

// All of these are NaN where `values` is empty or holds a NaN.

double Mean(std::span<const double> values);

// Sample standard deviation (divisor n - 1); NaN for fewer than two values.
double SampleStd(std::span<const double> values);

// Interquartile mean: the mean of the middle half of the sorted values. Each value stands for 1/n of the
// sample and weighs as much as its share [i/n, (i+1)/n) overlaps [1/4, 3/4), so that exactly half of the
// sample counts for every n: three values weigh 1/6, 4/6, 1/6. Where 4 divides n this is rliable's
// (scipy.stats.trim_mean at 0.25), which for other n cuts floor(n/4) whole values from each end instead.
double InterquartileMean(std::span<const double> values);

// The value below which the share `quantile` in [0, 1] of the sample lies, interpolated linearly between the
// sorted values as numpy.quantile does.
double Quantile(std::span<const double> values, double quantile);

struct Interval {
  double low;
  double high;
};

struct BootstrapOptions {
  std::uint64_t seed = 0;  // equal seeds draw equal resamples
  int resamples = 2000;
  double confidence = 0.95;  // share of the resamples inside the interval
};

using Statistic = std::function<double(std::span<const double>)>;

// Stratified percentile bootstrap (rliable's): in each resample every stratum (a task) is drawn from itself
// with replacement, as often as it has values; the statistic sees all strata together, one after the other.
// The interval is cut out of the resampled statistics by Quantile. One value in each stratum gives an
// interval of no width. NaN where a stratum is empty or a resampled statistic is NaN.
Interval BootstrapInterval(std::span<const std::vector<double>> strata, const Statistic& statistic,
                           const BootstrapOptions& options = {});

// The same with a single stratum.
Interval BootstrapInterval(std::span<const double> values, const Statistic& statistic,
                           const BootstrapOptions& options = {});

// What the tables and `strider evaluate` say about a sample of scores.
struct Summary {
  std::size_t count = 0;
  double mean;
  double std;
  double iqm;
  Interval ci95;      // of the mean
  Interval iqm_ci95;  // of the interquartile mean
};

Summary Summarise(std::span<const double> values);

}  // namespace strider
