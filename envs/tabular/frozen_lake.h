// Crossing a frozen lake without falling into its holes.
#pragma once

#include <string>
#include <vector>

#include "core/settings.h"
#include "envs/tabular/tabular_env.h"

namespace strider {

struct FrozenLakeConfig {
  int max_episode_steps = 100;
  std::string map_name = "4x4";
  std::string desc;
  bool is_slippery = true;
  double success_rate = 1.0 / 3.0;
  std::vector<double> reward_schedule = {1, 0, 0};

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("map_name", map_name, "which of Gymnasium's two maps", OneOf({"4x4", "8x8"}));
    visit("desc", desc,
          "a map instead of these: rows of S (start), F (frozen), H (hole), G (goal) joined by /");
    visit("is_slippery", is_slippery, "whether a move may go to either side instead");
    visit("success_rate", success_rate, "probability that a move on slippery ice goes ahead", InRange(0, 1));
    visit("reward_schedule", reward_schedule, "rewards for reaching the goal, a hole, frozen ice");
  }
};

struct FrozenLake8x8Config : FrozenLakeConfig {
  FrozenLake8x8Config() {
    max_episode_steps = 200;
    map_name = "8x8";
  }
};

// The states are the map's cells row by row; the actions 0 left, 1 down, 2 right, 3 up. Throws InputError
// where an option is impossible.
TabularMdp FrozenLakeMdp(const FrozenLakeConfig& config);

// FrozenLake-v1 and FrozenLake8x8-v1 of Gymnasium's toy_text.
class FrozenLake final : public TabularEnv {
 public:
  using Config = FrozenLakeConfig;
  FrozenLake(std::string_view id, const Config& config);
};

}  // namespace strider
