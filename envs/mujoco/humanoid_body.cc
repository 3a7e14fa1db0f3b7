#include "envs/mujoco/humanoid_body.h"

#include <algorithm>

namespace strider {
namespace {

constexpr int kFreeJoint = 6;  // velocities of the root, which has no actuator

int HiddenPositions(const HumanoidBodyConfig& config) {
  return config.exclude_current_positions_from_observation ? 2 : 0;
}

int ObservationSize(const mjModel& model, const HumanoidBodyConfig& config) {
  const auto bodies = model.nbody - 1;  // all but the world
  auto size = model.nq + model.nv - HiddenPositions(config);
  if (config.include_cinert_in_observation) size += 10 * bodies;
  if (config.include_cvel_in_observation) size += 6 * bodies;
  if (config.include_qfrc_actuator_in_observation) size += model.nv - kFreeJoint;
  if (config.include_cfrc_ext_in_observation) size += 6 * bodies;
  return static_cast<int>(size);
}

}  // namespace

HumanoidBody::HumanoidBody(std::string_view id, const SharedModel& model, const HumanoidBodyConfig& config,
                           double contact_cost_weight, const Interval& contact_cost_range)
    : MujocoEnv(id, model, config.simulation, ObservationSize(*model, config), std::nullopt),
      config_(config),
      contact_cost_weight_(contact_cost_weight),
      contact_cost_range_(contact_cost_range) {}

void HumanoidBody::DoReset(std::span<double> observation) {
  StartWithUniformNoise(config_.reset_noise_scale);
  Observe(observation);
}

void HumanoidBody::Advance(const ActionRow& action, std::span<double> observation) {
  if (config_.include_cfrc_ext_in_observation || contact_cost_weight_ != 0) {
    SimulateWithContactForces(action);
  } else {
    Simulate(action);
  }
  Observe(observation);
}

double HumanoidBody::ControlCost() const {
  const double* ctrl = data().ctrl;
  return config_.ctrl_cost_weight * SumAsNumpy<double>(static_cast<std::size_t>(model().nu),
                                                       [=](std::size_t i) { return ctrl[i] * ctrl[i]; });
}

double HumanoidBody::ContactCost() const {
  const double* forces = data().cfrc_ext;
  const double sum = SumAsNumpy<double>(6 * static_cast<std::size_t>(model().nbody),
                                        [=](std::size_t i) { return forces[i] * forces[i]; });
  return contact_cost_range_.Clip(contact_cost_weight_ * sum);
}

void HumanoidBody::Observe(std::span<double> observation) const {
  const int hidden = HiddenPositions(config_);
  ObservePositionsAndVelocities(observation, hidden);
  auto to = observation.begin() + (model().nq + model().nv - hidden);
  const auto bodies = model().nbody - 1;
  const auto show = [&](const mjtNum* from, mjtSize count) { to = std::copy_n(from, count, to); };
  if (config_.include_cinert_in_observation) show(data().cinert + 10, 10 * bodies);
  if (config_.include_cvel_in_observation) show(data().cvel + 6, 6 * bodies);
  if (config_.include_qfrc_actuator_in_observation) {
    show(data().qfrc_actuator + kFreeJoint, model().nv - kFreeJoint);
  }
  if (config_.include_cfrc_ext_in_observation) show(data().cfrc_ext + 6, 6 * bodies);
}

}  // namespace strider
