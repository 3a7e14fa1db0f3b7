// Mazes: maps, goals, options, and what bad ones are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "envs/mazes/maze.h"
#include "envs/mujoco/mujoco_env.h"
#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Pushes straight towards the goal, which gets there where no wall is in between.
StepResult StepToGoal(Driver& driver) {
  const GoalSpec& goal = driver.env().spec().goal.value();
  const std::span<const double> row(driver.observation());
  for (std::size_t i = 0; i < 2; ++i) {
    driver.action()[i] =
        static_cast<float>(std::clamp(goal.Desired(row)[i] - goal.Achieved(row)[i], -1.0, 1.0));
  }
  return driver.env().Step(driver.action(), driver.observation());
}

std::vector<double> Desired(Driver& driver) {
  const auto desired = driver.env().spec().goal->Desired(std::span(driver.observation()));
  return {desired.begin(), desired.end()};
}

bool Reached(Driver& driver) {
  const GoalSpec& goal = driver.env().spec().goal.value();
  const std::span<const double> row(driver.observation());
  return goal.Reached(goal.Achieved(row), goal.Desired(row));
}

void ExpectMapRefused(std::string_view id, const std::string& map, const std::string& expected) {
  EXPECT_THAT(
      [&] {
        MakeEnv(id, {{"maze_map", map}});
      },
      ThrowsMessage<InputError>(
          fmt::format("env.maze_map = '{}' is not accepted; expected {}", map, expected)));
}

TEST(MazeMapTest, CellsAreListedRowByRow) {
  const MazeMap map("1111/1gr1/10g1/1111");
  EXPECT_EQ(map.rows(), 4);
  EXPECT_EQ(map.columns(), 4);
  EXPECT_THAT(map.Cells('g'), ElementsAre(Cell{1, 1}, Cell{2, 2}));
  EXPECT_THAT(map.Cells('0'), ElementsAre(Cell{2, 1}));
  EXPECT_EQ(map.At({1, 2}), 'r');
  EXPECT_TRUE(map.Inside({3, 3}));
  EXPECT_FALSE(map.Inside({4, 0}));
  EXPECT_FALSE(map.Inside({0, -1}));
  EXPECT_EQ(MarkCells("111/101/111", 'g', {{1, 1}}), "111/1g1/111");
}

TEST(MazeMapTest, BadMapsAreRefused) {
  for (const auto* id : {"PointMaze_UMaze-v3", "maze2d-umaze-v1", "antmaze-umaze-v2"}) {
    for (const auto* map :
         {"", "/", "111/10/111", "111/1x1/111", "111/101/111/", "/111/101/111", "111//111", "11110/111"}) {
      ExpectMapRefused(id, map, "rows of equal length divided by '/', each cell one of 0, 1, g, r, c");
    }
  }
}

TEST(MazeMapTest, MapsWithoutAPlaceForGoalOrStartAreRefused) {
  ExpectMapRefused("PointMaze_UMaze-v3", "11/11", "a cell for the goal: g, c or, where there are none, 0");
  ExpectMapRefused("PointMaze_UMaze-v3", "111/1r1/111",
                   "a cell for the goal: g, c or, where there are none, 0");
  ExpectMapRefused("AntMaze_UMaze-v5", "111/1g1/111",
                   "a cell for the start: r, c or, where there are none, 0");
  ExpectMapRefused("PointMaze_UMaze-v3", "111/101/111", "a cell for the start other than the goal's");
  ExpectMapRefused("PointMaze_UMaze-v3", "1111/1cg1/1111", "a cell for the start other than the goal's");
  ExpectMapRefused("maze2d-umaze-v1", "1111/1001/1111", "cells 0 and 1 and one cell g");
  ExpectMapRefused("maze2d-umaze-v1", "1111/1gg1/1111", "cells 0 and 1 and one cell g");
  ExpectMapRefused("maze2d-umaze-v1", "1111/1gr1/1111", "cells 0 and 1 and one cell g");
  for (const auto* map : {"1111/1g01/1111", "1111/1r01/1111", "11111/1rrg1/11111", "11111/1rcg1/11111"}) {
    ExpectMapRefused("antmaze-umaze-v2", map, "cells 0 and 1, one cell r, and one or more cells g");
  }
}

TEST(GoalMazeTest, BadOptionsAreRefused) {
  const auto message = [](const Assignments& options) {
    try {
      MakeEnv("PointMaze_UMaze-v3", options);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (const auto* key : {"goal_cell", "reset_cell"}) {
    for (const auto* cell : {"0,0", "1", "1,1,1", "-1,1", "1,-1", "5,1", "1,5"}) {
      EXPECT_EQ(message({{key, cell}}),
                fmt::format("env.{} = '{}' is not accepted; expected row,column of a cell of "
                            "11111/10001/11101/10001/11111 that is no wall",
                            key, cell));
    }
  }
  EXPECT_EQ(message({{"reward_type", "densest"}}),
            "env.reward_type = 'densest' is not accepted; expected one of sparse, dense");
  EXPECT_EQ(message({{"position_noise_range", "0.6"}}),
            "env.position_noise_range = '0.6' is not accepted; expected a number in [0, 0.5]");
  EXPECT_THAT(message({{"frame_skip", "2"}}), HasSubstr("unknown setting 'env.frame_skip'"));
  EXPECT_THAT(
      [] {
        MakeEnv("AntMaze_UMaze-v4", {{"include_cfrc_ext_in_observation", "false"}});
      },
      ThrowsMessage<InputError>(HasSubstr("unknown setting 'env.include_cfrc_ext_in_observation'")));
}

TEST(GoalMazeTest, IdsDifferInMapRewardAndLimit) {
  struct Expected {
    std::string id;
    int limit;
    std::size_t walls;
  };
  for (const auto& [id, limit, walls] :
       std::vector<Expected>{{"PointMaze_UMaze-v3", 300, 18},
                             {"PointMaze_Open-v3", 300, 20},
                             {"PointMaze_Open_Diverse_G-v3", 300, 20},
                             {"PointMaze_Medium_Diverse_GRDense-v3", 600, 38},
                             {"PointMaze_LargeDense-v3", 800, 62},
                             {"AntMaze_UMaze-v4", 700, 18},
                             {"AntMaze_OpenDense-v5", 700, 20},
                             {"AntMaze_Medium-v5", 1000, 38},
                             {"AntMaze_Large_Diverse_G-v4", 1000, 62},
                             {"maze2d-open-v0", 150, 20},
                             {"maze2d-umaze-dense-v1", 300, 18},
                             {"maze2d-medium-v1", 600, 38},
                             {"maze2d-large-v1", 800, 62},
                             {"antmaze-umaze-diverse-v2", 700, 18},
                             {"antmaze-medium-play-v2", 1000, 38},
                             {"antmaze-large-diverse-v2", 1000, 62}}) {
    const auto env = MakeEnv(id);
    EXPECT_EQ(env->spec().max_episode_steps, limit) << id;
    const mjModel& model = dynamic_cast<MujocoEnv&>(*env).model();
    EXPECT_EQ(std::count(model.geom_type, model.geom_type + model.ngeom, mjGEOM_BOX), walls) << id;
    if (env->spec().goal) {
      EXPECT_EQ(env->spec().goal->reward == GoalReward::kDense, id.find("Dense") != id.npos) << id;
    }
  }
}

TEST(GoalMazeTest, TheSpecSaysHowRowsAreMadeUp) {
  for (const auto& [id, size] :
       {std::pair{"PointMaze_UMaze-v3", 4}, {"AntMaze_UMaze-v4", 27}, {"AntMaze_UMaze-v5", 105}}) {
    Driver driver(MakeEnv(id));
    driver.Reset(0);
    const EnvSpec& spec = driver.env().spec();
    ASSERT_TRUE(spec.goal.has_value());
    EXPECT_EQ(spec.goal->observation_size, size);
    EXPECT_EQ(spec.observation_size(), size + 4);
    const std::span<const double> row(driver.observation());
    EXPECT_THAT(spec.goal->Achieved(row), ElementsAre(driver.env().qpos()[0], driver.env().qpos()[1]));
    EXPECT_EQ(spec.goal->Observation(row).size(), size);
  }
  EXPECT_FALSE(MakeEnv("maze2d-umaze-v1")->spec().goal.has_value());
  EXPECT_FALSE(MakeEnv("antmaze-umaze-v2")->spec().goal.has_value());
}

TEST(GoalMazeTest, RewardsAreAFunctionOfTheTwoGoals) {
  const std::vector<double> origin{0, 0};
  const std::vector<double> near{0.27, 0.36};  // 0.45 away
  const std::vector<double> far{0.3, 0.4};
  const GoalSpec sparse = *MakeEnv("PointMaze_UMaze-v3")->spec().goal;
  EXPECT_EQ(sparse.Reward(near, origin), 1);
  EXPECT_EQ(sparse.Reward(far, origin), 0);
  EXPECT_TRUE(sparse.Reached(near, origin));
  EXPECT_FALSE(sparse.Reached(far, origin));
  const GoalSpec dense = *MakeEnv("PointMaze_UMazeDense-v3")->spec().goal;
  EXPECT_EQ(dense.Reward(far, origin), std::exp(-0.5));
}

TEST(GoalMazeTest, AContinuingTaskKeepsItsGoal) {
  Driver driver(MakeEnv("PointMaze_Open-v3"));
  driver.Reset(5);
  const std::vector<double> goal = Desired(driver);
  int reached = 0;
  for (int i = 0; i < 300; ++i) {
    const StepResult result = StepToGoal(driver);
    EXPECT_EQ(result.reward, Reached(driver) ? 1 : 0);
    EXPECT_FALSE(result.terminated);
    EXPECT_EQ(Desired(driver), goal);
    reached += Reached(driver) ? 1 : 0;
  }
  EXPECT_GT(reached, 1);
}

TEST(GoalMazeTest, AGoalThatIsReachedIsDrawnAnew) {
  Driver driver(MakeEnv("PointMaze_Open-v3", {{"reset_target", "true"}}));
  driver.Reset(5);
  std::set<std::vector<double>> goals;
  bool reached = false;
  for (int i = 0; i < 2000; ++i) {
    const std::vector<double> before = Desired(driver);
    StepToGoal(driver);
    // The step that reaches a goal still shows it; the next one shows another.
    EXPECT_EQ(Desired(driver) != before, reached) << "step " << i;
    reached = Reached(driver);
    goals.insert(Desired(driver));
  }
  EXPECT_GT(goals.size(), 5);
}

TEST(GoalMazeTest, AnEpisodicTaskEndsAtTheGoal) {
  Driver driver(MakeEnv("PointMaze_Open-v3", {{"continuing_task", "false"}, {"reset_target", "true"}}));
  driver.Reset(5);
  StepResult result;
  for (int i = 0; i < 300 && !result.terminated; ++i) {
    result = StepToGoal(driver);
    EXPECT_EQ(result.terminated, Reached(driver));
  }
  EXPECT_TRUE(result.terminated);
}

TEST(GoalMazeTest, CellsAndNoiseCanBeGiven) {
  Driver driver(MakeEnv("PointMaze_UMaze-v3",
                        {{"goal_cell", "1,1"}, {"reset_cell", "3,1"}, {"position_noise_range", "0"}}));
  driver.Reset(0);
  EXPECT_THAT(driver.observation(), ElementsAre(-1, -1, 0, 0, -1, -1, -1, 1));
  Driver ant(MakeEnv("AntMaze_UMaze-v5",
                     {{"goal_cell", "1,1"}, {"reset_cell", "3,1"}, {"position_noise_range", "0"}}));
  ant.Reset(0);
  EXPECT_THAT(std::span(ant.observation()).last(4), ElementsAre(-4, -4, -4, 4));
}

TEST(GoalMazeTest, EnvironmentsOfOneMazeShareTheirModel) {
  const auto model = [](const Env& env) { return &dynamic_cast<const MujocoEnv&>(env).model(); };
  const auto a = MakeEnv("PointMaze_UMaze-v3");
  const auto b = MakeEnv("PointMaze_UMazeDense-v3");
  const auto c = MakeEnv("PointMaze_Open-v3");
  EXPECT_EQ(model(*a), model(*b));
  EXPECT_NE(model(*a), model(*c));
}

TEST(BallTest, ForcesAndVelocitiesAreClipped) {
  Driver driver(MakeEnv("PointMaze_Open-v3"));
  driver.Reset(0);
  Driver other(MakeEnv("PointMaze_Open-v3"));
  other.Reset(0);
  const std::vector<float> strong{3, -3};
  const std::vector<float> full{1, -1};
  driver.env().Step(strong, driver.observation());
  other.env().Step(full, other.observation());
  EXPECT_EQ(driver.observation(), other.observation());
  std::vector<double> state = driver.env().State();
  state[2] = 9;
  driver.env().SetState(state);
  const double x = driver.env().qpos()[0];
  driver.env().Step(std::vector<float>(2), driver.observation());
  EXPECT_LT(driver.env().qpos()[0] - x, 5 * 0.01);
  EXPECT_GT(driver.env().qpos()[0] - x, 4 * 0.01);
}

// The sheet's rules; there is nothing recorded to compare with.
TEST(Maze2dTest, StartsNearACellAndIsPaidAtTheGoal) {
  Driver driver(MakeEnv("maze2d-umaze-v1"));
  std::set<std::vector<double>> cells;
  for (int seed = 0; seed < 100; ++seed) {
    driver.Reset(static_cast<std::uint64_t>(seed));
    std::vector<double> cell;
    for (std::size_t i = 0; i < 2; ++i) {
      cell.push_back(std::round(driver.observation()[i]));
      EXPECT_LE(std::abs(driver.observation()[i] - cell[i]), 0.1);
    }
    EXPECT_NE(driver.observation()[2], 0);
    cells.insert(cell);
  }
  EXPECT_EQ(cells.size(), 7);
  EXPECT_TRUE(cells.contains({1, 1}));

  const auto paid_at = [](std::string_view id, double x, double y) {
    Driver at(MakeEnv(id));
    at.Reset(0);
    at.env().SetState(std::vector<double>{x, y, 0, 0, 0, 0, 1, 1});
    const StepResult result = at.StepRandomly();
    EXPECT_FALSE(result.terminated);
    return result.reward;
  };
  EXPECT_EQ(paid_at("maze2d-umaze-v1", 1.3, 1.3), 1);
  EXPECT_EQ(paid_at("maze2d-umaze-v1", 1, 2), 0);
  EXPECT_NEAR(paid_at("maze2d-umaze-dense-v1", 1, 2), std::exp(-1), 0.02);
}

// Walls touch the ball where the cells' borders are, up to the 0.2 between body and cells.
TEST(Maze2dTest, WallsStopTheBall) {
  Driver driver(MakeEnv("maze2d-umaze-v1"));
  driver.Reset(0);
  driver.env().SetState(std::vector<double>{1, 1, 0, 0, 0, 0, 1, 1});
  const std::vector<float> up{-1, 0};
  for (int i = 0; i < 200; ++i) driver.env().Step(up, driver.observation());
  // The wall of row 0 ends at 1.5 in the world, which is 0.3 in the body's frame, and the ball's radius is
  // 0.1.
  EXPECT_NEAR(driver.observation()[0], 0.4, 0.02);
}

TEST(Maze2dTest, GoalsCanBeDrawnAtResets) {
  Driver driver(MakeEnv("maze2d-umaze-v1", {{"reset_target", "true"}}));
  std::set<double> goals;
  for (int i = 0; i < 10; ++i) {
    driver.Reset();
    goals.insert(driver.env().State().back());
  }
  EXPECT_EQ(goals.size(), 10);
  Driver fixed(MakeEnv("maze2d-umaze-v1"));
  fixed.Reset();
  EXPECT_EQ(fixed.env().State().back(), 1);
}

TEST(D4rlAntMazeTest, GoalsLieAroundTheirCellAndEndTheEpisode) {
  Driver driver(MakeEnv("antmaze-umaze-v2"));
  EXPECT_EQ(driver.env().spec().observation_size(), 29);
  EXPECT_THAT(std::get<Box>(driver.env().spec().action_space).high, ::testing::Each(1));
  for (int i = 0; i < 50; ++i) {
    driver.Reset();
    const std::vector<double> state = driver.env().State();
    const double x = state[state.size() - 2];
    const double y = state[state.size() - 1];
    EXPECT_TRUE(0 <= x && x < 1.5) << x;  // cell (3, 1), two rows below the start
    EXPECT_TRUE(8 <= y && y < 9.5) << y;
    EXPECT_LE(std::abs(driver.observation()[0]), 0.1);
    EXPECT_EQ(driver.StepRandomly().reward, 0);
  }
  std::vector<double> state = driver.env().State();
  state[0] = state[state.size() - 2] + 0.3;
  state[1] = state[state.size() - 1];
  driver.env().SetState(state);
  const StepResult result = driver.StepRandomly();
  EXPECT_EQ(result.reward, 1);
  EXPECT_TRUE(result.terminated);
}

TEST(D4rlAntMazeTest, ActionsAreTorquesUpTo30) {
  const auto env = MakeEnv("antmaze-umaze-v2");
  const mjModel& model = dynamic_cast<MujocoEnv&>(*env).model();
  EXPECT_EQ(model.opt.timestep, 0.02);
  EXPECT_THAT(std::span(model.geom_solimp, 3), ElementsAre(0.8, 0.8, 0.01));
  std::vector<double> row(29);
  const auto first_step = [&](float action) {
    env->Reset(0, row);
    env->Step(std::vector<float>(8, action), row);
    return row;
  };
  EXPECT_EQ(first_step(1), first_step(2));
  EXPECT_NE(first_step(1), first_step(0.9F));
}

}  // namespace
}  // namespace strider
