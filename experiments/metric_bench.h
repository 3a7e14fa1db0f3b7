// How fast datasets are measured, beside the way the public SACo code works.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "experiments/bench.h"

namespace strider {

struct MetricBenchOptions {
  std::size_t rows = 1000000;  // of a made-up dataset of 17 observations and 6 actions
  int repetitions = 5;         // of ours and the peer's, in turns; at least 1
  // Rows that the peer is given, since its time grows with them alone and is long; at most `rows`.
  std::size_t peer_rows = 20000;
  std::string peer_python;  // a Python with numpy, h5py and hyperloglog; empty: no peer
};

// SACo and TQ, counted exactly and by HyperLogLog, in rows a second of one thread: from memory, and from a
// file with the time of reading it. The peer is benchmarks/metric_peers.py. Ratios as in InTurns. Throws
// InputError for a Python that cannot be started, WorkError for one that ends early, lacking a package.
std::vector<BenchResult> BenchMetrics(const MetricBenchOptions& options,
                                      const std::function<void(const BenchResult&)>& report);

// Rows of a random walk pulled back to 0, no two alike, with actions that often touch their bounds, in
// episodes of 1000 rows: as much work for a counter as any data.
Dataset MakeWalk(std::size_t rows, std::size_t observation_size, std::size_t action_size);

}  // namespace strider
