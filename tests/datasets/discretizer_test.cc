// The digitising table of the dataset-metrics sheet, section 2 (V4), and the definition of a bin.
#include "datasets/discretizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/random.h"

namespace strider {
namespace {

using ::testing::ElementsAreArray;

ColumnLimits Limits(const std::vector<float>& values) {
  ColumnLimits limits(1);
  limits.Add(values, {}, values.size());
  return limits;
}

// Codes of a single column, which the limits bound.
std::vector<int> CodesOf(const std::vector<float>& values, const ColumnLimits& limits, int bins) {
  std::vector<std::uint64_t> codes;
  Discretizer(limits, bins).Encode(values, {}, values.size(), codes);
  return {codes.begin(), codes.end()};  // a byte in a word of its own
}

TEST(Discretizer, DigitisesAsNumpyV4) {
  EXPECT_THAT(CodesOf({0, .0101F, .0102F, .5F, .999F, 1, -.1F, 1.1F}, Limits({0, 1}), 100),
              ElementsAreArray({1, 1, 2, 50, 99, 100, 0, 100}));
  EXPECT_THAT(CodesOf({3, 3, 2, 4}, Limits({3, 3}), 100), ElementsAreArray({100, 100, 0, 100}))
      << "constant column";
}

// The definition itself, number of edges <= value, at the edges and beside them: edges as numpy.linspace
// computes them in double precision.
TEST(Discretizer, CountsEdges) {
  const std::pair<float, float> ranges[] = {{-.37F, 1.91F},   {0, 1},          {-3, 1e-3F},
                                            {1e6F, 1e6F + 1}, {-3e38F, 3e38F}, {1e-45F, 3e-44F}};
  for (const auto& [low, high] : ranges) {
    for (const int bins : {2, 5, 100, 255}) {
      std::vector<double> edges;
      const double step = (static_cast<double>(high) - low) / (bins - 1);
      for (int k = 0; k + 1 < bins; ++k) edges.push_back(k * step + low);
      edges.push_back(high);
      std::vector<float> values;
      std::vector<int> expected;
      for (const double edge : edges) {
        const auto near = static_cast<float>(edge);
        for (const float value : {std::nextafter(near, -INFINITY), near, std::nextafter(near, INFINITY),
                                  static_cast<float>(edge + step / 3)}) {
          if (!std::isfinite(value)) continue;
          values.push_back(value);
          expected.push_back(
              static_cast<int>(std::ranges::count_if(edges, [&](double e) { return e <= value; })));
        }
      }
      EXPECT_EQ(CodesOf(values, Limits({low, high}), bins), expected)
          << low << " to " << high << ", " << bins;
    }
  }
}

// Eleven columns make two words; observations come first.
TEST(Discretizer, EncodesRowsAByteAColumn) {
  constexpr std::size_t kRows = 3;
  std::vector<float> observations;
  std::vector<float> actions;
  for (std::size_t i = 0; i < kRows * 9; ++i) observations.push_back(static_cast<float>(i / 9));
  for (std::size_t i = 0; i < kRows * 2; ++i) actions.push_back(static_cast<float>(i % 2));
  ColumnLimits limits(11);
  limits.Add(observations, actions, kRows);
  EXPECT_EQ(limits.high(8), 2);
  EXPECT_EQ(limits.low(10), 1);
  const Discretizer discretizer(limits, 3);
  EXPECT_EQ(discretizer.code_words(), 2);
  std::vector<std::uint64_t> codes;
  discretizer.Encode(observations, actions, kRows, codes);
  ASSERT_EQ(codes.size(), 6);
  // Edges 0, 1, 2 for the observations; the actions' columns are constant.
  EXPECT_EQ(codes[0], 0x0101010101010101ULL);
  EXPECT_EQ(codes[2], 0x0202020202020202ULL);
  EXPECT_EQ(codes[4], 0x0303030303030303ULL);
  EXPECT_EQ(codes[1], 0x030301ULL);
  EXPECT_EQ(codes[5], 0x030303ULL);
}

// Every bit of a code changes about half of the bits of its hash, in the first word as in the last.
TEST(Discretizer, HashesSpread) {
  constexpr std::size_t kWords = 3;
  Pcg64 random(5);
  for (std::size_t bit = 0; bit < 64 * kWords; ++bit) {
    std::vector<int> flips(64, 0);
    constexpr int kTrials = 400;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<std::uint64_t> codes(2 * kWords);
      for (std::size_t i = 0; i < kWords; ++i) codes[i] = codes[kWords + i] = random.NextUint64();
      codes[kWords + bit / 64] ^= std::uint64_t{1} << (bit % 64);
      std::vector<std::uint64_t> hashes;
      HashCodes(codes, kWords, hashes);
      for (std::size_t i = 0; i < 64; ++i) flips[i] += static_cast<int>((hashes[0] ^ hashes[1]) >> i & 1);
    }
    // Within six standard deviations of a fair coin's.
    for (const int count : flips)
      ASSERT_NEAR(count, kTrials / 2, 6 * std::sqrt(kTrials) / 2) << "bit " << bit;
  }
}

TEST(Discretizer, HashesOfSmallCodesDiffer) {
  std::vector<std::uint64_t> codes;
  for (std::uint64_t a = 0; a < 100; ++a) {
    for (std::uint64_t b = 0; b < 100; ++b) codes.insert(codes.end(), {a, b});
  }
  std::vector<std::uint64_t> hashes;
  HashCodes(codes, 2, hashes);
  EXPECT_EQ(std::set<std::uint64_t>(hashes.begin(), hashes.end()).size(), 10000);
}

}  // namespace
}  // namespace strider
