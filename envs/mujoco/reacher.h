// An arm of two links whose fingertip reaches for a target.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct ReacherConfig {
  MujocoConfig simulation{.frame_skip = 2, .max_episode_steps = 50};
  double reward_dist_weight = 1.0;
  double reward_control_weight = 1.0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("reward_dist_weight", reward_dist_weight, "cost per m between fingertip and target");
    visit("reward_control_weight", reward_control_weight, "cost per squared action");
  }
};

// Reacher-v5 (environments sheet, section 3). Observation: cosines (2) and sines (2) of the joints, the
// target's position (2), the joints' velocities (2), fingertip less target in x and y (2). Action: torques
// (2). Reward: minus the distance to the target, less control cost. Never terminates.
class Reacher final : public MujocoEnv {
 public:
  using Config = ReacherConfig;
  Reacher(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  void Observe(std::span<double> observation) const;

  int fingertip_;
  int target_;
  double reward_dist_weight_;
  double reward_control_weight_;
};

}  // namespace strider
