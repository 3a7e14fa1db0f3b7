// Reaching a goal among balls that move about.
#pragma once

#include "envs/minigrid/minigrid_env.h"

namespace strider {

struct DynamicObstaclesConfig : MiniGridConfig {
  int n_obstacles = 4;
  bool random_start = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    MiniGridConfig::Visit(visit);
    visit("n_obstacles", n_obstacles, "balls; where there are more than size/2 + 1, only size/2", AtLeast(0));
    visit("random_start", random_start,
          "whether the agent starts anywhere instead of in the upper left corner");
  }
};

template <int kSize, int kObstacles, bool kRandomStart>
struct DynamicObstaclesVariant : DynamicObstaclesConfig {
  DynamicObstaclesVariant() {
    size = kSize;
    n_obstacles = kObstacles;
    random_start = kRandomStart;
  }
};

// MiniGrid-Dynamic-Obstacles-*-v0. Before each step every ball jumps to a random free cell next to it. Going
// forward where a ball or a wall was before they jumped costs 1 and ends the episode. Nothing blocks sight.
// The things are the balls.
class DynamicObstacles final : public MiniGridEnv {
 public:
  using Config = DynamicObstaclesConfig;
  DynamicObstacles(std::string_view id, const Config& config);

 private:
  void Furnish() override;
  void PutThings() override;
  StepResult Advance(int action) override;

  bool random_start_;
};

}  // namespace strider
