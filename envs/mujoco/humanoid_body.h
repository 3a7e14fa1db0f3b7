// What Humanoid and HumanoidStandup share: one body, and what it shows and pays.
#pragma once

#include <vector>

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct HumanoidBodyConfig {
  MujocoConfig simulation{.frame_skip = 5};
  double ctrl_cost_weight = 0.1;
  double reset_noise_scale = 1e-2;
  bool exclude_current_positions_from_observation = true;
  bool include_cinert_in_observation = true;
  bool include_cvel_in_observation = true;
  bool include_qfrc_actuator_in_observation = true;
  bool include_cfrc_ext_in_observation = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("ctrl_cost_weight", ctrl_cost_weight, "cost per squared action");
    VisitResetNoise(visit, reset_noise_scale);
    visit("exclude_current_positions_from_observation", exclude_current_positions_from_observation,
          "leave the x and y positions out of the observation");
    visit("include_cinert_in_observation", include_cinert_in_observation,
          "observe masses and inertias of the bodies about the centre of mass");
    visit("include_cvel_in_observation", include_cvel_in_observation, "observe the bodies' velocities");
    visit("include_qfrc_actuator_in_observation", include_qfrc_actuator_in_observation,
          "observe the actuators' forces on the joints");
    visit("include_cfrc_ext_in_observation", include_cfrc_ext_in_observation, "observe the contact forces");
  }
};

// Observation: positions but x and y (22), velocities (23), and for all bodies but the world their inertia
// (130) and velocity (78), actuator forces (17), contact forces (78). Action: torques (17), whose cost is
// computed in double.
class HumanoidBody : public MujocoEnv {
 protected:
  // `contact_cost_weight` is the cost per squared contact force, which is clipped to `contact_cost_range`.
  HumanoidBody(std::string_view id, const SharedModel& model, const HumanoidBodyConfig& config,
               double contact_cost_weight, const Interval& contact_cost_range);

  // Advances and observes.
  void Advance(const ActionRow& action, std::span<double> observation);

  // Of the action that was simulated last.
  double ControlCost() const;
  double ContactCost() const;

 private:
  void DoReset(std::span<double> observation) final;
  void Observe(std::span<double> observation) const;

  HumanoidBodyConfig config_;
  double contact_cost_weight_;
  Interval contact_cost_range_;
};

}  // namespace strider
