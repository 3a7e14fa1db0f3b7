// A snake of three links that swims in a viscous fluid.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct SwimmerConfig {
  MujocoConfig simulation{.frame_skip = 4};
  double forward_reward_weight = 1.0;
  double ctrl_cost_weight = 1e-4;
  double reset_noise_scale = 0.1;
  bool exclude_current_positions_from_observation = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("forward_reward_weight", forward_reward_weight, "reward per m/s of forward velocity");
    visit("ctrl_cost_weight", ctrl_cost_weight, "cost per squared action");
    VisitResetNoise(visit, reset_noise_scale);
    visit("exclude_current_positions_from_observation", exclude_current_positions_from_observation,
          "leave the x and y positions out of the observation");
  }
};

// Swimmer-v5 (environments sheet, section 3). Observation: angles (3), velocities (5). Action: torques (2).
// Reward: forward velocity less control cost. Never terminates.
class Swimmer final : public MujocoEnv {
 public:
  using Config = SwimmerConfig;
  Swimmer(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  double forward_reward_weight_;
  double ctrl_cost_weight_;
  double reset_noise_scale_;
  int hidden_positions_;
};

}  // namespace strider
