// A robot that walks on two legs in a plane.
#pragma once

#include "envs/mujoco/planar_walker.h"

namespace strider {

struct Walker2dConfig : PlanarWalkerConfig {
  Walker2dConfig() {
    healthy_z_range = {0.8, 2.0};
    healthy_angle_range = {-1.0, 1.0};
  }
};

// Walker2d-v5 (environments sheet, section 3): 17 observations, 6 actions.
class Walker2d final : public PlanarWalker {
 public:
  using Config = Walker2dConfig;
  Walker2d(std::string_view id, const Config& config);
};

}  // namespace strider
