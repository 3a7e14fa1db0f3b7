// D4RL's four-legged robot in a maze.
#pragma once

#include <string>
#include <vector>

#include "envs/mazes/goal_seeker.h"
#include "envs/mujoco/ant.h"

namespace strider {

struct D4rlAntMazeConfig {
  std::string maze_map;
  int max_episode_steps = 1000;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("maze_map", maze_map, "rows of cells divided by /: 1 wall, 0 free, r the start, g goals");
    visit("max_episode_steps", max_episode_steps, "control steps until an episode is truncated", AtLeast(1));
  }
};

// antmaze-*-v2 (environments sheet, section 7). Observation: positions (15), velocities (14); the goal, drawn
// anew at every reset, is not seen. Action: torques (8). Reward: 1 at the goal, where the episode ends, else
// 0.
//
// Written from D4RL's source and not run against it, which needs MuJoCo 2.0 or older. The physics is the old
// one (section 5); random numbers are numpy's new ones, so that resets have the original's distribution but
// not its values. "play" and "diverse" name data sets of one environment.
class D4rlAntMaze final : public GoalSeeker<Ant> {
 public:
  using Config = D4rlAntMazeConfig;
  static Config DefaultsOf(std::string_view id);
  // Throws InputError where the map is wrong, has not exactly one start, or no goal.
  D4rlAntMaze(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  std::vector<Position> goals_;  // centres of the cells
};

}  // namespace strider
