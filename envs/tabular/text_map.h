// Maps of grid worlds, written as rows of letters.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

namespace strider {

struct GridCell {
  int row = 0;
  int column = 0;
  bool operator==(const GridCell&) const = default;
};

inline GridCell operator+(GridCell a, GridCell b) { return {a.row + b.row, a.column + b.column}; }

inline constexpr GridCell kUp{-1, 0};
inline constexpr GridCell kDown{1, 0};
inline constexpr GridCell kLeft{0, -1};
inline constexpr GridCell kRight{0, 1};

// A map of `height` rows, each of `width` letters. The text must outlive it.
class TextMap {
 public:
  // The rows from the top, joined by '/': "SFF/HFG".
  explicit TextMap(std::string_view text) {
    while (true) {
      const std::size_t end = std::min(text.find('/'), text.size());
      rows_.push_back(text.substr(0, end));
      if (end == text.size()) return;
      text.remove_prefix(end + 1);
    }
  }

  int height() const { return static_cast<int>(rows_.size()); }
  int width() const { return static_cast<int>(rows_[0].size()); }

  // Whether every row is as long as the first, which has at least one letter.
  bool IsRectangle() const {
    return width() > 0 &&
           std::ranges::all_of(rows_, [&](std::string_view row) { return row.size() == rows_[0].size(); });
  }

  bool Contains(GridCell cell) const {
    return cell.row >= 0 && cell.row < height() && cell.column >= 0 && cell.column < width();
  }
  // REQUIRES: Contains(cell).
  char At(GridCell cell) const {
    return rows_[static_cast<std::size_t>(cell.row)][static_cast<std::size_t>(cell.column)];
  }

  // All cells row by row; `Index` is a cell's place among them.
  std::vector<GridCell> Cells() const {
    std::vector<GridCell> cells;
    for (int row = 0; row < height(); ++row) {
      for (int column = 0; column < width(); ++column) cells.push_back({row, column});
    }
    return cells;
  }
  int Index(GridCell cell) const { return cell.row * width() + cell.column; }

 private:
  std::vector<std::string_view> rows_;
};

}  // namespace strider
