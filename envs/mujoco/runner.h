// Robots that are paid for moving forward and never end an episode.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct RunnerConfig {
  MujocoConfig simulation;
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
          "leave the horizontal position out of the observation");
  }
};

// Observation: positions and velocities. Reward: forward velocity less control cost.
class Runner : public MujocoEnv {
 protected:
  // The first `horizontal` positions are those that can be excluded from the `full_size` numbers observed.
  Runner(std::string_view id, SharedModel model, const RunnerConfig& config, int full_size, int horizontal,
         std::optional<double> reward_threshold);

  double reset_noise_scale() const { return reset_noise_scale_; }

 private:
  // Puts the robot into a start state drawn from random().
  virtual void Start() = 0;
  void DoReset(std::span<double> observation) final;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) final;

  double forward_reward_weight_;
  double ctrl_cost_weight_;
  double reset_noise_scale_;
  int hidden_positions_;
};

}  // namespace strider
