#include "envs/mujoco/half_cheetah.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion version) {
  OwnedModel model = CompileModel(*ParseModel(models::kHalfCheetah), version);
  SetTotalMass(*model, 14);
  return model;
}

}  // namespace

HalfCheetah::HalfCheetah(std::string_view id, const Config& config)
    : MujocoEnv(id, ModelFor(id, config.simulation, &Compile), config.simulation,
                config.exclude_current_positions_from_observation ? 17 : 18, 4800.0),
      forward_reward_weight_(config.forward_reward_weight),
      ctrl_cost_weight_(config.ctrl_cost_weight),
      reset_noise_scale_(config.reset_noise_scale),
      hidden_positions_(config.exclude_current_positions_from_observation ? 1 : 0) {}

void HalfCheetah::DoReset(std::span<double> observation) {
  StartWithNormalVelocities(reset_noise_scale_);
  ObservePositionsAndVelocities(observation, hidden_positions_);
}

StepResult HalfCheetah::DoStep(const ActionRow& action, std::span<double> observation) {
  const double x_before = qpos()[0];
  Simulate(action);
  const double x_velocity = (qpos()[0] - x_before) / control_period();
  ObservePositionsAndVelocities(observation, hidden_positions_);
  StepResult result;
  result.reward = forward_reward_weight_ * x_velocity - ControlCost(ctrl_cost_weight_, action);
  return result;
}

}  // namespace strider
