#include "envs/mazes/point_maze.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr GoalMazeScale kScale{.cell = 1, .height = 0.4};

}  // namespace

PointMaze::Config PointMaze::DefaultsOf(std::string_view id) {
  Config config = GoalMazeDefaults(id);
  config.max_episode_steps = id.find("Large") != id.npos ? 800 : id.find("Medium") != id.npos ? 600 : 300;
  return config;
}

PointMaze::PointMaze(std::string_view id, const Config& config)
    : GoalMaze(config, kScale, id, GoalMazeModel(models::kPoint, config.maze_map, kScale),
               config.max_episode_steps) {}

}  // namespace strider
