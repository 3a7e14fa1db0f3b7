// What Hopper and Walker2d share: robots that move in a plane, are rewarded for forward velocity and for
// staying upright, and whose episode ends when they fall.
#pragma once

#include <vector>

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct PlanarWalkerConfig {
  MujocoConfig simulation{.frame_skip = 4};
  double forward_reward_weight = 1.0;
  double ctrl_cost_weight = 1e-3;
  double healthy_reward = 1.0;
  bool terminate_when_unhealthy = true;
  // Open intervals (low, high).
  std::vector<double> healthy_state_range{-std::numeric_limits<double>::infinity(),
                                          std::numeric_limits<double>::infinity()};
  std::vector<double> healthy_z_range;
  std::vector<double> healthy_angle_range;
  double reset_noise_scale = 5e-3;
  bool exclude_current_positions_from_observation = true;

  // All but healthy_state_range, which Walker2d does not have.
  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("forward_reward_weight", forward_reward_weight, "reward per m/s of forward velocity");
    visit("ctrl_cost_weight", ctrl_cost_weight, "cost per squared action");
    visit("healthy_reward", healthy_reward, "reward for every step that ends healthy");
    visit("terminate_when_unhealthy", terminate_when_unhealthy,
          "whether the episode ends when the robot is unhealthy");
    visit("healthy_z_range", healthy_z_range,
          "height (m) strictly inside which the robot is healthy: low,high");
    visit("healthy_angle_range", healthy_angle_range,
          "torso angle (rad) strictly inside which it is: low,high");
    VisitResetNoise(visit, reset_noise_scale);
    visit("exclude_current_positions_from_observation", exclude_current_positions_from_observation,
          "leave the x position out of the observation");
  }
};

// Observation: positions but x, velocities clipped to +-10. Reward: forward velocity plus healthy reward less
// control cost. Positions are x, height, angle of the torso, then the joints.
class PlanarWalker : public MujocoEnv {
 protected:
  // Throws InputError where a range is not two numbers, the lower first.
  PlanarWalker(std::string_view id, const SharedModel& model, const PlanarWalkerConfig& config,
               std::optional<double> reward_threshold);

 private:
  void DoReset(std::span<double> observation) final;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) final;
  bool Healthy() const;
  void Observe(std::span<double> observation) const;

  double forward_reward_weight_;
  double ctrl_cost_weight_;
  double healthy_reward_;
  bool terminate_when_unhealthy_;
  Interval healthy_state_;
  Interval healthy_z_;
  Interval healthy_angle_;
  double reset_noise_scale_;
  int hidden_positions_;
};

}  // namespace strider
