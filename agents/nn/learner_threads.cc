#include "agents/nn/learner_threads.h"

#include <omp.h>

#include <algorithm>
#include <exception>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

namespace strider {
namespace {

#ifdef __SSE__
constexpr unsigned kFlush = 0x8040;  // flush to zero, and denormals are zeros

unsigned ControlWord() { return _mm_getcsr(); }
void SetControlWord(unsigned word) { _mm_setcsr(word); }
#else
constexpr unsigned kFlush = 0;

unsigned ControlWord() { return 0; }
void SetControlWord(unsigned /*word*/) {}
#endif

}  // namespace

FlushDenormals::FlushDenormals() : before_(ControlWord()) { SetControlWord(before_ | kFlush); }
FlushDenormals::~FlushDenormals() { SetControlWord(before_); }

void PrepareLearnerThreads(int threads) {
#pragma omp parallel num_threads(threads)
  {
    if (omp_get_thread_num() > 0) SetControlWord(ControlWord() | kFlush);
  }
}

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
