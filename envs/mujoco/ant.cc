#include "envs/mujoco/ant.h"

#include <algorithm>

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion version) { return CompileModel(*ParseModel(models::kAnt), version); }

int HiddenPositions(const AntConfig& config) {
  return config.exclude_current_positions_from_observation ? 2 : 0;
}

// The first body whose contact forces are observed; the number of bodies where none is.
int FirstObservedForce(const mjModel& model, const AntConfig& config) {
  const auto none = static_cast<int>(model.nbody);
  switch (config.simulation.version) {
    case RobotVersion::kV2:
      return 0;
    case RobotVersion::kV4:
      return config.use_contact_forces ? 0 : none;
    case RobotVersion::kV5:
      return config.include_cfrc_ext_in_observation ? 1 : none;
  }
  return none;
}

bool NeedsContactForces(const AntConfig& config) {
  switch (config.simulation.version) {
    case RobotVersion::kV2:
      return false;
    case RobotVersion::kV4:
      return config.use_contact_forces;
    case RobotVersion::kV5:
      return config.include_cfrc_ext_in_observation || config.contact_cost_weight != 0;
  }
  return true;
}

int ObservationSize(const mjModel& model, const AntConfig& config) {
  return static_cast<int>(model.nq + model.nv + 6 * (model.nbody - FirstObservedForce(model, config))) -
         HiddenPositions(config);
}

}  // namespace

Ant::Ant(std::string_view id, const Config& config) : Ant(id, RobotModel(id, config), config, 6000.0) {}

SharedModel Ant::RobotModel(std::string_view id, const Config& config) {
  return ModelFor(id, config.simulation, &Compile);
}

Ant::Ant(std::string_view id, const SharedModel& model, const Config& config,
         std::optional<double> reward_threshold)
    : MujocoEnv(id, model, config.simulation, ObservationSize(*model, config), reward_threshold),
      forward_reward_weight_(config.forward_reward_weight),
      ctrl_cost_weight_(config.ctrl_cost_weight),
      contact_cost_weight_(config.contact_cost_weight),
      healthy_reward_(config.healthy_reward),
      main_body_(
          BodyNumber(*model, config.simulation.version == RobotVersion::kV5 ? config.main_body : "torso")),
      terminate_when_unhealthy_(config.terminate_when_unhealthy),
      healthy_z_(ReadInterval("env.healthy_z_range", config.healthy_z_range)),
      contact_force_range_(ReadInterval("env.contact_force_range", config.contact_force_range)),
      reset_noise_scale_(config.reset_noise_scale),
      hidden_positions_(HiddenPositions(config)),
      first_observed_force_(FirstObservedForce(*model, config)),
      needs_contact_forces_(NeedsContactForces(config)) {}

void Ant::Act(const ActionRow& action) {
  needs_contact_forces_ ? SimulateWithContactForces(action) : Simulate(action);
}

void Ant::DoReset(std::span<double> observation) {
  StartWithNormalVelocities(reset_noise_scale_);
  Observe(observation);
}

StepResult Ant::DoStep(const ActionRow& action, std::span<double> observation) {
  const double x_before = BodyPosition(main_body_)[0];
  Act(action);
  const double x_velocity = (BodyPosition(main_body_)[0] - x_before) / control_period();
  Observe(observation);

  const bool healthy = Healthy();
  const double forward = forward_reward_weight_ * x_velocity;
  const double survival = SurvivalReward(healthy_reward_, healthy, terminate_when_unhealthy_);
  const double costs = ControlCost(ctrl_cost_weight_, action) + (needs_contact_forces_ ? ContactCost() : 0);
  StepResult result;
  // The order of adding decides the last bit.
  result.reward = version() == RobotVersion::kV2 ? forward - costs + survival : forward + survival - costs;
  result.terminated = terminate_when_unhealthy_ && !healthy;
  return result;
}

bool Ant::Healthy() const { return healthy_z_.Contains(qpos()[2]); }

// Over all bodies, the world included, whatever is observed.
double Ant::ContactCost() const {
  const auto square = [this](std::size_t i) {
    const double force = contact_force_range_.Clip(data().cfrc_ext[i]);
    return force * force;
  };
  return contact_cost_weight_ * SumAsNumpy<double>(6 * static_cast<std::size_t>(model().nbody), square);
}

void Ant::Observe(std::span<double> observation) const {
  ObservePositionsAndVelocities(observation, hidden_positions_);
  const std::size_t seen = qpos().size() + qvel().size() - static_cast<std::size_t>(hidden_positions_);
  ObserveContactForces(observation.subspan(seen), first_observed_force_, contact_force_range_);
}

}  // namespace strider
