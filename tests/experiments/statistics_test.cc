#include "experiments/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace strider {
namespace {

using Values = std::vector<double>;

TEST(Statistics, MeanAndSampleStd) {
  EXPECT_DOUBLE_EQ(Mean(Values{1, 2, 3, 6}), 3);
  // Squares 4 + 1 + 0 + 9 = 14, divided by 3.
  EXPECT_DOUBLE_EQ(SampleStd(Values{1, 2, 3, 6}), std::sqrt(14.0 / 3));
  EXPECT_TRUE(std::isnan(SampleStd(Values{5})));
  EXPECT_EQ(SampleStd(Values(10, 0.1)), 0) << "whose sum is not 1";
  EXPECT_TRUE(std::isnan(Mean(Values{})));
}

TEST(Statistics, InterquartileMeanWhereFourDividesTheSize) {
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{100, 3, 2, -50}), 2.5);
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{8, 1, 2, 3, 4, 5, 6, 7}), (3 + 4 + 5 + 6) / 4.0);
}

TEST(Statistics, InterquartileMeanWeighsTheEdgesByTheirShare) {
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{7}), 7);
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{1, 4}), 2.5);
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{12, 0, 6}), (0 + 4 * 6 + 12) / 6.0);
  // [1/5, 2/5) overlaps [1/4, 3/4) by 3/20, the third value by 4/20, the fourth by 3/20.
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{1000, 10, 20, 50, -1000}), (3 * 10 + 4 * 20 + 3 * 50) / 10.0);
  // Of six: half of the second, the third and fourth, half of the fifth.
  EXPECT_DOUBLE_EQ(InterquartileMean(Values{-9, 2, 4, 6, 10, 99}), (1 + 4 + 6 + 5) / 3.0);
}

TEST(Statistics, NanPoisonsInsteadOfBeingSorted) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(InterquartileMean(Values{1, nan, 3})));
  EXPECT_TRUE(std::isnan(Quantile(Values{1, nan}, 0.5)));
  EXPECT_TRUE(std::isnan(BootstrapInterval(Values{1, nan, 3}, Mean).low));
  EXPECT_TRUE(std::isnan(InterquartileMean(Values{})));
}

TEST(Statistics, QuantileInterpolatesAsNumpy) {
  const Values values{40, 10, 20, 30};
  EXPECT_DOUBLE_EQ(Quantile(values, 0), 10);
  EXPECT_DOUBLE_EQ(Quantile(values, 1), 40);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.5), 25);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.1), 13);  // position 0.3
}

TEST(Statistics, BootstrapOfOneValueHasNoWidth) {
  const Interval interval = BootstrapInterval(Values{42}, Mean);
  EXPECT_EQ(interval.low, 42);
  EXPECT_EQ(interval.high, 42);
}

TEST(Statistics, BootstrapRepeatsBySeed) {
  const Values values{1, 5, 2, 8, 3, 9, 4};
  const Interval first = BootstrapInterval(values, Mean, {.seed = 3, .resamples = 200});
  const Interval again = BootstrapInterval(values, Mean, {.seed = 3, .resamples = 200});
  const Interval other = BootstrapInterval(values, Mean, {.seed = 4, .resamples = 200});
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  EXPECT_TRUE(first.low != other.low || first.high != other.high);
}

// The mean of a resample of n values from {0, 1}, half of each, is Binomial(n, 1/2) / n.
TEST(Statistics, BootstrapCoversTheBinomialsQuantiles) {
  Values values(100, 0.0);
  std::fill(values.begin() + 50, values.end(), 1.0);
  const Interval interval = BootstrapInterval(values, Mean, {.resamples = 20000});
  // The exact 2.5 % and 97.5 % quantiles are 0.40 and 0.60; a resampling error moves them by one value at
  // most.
  EXPECT_NEAR(interval.low, 0.40, 0.0101);
  EXPECT_NEAR(interval.high, 0.60, 0.0101);
  const Interval narrow = BootstrapInterval(values, Mean, {.resamples = 20000, .confidence = 0.5});
  EXPECT_NEAR(narrow.low, 0.47, 0.0101);
  EXPECT_NEAR(narrow.high, 0.53, 0.0101);
}

TEST(Statistics, StrataAreResampledEachFromItself) {
  // Each stratum is constant, so that no resample differs; without strata the mean would vary.
  const std::vector<Values> constant{{0, 0, 0}, {90}, {30, 30}};
  const Interval interval = BootstrapInterval(constant, Mean);
  EXPECT_DOUBLE_EQ(interval.low, 25);
  EXPECT_DOUBLE_EQ(interval.high, 25);
  // The statistic sees every value of every stratum once a resample.
  std::size_t smallest = 100;
  BootstrapInterval(constant, [&smallest](std::span<const double> values) {
    smallest = std::min(smallest, values.size());
    return static_cast<double>(std::ranges::count(values, 30));
  });
  EXPECT_EQ(smallest, 6U);
  EXPECT_TRUE(std::isnan(BootstrapInterval(std::vector<Values>{{1}, {}}, Mean).low));
}

TEST(Statistics, SummaryAgreesWithItsParts) {
  const Values values{10, 20, 30, 40, 500};
  const Summary summary = Summarise(values);
  EXPECT_EQ(summary.count, 5U);
  EXPECT_DOUBLE_EQ(summary.mean, 120);
  EXPECT_DOUBLE_EQ(summary.iqm, (3 * 20 + 4 * 30 + 3 * 40) / 10.0);
  EXPECT_LT(summary.ci95.low, 120);
  EXPECT_GT(summary.ci95.high, 120);
  // The outlier moves the mean's interval further than the interquartile mean's.
  EXPECT_LT(summary.iqm_ci95.low, summary.iqm);
  EXPECT_LE(summary.iqm_ci95.high, 500);
}

}  // namespace
}  // namespace strider
