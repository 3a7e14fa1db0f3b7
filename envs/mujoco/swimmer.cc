#include "envs/mujoco/swimmer.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion) { return CompileModel(models::kSwimmer); }

}  // namespace

Swimmer::Swimmer(std::string_view id, const Config& config)
    : MujocoEnv(id, ModelFor(id, config.simulation, &Compile), config.simulation,
                config.exclude_current_positions_from_observation ? 8 : 10, 360.0),
      forward_reward_weight_(config.forward_reward_weight),
      ctrl_cost_weight_(config.ctrl_cost_weight),
      reset_noise_scale_(config.reset_noise_scale),
      hidden_positions_(config.exclude_current_positions_from_observation ? 2 : 0) {}

void Swimmer::DoReset(std::span<double> observation) {
  StartWithUniformNoise(reset_noise_scale_);
  ObservePositionsAndVelocities(observation, hidden_positions_);
}

StepResult Swimmer::DoStep(const ActionRow& action, std::span<double> observation) {
  const double x_before = qpos()[0];
  Simulate(action);
  const double x_velocity = (qpos()[0] - x_before) / control_period();
  ObservePositionsAndVelocities(observation, hidden_positions_);
  StepResult result;
  result.reward = forward_reward_weight_ * x_velocity - ControlCost(ctrl_cost_weight_, action);
  return result;
}

}  // namespace strider
