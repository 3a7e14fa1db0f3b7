#include "envs/mujoco/half_cheetah.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

SharedModel Model() {
  static const SharedModel model = [] {
    OwnedModel compiled = CompileModel(models::kHalfCheetah);
    SetTotalMass(*compiled, 14);
    return SharedModel(std::move(compiled));
  }();
  return model;
}

}  // namespace

HalfCheetah::HalfCheetah(std::string_view id, const Config& config)
    : MujocoEnv(id, Model(), config.simulation, config.exclude_current_positions_from_observation ? 17 : 18,
                4800.0),
      forward_reward_weight_(config.forward_reward_weight),
      ctrl_cost_weight_(config.ctrl_cost_weight),
      hidden_positions_(config.exclude_current_positions_from_observation ? 1 : 0) {}

void HalfCheetah::DoReset(std::span<double> observation) {
  StartFrom([this] { return random().Uniform(-reset_noise_scale(), reset_noise_scale()); },
            [this] { return reset_noise_scale() * random().StandardNormal(); });
  ObservePositionsAndVelocities(observation, hidden_positions_);
}

StepResult HalfCheetah::DoStep(std::span<const float> action, std::span<double> observation) {
  const double x_before = qpos()[0];
  Simulate(action);
  const double x_velocity = (qpos()[0] - x_before) / control_period();
  ObservePositionsAndVelocities(observation, hidden_positions_);
  StepResult result;
  result.reward =
      forward_reward_weight_ * x_velocity - static_cast<double>(ControlCost(ctrl_cost_weight_, action));
  return result;
}

}  // namespace strider
