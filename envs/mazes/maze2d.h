// D4RL's ball in a maze.
#pragma once

#include <string>
#include <vector>

#include "envs/mazes/ball.h"
#include "envs/mazes/goal_seeker.h"
#include "envs/mazes/maze.h"

namespace strider {

struct Maze2dConfig {
  std::string maze_map;
  std::string reward_type = "sparse";
  bool reset_target = false;
  int max_episode_steps = 300;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("maze_map", maze_map, "rows of cells divided by /: 1 wall, 0 free, g the goal");
    visit("reward_type", reward_type, "sparse: 1 at the goal, else 0; dense: exp(-distance)",
          OneOf({"sparse", "dense"}));
    visit("reset_target", reset_target, "whether every reset draws another goal");
    visit("max_episode_steps", max_episode_steps, "control steps until an episode is truncated", AtLeast(1));
  }
};

// maze2d-*-v1 and maze2d-open-v0 (environments sheet, section 7). Observation: position (2), velocity (2);
// the goal is not seen. Action: force (2). Reward: by reward_type, on the new position. Never terminates.
// Positions are in the body's frame, as in the data sets: cell (row, column) is the point (row, column).
//
// Written from D4RL's source and not run against it, which needs MuJoCo 2.0 or older. The physics is the old
// one (contact margins; section 5); random numbers are numpy's new ones, so that resets have the original's
// distribution but not its values.
class Maze2d final : public GoalSeeker<Ball> {
 public:
  using Config = Maze2dConfig;
  static Config DefaultsOf(std::string_view id);
  // Throws InputError where the map is wrong or has not exactly one goal.
  Maze2d(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  // A free cell or the goal's, drawn evenly, with a little noise.
  Position DrawPlace();

  GoalSpec judge_;
  bool reset_target_;
  std::vector<Cell> places_;
};

}  // namespace strider
