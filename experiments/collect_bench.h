// What writing a dataset costs beside the steps that fill it.
#pragma once

#include <cstdint>
#include <functional>

#include "experiments/bench.h"

namespace strider {

struct CollectBenchOptions {
  int repetitions = 7;          // of both, in turns; at least 1
  std::int64_t rows = 200'000;  // of one file
};

// Rows a second of Collect, the file finished, against the same policy's steps in the same environment with
// nothing written; for random actions in HalfCheetah-v5, one of the fastest robots with the longest rows.
// Throws WorkError where the temporary folder is full.
void BenchCollect(const CollectBenchOptions& options, const std::function<void(const BenchResult&)>& report);

}  // namespace strider
