#include "core/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "core/error.h"

namespace strider {
namespace {

using ::testing::ThrowsMessage;

class WorkerPoolTest : public ::testing::TestWithParam<int> {};

TEST_P(WorkerPoolTest, EveryIndexIsVisitedOnce) {
  WorkerPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (const std::size_t count : {0U, 1U, 2U, 3U, 5U, 1000U}) {
    std::vector<std::atomic<int>> visits(count);
    pool.ParallelFor(static_cast<std::int64_t>(count), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    for (const auto& number : visits) EXPECT_EQ(number, 1);
  }
}

TEST_P(WorkerPoolTest, ThePoolCanBeUsedManyTimes) {
  WorkerPool pool(GetParam());
  std::atomic<std::int64_t> sum = 0;
  for (int round = 0; round < 2000; ++round) {
    pool.ParallelFor(7, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
  }
  EXPECT_EQ(sum, 14000);
}

TEST_P(WorkerPoolTest, ExceptionsOfAnyShareArriveAndThePoolGoesOn) {
  WorkerPool pool(GetParam());
  for (const std::int64_t bad : {0, 5, 9}) {
    const auto run = [&] {
      pool.ParallelFor(10, [&](std::int64_t begin, std::int64_t end) {
        if (begin <= bad && bad < end) throw WorkError("index {} failed", bad);
      });
    };
    EXPECT_THAT(run, ThrowsMessage<WorkError>(fmt::format("index {} failed", bad)));
  }
  std::atomic<std::int64_t> visits = 0;
  pool.ParallelFor(10, [&](std::int64_t begin, std::int64_t end) { visits += end - begin; });
  EXPECT_EQ(visits, 10);
}

// A thread that is held up does not hold up the ranges that it has not begun.
TEST(WorkerPoolBalanceTest, OtherThreadsTakeOverFromOneThatIsHeldUp) {
  WorkerPool pool(2);
  std::atomic<std::int64_t> visits = 0;
  pool.ParallelFor(64, [&](std::int64_t begin, std::int64_t end) {
    visits += end - begin;
    // The first range ends only when all others are done.
    while (begin == 0 && visits < 64) std::this_thread::yield();
  });
  EXPECT_EQ(visits, 64);
}

INSTANTIATE_TEST_SUITE_P(Threads, WorkerPoolTest, ::testing::Values(1, 2, 3, 4));

TEST(WorkerPoolBadInputTest, NoThreadIsAnErrorAndSoAreThousands) {
  EXPECT_THAT([] { WorkerPool pool(0); },
              ThrowsMessage<InputError>("number of threads is 0; expected at least 1 and at most 1024"));
  EXPECT_THAT([] { WorkerPool pool(1025); },
              ThrowsMessage<InputError>("number of threads is 1025; expected at least 1 and at most 1024"));
}

}  // namespace
}  // namespace strider
