#include "envs/mazes/ball.h"

#include <algorithm>
#include <array>

namespace strider {
namespace {

constexpr float kMaxForce = 1;
constexpr double kMaxSpeed = 5;  // m/s, along each axis

}  // namespace

Ball::Ball(std::string_view id, SharedModel model, int max_episode_steps)
    : MujocoEnv(id, std::move(model), {.frame_skip = 1, .max_episode_steps = max_episode_steps},
                kObservationSize, std::nullopt) {}

void Ball::Act(std::span<const float> force) {
  LimitVelocities(kMaxSpeed);
  std::array<float, 2> clipped{};
  std::ranges::transform(force, clipped.begin(),
                         [](float f) { return std::clamp(f, -kMaxForce, kMaxForce); });
  Simulate(clipped);
}

}  // namespace strider
