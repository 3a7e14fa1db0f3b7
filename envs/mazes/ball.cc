#include "envs/mazes/ball.h"

#include <algorithm>
#include <array>

namespace strider {
namespace {

constexpr double kMaxForce = 1;
constexpr double kMaxSpeed = 5;  // m/s, along each axis

}  // namespace

Ball::Ball(std::string_view id, SharedModel model, int max_episode_steps)
    : MujocoEnv(id, std::move(model), {.frame_skip = 1, .max_episode_steps = max_episode_steps},
                kObservationSize, std::nullopt) {}

void Ball::Act(const ActionRow& force) {
  LimitVelocities(kMaxSpeed);
  const auto clipped = [&](std::size_t i) { return std::clamp(force[i], -kMaxForce, kMaxForce); };
  Simulate(ActionRow(std::array{clipped(0), clipped(1)}));
}

}  // namespace strider
