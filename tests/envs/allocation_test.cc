// Stepping allocates nothing. This program replaces malloc and its relatives by ones that count, MuJoCo's
// calls included.
#include <gtest/gtest.h>
#include <mujoco/mujoco.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "core/parallel.h"
#include "envs/wrappers.h"
#include "tests/envs/kit.h"

namespace {
std::atomic<long> allocations{0};
}  // namespace

// glibc's own names for what is replaced.
extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* old, std::size_t size);               // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT

void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** to, std::size_t alignment, std::size_t size) {
  ++allocations;
  *to = __libc_memalign(alignment, size);
  return *to == nullptr ? ENOMEM : 0;
}
}

namespace strider {
namespace {

// Allocations made by `work`.
template <class Work>
long Count(const Work& work) {
  const long before = allocations;
  work();
  return allocations - before;
}

class AllocationTest : public ::testing::TestWithParam<std::string> {};

TEST(AllocationCounterTest, SeesAllocations) {
  std::vector<int> grown;
  EXPECT_EQ(Count([&] { grown.resize(100); }), 1);
  EXPECT_GT(Count([] { mju_free(mju_malloc(64)); }), 0);  // MuJoCo's, too
}

TEST_P(AllocationTest, StepAndResetAllocateNothing) {
  Driver driver(MakeEnv(GetParam()));
  driver.Reset(0);
  EXPECT_EQ(Count([&] {
              for (int i = 0; i < 3000; ++i) driver.StepOn();
            }),
            0);
}

TEST_P(AllocationTest, SteppingAVectorAllocatesNothing) {
  WorkerPool pool(2);
  for (const Autoreset autoreset : {Autoreset::kSameStep, Autoreset::kNextStep}) {
    VectorEnv envs([] { return MakeEnv(GetParam()); }, 4, pool, autoreset);
    envs.Reset(0);
    const std::vector<float> actions(4 * static_cast<std::size_t>(envs.spec().action_size()), 1.0F);
    EXPECT_EQ(Count([&] {
                for (int i = 0; i < 1000; ++i) envs.Step(actions);
              }),
              0);
  }
}

// With all wrappers, and with so many environments that both threads work.
TEST(WrapperAllocationTest, SteppingAllocatesNothing) {
  WorkerPool pool(2);
  VectorEnv envs([] { return MakeEnv("Pendulum-v1"); }, 3000, pool);
  RescaleActions rescaled(envs);
  NormalizeObservations observed(rescaled, 10);
  NormalizeRewards normalized(observed, 0.99, 10);
  normalized.Reset(0);
  const std::vector<float> actions(3000, 1.0F);
  EXPECT_EQ(Count([&] {
              for (int i = 0; i < 300; ++i) normalized.Step(actions);
            }),
            0);
}

INSTANTIATE_TEST_SUITE_P(Registry, AllocationTest, ::testing::ValuesIn(DistinctEnvIds()), TestName);

}  // namespace
}  // namespace strider
