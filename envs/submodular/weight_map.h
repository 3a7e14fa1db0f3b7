// Maps of what the cells of a grid are worth, such as the density of a species.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/random.h"

namespace strider {

struct WeightMap {
  int rows = 0;
  int columns = 0;
  std::vector<double> weights;  // (rows x columns)
  std::string sha256;           // of a file's numbers; empty where they come from none
};

// Reads a CSV file: a line for each row of the grid, numbers from 0 to 1e12 separated by commas; lines that
// start with '#', empty ones and a byte-order mark are skipped. Throws InputError naming file and line where
// something is no such number or a line has another length than the first, and where there is nothing.
WeightMap ReadWeightMap(const std::filesystem::path& file);

// A made-up density: a few round bumps of 2 to 7 cells, between 0 and 1. It is no survey of anything.
WeightMap SyntheticDensity(int rows, int columns, Pcg64& random);

}  // namespace strider
