// Four rooms joined by hallways.
#pragma once

#include <vector>

#include "core/settings.h"
#include "envs/tabular/tabular_env.h"

namespace strider {

struct FourRoomsConfig {
  int max_episode_steps = 1000;
  double slip = 1.0 / 3.0;
  std::vector<int> start;
  std::vector<int> goal = {7, 9};

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("slip", slip, "probability of moving in one of the other three directions instead", InRange(0, 1));
    visit("start", start,
          "row,column of the start, counted from 0 with the walls; empty: any cell but the goal");
    visit("goal", goal, "row,column of the goal");
  }
};

// The states are the 104 free cells row by row; the actions 0 up, 1 down, 2 left, 3 right. Throws InputError
// where start or goal is no free cell.
TabularMdp FourRoomsMdp(const FourRoomsConfig& config);

// FourRooms-v0, the gridworld of Sutton, Precup and Singh, "Between MDPs and semi-MDPs" (Artificial
// Intelligence 112, 1999), section 3: 13 x 13 cells, walls around and between the rooms included; a move goes
// astray with probability 1/3; walls stop. Goal and start are those that later work took up (Bacon, Harb and
// Precup, "The option-critic architecture", 2017): reward 1 for reaching the east hallway, which ends the
// episode, 0 otherwise; any other cell is an equally likely start; 1000 steps.
class FourRooms final : public TabularEnv {
 public:
  using Config = FourRoomsConfig;
  FourRooms(std::string_view id, const Config& config)
      : TabularEnv(id, FourRoomsMdp(config), config.max_episode_steps) {}
};

}  // namespace strider
