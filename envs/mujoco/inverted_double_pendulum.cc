#include "envs/mujoco/inverted_double_pendulum.h"

#include <algorithm>
#include <cmath>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

constexpr double kLimit = 10;        // of observed velocities and forces
constexpr double kTopHeight = 2;     // m
constexpr double kFallenHeight = 1;  // m

OwnedModel Compile(RobotVersion) { return CompileModel(models::kInvertedDoublePendulum); }

// Gymnasium squares single numbers by the C library's pow, whose last bit is not always that of x * x. The
// compiler would make the one the other if it knew the exponent.
double Square(double x) {
  static volatile const double two = 2;
  return std::pow(x, two);
}

}  // namespace

InvertedDoublePendulum::InvertedDoublePendulum(std::string_view id, const Config& config)
    : MujocoEnv(id, ModelFor(id, config.simulation, &Compile), config.simulation, 9, 9100.0),
      healthy_reward_(config.healthy_reward),
      reset_noise_scale_(config.reset_noise_scale) {
  if (model().nsite == 0) throw InputError("the model of {} has no site that marks the tip", id);
}

void InvertedDoublePendulum::DoReset(std::span<double> observation) {
  StartWithNormalVelocities(reset_noise_scale_);
  Observe(observation);
}

StepResult InvertedDoublePendulum::DoStep(const ActionRow& action, std::span<double> observation) {
  Simulate(action);
  Observe(observation);
  const double x = data().site_xpos[0];
  const double height = data().site_xpos[2];
  const double distance_penalty = 0.01 * Square(x) + Square(height - kTopHeight);
  const double velocity_penalty = 1e-3 * Square(qvel()[1]) + 5e-3 * Square(qvel()[2]);
  StepResult result;
  result.terminated = height <= kFallenHeight;
  result.reward = (result.terminated ? 0 : healthy_reward_) - distance_penalty - velocity_penalty;
  return result;
}

void InvertedDoublePendulum::Observe(std::span<double> observation) const {
  observation[0] = qpos()[0];
  for (std::size_t i = 1; i < 3; ++i) {
    observation[i] = std::sin(qpos()[i]);
    observation[2 + i] = std::cos(qpos()[i]);
  }
  for (std::size_t i = 0; i < 3; ++i) observation[5 + i] = std::clamp(qvel()[i], -kLimit, kLimit);
  observation[8] = std::clamp(data().qfrc_constraint[0], -kLimit, kLimit);
}

}  // namespace strider
