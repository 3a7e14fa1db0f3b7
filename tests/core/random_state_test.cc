// numpy.random.RandomState, number by number (recorded with numpy 2.4.6).
#include "core/random_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace strider {
namespace {

using ::testing::ElementsAreArray;

constexpr std::array<std::uint32_t, 10> kRanges = {2, 1, 2, 3, 5, 7, 10, 100, 1000, 1U << 31};

struct Recorded {
  std::uint64_t seed;
  std::array<double, 3> rand;              // three times rand()
  std::array<std::uint32_t, 10> integers;  // randint(n) for each of kRanges
  double last;                             // rand() once more
};

constexpr std::array<Recorded, 3> kRecorded = {{
    {0,
     {0.5488135039273248, 0.7151893663724195, 0.6027633760716439},
     {1, 0, 1, 1, 3, 5, 2, 36, 599, 1682652230},
     0.05671297731744318},
    {123,
     {0.6964691855978616, 0.28613933495037946, 0.2268514535642031},
     {0, 0, 1, 2, 3, 1, 6, 97, 96, 342284401},
     0.48093190148436094},
    {4294967295,
     {0.0976320289940138, 0.9123828453026218, 0.78903530185164},
     {0, 0, 0, 1, 0, 3, 2, 11, 202, 1758252571},
     0.17075136716467365},
}};

TEST(RandomStateTest, DrawsAreNumpys) {
  for (const Recorded& recorded : kRecorded) {
    RandomState random(recorded.seed);
    for (const double expected : recorded.rand) EXPECT_EQ(random.Random(), expected);
    std::vector<std::uint32_t> integers;
    for (const std::uint32_t n : kRanges) integers.push_back(random.Integers(n));
    EXPECT_THAT(integers, ElementsAreArray(recorded.integers));
    EXPECT_EQ(random.Random(), recorded.last);
  }
}

TEST(RandomStateTest, SeedsThatNumpyRefusesAreTakenWhole) {
  constexpr std::uint64_t kLarge = std::uint64_t{1} << 32;
  EXPECT_EQ(RandomState(kLarge).Random(), RandomState(kLarge).Random());
  EXPECT_NE(RandomState(kLarge).Random(), RandomState(kLarge + 1).Random());
  EXPECT_NE(RandomState(kLarge).Random(), RandomState(2 * kLarge).Random());
  EXPECT_NE(RandomState(kLarge).Random(), RandomState(0).Random());
}

TEST(RandomStateTest, ARestoredStreamGoesOn) {
  RandomState random(5);
  for (int i = 0; i < 1000; ++i) random.Integers(7);
  StateWriter out;
  random.Save(out);
  RandomState restored(6);
  StateReader in(out.bytes());
  restored.Load(in);
  EXPECT_EQ(in.remaining(), 0);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(restored.Random(), random.Random());
}

}  // namespace
}  // namespace strider
