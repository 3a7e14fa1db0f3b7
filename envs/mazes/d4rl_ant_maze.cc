#include "envs/mazes/d4rl_ant_maze.h"

#include <algorithm>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr double kCell = 4;      // m
constexpr double kHeight = 0.5;  // of the walls, in cells
constexpr double kResetNoise = 0.1;
constexpr float kMaxTorque = 30;
constexpr GoalSpec kJudge{.goal_size = 2, .radius = 0.5, .reward = GoalReward::kSparse};

struct Task {
  std::string_view name;
  std::string_view map;
  Cell goal;
  int max_episode_steps;
};

constexpr std::array kTasks{
    Task{"umaze", kUMaze, {3, 1}, 700},
    Task{"medium", kMediumMaze, {6, 6}, 1000},
    Task{"large", kLargeMaze, {7, 9}, 1000},
};

// The start is the origin.
Position Centre(const MazeMap& map, const Cell& cell) {
  const Cell start = map.Cells(MazeMap::kStart).front();
  return {kCell * (cell.column - start.column), kCell * (cell.row - start.row)};
}

MazeMap ReadMap(const std::string& text) {
  MazeMap map(text);
  if (map.Cells(MazeMap::kStart).size() != 1 || map.Cells(MazeMap::kGoal).empty() ||
      !map.Cells(MazeMap::kGoalOrStart).empty()) {
    throw map.Refused("cells 0 and 1, one cell r, and one or more cells g");
  }
  return map;
}

SharedModel Model(const std::string& text) {
  const MazeMap map = ReadMap(text);
  return ShareModel("antmaze " + text, [&] {
    const OwnedSpec spec = ParseModel(models::kAnt);
    spec->option.timestep = 0.02;
    const auto soften = [](mjsGeom& geom) { std::ranges::copy(std::array{0.8, 0.8, 0.01}, geom.solimp); };
    soften(*mjs_getSpecDefault(spec.get())->geom);
    for (auto* e = mjs_firstElement(spec.get(), mjOBJ_GEOM); e != nullptr;
         e = mjs_nextElement(spec.get(), e)) {
      soften(*mjs_asGeom(e));
    }
    // Controls are torques here, and limited by DoStep: the ranges left in the model are those of the
    // actions.
    for (auto* e = mjs_firstElement(spec.get(), mjOBJ_ACTUATOR); e != nullptr;
         e = mjs_nextElement(spec.get(), e)) {
      mjs_asActuator(e)->gear[0] = 1;
      mjs_asActuator(e)->ctrllimited = mjLIMITED_FALSE;
    }
    AddWalls(*spec, map,
             {.half_size = {kCell / 2, kCell / 2, kHeight / 2 * kCell},
              .z = kHeight / 2 * kCell,
              .position = [&](const Cell& cell) { return Centre(map, cell); }});
    return CompileModel(*spec, RobotVersion::kV2);
  });
}

// Observing positions and velocities only.
AntConfig RobotConfig(int max_episode_steps) {
  AntConfig ant;
  ant.simulation.version = RobotVersion::kV4;
  ant.simulation.max_episode_steps = max_episode_steps;
  ant.exclude_current_positions_from_observation = false;
  return ant;
}

}  // namespace

D4rlAntMaze::Config D4rlAntMaze::DefaultsOf(std::string_view id) {
  const auto task = std::ranges::find_if(
      kTasks, [&](const Task& t) { return id.starts_with(fmt::format("antmaze-{}-", t.name)); });
  const std::string with_goal = MarkCells(task->map, MazeMap::kGoal, {task->goal});
  return {.maze_map = MarkCells(with_goal, MazeMap::kStart, {{1, 1}}),
          .max_episode_steps = task->max_episode_steps};
}

D4rlAntMaze::D4rlAntMaze(std::string_view id, const Config& config)
    : GoalSeeker(id, Model(config.maze_map), RobotConfig(config.max_episode_steps)) {
  const MazeMap map(config.maze_map);
  for (const Cell& cell : map.Cells(MazeMap::kGoal)) goals_.push_back(Centre(map, cell));
}

void D4rlAntMaze::DoReset(std::span<double> observation) {
  goal_ = goals_[static_cast<std::size_t>(random().Integers(0, std::ssize(goals_)))];
  for (const double noise : {kCell / 4, kCell / 8}) {
    for (double& coordinate : goal_) coordinate += random().Uniform(0, noise);
  }
  for (double& coordinate : goal_) coordinate = std::max(coordinate, 0.0);
  StartWithNormalVelocities(kResetNoise);
  Observe(observation);
}

StepResult D4rlAntMaze::DoStep(const ActionRow& action, std::span<double> observation) {
  action.Visit([this]<class Real>(std::span<const Real> row) {
    constexpr auto kMax = static_cast<Real>(kMaxTorque);
    std::array<Real, 8> torque{};
    std::ranges::transform(row, torque.begin(), [kMax](Real a) {
      return std::clamp(-kMax + (a + 1) * Real{0.5} * (2 * kMax), -kMax, kMax);
    });
    Act(ActionRow(torque));
  });
  Observe(observation);
  StepResult result;
  result.reward = kJudge.Reward(qpos().first(2), goal_);
  result.terminated = kJudge.Reached(qpos().first(2), goal_);
  return result;
}

}  // namespace strider
