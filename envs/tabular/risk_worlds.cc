#include "envs/tabular/risk_worlds.h"

#include <algorithm>
#include <array>

#include "envs/tabular/text_map.h"

namespace strider {
namespace {

constexpr std::array<GridCell, 4> kMoves = {kUp, kDown, kLeft, kRight};

TabularMdp EmptyGrid(const TextMap& map, GridCell start) {
  TabularMdp mdp(map.height() * map.width(), static_cast<int>(kMoves.size()));
  mdp.action_names = {"up", "down", "left", "right"};
  mdp.start[static_cast<std::size_t>(map.Index(start))] = 1;
  for (const GridCell cell : map.Cells())
    mdp.state_names.push_back(fmt::format("{},{}", cell.row, cell.column));
  return mdp;
}

}  // namespace

TabularMdp ThreeStateMdp(const ThreeStateConfig&) {
  TabularMdp mdp(3, 2);
  mdp.state_names = {"s0", "s1", "end"};
  mdp.action_names = {"safe", "risky"};
  mdp.start[0] = 1;
  for (const int action : {0, 1}) {
    mdp.Outcomes(0, action) = {{0.5, 1, 0, false}, {0.5, 1, 2, false}};
    mdp.Outcomes(2, action) = {{1, 2, 0, true}};
  }
  mdp.Outcomes(1, 0) = {{1, 2, 1, true}};
  mdp.Outcomes(1, 1) = {{0.5, 2, 4, true}, {0.5, 2, -1, true}};
  return mdp;
}

TabularMdp GridGMdp(const GridGConfig& config) {
  const TextMap map("S..+/..../..../-..E");
  TabularMdp mdp = EmptyGrid(map, {0, 0});
  const auto move = [&](GridCell from, GridCell direction, double probability) -> Outcome {
    const GridCell ahead = from + direction;
    if (!map.Contains(ahead)) return {probability, map.Index(from), 0, false};
    const char letter = map.At(ahead);
    return {probability, map.Index(ahead), letter == '+' ? 1.0 : letter == '-' ? -1.0 : 0.0, letter == 'E'};
  };
  for (const GridCell cell : map.Cells()) {
    for (std::size_t action = 0; action < kMoves.size(); ++action) {
      auto& outcomes = mdp.Outcomes(map.Index(cell), static_cast<int>(action));
      if (map.At(cell) == 'E') {
        outcomes = {{1, map.Index(cell), 0, true}};
        continue;
      }
      for (std::size_t taken = 0; taken < kMoves.size(); ++taken) {
        const double probability = config.slip / 4 + (taken == action ? 1 - config.slip : 0);
        if (probability > 0) outcomes.push_back(move(cell, kMoves[taken], probability));
      }
    }
  }
  return mdp;
}

TabularMdp GridRMdp(const GridRConfig& config) {
  const TextMap map("...../SBBBE/.....");
  TabularMdp mdp = EmptyGrid(map, {1, 0});
  for (const GridCell cell : map.Cells()) {
    for (std::size_t action = 0; action < kMoves.size(); ++action) {
      auto& outcomes = mdp.Outcomes(map.Index(cell), static_cast<int>(action));
      if (map.At(cell) == 'E') {
        outcomes = {{1, map.Index(cell), 0, true}};
        continue;
      }
      const GridCell ahead = cell + kMoves[action];
      if (!map.Contains(ahead)) {
        outcomes = {{1, map.Index(cell), -1, false}};
      } else if (map.At(ahead) == 'B') {
        outcomes = {{1 - config.failure, map.Index(ahead), -1, false},
                    {config.failure, map.Index(ahead), -4, true}};
      } else if (map.At(ahead) == 'E') {
        outcomes = {{1, map.Index(ahead), 9, true}};
      } else {
        outcomes = {{1, map.Index(ahead), -1, false}};
      }
    }
  }
  return mdp;
}

TabularMdp ChainMdp(const ChainConfig& config) {
  TabularMdp mdp(config.length, 2);
  mdp.action_names = {"forward", "back"};
  mdp.start[0] = 1;
  for (int state = 0; state < config.length; ++state) {
    const bool at_the_end = state == config.length - 1;
    for (const int action : {0, 1}) {
      const double forward = action == 0 ? 1 - config.slip : config.slip;
      mdp.Outcomes(state, action) = {
          {forward, at_the_end ? state : state + 1, at_the_end ? 10.0 : 0.0, false},
          {1 - forward, 0, 2, false}};
    }
  }
  return mdp;
}

}  // namespace strider
