// A snake of three links that swims in a viscous fluid.
#pragma once

#include "envs/mujoco/runner.h"

namespace strider {

struct SwimmerConfig : RunnerConfig {
  SwimmerConfig() {
    simulation.frame_skip = 4;
    ctrl_cost_weight = 1e-4;
  }
};

// Swimmer-v5 (environments sheet, section 3). Observation: angles (3), velocities (5). Action: torques (2).
class Swimmer final : public Runner {
 public:
  using Config = SwimmerConfig;
  Swimmer(std::string_view id, const Config& config);

 private:
  void Start() override { StartWithUniformNoise(reset_noise_scale()); }
};

}  // namespace strider
