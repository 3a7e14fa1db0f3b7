// MiniGrid's options and encodings. Parity with MiniGrid itself is golden_test.cc's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::ThrowsMessage;

const Box& ObservationBox(const Env& env) { return std::get<Box>(env.spec().observation_space); }

TEST(MiniGridTest, TheImageIsAnArrayOfThreeCodesACell) {
  const auto env = MakeEnv("MiniGrid-LavaGapS7-v0");
  EXPECT_THAT(ObservationBox(*env).shape, ElementsAre(7, 7, 3));
  EXPECT_EQ(env->spec().observation_size(), 147);
  EXPECT_EQ(env->spec().max_episode_steps, 196);
}

// The agent's own cell is column 3, row 6. At the start it looks right along the upper wall.
TEST(MiniGridTest, TheWindowLooksTheAgentsWay) {
  Driver driver(MakeEnv("MiniGrid-LavaGapS7-v0"));
  driver.Reset(0);
  const auto object = [&](std::size_t column, std::size_t row) {
    return driver.observation()[(column * 7 + row) * 3];
  };
  EXPECT_EQ(object(3, 6), 1);  // itself: shown as empty
  EXPECT_EQ(object(2, 6), 2);  // to its left the wall
  EXPECT_EQ(object(1, 6), 0);  // behind which nothing is seen
  EXPECT_EQ(object(4, 6), 1);
}

TEST(MiniGridTest, TheStudysEncodingIsTwoCodesOverTen) {
  for (const auto* id : {"MiniGrid-LavaGapS7-v0", "MiniGrid-Dynamic-Obstacles-8x8-v0"}) {
    Driver image(MakeEnv(id));
    Driver study(MakeEnv(id, {{"encoding", "study"}}));
    EXPECT_EQ(study.env().spec().observation_size(), 98);
    image.Reset(1);
    study.Reset(1);
    for (int i = 0; i < 300; ++i) {
      std::vector<double> expected;
      for (std::size_t cell = 0; cell < 49; ++cell) {
        for (std::size_t code = 0; code < 2; ++code)
          expected.push_back(image.observation()[cell * 3 + code] / 10);
      }
      ASSERT_THAT(study.observation(), ElementsAreArray(expected)) << "step " << i;
      image.StepOn();
      study.StepOn();
    }
  }
}

TEST(MiniGridTest, TheGoalsRewardFallsWithTheSteps) {
  Driver driver(MakeEnv("MiniGrid-LavaGapS5-v0", {{"max_episode_steps", "40"}}));
  driver.Reset(0);
  // Left of the goal at (3, 3), looking right, after nine steps; the gap at (2, 3).
  driver.env().SetState(std::array{2.0, 3.0, 0.0, 9.0, 2.0, 3.0});
  const StepResult result = driver.env().Step(std::array{2.0F}, driver.observation());
  EXPECT_TRUE(result.terminated);
  EXPECT_EQ(result.reward, 1 - 0.9 * (10.0 / 40));
}

TEST(MiniGridTest, LavaEndsWithoutReward) {
  Driver driver(MakeEnv("MiniGrid-LavaGapS5-v0"));
  driver.Reset(0);
  driver.env().SetState(std::array{1.0, 1.0, 0.0, 0.0, 2.0, 3.0});
  const StepResult result = driver.env().Step(std::array{2.0F}, driver.observation());
  EXPECT_TRUE(result.terminated);
  EXPECT_EQ(result.reward, 0);
}

TEST(MiniGridTest, IdleActionsCanBeLeftOut) {
  EXPECT_EQ(std::get<Discrete>(MakeEnv("MiniGrid-LavaGapS5-v0")->spec().action_space).n, 7);
  EXPECT_EQ(
      std::get<Discrete>(MakeEnv("MiniGrid-LavaGapS5-v0", {{"only_moves", "true"}})->spec().action_space).n,
      3);
}

TEST(MiniGridTest, TooManyObstaclesBecomeHalfTheSize) {
  const auto obstacles = [](const Assignments& options) {
    return (MakeEnv("MiniGrid-Dynamic-Obstacles-8x8-v0", options)->State().size() - 4) / 2;
  };
  EXPECT_EQ(obstacles({}), 4);
  EXPECT_EQ(obstacles({{"n_obstacles", "5"}}), 5);
  EXPECT_EQ(obstacles({{"n_obstacles", "6"}}), 4);
  EXPECT_EQ(obstacles({{"n_obstacles", "4"}, {"size", "5"}}), 2);
  EXPECT_EQ(obstacles({{"n_obstacles", "0"}}), 0);
  EXPECT_FALSE(MakeEnv("MiniGrid-Dynamic-Obstacles-8x8-v0", {{"n_obstacles", "0"}})->spec().random_steps);
}

TEST(MiniGridTest, BadOptionsAndStatesAreRefused) {
  EXPECT_THAT(
      [] {
        MakeEnv("MiniGrid-LavaGapS5-v0", {{"size", "4"}});
      },
      ThrowsMessage<InputError>("env.size = '4' is not accepted; expected a whole number in [5, 100]"));
  EXPECT_THAT(
      [] {
        MakeEnv("MiniGrid-LavaGapS5-v0", {{"encoding", "text"}});
      },
      ThrowsMessage<InputError>("env.encoding = 'text' is not accepted; expected one of image, study"));
  const auto env = MakeEnv("MiniGrid-LavaGapS5-v0");
  EXPECT_THAT(
      [&] {
        env->SetState(std::array{0.0, 1.0, 0.0, 0.0, 2.0, 3.0});
      },
      ThrowsMessage<InputError>(
          "state number 0 given to MiniGrid-LavaGapS5-v0 is 0; expected a whole number from 1 to 3"));
  EXPECT_THAT(
      [&] {
        env->SetState(std::array{1.0, 1.0, 4.0, 0.0, 2.0, 3.0});
      },
      ThrowsMessage<InputError>(
          "state number 2 given to MiniGrid-LavaGapS5-v0 is 4; expected a whole number from 0 to 3"));
}

}  // namespace
}  // namespace strider
