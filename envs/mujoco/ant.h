// A robot that walks on four legs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct AntConfig {
  MujocoConfig simulation{.frame_skip = 5};
  double forward_reward_weight = 1.0;
  double ctrl_cost_weight = 0.5;
  double contact_cost_weight = 5e-4;
  double healthy_reward = 1.0;
  std::string main_body = "1";
  bool terminate_when_unhealthy = true;
  std::vector<double> healthy_z_range{0.2, 1.0};       // closed
  std::vector<double> contact_force_range{-1.0, 1.0};  // closed
  double reset_noise_scale = 0.1;
  bool exclude_current_positions_from_observation = true;
  bool include_cfrc_ext_in_observation = true;  // version 5
  bool use_contact_forces = false;              // version 4

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("ctrl_cost_weight", ctrl_cost_weight, "cost per squared action");
    visit("healthy_reward", healthy_reward, "reward for every step that ends healthy");
    visit("terminate_when_unhealthy", terminate_when_unhealthy,
          "whether the episode ends when the robot is unhealthy");
    visit("healthy_z_range", healthy_z_range,
          "height (m) of the torso at and between which the robot is healthy: low,high");
    VisitResetNoise(visit, reset_noise_scale);
    visit("exclude_current_positions_from_observation", exclude_current_positions_from_observation,
          "leave the x and y positions out of the observation");
    if (simulation.version != RobotVersion::kV2) {
      visit("contact_cost_weight", contact_cost_weight, "cost per squared contact force");
      visit("contact_force_range", contact_force_range, "contact forces are clipped to this range: low,high");
    }
    if (simulation.version == RobotVersion::kV4) {
      visit("use_contact_forces", use_contact_forces, "observe the contact forces and count their cost");
    }
    if (simulation.version == RobotVersion::kV5) {
      visit("forward_reward_weight", forward_reward_weight, "reward per m/s of forward velocity");
      visit("main_body", main_body, "name or number of the body whose velocity is rewarded");
      visit("include_cfrc_ext_in_observation", include_cfrc_ext_in_observation, "observe the contact forces");
    }
  }
};

// Ant (environments sheet, sections 3 to 5). Observation: positions but x and y (13), velocities (14), and
// contact forces on the bodies: in v5 on all but the world (78), in v4 on request with the world's (84), in
// v2 84 zeros, as D4RL's simulator left them. Action: torques (8). Reward: forward velocity of the torso plus
// healthy reward less control and contact cost. Terminates when the torso is too low or too high.
class Ant : public MujocoEnv {
 public:
  using Config = AntConfig;
  Ant(std::string_view id, const Config& config);

 protected:
  // With this model, such as the robot amid other things, and for other tasks than to run.
  Ant(std::string_view id, const SharedModel& model, const Config& config,
      std::optional<double> reward_threshold = std::nullopt);

  // The robot alone.
  static SharedModel RobotModel(std::string_view id, const Config& config);

  // Simulates a step, with the contact forces where they are needed.
  void Act(const ActionRow& action);
  void Observe(std::span<double> observation) const;

  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

 private:
  bool Healthy() const;
  double ContactCost() const;

  double forward_reward_weight_;
  double ctrl_cost_weight_;
  double contact_cost_weight_;
  double healthy_reward_;
  int main_body_;
  bool terminate_when_unhealthy_;
  Interval healthy_z_;
  Interval contact_force_range_;
  double reset_noise_scale_;
  int hidden_positions_;
  int first_observed_force_;  // the body from which on contact forces are observed
  bool needs_contact_forces_;
};

}  // namespace strider
