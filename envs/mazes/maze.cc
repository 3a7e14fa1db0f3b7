#include "envs/mazes/maze.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/error.h"

namespace strider {
namespace {

constexpr char kRowEnd = '/';

}  // namespace

MazeMap::MazeMap(std::string_view text) : text_(text) {
  constexpr std::string_view kKinds{"01grc"};
  columns_ = static_cast<int>(std::min(text.find(kRowEnd), text.size()));
  rows_ = static_cast<int>(text.size() + 1) / (columns_ + 1);
  bool good = columns_ > 0 && rows_ * (columns_ + 1) == static_cast<int>(text.size() + 1);
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const bool row_ends = (i + 1) % (static_cast<std::size_t>(columns_) + 1) == 0;
    good = row_ends ? text[i] == kRowEnd : kKinds.find(text[i]) != kKinds.npos;
  }
  if (!good) throw Refused("rows of equal length divided by '/', each cell one of 0, 1, g, r, c");
}

InputError MazeMap::Refused(std::string_view expected) const {
  return InputError("env.maze_map = '{}' is not accepted; expected {}", text_, expected);
}

bool MazeMap::Inside(Cell cell) const {
  return 0 <= cell.row && cell.row < rows_ && 0 <= cell.column && cell.column < columns_;
}

char MazeMap::At(Cell cell) const {
  const int index = cell.row * (columns_ + 1) + cell.column;
  return text_[static_cast<std::size_t>(index)];
}

std::vector<Cell> MazeMap::Cells(char kind) const {
  std::vector<Cell> cells;
  for (int row = 0; row < rows_; ++row) {
    for (int column = 0; column < columns_; ++column) {
      if (At({row, column}) == kind) cells.push_back({row, column});
    }
  }
  return cells;
}

std::string MarkCells(std::string_view text, char kind, std::initializer_list<Cell> cells) {
  std::string marked(text);
  const std::size_t stride = text.find(kRowEnd) + 1;
  for (const Cell& cell : cells) {
    marked[static_cast<std::size_t>(cell.row) * stride + static_cast<std::size_t>(cell.column)] = kind;
  }
  return marked;
}

void AddWalls(mjSpec& spec, const MazeMap& map, const Walls& walls) {
  mjsBody* world = mjs_findBody(&spec, "world");
  for (const Cell& cell : map.Cells(MazeMap::kWall)) {
    mjsGeom* block = mjs_addGeom(world, mjs_getSpecDefault(&spec));
    mjs_setName(block->element, fmt::format("block_{}_{}", cell.row, cell.column).c_str());
    block->type = mjGEOM_BOX;
    std::ranges::copy(walls.half_size, block->size);
    std::ranges::copy(walls.position(cell), block->pos);
    block->pos[2] = walls.z;
    block->contype = 1;
    block->conaffinity = 1;
  }
}

GoalReward ReadGoalReward(std::string_view reward_type) {
  return reward_type == "dense" ? GoalReward::kDense : GoalReward::kSparse;
}

SharedModel ShareModel(const std::string& key, const std::function<OwnedModel()>& build) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const mjModel>> models;
  const std::lock_guard lock(mutex);
  std::weak_ptr<const mjModel>& known = models[key];
  SharedModel model = known.lock();
  if (model == nullptr) known = model = SharedModel(build());
  return model;
}

}  // namespace strider
