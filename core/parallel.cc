#include "core/parallel.h"

#include <algorithm>
#include <system_error>

#include "core/error.h"

namespace strider {
namespace {

// Enough to even out what takes longer, and few enough that taking them costs nothing.
constexpr std::int64_t kRangesPerThread = 8;

}  // namespace

int ThreadsFor(std::size_t pieces) {
  const std::size_t cores = std::thread::hardware_concurrency();  // 0 where it is not known
  return static_cast<int>(std::max<std::size_t>(std::min(cores, pieces), 1));
}

WorkerPool::WorkerPool(int threads) {
  if (threads < 1 || threads > kMostThreads) {
    throw InputError("number of threads is {}; expected at least 1 and at most {}", threads, kMostThreads);
  }
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { WorkerLoop(); });
  } catch (const std::system_error& error) {
    const std::size_t started = workers_.size() + 1;
    Join();
    throw WorkError("the system gives {} of {} threads: {}", started, threads, error.code().message());
  }
}

WorkerPool::~WorkerPool() { Join(); }

void WorkerPool::Join() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void WorkerPool::Run(std::int64_t count, Call call, const void* context) {
  if (workers_.empty() || count <= 1) {
    if (count > 0) call(context, 0, count);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    call_ = call;
    context_ = context;
    count_ = count;
    const std::int64_t ranges = threads() * kRangesPerThread;
    range_ = (count + ranges - 1) / ranges;
    next_ = 0;
    error_ = nullptr;
    open_ = true;
    ++round_;
  }
  start_.notify_all();
  TakeRanges();
  std::unique_lock lock(mutex_);
  open_ = false;
  done_.wait(lock, [this] { return joined_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void WorkerPool::TakeRanges() {
  try {
    for (std::int64_t begin = next_.fetch_add(range_); begin < count_; begin = next_.fetch_add(range_)) {
      call_(context_, begin, std::min(begin + range_, count_));
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void WorkerPool::WorkerLoop() {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    start_.wait(lock, [&] { return stopping_ || (open_ && round_ != seen); });
    if (stopping_) return;
    seen = round_;
    ++joined_;
    lock.unlock();
    TakeRanges();
    lock.lock();
    if (--joined_ == 0) done_.notify_one();
  }
}

}  // namespace strider
