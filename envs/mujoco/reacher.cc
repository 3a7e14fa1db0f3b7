#include "envs/mujoco/reacher.h"

#include <cmath>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr double kReach = 0.2;  // m; targets lie in this disc

OwnedModel Compile(RobotVersion) { return CompileModel(models::kReacher); }

}  // namespace

Reacher::Reacher(std::string_view id, const Config& config)
    : MujocoEnv(id, ModelFor(id, config.simulation, &Compile), config.simulation, 10, -3.75),
      fingertip_(BodyNumber(model(), "fingertip")),
      target_(BodyNumber(model(), "target")),
      reward_dist_weight_(config.reward_dist_weight),
      reward_control_weight_(config.reward_control_weight) {}

// Positions 0 and 1 are the joints', 2 and 3 the target's.
void Reacher::DoReset(std::span<double> observation) {
  StartAt([this](std::span<double> positions, std::span<double> velocities) {
    for (double& x : positions) x += random().Uniform(-0.1, 0.1);
    do {
      positions[2] = random().Uniform(-kReach, kReach);
      positions[3] = random().Uniform(-kReach, kReach);
    } while (!(std::sqrt(positions[2] * positions[2] + positions[3] * positions[3]) < kReach));
    for (double& v : velocities) v += random().Uniform(-0.005, 0.005);
    velocities[2] = velocities[3] = 0;
  });
  Observe(observation);
}

StepResult Reacher::DoStep(const ActionRow& action, std::span<double> observation) {
  Simulate(action);
  Observe(observation);
  StepResult result;
  result.reward =
      -Distance(fingertip_, target_) * reward_dist_weight_ - ControlCost(reward_control_weight_, action);
  return result;
}

void Reacher::Observe(std::span<double> observation) const {
  const auto fingertip = BodyPosition(fingertip_);
  const auto target = BodyPosition(target_);
  for (std::size_t i = 0; i < 2; ++i) {
    observation[i] = std::cos(qpos()[i]);
    observation[2 + i] = std::sin(qpos()[i]);
    observation[4 + i] = qpos()[2 + i];
    observation[6 + i] = qvel()[i];
    observation[8 + i] = fingertip[i] - target[i];
  }
}

}  // namespace strider
