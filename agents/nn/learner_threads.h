// LibTorch's own threads: how they compute, and loops on them.
#pragma once

#include <cstdint>
#include <functional>

namespace strider {

// While one lives, numbers below 1.2e-38 count as 0 on the caller's thread, in and out. A processor takes a
// hundred times as long with them, and Adam's moments fade through them where a gradient has vanished: O-DICE
// learnt at a tenth of its speed. For learners alone: environments compute as MuJoCo does.
class FlushDenormals {
 public:
  FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
  ~FlushDenormals();

 private:
  unsigned before_;  // the processor's control word
};

// The same for good on the other threads that LibTorch computes on when it is set to so many.
void PrepareLearnerThreads(int threads);

// Calls work(begin, end) for disjoint ranges that cover [0, count), on `threads` of the OpenMP threads that
// LibTorch computes on: threads of another pool would compete with them for the cores while they wait. Who
// computes an index is left to chance. The first exception is thrown again when all are done. (LibTorch's
// at::parallel_for is a template, which stays serial in sources that are not compiled for OpenMP.)
void ForLearner(std::int64_t count, int threads,
                const std::function<void(std::int64_t begin, std::int64_t end)>& work);

}  // namespace strider
