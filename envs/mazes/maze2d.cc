#include "envs/mazes/maze2d.h"

#include <algorithm>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr double kGoalRadius = 0.5;     // m
constexpr double kPlaceNoise = 0.1;     // m
constexpr double kVelocityNoise = 0.1;  // m/s

struct Task {
  std::string_view name;
  std::string_view map;
  Cell goal;
  int max_episode_steps;
};

constexpr std::array kTasks{
    Task{"open", kOpenMaze, {2, 3}, 150},
    Task{"umaze", kUMaze, {1, 1}, 300},
    Task{"medium", kMediumMaze, {6, 6}, 600},
    Task{"large", kLargeMaze, {7, 9}, 800},
};

Position Place(const Cell& cell) { return {static_cast<double>(cell.row), static_cast<double>(cell.column)}; }

SharedModel Model(const std::string& text) {
  const MazeMap map(text);
  return ShareModel("maze2d " + text, [&] {
    const OwnedSpec spec = ParseModel(models::kPoint);
    mjs_findBody(spec.get(), "particle")->pos[0] = 1.2;
    mjs_findBody(spec.get(), "particle")->pos[1] = 1.2;
    AddWalls(*spec, map, {.half_size = {0.5, 0.5, 0.2}, .z = 0, .position = [](const Cell& cell) {
                            return Position{cell.row + 1.0, cell.column + 1.0};
                          }});
    return CompileModel(*spec, RobotVersion::kV2);
  });
}

}  // namespace

Maze2d::Config Maze2d::DefaultsOf(std::string_view id) {
  const auto task = std::ranges::find_if(
      kTasks, [&](const Task& t) { return id.starts_with(fmt::format("maze2d-{}-", t.name)); });
  Config config;
  config.maze_map = MarkCells(task->map, MazeMap::kGoal, {task->goal});
  config.max_episode_steps = task->max_episode_steps;
  if (id.find("-dense-") != id.npos) config.reward_type = "dense";
  return config;
}

Maze2d::Maze2d(std::string_view id, const Config& config)
    : GoalSeeker(id, Model(config.maze_map), config.max_episode_steps),
      judge_{.goal_size = 2, .radius = kGoalRadius, .reward = ReadGoalReward(config.reward_type)},
      reset_target_(config.reset_target) {
  const MazeMap map(config.maze_map);
  const std::vector<Cell> goals = map.Cells(MazeMap::kGoal);
  if (goals.size() != 1 || !map.Cells(MazeMap::kStart).empty() || !map.Cells(MazeMap::kGoalOrStart).empty()) {
    throw map.Refused("cells 0 and 1 and one cell g");
  }
  places_ = map.Cells(MazeMap::kFree);
  places_.push_back(goals.front());
  goal_ = Place(goals.front());
}

Position Maze2d::DrawPlace() {
  Position place = Place(places_[static_cast<std::size_t>(random().Integers(0, std::ssize(places_)))]);
  for (double& coordinate : place) coordinate += random().Uniform(-kPlaceNoise, kPlaceNoise);
  return place;
}

void Maze2d::DoReset(std::span<double> observation) {
  const Position start = DrawPlace();
  StartAt([&](std::span<double> positions, std::span<double> velocities) {
    std::ranges::copy(start, positions.begin());
    for (double& v : velocities) v = kVelocityNoise * random().StandardNormal();
  });
  if (reset_target_) goal_ = DrawPlace();
  Observe(observation);
}

StepResult Maze2d::DoStep(const ActionRow& action, std::span<double> observation) {
  Act(action);
  Observe(observation);
  StepResult result;
  result.reward = judge_.Reward(qpos(), goal_);
  return result;
}

}  // namespace strider
