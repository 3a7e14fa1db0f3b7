#include "agents/nn/learner_threads.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

namespace strider {
namespace {

TEST(LearnerThreads, CoverEveryIndexOnce) {
  for (const int threads : {1, 2, 3}) {
    for (const std::int64_t count : {0, 1, 5, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      ForLearner(count, threads, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const auto& n : visits) EXPECT_EQ(n, 1);
    }
  }
}

// The first range is not done before another thread has begun one.
TEST(LearnerThreads, AreAsManyAsAsked) {
  std::atomic<int> begun = 0;
  ForLearner(2, 2, [&](std::int64_t, std::int64_t) {
    ++begun;
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (begun < 2 && std::chrono::steady_clock::now() < late) std::this_thread::yield();
    EXPECT_EQ(begun, 2);
  });
}

// Half of the smallest normal number, worked out where the compiler cannot.
float Denormal() {
  volatile float smallest = std::numeric_limits<float>::min();
  return smallest / 2;
}

TEST(LearnerThreads, DenormalsAreZeroWhileTheyLearn) {
#ifndef __SSE__
  GTEST_SKIP() << "another processor's control word";
#endif
  EXPECT_GT(Denormal(), 0);
  {
    const FlushDenormals flush;
    EXPECT_EQ(Denormal(), 0);
  }
  EXPECT_GT(Denormal(), 0);
  PrepareLearnerThreads(2);
  EXPECT_GT(Denormal(), 0) << "the caller steps environments too";
  std::atomic<int> begun = 0;
  std::array<float, 2> seen{};
  const auto caller = std::this_thread::get_id();
  ForLearner(2, 2, [&](std::int64_t, std::int64_t) {
    ++begun;
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (begun < 2 && std::chrono::steady_clock::now() < late) std::this_thread::yield();
    seen[std::this_thread::get_id() == caller ? 0 : 1] = Denormal();
  });
  EXPECT_GT(seen[0], 0);
  EXPECT_EQ(seen[1], 0);
}

TEST(LearnerThreads, ExceptionsArriveWhenAllIsDone) {
  std::atomic<int> done = 0;
  const auto work = [&](std::int64_t begin, std::int64_t) {
    if (begin == 0) throw std::runtime_error("the first");
    ++done;
  };
  EXPECT_THROW(ForLearner(16, 2, work), std::runtime_error);
  EXPECT_EQ(done, 15);
}

}  // namespace
}  // namespace strider
