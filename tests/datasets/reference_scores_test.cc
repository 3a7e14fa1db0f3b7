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

// The sheet's table (dataset-formats, section 1.7), a name for each row, and what D4RL's own table has
// beside.
TEST(ReferenceScores, HoldTheWholeTable) {
  struct Row {
    const char* name;
    double min;
    double max;
  };
  const Row rows[] = {{"halfcheetah-random-v0", -280.178953, 12135.0},
                      {"hopper-full-replay-v2", -20.272305, 3234.3},
                      {"walker2d-medium-v1", 1.629008, 4592.3},
                      {"ant-medium-expert-v2", -325.6, 3879.7},
                      {"maze2d-open-v0", 0.01, 20.66},
                      {"maze2d-open-dense-v0", 11.17817, 27.166538620695782},
                      {"maze2d-umaze-v1", 23.85, 161.86},
                      {"maze2d-umaze-dense-v1", 68.537689, 193.66285642381482},
                      {"maze2d-medium-v1", 13.13, 277.39},
                      {"maze2d-medium-dense-v1", 44.264742, 297.4552547777125},
                      {"maze2d-large-v1", 6.7, 273.99},
                      {"maze2d-large-dense-v1", 30.569041, 303.4857382709002},
                      {"maze2d-umaze-v0", 0.94, 62.6},
                      {"maze2d-medium-v0", 5.77, 85.14},
                      {"maze2d-large-v0", 4.83, 191.99},
                      {"antmaze-large-diverse-v2", 0, 1},
                      {"kitchen-mixed-v0", 0, 4},
                      {"pen-cloned-v1", 96.262799, 3076.8331017826877},
                      {"hammer-human-v1", -274.856578, 12794.134825156867},
                      {"door-expert-v0", -56.512833, 2880.5693087298737},
                      {"relocate-cloned-v1", -6.425911, 4233.877797728884},
                      {"minigrid-fourrooms-random-v0", 0.01442, 2.89685},
                      {"bullet-halfcheetah-random-v0", -1275.766996, 2381.6725},
                      {"bullet-hopper-medium-v0", 20.058972, 1441.8059623430963},
                      {"bullet-ant-mixed-v0", 373.705955, 2650.495},
                      {"bullet-walker2d-medium-expert-v0", 16.523877, 1623.6476303317536},
                      {"bullet-maze2d-open-v0", 8.75, 64.15},
                      {"bullet-maze2d-umaze-v0", 32.46, 153.99},
                      {"bullet-maze2d-medium-v0", 14.87, 238.05},
                      {"bullet-maze2d-large-v0", 1.82, 285.92},
                      {"flow-ring-controller-v0", -165.22, 24.42},
                      {"flow-merge-random-v0", 118.67993, 330.03179},
                      {"carla-lane-v0", -0.8503839912088142, 1023.5784385429523},
                      {"carla-town-v0", -114.81579500772153, 2440.1772022247314}};
  for (const Row& row : rows) {
    const auto reference = FindReferenceScore(row.name);
    ASSERT_TRUE(reference) << row.name;
    EXPECT_EQ(reference->min, row.min) << row.name;
    EXPECT_EQ(reference->max, row.max) << row.name;
    EXPECT_EQ(reference->source, "D4RL") << row.name;
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

// Of mazes, D4RL's files are called otherwise than its datasets.
TEST(ReferenceScores, KnowTheFilesOfMazes) {
  const struct {
    const char *file, *name;
  } rows[] = {
      {"Ant_maze_u-maze_noisy_multistart_False_multigoal_False_sparse.hdf5", "antmaze-umaze-v0"},
      {"Ant_maze_u-maze_noisy_multistart_False_multigoal_False_sparse_fixed.hdf5", "antmaze-umaze-v2"},
      {"Ant_maze_u-maze_noisy_multistart_True_multigoal_True_sparse_fixed.hdf5", "antmaze-umaze-diverse-v2"},
      {"Ant_maze_big-maze_noisy_multistart_True_multigoal_False_sparse_fixed.hdf5", "antmaze-medium-play-v2"},
      {"Ant_maze_big-maze_noisy_multistart_True_multigoal_True_sparse_fixed", "antmaze-medium-diverse-v2"},
      {"ant_maze_hardest-maze_noisy_multistart_true_multigoal_false_sparse_fixed", "antmaze-large-play-v2"},
      {"Ant_maze_hardest-maze_noisy_multistart_True_multigoal_True_sparse.hdf5", "antmaze-large-diverse-v0"},
      {"maze2d-umaze-sparse-v1.hdf5", "maze2d-umaze-v1"},
      {"maze2d-large-sparse.hdf5", "maze2d-large-v0"},
      {"maze2d-open-dense.hdf5", "maze2d-open-dense-v0"},
      {"maze2d-umaze-dense-v1.hdf5", "maze2d-umaze-dense-v1"},
      {"maze2d-umaze-sparse-train.hdf5", "maze2d-umaze-v0-train"},
      {"maze2d-umaze-mine.hdf5", "maze2d-umaze-mine.hdf5"},
      {"Ant_maze_big-maze_noisy_multistart_True_multigoal_False_sparse_fixed-train.h5",
       "antmaze-medium-play-v2-train"},
      {"ant_medium-v2.hdf5", "ant_medium-v2.hdf5"},
      {"", ""}};
  for (const auto& row : rows) EXPECT_EQ(D4rlDatasetName(row.file), row.name);
  EXPECT_EQ(FindReferenceScore(rows[0].file)->max, 1);
  EXPECT_EQ(FindReferenceScore("maze2d-umaze-sparse-v1.hdf5")->max, 161.86);
  EXPECT_EQ(FindReferenceScore("maze2d-umaze-sparse.hdf5")->max, 62.6);
  EXPECT_EQ(FindReferenceScore("maze2d-open-dense.hdf5")->max, 27.166538620695782);
  EXPECT_EQ(FindReferenceScore("Ant_maze_of_my_own.hdf5")->max, 1);
  EXPECT_EQ(FindReferenceScore("ant_medium-v2.hdf5")->max, 3879.7);
}

// Own scores are those of one environment, and come after D4RL's, which normalise.
TEST(ReferenceScores, OfOurOwnComeSecond) {
  const auto scores = FindReferenceScores("HalfCheetah-v5");
  ASSERT_EQ(scores.size(), 2U);
  EXPECT_EQ(scores[0].source, "D4RL");
  EXPECT_EQ(scores[1].source, "Strider");
  EXPECT_LT(scores[1].min, -100);   // of random actions
  EXPECT_GT(scores[1].max, 10000);  // of a policy that runs
  for (const auto* name : {"HalfCheetah-v4", "halfcheetah-v5-medium", "halfcheetah-expert-v2"}) {
    EXPECT_EQ(FindReferenceScores(name).size(), 1U) << name;
  }
  EXPECT_TRUE(FindReferenceScores("CartPole-v1").empty());
}

}  // namespace
}  // namespace strider
