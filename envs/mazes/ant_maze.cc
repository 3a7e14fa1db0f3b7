#include "envs/mazes/ant_maze.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr GoalMazeScale kScale{.cell = 4, .height = 0.5};

}  // namespace

AntMaze::Config AntMaze::DefaultsOf(std::string_view id) {
  Config config;
  config.maze = GoalMazeDefaults(id);
  config.maze.max_episode_steps = id.find("Large") != id.npos || id.find("Medium") != id.npos ? 1000 : 700;
  config.ant.simulation.version = id.ends_with("-v4") ? RobotVersion::kV4 : RobotVersion::kV5;
  return config;
}

// Start and reward are the maze's, so that contact forces are needed only where they are observed.
AntConfig AntMaze::RobotConfig(const Config& config) {
  AntConfig ant = config.ant;
  ant.simulation.max_episode_steps = config.maze.max_episode_steps;
  ant.contact_cost_weight = 0;
  return ant;
}

AntMaze::AntMaze(std::string_view id, const Config& config)
    : GoalMaze(config.maze, kScale, id, GoalMazeModel(models::kAnt, config.maze.maze_map, kScale),
               RobotConfig(config)) {}

}  // namespace strider
