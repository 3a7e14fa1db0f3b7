// Mazes of square cells: their maps, and their walls around a robot's model.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "envs/mujoco/mujoco_env.h"

namespace strider {

struct Cell {
  int row = 0;
  int column = 0;
  bool operator==(const Cell&) const = default;
};

// x and y (m).
using Position = std::array<double, 2>;

// A rectangle of cells, from its rows divided by '/', top row first: "11111/1r0g1/11111". A cell is '1' a
// wall, '0' free, 'g' a goal, 'r' a start, 'c' either of them.
class MazeMap {
 public:
  static constexpr char kWall = '1';
  static constexpr char kFree = '0';
  static constexpr char kGoal = 'g';
  static constexpr char kStart = 'r';
  static constexpr char kGoalOrStart = 'c';

  // Throws InputError, as of the setting env.maze_map, where the rows differ in length or hold another
  // letter.
  explicit MazeMap(std::string_view text);

  const std::string& text() const { return text_; }
  int rows() const { return rows_; }
  int columns() const { return columns_; }

  // REQUIRES: the cell is inside.
  char At(Cell cell) const;
  bool Inside(Cell cell) const;

  // All cells of a kind, row by row.
  std::vector<Cell> Cells(char kind) const;

  // An InputError about this map as a value of the setting env.maze_map.
  InputError Refused(std::string_view expected) const;

 private:
  std::string text_;
  int rows_ = 0;
  int columns_ = 0;
};

// The same map with another letter in some of its cells.
std::string MarkCells(std::string_view text, char kind, std::initializer_list<Cell> cells);

// Maps that several families share.
inline constexpr std::string_view kUMaze = "11111/10001/11101/10001/11111";
inline constexpr std::string_view kOpenMaze = "1111111/1000001/1000001/1000001/1111111";
inline constexpr std::string_view kMediumMaze =
    "11111111/10011001/10010001/11000111/10010001/10100101/10001001/11111111";
inline constexpr std::string_view kLargeMaze =
    "111111111111/100001000001/101101010101/100000010001/101111011101/100101000001/110101010111/100100010001/"
    "111111111111";

// Where the walls stand.
struct Walls {
  std::array<double, 3> half_size;                // of one block (m)
  double z;                                       // of its centre (m)
  std::function<Position(const Cell&)> position;  // of the centre of a cell
};

// Adds a block for every wall. It touches everything that has contacts at all; friction and the like are the
// model's own defaults.
void AddWalls(mjSpec& spec, const MazeMap& map, const Walls& walls);

// "sparse" or "dense", as the setting reward_type has it.
GoalReward ReadGoalReward(std::string_view reward_type);

// The model that `build` makes, or the one that it made before under the same key where that is still in use:
// environments of one id share their model.
SharedModel ShareModel(const std::string& key, const std::function<OwnedModel()>& build);

}  // namespace strider
