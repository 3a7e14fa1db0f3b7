#include "envs/minigrid/dynamic_obstacles.h"

#include <algorithm>

#include "core/error.h"

namespace strider {
namespace {

// MiniGrid allows 100 failures beside the draw that gives up.
constexpr int kTries = 101;

int Obstacles(const DynamicObstaclesConfig& config) {
  return 2 * config.n_obstacles <= config.size + 2 ? config.n_obstacles : config.size / 2;
}

}  // namespace

DynamicObstacles::DynamicObstacles(std::string_view id, const Config& config)
    : MiniGridEnv(
          id, config,
          {.things = Obstacles(config), .walls_block_sight = false, .random_steps = config.n_obstacles > 0}),
      random_start_(config.random_start) {}

void DynamicObstacles::Furnish() {
  PlaceAgent(random_start_);
  for (Position& ball : things()) {
    const auto place = DrawFree({0, 0}, size(), kTries);
    if (!place) throw WorkError("{}: no free cell for an obstacle found in {} draws", spec().id, kTries);
    ball = *place;
    At(ball) = Cell::kBall;
  }
}

void DynamicObstacles::PutThings() {
  for (const Position& ball : things()) At(ball) = Cell::kBall;
}

StepResult DynamicObstacles::Advance(int action) {
  const bool blocked = Ahead() == Cell::kBall || Ahead() == Cell::kWall;
  for (Position& ball : things()) {
    const auto place = DrawFree({ball.x - 1, ball.y - 1}, 3, kTries);
    if (!place) continue;
    At(*place) = Cell::kBall;
    At(ball) = Cell::kEmpty;
    ball = *place;
  }
  StepResult result = Act(action);
  if (action == kForward && blocked) {
    result.reward = -1;
    result.terminated = true;
  }
  return result;
}

}  // namespace strider
