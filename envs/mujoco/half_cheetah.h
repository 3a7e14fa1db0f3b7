// A planar runner with two legs.
#pragma once

#include "envs/mujoco/runner.h"

namespace strider {

struct HalfCheetahConfig : RunnerConfig {
  HalfCheetahConfig() { simulation.frame_skip = 5; }
};

// HalfCheetah-v5 (environments sheet, section 3). Observation: positions but x (8), velocities (9). Action:
// torques (6).
class HalfCheetah final : public Runner {
 public:
  using Config = HalfCheetahConfig;
  HalfCheetah(std::string_view id, const Config& config);

 private:
  void Start() override { StartWithNormalVelocities(reset_noise_scale()); }
};

}  // namespace strider
