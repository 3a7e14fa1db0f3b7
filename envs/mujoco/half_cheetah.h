// A planar runner with two legs.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct HalfCheetahConfig {
  MujocoConfig simulation{.frame_skip = 5};
  double forward_reward_weight = 1.0;
  double ctrl_cost_weight = 0.1;
  double reset_noise_scale = 0.1;
  bool exclude_current_positions_from_observation = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("forward_reward_weight", forward_reward_weight, "reward per m/s of forward velocity");
    visit("ctrl_cost_weight", ctrl_cost_weight, "cost per squared action");
    VisitResetNoise(visit, reset_noise_scale);
    visit("exclude_current_positions_from_observation", exclude_current_positions_from_observation,
          "leave the x position out of the observation");
  }
};

// HalfCheetah-v5 (environments sheet, section 3). Observation: positions but x (8), velocities (9). Action:
// torques (6). Reward: forward velocity less control cost. Never terminates.
class HalfCheetah final : public MujocoEnv {
 public:
  using Config = HalfCheetahConfig;
  HalfCheetah(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  double forward_reward_weight_;
  double ctrl_cost_weight_;
  double reset_noise_scale_;
  int hidden_positions_;
};

}  // namespace strider
