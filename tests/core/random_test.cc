// numpy's random numbers, bit for bit: golden/rng/numpy_rng.h5.
#include "core/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "core/ziggurat_tables.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::ElementsAreArray;

// One group of the file: the draws from one seed.
struct Vectors {
  const GoldenFile& file;
  std::string group;
  std::uint64_t seed;

  template <class T = double>
  std::vector<T> Read(const std::string& name) const {
    return file.Read<T>(group + "/" + name).values;
  }

  // As many draws from a fresh generator as the dataset holds.
  template <class T, class Draw>
  void Expect(const std::string& name, const Draw& draw) const {
    const auto expected = Read<T>(name);
    Pcg64 random(seed);
    std::vector<T> drawn(expected.size());
    std::ranges::generate(drawn, [&] { return draw(random); });
    EXPECT_THAT(drawn, ElementsAreArray(expected)) << group << "/" << name;
  }
};

void ForEachSeed(const std::function<void(const Vectors&)>& check) {
  const GoldenFile file(GoldenPath("rng/numpy_rng.h5"));
  int seeds = 0;
  for (const std::string origin : {"default_rng", "gymnasium_np_random"}) {
    for (const std::string& name : file.Members(origin)) {
      check({file, origin + "/" + name, std::stoull(name.substr(std::string("seed_").size()))});
      ++seeds;
    }
  }
  ASSERT_GT(seeds, 0);
}

TEST(RandomTest, SeedsAreSpreadAsNumpyDoes) {
  ForEachSeed([](const Vectors& golden) {
    const SeedSequence sequence(golden.seed);
    EXPECT_THAT(sequence.pool(), ElementsAreArray(golden.Read<std::uint64_t>("seed_sequence_pool")));
    EXPECT_THAT(sequence.GenerateState64(),
                ElementsAreArray(golden.Read<std::uint64_t>("seed_sequence_state_u64")));
    const Pcg64 random(golden.seed);
    EXPECT_THAT(random.state_words(), ElementsAreArray(golden.Read<std::uint64_t>("pcg64_state_hi_lo")));
    EXPECT_THAT(random.increment_words(), ElementsAreArray(golden.Read<std::uint64_t>("pcg64_inc_hi_lo")));
  });
}

TEST(RandomTest, DrawsAreNumpys) {
  ForEachSeed([](const Vectors& golden) {
    golden.Expect<std::uint64_t>("raw_u64", [](Pcg64& random) { return random.NextUint64(); });
    golden.Expect<double>("random", [](Pcg64& random) { return random.Random(); });
    golden.Expect<double>("standard_normal", [](Pcg64& random) { return random.StandardNormal(); });
    golden.Expect<double>("uniform_m0.1_0.1", [](Pcg64& random) { return random.Uniform(-0.1, 0.1); });
    golden.Expect<std::int64_t>("integers_0_10", [](Pcg64& random) { return random.Integers(0, 10); });
  });
}

TEST(RandomTest, SavedHalvesSurviveOtherDraws) {
  ForEachSeed([](const Vectors& golden) {
    int column = 0;
    golden.Expect<double>("mixed_int_uniform_int_normal", [&](Pcg64& random) {
      switch (column++ % 4) {
        case 1:
          return random.Uniform(-0.25, 0.25);
        case 3:
          return random.StandardNormal();
        default:
          return static_cast<double>(random.Integers(0, 7));
      }
    });
  });
}

// A million normals: their sum and the sum of their magnitudes correctly rounded, the extremes, the last.
TEST(RandomTest, AMillionNormalsAreNumpys) {
  __extension__ using Exact = __float128;
  ForEachSeed([](const Vectors& golden) {
    Pcg64 random(golden.seed);
    Exact sum = 0;
    Exact sum_of_magnitudes = 0;
    double largest = -INFINITY;
    double smallest = INFINITY;
    double last = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      last = random.StandardNormal();
      sum += last;
      sum_of_magnitudes += std::abs(last);
      largest = std::max(largest, last);
      smallest = std::min(smallest, last);
    }
    const std::vector<double> drawn{static_cast<double>(sum), static_cast<double>(sum_of_magnitudes), largest,
                                    smallest, last};
    EXPECT_THAT(drawn, ElementsAreArray(golden.Read("standard_normal_1e6_fsum_fsumabs_max_min_last")))
        << golden.group;
  });
}

TEST(RandomTest, ZigguratTablesAreNumpys) {
  const GoldenFile file(GoldenPath("rng/numpy_rng.h5"));
  EXPECT_THAT(ziggurat::kAcceptBits, ElementsAreArray(file.Read<std::uint64_t>("ziggurat/ki").values));
  const auto widths = file.Read("ziggurat/wi").values;
  const auto densities = file.Read("ziggurat/fi").values;
  ASSERT_EQ(widths.size(), std::size(ziggurat::kWidthBits));
  ASSERT_EQ(densities.size(), std::size(ziggurat::kDensityBits));
  for (std::size_t i = 0; i < widths.size(); ++i) {
    EXPECT_EQ(std::bit_cast<double>(ziggurat::kWidthBits[i]), widths[i]);
    EXPECT_EQ(std::bit_cast<double>(ziggurat::kDensityBits[i]), densities[i]);
  }
}

// numpy.random.SeedSequence(s, spawn_key=k).generate_state(4, uint64), computed with numpy 2.4.6.
TEST(RandomTest, ChildrenAreNumpysSpawnedOnes) {
  EXPECT_THAT(SeedSequence(123, {4, 2}).GenerateState64(),
              ElementsAreArray(std::vector<std::uint64_t>{3094294841129671633U, 16643759464341587771U,
                                                          11777465751856590279U, 9075654665234338579U}));
  EXPECT_THAT(SeedSequence(1ULL << 40, {7}).GenerateState64(),
              ElementsAreArray(std::vector<std::uint64_t>{18350686088984912526U, 4844212787129794565U,
                                                          12871891836831437213U, 1319336338334861685U}));
}

TEST(RandomTest, EveryPurposeAndIndexHasItsOwnStream) {
  std::set<std::uint64_t> seeds;
  for (const Purpose purpose : {Purpose::kInitialisation, Purpose::kExploration, Purpose::kTraining}) {
    for (std::uint32_t index = 0; index < 100; ++index) seeds.insert(StreamSeed(1, purpose, index));
  }
  EXPECT_EQ(seeds.size(), 300);
  EXPECT_NE(StreamSeed(1, Purpose::kSampling), StreamSeed(2, Purpose::kSampling));
  EXPECT_EQ(StreamSeed(1, Purpose::kSampling), SeedSequence(1, {3, 0}).GenerateState64()[0]);
}

TEST(RandomTest, SavedGeneratorContinuesWhereItWas) {
  Pcg64 random(5);
  random.NextUint32();  // leaves half a draw behind
  StateWriter out;
  random.Save(out);
  Pcg64 other(6);
  StateReader in(out.bytes());
  other.Load(in);
  EXPECT_EQ(in.remaining(), 0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(other.NextUint32(), random.NextUint32());
    EXPECT_EQ(other.StandardNormal(), random.StandardNormal());
  }
}

// Values from numpy 2.4.6: default_rng(9).integers(low, high, size=4).
TEST(RandomTest, WideIntegerRangesAreNumpys) {
  const auto draw = [](std::int64_t low, std::int64_t high) {
    Pcg64 random(9);
    std::vector<std::int64_t> drawn(4);
    std::ranges::generate(drawn, [&] { return random.Integers(low, high); });
    return drawn;
  };
  EXPECT_THAT(draw(-3, -2), ElementsAreArray({-3, -3, -3, -3}));
  EXPECT_THAT(draw(0, std::int64_t{1} << 32),
              ElementsAreArray(std::vector<std::int64_t>{1810532129, 3737691870, 4127654944, 1231870532}));
  EXPECT_THAT(draw(-5, std::int64_t{3} << 60),
              ElementsAreArray(std::vector<std::int64_t>{3009987064872302933, 992033184745083074,
                                                         2086147417974849201, 2689307294290312461}));
}

}  // namespace
}  // namespace strider
