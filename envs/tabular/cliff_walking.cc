#include "envs/tabular/cliff_walking.h"

#include <array>

#include "envs/tabular/text_map.h"

namespace strider {
namespace {

// S start, C cliff, G goal.
constexpr std::string_view kMap = "............/............/............/SCCCCCCCCCCG";
constexpr GridCell kStart{3, 0};

constexpr int kActions = 4;
constexpr std::array<GridCell, kActions> kMoves = {kUp, kRight, kDown, kLeft};

// Who falls off the cliff starts again, in the same episode.
Outcome Walk(const TextMap& map, GridCell from, int direction, double probability) {
  const GridCell ahead = from + kMoves[static_cast<std::size_t>(direction)];
  const GridCell to = map.Contains(ahead) ? ahead : from;
  if (map.At(to) == 'C') return {probability, map.Index(kStart), -100, false};
  return {probability, map.Index(to), -1, map.At(to) == 'G'};
}

}  // namespace

TabularMdp CliffWalkingMdp(const CliffWalkingConfig& config) {
  const TextMap map(kMap);
  const std::vector<GridCell> cells = map.Cells();
  TabularMdp mdp(static_cast<int>(cells.size()), kActions);
  mdp.action_names = {"up", "right", "down", "left"};
  mdp.start[static_cast<std::size_t>(map.Index(kStart))] = 1;
  for (const GridCell cell : cells) {
    mdp.state_names.push_back(fmt::format("{},{}", cell.row, cell.column));
    for (int action = 0; action < kActions; ++action) {
      auto& outcomes = mdp.Outcomes(map.Index(cell), action);
      if (!config.is_slippery) {
        outcomes = {Walk(map, cell, action, 1)};
        continue;
      }
      for (const int turn : {kActions - 1, 0, 1}) {
        outcomes.push_back(Walk(map, cell, (action + turn) % kActions, 1.0 / 3.0));
      }
    }
  }
  return mdp;
}

}  // namespace strider
