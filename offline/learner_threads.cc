#include "offline/learner_threads.h"

#include <algorithm>
#include <exception>

namespace strider {

void ForLearner(std::int64_t count, int threads,
                const std::function<void(std::int64_t begin, std::int64_t end)>& work) {
  if (threads <= 1) {
    if (count > 0) work(0, count);
    return;
  }
  constexpr std::int64_t kRangesPerThread = 8;  // a thread that is held up delays its range only
  const std::int64_t ranges = std::min(count, kRangesPerThread * threads);
  std::exception_ptr thrown;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::int64_t i = 0; i < ranges; ++i) {
    try {
      work(count * i / ranges, count * (i + 1) / ranges);
    } catch (...) {
#pragma omp critical
      if (!thrown) thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace strider
