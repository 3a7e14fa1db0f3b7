// A robot that hops on one leg.
#pragma once

#include "envs/mujoco/planar_walker.h"

namespace strider {

struct HopperConfig : PlanarWalkerConfig {
  HopperConfig() {
    healthy_state_range = {-100, 100};
    healthy_z_range = {0.7, std::numeric_limits<double>::infinity()};
    healthy_angle_range = {-0.2, 0.2};
  }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    PlanarWalkerConfig::Visit(visit);
    visit("healthy_state_range", healthy_state_range,
          "value strictly inside which every joint and velocity is healthy: low,high");
  }
};

// Hopper-v5 (environments sheet, section 3): 11 observations, 3 actions.
class Hopper final : public PlanarWalker {
 public:
  using Config = HopperConfig;
  Hopper(std::string_view id, const Config& config);
};

}  // namespace strider
