// Locks that take minutes to open: HNPG sheet, section 7, V11 at H = 10.
#include "tests/experiments/lock_kit.h"

namespace strider {
namespace {

TEST_F(LockLearning, HnpgOpensTheLockOfTenSteps) {
  const std::string data = Data("CombinationLock-v0", 10, 50'000);
  EXPECT_GT(Success("hnpg", "CombinationLock-v0", 10, data,
                    {{"run.steps", "400000"}, {"run.eval_interval", "20000"}, {"run.target_return", "0.8"}}),
            0.5);
}

TEST_F(LockLearning, TrpoStaysShutOutOfTenSteps) { ExpectShutOut(10, "300000"); }

}  // namespace
}  // namespace strider
