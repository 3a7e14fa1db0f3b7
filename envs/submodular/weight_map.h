// Maps of numbers over a grid, such as the density of a species.
#pragma once

#include <filesystem>
#include <vector>

#include "core/random.h"

namespace strider {

struct WeightMap {
  int rows = 0;
  int columns = 0;
  std::vector<double> weights;  // (rows x columns)
};

// Reads a CSV file: a line for each row of the grid, numbers separated by commas; lines that start with '#'
// and empty ones are skipped. Throws InputError naming file and line where something is no finite number or a
// line has another length than the first, and where there is nothing.
WeightMap ReadWeightMap(const std::filesystem::path& file);

// A made-up density: a few round bumps of 2 to 7 cells, between 0 and 1. It is no survey of anything.
WeightMap SyntheticDensity(int rows, int columns, Pcg64& random);

}  // namespace strider
