// Running independent pieces of work on a fixed set of threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace strider {

// More are a slip of the pen.
inline constexpr int kMostThreads = 1024;

// One for each core, but not more than there are pieces of work; at least 1.
int ThreadsFor(std::size_t pieces);

// A pool of `threads` workers, the calling thread included: WorkerPool(1) starts no thread. Work is divided
// into contiguous ranges, a few for each thread, which threads take one after the other as they come free: a
// thread that the machine holds up delays its range only, and one that wakes late finds the work done. Who
// computes an index is left to chance, so work on one index must not touch another's; then results do not
// depend on the number of threads. One caller at a time.
class WorkerPool {
 public:
  // Throws InputError where `threads` is not in [1, kMostThreads], WorkError where the system gives no more.
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(begin, end) for disjoint ranges that cover [0, count) and returns when all are done. The first
  // exception thrown by a worker is thrown again here, and some ranges may then not have been worked on.
  // Allocates nothing.
  template <class Work>
  void ParallelFor(std::int64_t count, const Work& work) {
    Run(
        count,
        [](const void* context, std::int64_t begin, std::int64_t end) {
          (*static_cast<const Work*>(context))(begin, end);
        },
        &work);
  }

 private:
  using Call = void (*)(const void* context, std::int64_t begin, std::int64_t end);

  void Run(std::int64_t count, Call call, const void* context);
  void Join();
  void TakeRanges();
  void WorkerLoop();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  // Written while no worker takes ranges.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t count_ = 0;
  std::int64_t range_ = 1;
  std::atomic<std::int64_t> next_ = 0;  // the first index that nobody has taken
  // Guarded by mutex_.
  std::uint64_t round_ = 0;
  bool open_ = false;  // workers that wake may still join the round
  int joined_ = 0;     // workers that take ranges
  bool stopping_ = false;
  std::exception_ptr error_;
};

}  // namespace strider
