#include "envs/mazes/goal_maze.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace strider {
namespace {

struct NamedMap {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kMaps{
    NamedMap{"UMaze", kUMaze},
    NamedMap{"Open", kOpenMaze},
    NamedMap{"Open_Diverse_G", "1111111/1rgggg1/1ggggg1/1ggggg1/1111111"},
    NamedMap{"Open_Diverse_GR", "1111111/1ccccc1/1ccccc1/1ccccc1/1111111"},
    NamedMap{"Medium", kMediumMaze},
    NamedMap{"Medium_Diverse_G", "11111111/1r011001/100100g1/11000111/10010001/1g100101/10001g01/11111111"},
    NamedMap{"Medium_Diverse_GR", "11111111/1c011001/100100c1/11000111/10010001/1c100101/10001c01/11111111"},
    NamedMap{"Large", kLargeMaze},
    NamedMap{"Large_Diverse_G",
             "111111111111/1r0001g00001/101101010101/10000g0100g1/101111011101/10g101000001/110101010111/"
             "1001g0g10g01/111111111111"},
    NamedMap{"Large_Diverse_GR",
             "111111111111/1c0001c00001/101101010101/10000c0100c1/101111011101/10c101000001/110101010111/"
             "1001c0c10c01/111111111111"},
};

// The maze's centre is the origin; rows go down, as on paper.
Position Centre(const MazeMap& map, const Cell& cell, double side) {
  return {(cell.column + 0.5) * side - map.columns() / 2.0 * side,
          map.rows() / 2.0 * side - (cell.row + 0.5) * side};
}

std::vector<Position> Centres(const MazeMap& map, std::string_view kinds, double side) {
  std::vector<Position> centres;
  for (const char kind : kinds) {
    for (const Cell& cell : map.Cells(kind)) centres.push_back(Centre(map, cell, side));
  }
  return centres;
}

}  // namespace

GoalMazeConfig GoalMazeDefaults(std::string_view id) {
  constexpr std::string_view kDense{"Dense"};
  std::string_view name = id.substr(0, id.rfind('-'));
  name.remove_prefix(name.find('_') + 1);
  GoalMazeConfig config;
  if (name.ends_with(kDense)) {
    config.reward_type = "dense";
    name.remove_suffix(kDense.size());
  }
  config.maze_map = std::ranges::find(kMaps, name, &NamedMap::name)->text;
  return config;
}

SharedModel GoalMazeModel(std::string_view mjcf, const std::string& maze_map, const GoalMazeScale& scale) {
  const MazeMap map(maze_map);
  return ShareModel(fmt::format("{} {} {}\n{}", maze_map, scale.cell, scale.height, mjcf), [&] {
    const OwnedSpec spec = ParseModel(mjcf);
    const double half_height = scale.height / 2 * scale.cell;
    AddWalls(*spec, map,
             {.half_size = {0.5 * scale.cell, 0.5 * scale.cell, half_height},
              .z = half_height,
              .position = [&](const Cell& cell) { return Centre(map, cell, scale.cell); }});
    // Marks the goal in pictures. The model is shared, so it is whoever draws that moves it.
    mjsSite* target = mjs_addSite(mjs_findBody(spec.get(), "world"), mjs_getSpecDefault(spec.get()));
    mjs_setName(target->element, "target");
    target->pos[2] = half_height;
    target->size[0] = 0.2 * scale.cell;
    return CompileModel(*spec);
  });
}

GoalMazeTask::GoalMazeTask(const GoalMazeConfig& config, const GoalMazeScale& scale)
    : cell_size_(scale.cell),
      noise_(config.position_noise_range),
      ends_at_goal_(!config.continuing_task),
      redraws_(config.continuing_task && config.reset_target),
      reward_(ReadGoalReward(config.reward_type)) {
  const MazeMap map(config.maze_map);
  goals_ = Centres(map, "gc", cell_size_);
  starts_ = Centres(map, "rc", cell_size_);
  // Where nothing is marked, every free cell will do.
  if (goals_.empty()) goals_ = Centres(map, "0", cell_size_);
  if (starts_.empty()) starts_ = Centres(map, "0", cell_size_);
  if (goals_.empty()) throw map.Refused("a cell for the goal: g, c or, where there are none, 0");
  if (starts_.empty()) throw map.Refused("a cell for the start: r, c or, where there are none, 0");

  given_goal_ = GivenCell(map, "env.goal_cell", config.goal_cell, scale);
  given_start_ = GivenCell(map, "env.reset_cell", config.reset_cell, scale);
  // The start is drawn until it lies away from the goal, which must be possible for every goal.
  const bool one_start = !given_start_ && std::ranges::count(starts_, starts_.front()) == std::ssize(starts_);
  const bool at_goal =
      given_goal_ ? *given_goal_ == starts_.front() : std::ranges::count(goals_, starts_.front()) > 0;
  if (one_start && at_goal) throw map.Refused("a cell for the start other than the goal's");
}

std::optional<Position> GoalMazeTask::GivenCell(const MazeMap& map, std::string_view key,
                                                const std::vector<int>& given, const GoalMazeScale& scale) {
  if (given.empty()) return std::nullopt;
  const Cell cell = given.size() == 2 ? Cell{given[0], given[1]} : Cell{-1, -1};
  if (!map.Inside(cell) || map.At(cell) == MazeMap::kWall) {
    throw InputError("{} = '{}' is not accepted; expected row,column of a cell of {} that is no wall", key,
                     fmt::join(given, ","), map.text());
  }
  return Centre(map, cell, scale.cell);
}

Position GoalMazeTask::DrawGoal(Pcg64& random) const {
  return WithNoise(given_goal_ ? *given_goal_ : Pick(goals_, random), random);
}

Position GoalMazeTask::DrawStart(const Position& goal, Pcg64& random) const {
  if (given_start_) return WithNoise(*given_start_, random);
  Position start;
  do {
    start = Pick(starts_, random);
  } while (Distance(start, goal) <= 0.5 * cell_size_);
  return WithNoise(start, random);
}

Position GoalMazeTask::NextGoal(const Position& goal, std::span<const double> achieved, Pcg64& random) const {
  Position next = goal;
  if (redraws_ && goals_.size() > 1) {
    while (Distance(achieved, next) <= kGoalRadius) next = WithNoise(Pick(goals_, random), random);
  }
  return next;
}

const Position& GoalMazeTask::Pick(const std::vector<Position>& cells, Pcg64& random) {
  return cells[static_cast<std::size_t>(random.Integers(0, std::ssize(cells)))];
}

Position GoalMazeTask::WithNoise(Position position, Pcg64& random) const {
  for (double& coordinate : position) coordinate += random.Uniform(-noise_, noise_) * cell_size_;
  return position;
}

}  // namespace strider
