// Making several datasets of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace strider {

struct SplitOptions {
  std::uint64_t seed = 0;  // of the draw of episodes
  // Called with the rows done, from time to time.
  std::function<void(std::size_t rows)> progress = nullptr;
};

// Deals the episodes of a dataset out at random into several new ones of the same format, each a whole one
// with the metadata of the source: the k-th output gets the share fractions[k] of the episodes (rounded), and
// the last one what is left; episodes keep their order. Columns keep their types. What a D4RL file keeps only
// to become a Minari dataset again is left out, and so is d4rl.hdf5 but for its metadata. An output stands
// under its name only when it is whole, and none does before all are read. InputError where fractions are not
// one fewer than outputs, or not between 0 and 1 with a sum below 1, where an output would have no episode,
// for a D4RL file without timeouts, and where an output is the input or another output.
void SplitDataset(const std::filesystem::path& from, const std::vector<std::filesystem::path>& outs,
                  const std::vector<double>& fractions, const SplitOptions& options = {});

}  // namespace strider
