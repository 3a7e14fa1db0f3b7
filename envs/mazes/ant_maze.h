// A four-legged robot in a maze.
#pragma once

#include "envs/mazes/goal_maze.h"
#include "envs/mujoco/ant.h"

namespace strider {

struct AntMazeConfig {
  GoalMazeConfig maze;
  AntConfig ant;  // of which only what is observed matters

  template <class Visitor>
  void Visit(Visitor&& visit) {
    maze.Visit(visit);
    visit("frame_skip", ant.simulation.frame_skip, "simulation steps per control step", AtLeast(1));
    visit("contact_force_range", ant.contact_force_range,
          "contact forces are clipped to this range: low,high");
    if (ant.simulation.version == RobotVersion::kV5) {
      visit("include_cfrc_ext_in_observation", ant.include_cfrc_ext_in_observation,
            "observe the contact forces");
    } else {
      visit("use_contact_forces", ant.use_contact_forces, "observe the contact forces");
    }
  }
};

// AntMaze_*-v4 and -v5 (environments sheet, section 7). Observation: that of the Ant of the same version; x
// and y of its torso (2); goal (2). Action: torques (8).
class AntMaze final : public GoalMaze<Ant> {
 public:
  using Config = AntMazeConfig;
  static Config DefaultsOf(std::string_view id);
  AntMaze(std::string_view id, const Config& config);

 private:
  static AntConfig RobotConfig(const Config& config);
};

}  // namespace strider
