// V5 of the dataset-metrics sheet, and the errors that its section 2 states.
#include "datasets/hyperloglog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "datasets/discretizer.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

// Hashes of `count` codes that no other seed has.
std::vector<std::uint64_t> Hashes(std::uint64_t seed, std::size_t count) {
  std::vector<std::uint64_t> codes;
  for (std::size_t i = 0; i < count; ++i) codes.insert(codes.end(), {seed, i});
  std::vector<std::uint64_t> hashes;
  HashCodes(codes, 2, hashes);
  return hashes;
}

HyperLogLog Sketch(const std::vector<std::uint64_t>& hashes, double error = 0.01) {
  HyperLogLog sketch(error);
  sketch.Add(hashes);
  return sketch;
}

TEST(HyperLogLog, SizesFromTheError) {
  EXPECT_EQ(HyperLogLog(.01).registers(), 16384);
  EXPECT_NEAR(HyperLogLog(.01).StandardError(), .008125, 1e-12);
  EXPECT_EQ(HyperLogLog(.26).registers(), 16);
  EXPECT_EQ(HyperLogLog(.02).registers(), 4096);
  for (const double error : {0.0, .0009, .3, -1.0, std::nan("")}) {
    EXPECT_THAT(MessageOf<InputError>([&] { HyperLogLog{error}; }), HasSubstr("expected 0.001 to 0.26"));
  }
}

TEST(HyperLogLog, IsASetV5) {
  std::vector<std::uint64_t> first = Hashes(1, 30000);
  const std::vector<std::uint64_t> second(first.begin() + 20000, first.end());
  const std::vector<std::uint64_t> third = Hashes(2, 5000);
  HyperLogLog united = Sketch(second);
  united.Unite(Sketch(third));
  std::vector<std::uint64_t> both = second;
  both.insert(both.end(), third.begin(), third.end());
  EXPECT_EQ(united, Sketch(both)) << "union";
  EXPECT_NE(united, Sketch(second));

  HyperLogLog again = Sketch(first);
  again.Add(second);
  EXPECT_EQ(again, Sketch(first)) << "re-insertion";
  const HyperLogLog in_order = Sketch(first);
  std::ranges::reverse(first);
  EXPECT_EQ(Sketch(first), in_order) << "order";
}

TEST(HyperLogLog, CountsNothingAndFew) {
  EXPECT_EQ(HyperLogLog().Estimate(), 0);
  EXPECT_NEAR(Sketch(Hashes(1, 1)).Estimate(), 1, 1e-3);
  EXPECT_NEAR(Sketch(Hashes(1, 6)).Estimate(), 6, 1e-2);
}

// At every size, from almost empty registers to full ones: where HyperLogLog's own estimator needs a table of
// corrections (around twice the registers) as elsewhere.
TEST(HyperLogLog, StaysWithinItsBoundOverAHundredSeeds) {
  for (const std::size_t count : {50, 1000, 10000, 30000, 60000, 100000, 400000}) {
    constexpr int kSeeds = 100;
    double squares = 0;
    double sum = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const HyperLogLog sketch = Sketch(Hashes(seed, count));
      const double error = sketch.Estimate() / static_cast<double>(count) - 1;
      EXPECT_LE(std::abs(error), sketch.ErrorBound()) << count << ", seed " << seed;
      squares += error * error;
      sum += error;
    }
    // The sheet measured .39 % to .82 % over 20 runs and a bias below .3 %; a root mean square over 100 runs
    // strays from the deviation by some 7 %.
    EXPECT_LE(std::sqrt(squares / kSeeds), 1.2 * HyperLogLog().StandardError()) << count;
    EXPECT_GE(std::sqrt(squares / kSeeds), .002) << count << ": too good for a sketch";
    EXPECT_LE(std::abs(sum / kSeeds), .003) << count;
  }
}

// Small sketches of many things, where the estimate leans on the largest register values.
TEST(HyperLogLog, StaysWithinItsBoundWhenSmall) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const HyperLogLog sketch = Sketch(Hashes(seed, 100000), .1);
    EXPECT_NEAR(sketch.Estimate(), 1e5, sketch.ErrorBound() * 1e5) << seed;
  }
}

}  // namespace
}  // namespace strider
