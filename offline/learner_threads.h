// Loops on LibTorch's own threads.
#pragma once

#include <cstdint>
#include <functional>

namespace strider {

// Calls work(begin, end) for disjoint ranges that cover [0, count), on `threads` of the OpenMP threads that
// LibTorch computes on: threads of another pool would compete with them for the cores while they wait. Who
// computes an index is left to chance. The first exception is thrown again when all are done. (LibTorch's
// at::parallel_for is a template, which stays serial in sources that are not compiled for OpenMP.)
void ForLearner(std::int64_t count, int threads,
                const std::function<void(std::int64_t begin, std::int64_t end)>& work);

}  // namespace strider
