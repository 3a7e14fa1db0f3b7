#include "envs/mujoco/planar_walker.h"

#include <algorithm>

namespace strider {
namespace {

constexpr double kVelocityLimit = 10;  // of the observation only

int ObservationSize(const mjModel& model, const PlanarWalkerConfig& config) {
  return static_cast<int>(model.nq + model.nv) - (config.exclude_current_positions_from_observation ? 1 : 0);
}

}  // namespace

PlanarWalker::PlanarWalker(std::string_view id, const SharedModel& model, const PlanarWalkerConfig& config,
                           std::optional<double> reward_threshold)
    : MujocoEnv(id, model, config.simulation, ObservationSize(*model, config), reward_threshold),
      forward_reward_weight_(config.forward_reward_weight),
      ctrl_cost_weight_(config.ctrl_cost_weight),
      healthy_reward_(config.healthy_reward),
      terminate_when_unhealthy_(config.terminate_when_unhealthy),
      healthy_state_(ReadInterval("env.healthy_state_range", config.healthy_state_range)),
      healthy_z_(ReadInterval("env.healthy_z_range", config.healthy_z_range)),
      healthy_angle_(ReadInterval("env.healthy_angle_range", config.healthy_angle_range)),
      reset_noise_scale_(config.reset_noise_scale),
      hidden_positions_(config.exclude_current_positions_from_observation ? 1 : 0) {}

void PlanarWalker::DoReset(std::span<double> observation) {
  StartWithUniformNoise(reset_noise_scale_);
  Observe(observation);
}

StepResult PlanarWalker::DoStep(const ActionRow& action, std::span<double> observation) {
  const double x_before = qpos()[0];
  Simulate(action);
  const double x_velocity = (qpos()[0] - x_before) / control_period();
  Observe(observation);

  const bool healthy = Healthy();
  const double gain = forward_reward_weight_ * x_velocity +
                      SurvivalReward(healthy_reward_, healthy, terminate_when_unhealthy_);
  StepResult result;
  result.reward = gain - ControlCost(ctrl_cost_weight_, action);
  result.terminated = terminate_when_unhealthy_ && !healthy;
  return result;
}

// Judged after the step, by velocities that are not clipped.
bool PlanarWalker::Healthy() const {
  const auto inside = [this](double x) { return healthy_state_.ContainsInside(x); };
  return healthy_z_.ContainsInside(qpos()[1]) && healthy_angle_.ContainsInside(qpos()[2]) &&
         std::ranges::all_of(qpos().subspan(2), inside) && std::ranges::all_of(qvel(), inside);
}

void PlanarWalker::Observe(std::span<double> observation) const {
  ObservePositionsAndVelocities(observation, hidden_positions_, kVelocityLimit);
}

}  // namespace strider
