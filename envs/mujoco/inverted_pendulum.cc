#include "envs/mujoco/inverted_pendulum.h"

#include <algorithm>
#include <cmath>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr double kMaxAngle = 0.2;  // rad

SharedModel Model() {
  static const SharedModel model = CompileModel(models::kInvertedPendulum);
  return model;
}

}  // namespace

InvertedPendulum::InvertedPendulum(std::string_view id, const Config& config)
    : MujocoEnv(id, Model(), config.simulation, 4, 950.0) {}

void InvertedPendulum::DoReset(std::span<double> observation) {
  StartFromUniformNoise();
  ObservePositionsAndVelocities(observation, 0);
}

StepResult InvertedPendulum::DoStep(std::span<const float> action, std::span<double> observation) {
  Simulate(action);
  ObservePositionsAndVelocities(observation, 0);
  const bool finite = std::ranges::all_of(observation, [](double x) { return std::isfinite(x); });
  StepResult result;
  result.terminated = !finite || std::abs(observation[1]) > kMaxAngle;
  result.reward = result.terminated ? 0 : 1;
  return result;
}

}  // namespace strider
