#include "datasets/reference_scores.h"

#include <gtest/gtest.h>

namespace strider {
namespace {

double Score(std::string_view name, double episode_return) {
  const auto reference = FindReferenceScore(name);
  EXPECT_TRUE(reference) << name;
  return reference ? NormalizedScore(*reference, episode_return) : 0.0;
}

// Check values of the offline-baselines sheet, section 1.
TEST(ReferenceScores, GiveTheSheetsValues) {
  EXPECT_NEAR(Score("Hopper-v5", 1000), 31.3489, 5e-5);
  EXPECT_NEAR(Score("hopper-medium-v2", 1000), 31.3489, 5e-5);
  EXPECT_NEAR(Score("halfcheetah-medium-expert-v2", 5000), 42.5300, 5e-5);
  EXPECT_NEAR(Score("walker2d_medium_replay-v2.hdf5", 3000), 65.3144, 5e-5);
  for (const auto* name : {"HalfCheetah-v4", "Ant-v5", "Walker2d-v2", "maze2d-umaze-v1", "pen-human-v1"}) {
    const auto reference = FindReferenceScore(name);
    ASSERT_TRUE(reference) << name;
    EXPECT_DOUBLE_EQ(NormalizedScore(*reference, reference->min), 0.0);
    EXPECT_DOUBLE_EQ(NormalizedScore(*reference, reference->max), 100.0);
  }
}

TEST(ReferenceScores, TellSimilarNamesApart) {
  EXPECT_EQ(FindReferenceScore("ant-expert-v2")->max, 3879.7);
  EXPECT_EQ(FindReferenceScore("antmaze-umaze-v2")->max, 1.0);
  EXPECT_EQ(FindReferenceScore("maze2d-umaze-v0")->max, 62.6);
  EXPECT_EQ(FindReferenceScore("maze2d-umaze-v1")->max, 161.86);
  EXPECT_EQ(FindReferenceScore("maze2d-umaze-dense-v1")->max, 193.66285642381482);
  EXPECT_EQ(FindReferenceScore("bullet-hopper-medium-v0")->max, 1441.8059623430963);
  EXPECT_FALSE(FindReferenceScore("CartPole-v1"));
  EXPECT_FALSE(FindReferenceScore("AntMaze_UMaze-v5"));
  EXPECT_FALSE(FindReferenceScore("hopper"));
  EXPECT_FALSE(FindReferenceScore(""));
}

}  // namespace
}  // namespace strider
