// A ball in a maze.
#pragma once

#include "envs/mazes/ball.h"
#include "envs/mazes/goal_maze.h"

namespace strider {

// PointMaze_*-v3 (environments sheet, section 7). Observation: position (2), velocity (2); position (2); goal
// (2). Action: force (2).
class PointMaze final : public GoalMaze<Ball> {
 public:
  using Config = GoalMazeConfig;
  static Config DefaultsOf(std::string_view id);
  PointMaze(std::string_view id, const Config& config);
};

}  // namespace strider
