#include "core/parallel.h"

#include <algorithm>

#include "core/error.h"

namespace strider {

WorkerPool::WorkerPool(int threads) {
  if (threads < 1) throw InputError("number of threads is {}; expected at least 1", threads);
  for (int share = 1; share < threads; ++share) {
    workers_.emplace_back([this, share] { WorkerLoop(share); });
  }
}

WorkerPool::~WorkerPool() {
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
    running_ = static_cast<int>(workers_.size());
    error_ = nullptr;
    ++round_;
  }
  start_.notify_all();
  RunShare(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return running_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void WorkerPool::RunShare(int share) {
  const std::int64_t shares = threads();
  const std::int64_t begin = count_ * share / shares;
  const std::int64_t end = count_ * (share + 1) / shares;
  if (begin == end) return;
  try {
    call_(context_, begin, end);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void WorkerPool::WorkerLoop(int share) {
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
    }
    RunShare(share);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace strider
