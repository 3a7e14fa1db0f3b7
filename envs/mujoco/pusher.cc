#include "envs/mujoco/pusher.h"

#include <algorithm>
#include <cmath>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr std::size_t kJoints = 7;         // of the arm; then come y and x of object and goal
constexpr double kMinimumDistance = 0.17;  // m, from the object's start to the goal

OwnedModel Compile(RobotVersion) { return CompileModel(models::kPusher); }

}  // namespace

Pusher::Pusher(std::string_view id, const Config& config)
    : MujocoEnv(id, ModelFor(id, config.simulation, &Compile), config.simulation, 23, 0.0),
      tips_(BodyNumber(model(), "tips_arm")),
      object_(BodyNumber(model(), "object")),
      goal_(BodyNumber(model(), "goal")),
      reward_near_weight_(config.reward_near_weight),
      reward_dist_weight_(config.reward_dist_weight),
      reward_control_weight_(config.reward_control_weight) {}

void Pusher::DoReset(std::span<double> observation) {
  StartAt([this](std::span<double> positions, std::span<double> velocities) {
    double& y = positions[kJoints];
    double& x = positions[kJoints + 1];
    do {
      y = random().Uniform(-0.3, 0.0);
      x = random().Uniform(-0.2, 0.2);
    } while (!(std::sqrt(y * y + x * x) > kMinimumDistance));
    std::ranges::fill(positions.subspan(kJoints + 2), 0.0);
    for (double& v : velocities) v += random().Uniform(-0.005, 0.005);
    std::ranges::fill(velocities.subspan(kJoints), 0.0);
  });
  Observe(observation);
}

StepResult Pusher::DoStep(const ActionRow& action, std::span<double> observation) {
  Simulate(action);
  Observe(observation);
  StepResult result;
  result.reward = -Distance(object_, goal_) * reward_dist_weight_ -
                  ControlCost(reward_control_weight_, action) -
                  Distance(object_, tips_) * reward_near_weight_;
  return result;
}

void Pusher::Observe(std::span<double> observation) const {
  auto to = std::ranges::copy(qpos().first(kJoints), observation.begin()).out;
  to = std::ranges::copy(qvel().first(kJoints), to).out;
  for (const int body : {tips_, object_, goal_}) to = std::ranges::copy(BodyPosition(body), to).out;
}

}  // namespace strider
