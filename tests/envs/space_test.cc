#include "envs/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

TEST(SpaceTest, RowSizes) {
  EXPECT_EQ(RowSize(UniformBox(3, -1, 1)), 3);
  EXPECT_EQ(RowSize(Discrete{5}), 1);
  EXPECT_EQ(RowSize(ImageBox({7, 6, 3}, 0, 1)), 7 * 6 * 3);
  EXPECT_THAT(ImageBox({7, 6, 3}, 0, 1).shape, ElementsAre(7, 6, 3));
}

// Box(-2, 2, (3,)) and Discrete(3), sampled by Gymnasium.
TEST(SpaceTest, SamplesAreGymnasiums) {
  const GoldenFile file(GoldenPath("rng/numpy_rng.h5"));
  const Box box = UniformBox(3, -2, 2);
  for (const std::string& name : file.Members("gymnasium_np_random")) {
    const std::uint64_t seed = std::stoull(name.substr(std::string("seed_").size()));
    const std::string group = "gymnasium_np_random/" + name;

    const auto boxes = file.Read(group + "/box_m2_2_sample_f32");
    ASSERT_EQ(boxes.width(), 3);
    Pcg64 random(seed);
    std::vector<float> row(3);
    for (std::size_t i = 0; i < boxes.rows(); ++i) {
      SampleUniform(box, random, row);
      EXPECT_THAT(row, ElementsAreArray(boxes.row(i), 3)) << group;
    }

    Pcg64 discrete_random(seed);
    for (const std::int64_t expected : file.Read<std::int64_t>(group + "/discrete3_sample").values) {
      SampleUniform(Discrete{3}, discrete_random, std::span(row).first(1));
      EXPECT_EQ(row[0], static_cast<float>(expected)) << group;
    }
  }
}

TEST(SpaceTest, ClippingMovesIntoTheBox) {
  std::vector<float> row{-3, 0.5F, 7};
  ClipToSpace(Box{{-1, -1, 2}, {1, 1, 5}}, row);
  EXPECT_THAT(row, ElementsAre(-1, 0.5F, 5));
  ClipToSpace(Discrete{2}, std::span(row).first(1));
  EXPECT_EQ(row[0], -1);
}

}  // namespace
}  // namespace strider
