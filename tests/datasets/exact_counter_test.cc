#include "datasets/exact_counter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/random.h"

namespace strider {
namespace {

// Against a map, with more codes than the table holds at first, in blocks.
TEST(ExactCounter, CountsAsAMapDoes) {
  constexpr std::size_t kWords = 2;
  constexpr std::size_t kBlock = 1000;
  Pcg64 random(3);
  ExactCounter counter(kWords);
  std::map<std::pair<std::uint64_t, std::uint64_t>, int> expected;
  for (int block = 0; block < 20; ++block) {
    std::vector<std::uint64_t> codes;
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < kBlock; ++i) {
      const auto a = static_cast<std::uint64_t>(random.Integers(0, 100));
      const auto b = static_cast<std::uint64_t>(random.Integers(0, 100));
      codes.insert(codes.end(), {a, b});
      hashes.push_back((a * 100 + b) << 32);
      ++expected[{a, b}];
    }
    counter.Add(codes, hashes);
  }
  ASSERT_GT(expected.size(), 5000);
  EXPECT_EQ(counter.unique(), expected.size());
  EXPECT_EQ(counter.rows(), 20000);
  double entropy = 0;
  for (const auto& [code, count] : expected) entropy -= count / 20000.0 * std::log(count / 20000.0);
  EXPECT_NEAR(counter.Entropy(), entropy, 1e-9);
}

// Hashes that are all the same, or the same for two each: only the codes themselves tell them apart.
TEST(ExactCounter, CountsExactlyWhereHashesCollide) {
  for (const std::uint64_t divisor : {2000, 2}) {
    std::vector<std::uint64_t> codes;
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      codes.push_back(i);
      hashes.push_back(i / divisor << 32);
    }
    ExactCounter counter(1);
    counter.Add(codes, hashes);
    counter.Add(codes, hashes);
    EXPECT_EQ(counter.unique(), 2000);
    EXPECT_NEAR(counter.Entropy(), std::log(2000.0), 1e-9);
  }
}

TEST(ExactCounter, IsEmptyAtFirst) {
  ExactCounter counter(1);
  counter.Add({}, {});
  EXPECT_EQ(counter.unique(), 0);
  EXPECT_EQ(counter.Entropy(), 0);
}

}  // namespace
}  // namespace strider
