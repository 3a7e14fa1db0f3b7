// An arm that pushes an object to a goal.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct PusherConfig {
  MujocoConfig simulation{.frame_skip = 5, .max_episode_steps = 100};
  double reward_near_weight = 0.5;
  double reward_dist_weight = 1.0;
  double reward_control_weight = 0.1;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("reward_near_weight", reward_near_weight, "cost per m between the arm's tips and the object");
    visit("reward_dist_weight", reward_dist_weight, "cost per m between object and goal");
    visit("reward_control_weight", reward_control_weight, "cost per squared action");
  }
};

// Pusher-v5 (environments sheet, section 3). Observation: positions (7) and velocities (7) of the arm's
// joints, places of its tips (3), of the object (3) and of the goal (3). Action: torques (7). Reward: minus
// the distances of object to goal and of tips to object, less control cost. Never terminates.
class Pusher final : public MujocoEnv {
 public:
  using Config = PusherConfig;
  Pusher(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  void Observe(std::span<double> observation) const;

  int tips_;
  int object_;
  int goal_;
  double reward_near_weight_;
  double reward_dist_weight_;
  double reward_control_weight_;
};

}  // namespace strider
