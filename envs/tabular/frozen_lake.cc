#include "envs/tabular/frozen_lake.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "envs/tabular/text_map.h"

namespace strider {
namespace {

constexpr std::string_view k4x4 = "SFFF/FHFH/FFFH/HFFG";
constexpr std::string_view k8x8 = "SFFFFFFF/FFFFFFFF/FFFHFFFF/FFFFFHFF/FFFHFFFF/FHHFFFHF/FHFFHFHF/FFFHFFFG";

constexpr int kActions = 4;
constexpr std::array<GridCell, kActions> kMoves = {kLeft, kDown, kRight, kUp};

TextMap ReadMap(const FrozenLakeConfig& config) {
  if (config.desc.empty()) return TextMap(config.map_name == "4x4" ? k4x4 : k8x8);
  TextMap map(config.desc);
  if (!map.IsRectangle() || config.desc.find_first_not_of("SFHG/") != std::string::npos ||
      config.desc.find('S') == std::string::npos) {
    throw InputError(
        "env.desc = '{}' is not accepted; expected rows of one length, made of S, F, H and G and joined by "
        "'/', with a start S among them",
        config.desc);
  }
  return map;
}

bool EndsEpisodes(char letter) { return letter == 'G' || letter == 'H'; }

// Being moved in a direction, with certainty. The shore stops.
Outcome Slide(const FrozenLakeConfig& config, const TextMap& map, GridCell from, int direction) {
  const GridCell ahead = from + kMoves[static_cast<std::size_t>(direction)];
  const GridCell to = map.Contains(ahead) ? ahead : from;
  const char letter = map.At(to);
  const double reward = config.reward_schedule[letter == 'G' ? 0 : letter == 'H' ? 1 : 2];
  return {1, map.Index(to), reward, EndsEpisodes(letter)};
}

std::vector<Outcome> Try(const FrozenLakeConfig& config, const TextMap& map, GridCell from, int action) {
  if (EndsEpisodes(map.At(from))) return {{1, map.Index(from), 0, true}};
  if (!config.is_slippery) return {Slide(config, map, from, action)};
  std::vector<Outcome> outcomes;
  for (const int turn : {kActions - 1, 0, 1}) {
    outcomes.push_back(Slide(config, map, from, (action + turn) % kActions));
    outcomes.back().probability = turn == 0 ? config.success_rate : (1 - config.success_rate) / 2;
  }
  return outcomes;
}

}  // namespace

TabularMdp FrozenLakeMdp(const FrozenLakeConfig& config) {
  if (config.reward_schedule.size() != 3) {
    throw InputError("env.reward_schedule = '{}' is not accepted; expected three numbers separated by commas",
                     fmt::join(config.reward_schedule, ","));
  }
  const TextMap map = ReadMap(config);
  const std::vector<GridCell> cells = map.Cells();
  const auto starts = std::ranges::count(cells, 'S', [&](GridCell cell) { return map.At(cell); });
  TabularMdp mdp(static_cast<int>(cells.size()), kActions);
  mdp.action_names = {"left", "down", "right", "up"};
  for (const GridCell cell : cells) {
    const int state = map.Index(cell);
    const char letter = map.At(cell);
    mdp.state_names.push_back(fmt::format("{} at {},{}", letter, cell.row, cell.column));
    if (letter == 'S') mdp.start[static_cast<std::size_t>(state)] = 1 / static_cast<double>(starts);
    for (int action = 0; action < kActions; ++action) {
      mdp.Outcomes(state, action) = Try(config, map, cell, action);
    }
  }
  return mdp;
}

FrozenLake::FrozenLake(std::string_view id, const Config& config)
    : TabularEnv(id, FrozenLakeMdp(config), config.max_episode_steps,
                 id == "FrozenLake8x8-v1" ? 0.85 : 0.70) {}

}  // namespace strider
