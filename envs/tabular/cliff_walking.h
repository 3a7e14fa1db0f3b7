// Walking along a cliff without falling off.
#pragma once

#include "core/settings.h"
#include "envs/tabular/tabular_env.h"

namespace strider {

struct CliffWalkingConfig {
  int max_episode_steps = 1000;
  bool is_slippery = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("is_slippery", is_slippery, "whether a move goes to either side with probability 1/3 each");
  }
};

struct CliffWalkingSlipperyConfig : CliffWalkingConfig {
  CliffWalkingSlipperyConfig() { is_slippery = true; }
};

// The states are the 4 x 12 cells row by row; the actions 0 up, 1 right, 2 down, 3 left.
TabularMdp CliffWalkingMdp(const CliffWalkingConfig& config);

// CliffWalking-v1 and CliffWalkingSlippery-v1 of Gymnasium's toy_text, which know no step limit: 1000 is
// ours.
class CliffWalking final : public TabularEnv {
 public:
  using Config = CliffWalkingConfig;
  CliffWalking(std::string_view id, const Config& config)
      : TabularEnv(id, CliffWalkingMdp(config), config.max_episode_steps) {}
};

}  // namespace strider
