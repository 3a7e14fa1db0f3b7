// Balancing a pole on a pole on a cart.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct InvertedDoublePendulumConfig {
  MujocoConfig simulation{.frame_skip = 5};
  double healthy_reward = 10.0;
  double reset_noise_scale = 0.1;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    visit("healthy_reward", healthy_reward, "reward for every step that ends with the tip up");
    VisitResetNoise(visit, reset_noise_scale);
  }
};

// InvertedDoublePendulum-v5 (environments sheet, section 3). Observation: the cart's position (1), sines (2)
// and cosines (2) of the poles' angles, velocities clipped to +-10 (3), force of the constraints on the cart
// (1). Action: force on the cart. Reward: healthy reward less penalties for the tip's distance from its place
// on top and for the poles' velocities. Terminates when the tip is at most 1 m high.
class InvertedDoublePendulum final : public MujocoEnv {
 public:
  using Config = InvertedDoublePendulumConfig;
  InvertedDoublePendulum(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  void Observe(std::span<double> observation) const;

  double healthy_reward_;
  double reset_noise_scale_;
};

}  // namespace strider
