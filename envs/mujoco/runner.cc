#include "envs/mujoco/runner.h"

namespace strider {

Runner::Runner(std::string_view id, SharedModel model, const RunnerConfig& config, int full_size,
               int horizontal, std::optional<double> reward_threshold)
    : MujocoEnv(id, std::move(model), config.simulation,
                config.exclude_current_positions_from_observation ? full_size - horizontal : full_size,
                reward_threshold),
      forward_reward_weight_(config.forward_reward_weight),
      ctrl_cost_weight_(config.ctrl_cost_weight),
      reset_noise_scale_(config.reset_noise_scale),
      hidden_positions_(config.exclude_current_positions_from_observation ? horizontal : 0) {}

void Runner::DoReset(std::span<double> observation) {
  Start();
  ObservePositionsAndVelocities(observation, hidden_positions_);
}

StepResult Runner::DoStep(const ActionRow& action, std::span<double> observation) {
  const double x_before = qpos()[0];
  Simulate(action);
  const double x_velocity = (qpos()[0] - x_before) / control_period();
  ObservePositionsAndVelocities(observation, hidden_positions_);
  StepResult result;
  result.reward = forward_reward_weight_ * x_velocity - ControlCost(ctrl_cost_weight_, action);
  return result;
}

}  // namespace strider
