// How fast datasets are loaded, opened again and written, beside h5py and D4RL's own way.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "experiments/bench.h"

namespace strider {

struct DatasetBenchOptions {
  int repetitions = 7;  // of ours and the peer's, in turns; at least 1
  std::size_t rows = 1'000'000;
  std::string peer_python;  // a Python with h5py; empty: no peers
};

// Hopper's sizes (11 + 3), all of D4RL's keys. Loading is from the file to the q-learning view in memory,
// without the side-car cache; its peers are h5py's plain reads of the keys that this needs, and reads of all
// keys with D4RL's rule applied row by row in Python. The file is h5py's own where that is there, with its
// chunks, and else one that Strider wrote. `report` hears of each result when it is there. Throws InputError
// for a Python that cannot be started, WorkError where the temporary folder is full.
std::vector<BenchResult> BenchDatasets(const DatasetBenchOptions& options,
                                       const std::function<void(const BenchResult&)>& report);

}  // namespace strider
