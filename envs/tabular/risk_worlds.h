// Small worlds in which the best mean is not the best choice: for planners, whose optima are known, and for
// agents.
#pragma once

#include "core/settings.h"
#include "envs/tabular/tabular_env.h"

namespace strider {

// ThreeState-v0: first chance gives 0 or 2, then the safe action gives 1, the risky one 4 or -1 (each with
// probability 1/2), and the episode ends. Which is right depends on what came first.
struct ThreeStateConfig {
  int max_episode_steps = 2;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
  }
};
TabularMdp ThreeStateMdp(const ThreeStateConfig& config);

// GridG-v0, where any return can be aimed for: 4 x 4 cells, start in the upper left corner. A move into the
// upper right corner gives 1, into the lower left corner -1, into the lower right corner ends the episode.
struct GridGConfig {
  int max_episode_steps = 12;
  double slip = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("slip", slip, "probability of an action drawn at random instead", InRange(0, 1));
  }
};
TabularMdp GridGMdp(const GridGConfig& config);

// GridR-v0, a short way over a bridge and a safe one around it: 3 x 5 cells, from the left end of the middle
// row to its right end. Each step costs 1 and the goal gives 10. Each step onto the bridge between fails with
// some probability, which costs 3 more and ends the episode.
struct GridRConfig {
  int max_episode_steps = 12;
  double failure = 0.05;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("failure", failure, "probability that a step onto the bridge fails", InRange(0, 1));
  }
};
TabularMdp GridRMdp(const GridRConfig& config);

// Chain-v0 (Strens, "A Bayesian framework for reinforcement learning", 2000): going forward gives nothing
// until the end of the chain, where it gives 10 again and again; going back gives 2 and leads to the start.
// Each action is now and then the other one.
struct ChainConfig {
  int max_episode_steps = 100;
  int length = 5;
  double slip = 0.2;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("length", length, "states", InRange(2, 1'000'000));
    visit("slip", slip, "probability of the other action instead", InRange(0, 1));
  }
};
TabularMdp ChainMdp(const ChainConfig& config);

template <class ConfigType, TabularMdp (*kMake)(const ConfigType&)>
class RiskWorld final : public TabularEnv {
 public:
  using Config = ConfigType;
  RiskWorld(std::string_view id, const Config& config)
      : TabularEnv(id, kMake(config), config.max_episode_steps) {}
};

using ThreeState = RiskWorld<ThreeStateConfig, &ThreeStateMdp>;
using GridG = RiskWorld<GridGConfig, &GridGMdp>;
using GridR = RiskWorld<GridRConfig, &GridRMdp>;
using Chain = RiskWorld<ChainConfig, &ChainMdp>;

}  // namespace strider
