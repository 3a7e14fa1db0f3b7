// How fast offline learning is, and what memory it takes, beside SciPy, PyTorch and d3rlpy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/bench.h"

namespace strider {

struct OfflineBenchOptions {
  int repetitions = 7;  // of ours and the peer's, in turns; at least 1
  int threads = 2;      // of the learners, ours and the peers', and of our search; SciPy takes all cores
  std::size_t rows = 1'000'000;  // of the random walk
  double seconds = 2;            // that one measurement of updates lasts, of ours
  std::string dataset;           // a dataset to search in as well as in the walk; empty: none
  std::string peer_python;       // a Python with scipy, torch and d3rlpy; empty: no peers
};

// An answer to a query.
struct FoundNeighbour {
  std::int64_t row = -1;
  double squared_distance = 0;
};

// Throws WorkError naming both where one of ours is farther than SciPy's answer to the same query.
void CheckNeighbours(std::span<const FoundNeighbour> ours, std::span<const FoundNeighbour> theirs);

// PRDC's neighbour step, 256 queries with rows' states (beta = 2), in a random walk of 17 + 6 columns in
// episodes, and in `dataset`: with actions near the logged ones as a learnt policy's are, and by chance; at
// the first visit of the queries' rows, and at later ones, when their lists are there, other rows having been
// searched for in between. Updates of TD3+BC. The memory that PRDC's trainer takes, file and all, once every
// row has its list, relative to the walk's raw columns. `report` hears of each
// result when it is there. Throws InputError for a Python that cannot be started, WorkError where SciPy finds
// something nearer.
std::vector<BenchResult> BenchOffline(const OfflineBenchOptions& options,
                                      const std::function<void(const BenchResult&)>& report);

}  // namespace strider
