// Balancing a pole on a cart, simulated by MuJoCo.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct InvertedPendulumConfig {
  MujocoConfig simulation{.frame_skip = 2};
  double reset_noise_scale = 0.01;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    simulation.Visit(visit);
    VisitResetNoise(visit, reset_noise_scale);
  }
};

// InvertedPendulum-v5 (environments sheet, section 3). Observation: positions (2), velocities (2). Action:
// force on the cart. Reward: 1 while the pole stands. Terminates when its angle leaves +-0.2 rad.
class InvertedPendulum final : public MujocoEnv {
 public:
  using Config = InvertedPendulumConfig;
  InvertedPendulum(std::string_view id, const Config& config);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  double reset_noise_scale_;
};

}  // namespace strider
