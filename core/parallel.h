// Running independent pieces of work on a fixed set of threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace strider {

// A pool of `threads` workers, the calling thread included: WorkerPool(1) starts no thread. Work is divided
// statically into contiguous ranges, so what is computed for an index never depends on the number of threads
// as long as the work on one index does not touch another's. One caller at a time.
class WorkerPool {
 public:
  // `threads` >= 1.
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(begin, end) for disjoint ranges that cover [0, count) and returns when all are done. The first
  // exception thrown by a worker is thrown again here. Allocates nothing.
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
  void RunShare(int share);
  void WorkerLoop(int share);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  // Guarded by mutex_.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t count_ = 0;
  std::uint64_t round_ = 0;
  int running_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
};

}  // namespace strider
