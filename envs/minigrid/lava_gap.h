// Reaching a goal through a gap in a line of lava.
#pragma once

#include "envs/minigrid/minigrid_env.h"

namespace strider {

struct LavaGapConfig : MiniGridConfig {
  bool only_moves = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    MiniGridConfig::Visit(visit);
    visit("only_moves", only_moves,
          "leaves out the four actions that do nothing here, as the dataset study does");
  }
};

template <int kSize>
struct LavaGapSized : LavaGapConfig {
  LavaGapSized() { size = kSize; }
};

// MiniGrid-LavaGapS5-v0, S6 and S7. Lava ends the episode without reward; walls block sight. The one thing is
// the gap.
class LavaGap final : public MiniGridEnv {
 public:
  using Config = LavaGapConfig;
  LavaGap(std::string_view id, const Config& config)
      : MiniGridEnv(id, config, {.actions = config.only_moves ? 3 : 7, .things = 1}) {}

 private:
  void Furnish() override;
  void PutThings() override;
};

}  // namespace strider
