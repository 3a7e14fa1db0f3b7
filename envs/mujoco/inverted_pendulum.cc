#include "envs/mujoco/inverted_pendulum.h"

#include <algorithm>
#include <cmath>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr double kMaxAngle = 0.2;  // rad

OwnedModel Compile(RobotVersion) { return CompileModel(models::kInvertedPendulum); }

}  // namespace

InvertedPendulum::InvertedPendulum(std::string_view id, const Config& config)
    : MujocoEnv(id, ModelFor(id, config.simulation, &Compile), config.simulation, 4, 950.0),
      reset_noise_scale_(config.reset_noise_scale) {}

void InvertedPendulum::DoReset(std::span<double> observation) {
  StartWithUniformNoise(reset_noise_scale_);
  ObservePositionsAndVelocities(observation, 0);
}

StepResult InvertedPendulum::DoStep(const ActionRow& action, std::span<double> observation) {
  Simulate(action);
  ObservePositionsAndVelocities(observation, 0);
  const bool finite = std::ranges::all_of(observation, [](double x) { return std::isfinite(x); });
  StepResult result;
  result.terminated = !finite || std::abs(observation[1]) > kMaxAngle;
  result.reward = result.terminated ? 0 : 1;
  return result;
}

}  // namespace strider
