// Gymnasium-Robotics' mazes: a robot is to reach a goal somewhere in a maze.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "envs/mazes/goal_seeker.h"
#include "envs/mazes/maze.h"

namespace strider {

struct GoalMazeConfig {
  std::string maze_map{kUMaze};
  std::string reward_type = "sparse";
  bool continuing_task = true;
  bool reset_target = false;
  double position_noise_range = 0.25;
  std::vector<int> goal_cell;
  std::vector<int> reset_cell;
  int max_episode_steps = 300;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("maze_map", maze_map, "rows of cells divided by /: 1 wall, 0 free, g goal, r start, c both");
    visit("reward_type", reward_type, "sparse: 1 at the goal, else 0; dense: exp(-distance)",
          OneOf({"sparse", "dense"}));
    visit("continuing_task", continuing_task, "whether the episode goes on when the goal is reached");
    visit("reset_target", reset_target,
          "whether a goal that is reached is drawn anew (in a continuing task)");
    visit("position_noise_range", position_noise_range, "noise on goal and start, in cells", InRange(0, 0.5));
    visit("goal_cell", goal_cell, "the goal's cell as row,column; empty: drawn");
    visit("reset_cell", reset_cell, "the start's cell as row,column; empty: drawn");
    visit("max_episode_steps", max_episode_steps, "control steps until an episode is truncated", AtLeast(1));
  }
};

// What differs between the robots.
struct GoalMazeScale {
  double cell = 1;    // side of a cell (m)
  double height = 0;  // of the walls, in cells
};

// The options that an id stands for, "PointMaze_UMazeDense-v3" say: map and reward. Step limits differ
// between robots and are left alone. REQUIRES: the id names one of the maps.
GoalMazeConfig GoalMazeDefaults(std::string_view id);

// The robot's MJCF with the maze's walls around it. Throws InputError where the map is wrong.
SharedModel GoalMazeModel(std::string_view mjcf, const std::string& maze_map, const GoalMazeScale& scale);

// Where goal and start lie, drawn as Gymnasium-Robotics draws them.
class GoalMazeTask {
 public:
  // Throws InputError where the map has no place for goal and start, or a cell given is a wall.
  GoalMazeTask(const GoalMazeConfig& config, const GoalMazeScale& scale);

  Position DrawGoal(Pcg64& random) const;
  // Away from the goal.
  Position DrawStart(const Position& goal, Pcg64& random) const;
  // The goal after a step: another one, if the task is to go on to another when a goal is reached.
  Position NextGoal(const Position& goal, std::span<const double> achieved, Pcg64& random) const;

  bool ends_at_goal() const { return ends_at_goal_; }
  GoalReward reward() const { return reward_; }

  static constexpr int kGoalSize = 2;
  static constexpr double kGoalRadius = 0.45;  // m

 private:
  static std::optional<Position> GivenCell(const MazeMap& map, std::string_view key,
                                           const std::vector<int>& given, const GoalMazeScale& scale);
  static const Position& Pick(const std::vector<Position>& cells, Pcg64& random);
  Position WithNoise(Position position, Pcg64& random) const;

  double cell_size_;
  double noise_;
  bool ends_at_goal_;
  bool redraws_;
  GoalReward reward_;
  std::vector<Position> goals_;   // centres of the cells where goals can be
  std::vector<Position> starts_;  // and where the robot can start
  std::optional<Position> given_goal_;
  std::optional<Position> given_start_;
};

// A robot whose first two positions are x and y, in a maze. Observation: the robot's own; x and y; the goal's
// x and y. Reward: by reward_type. Terminates at the goal where the task does not continue, and never because
// the robot falls.
//
// A Robot is a MujocoEnv with Act(action) and Observe(row).
template <class Robot>
class GoalMaze : public GoalSeeker<Robot> {
 protected:
  template <class... RobotArguments>
  GoalMaze(const GoalMazeConfig& config, const GoalMazeScale& scale, RobotArguments&&... robot)
      : GoalSeeker<Robot>(std::forward<RobotArguments>(robot)...), task_(config, scale) {
    this->AppendGoal(GoalMazeTask::kGoalSize, GoalMazeTask::kGoalRadius, task_.reward());
  }

 private:
  void DoReset(std::span<double> row) final {
    goal_ = task_.DrawGoal(this->random());
    const Position start = task_.DrawStart(goal_, this->random());
    this->StartAt([&](std::span<double> positions, auto) { std::ranges::copy(start, positions.begin()); });
    ObserveAll(row);
  }

  StepResult DoStep(const ActionRow& action, std::span<double> row) final {
    Robot::Act(action);
    ObserveAll(row);
    const GoalSpec& goal = *this->spec().goal;
    const std::span<const double> achieved = goal.Achieved(row);
    StepResult result;
    result.reward = goal.Reward(achieved, goal_);
    result.terminated = task_.ends_at_goal() && goal.Reached(achieved, goal_);
    goal_ = task_.NextGoal(goal_, achieved, this->random());
    return result;
  }

  void ObserveAll(std::span<double> row) const {
    const GoalSpec& goal = *this->spec().goal;
    Robot::Observe(goal.Observation(row));
    std::ranges::copy(this->qpos().first(GoalMazeTask::kGoalSize), goal.Achieved(row).begin());
    std::ranges::copy(goal_, goal.Desired(row).begin());
  }

  using GoalSeeker<Robot>::goal_;
  GoalMazeTask task_;
};

}  // namespace strider
