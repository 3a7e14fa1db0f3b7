#include "envs/tabular/four_rooms.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "envs/tabular/text_map.h"

namespace strider {
namespace {

constexpr char kWall = '#';
constexpr std::string_view kMap =
    "#############/"
    "#     #     #/"
    "#     #     #/"
    "#           #/"
    "#     #     #/"
    "#     #     #/"
    "## ####     #/"
    "#     ### ###/"
    "#     #     #/"
    "#     #     #/"
    "#           #/"
    "#     #     #/"
    "#############";

constexpr std::array<GridCell, 4> kMoves = {kUp, kDown, kLeft, kRight};

GridCell ReadCell(const TextMap& map, std::string_view key, const std::vector<int>& numbers) {
  if (numbers.size() == 2) {
    const GridCell cell{numbers[0], numbers[1]};
    if (map.Contains(cell) && map.At(cell) != kWall) return cell;
  }
  throw InputError("{} = '{}' is not accepted; expected row,column of a free cell", key,
                   fmt::join(numbers, ","));
}

}  // namespace

TabularMdp FourRoomsMdp(const FourRoomsConfig& config) {
  const TextMap map(kMap);
  const GridCell goal = ReadCell(map, "env.goal", config.goal);
  std::vector<GridCell> cells = map.Cells();
  std::erase_if(cells, [&](GridCell cell) { return map.At(cell) == kWall; });
  const auto state_of = [&](GridCell cell) {
    return static_cast<int>(std::ranges::find(cells, cell) - cells.begin());
  };

  TabularMdp mdp(static_cast<int>(cells.size()), static_cast<int>(kMoves.size()));
  mdp.action_names = {"up", "down", "left", "right"};
  if (config.start.empty()) {
    std::ranges::fill(mdp.start, 1 / static_cast<double>(cells.size() - 1));
    mdp.start[static_cast<std::size_t>(state_of(goal))] = 0;
  } else {
    const GridCell start = ReadCell(map, "env.start", config.start);
    if (start == goal) {
      throw InputError("env.start = '{}' is the goal; expected another cell", fmt::join(config.start, ","));
    }
    mdp.start[static_cast<std::size_t>(state_of(start))] = 1;
  }

  const auto walk = [&](GridCell from, std::size_t direction, double probability) -> Outcome {
    const GridCell ahead = from + kMoves[direction];
    const GridCell to = map.At(ahead) == kWall ? from : ahead;
    return {probability, state_of(to), to == goal ? 1.0 : 0.0, to == goal};
  };
  const double astray = config.slip / static_cast<double>(kMoves.size() - 1);
  for (const GridCell cell : cells) {
    mdp.state_names.push_back(fmt::format("{},{}", cell.row, cell.column));
    const int state = state_of(cell);
    for (std::size_t action = 0; action < kMoves.size(); ++action) {
      auto& outcomes = mdp.Outcomes(state, static_cast<int>(action));
      if (cell == goal) {
        outcomes = {{1, state, 0, true}};
        continue;
      }
      for (std::size_t direction = 0; direction < kMoves.size(); ++direction) {
        const double probability = direction == action ? 1 - config.slip : astray;
        if (probability > 0) outcomes.push_back(walk(cell, direction, probability));
      }
    }
  }
  return mdp;
}

}  // namespace strider
