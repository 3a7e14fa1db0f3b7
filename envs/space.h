// The sets that observations and actions come from (Gymnasium's spaces).
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "core/random.h"

namespace strider {

// A box of real numbers: low[i] <= x[i] <= high[i], infinite where unbounded. A row holds an array of several
// dimensions with its last index varying fastest.
struct Box {
  std::vector<double> low;
  std::vector<double> high;
  std::vector<int> shape = {};  // length of each dimension; empty where there is only one
  bool operator==(const Box&) const = default;
};

// The whole numbers 0 ... n - 1, carried as one number of a row.
struct Discrete {
  int n = 0;
  bool operator==(const Discrete&) const = default;
};

using Space = std::variant<Box, Discrete>;

// The same bound for every component.
Box UniformBox(int size, double low, double high);

// The same for an array of several dimensions, such as an image.
Box ImageBox(std::vector<int> shape, double low, double high);

// Numbers in one row: the box's size, 1 for a discrete space.
int RowSize(const Space& space);

// One uniform draw into `row`, as Gymnasium's space.sample() makes it from the same generator (environments
// sheet, section 9.6; boxes must be bounded on both sides). REQUIRES: row.size() == RowSize(space).
void SampleUniform(const Space& space, Pcg64& random, std::span<float> row);

// Moves each component into the box; leaves discrete rows alone.
void ClipToSpace(const Space& space, std::span<float> row);

// Box bounds [-1, 1] to [low, high] and back, row by row in place (REQUIRES a bounded box): the frame in
// which off-policy learners see actions.
void ScaleToBox(const Box& box, std::span<float> rows);
void ScaleFromBox(const Box& box, std::span<float> rows);

}  // namespace strider
