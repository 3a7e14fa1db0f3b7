// Locks that take many minutes to open: HNPG sheet, sections 6 and 7.
#include "tests/experiments/lock_kit.h"

namespace strider {
namespace {

TEST_F(LockLearning, HnpgOpensTheLockOfFifteenSteps) {
  const std::string data = Data("CombinationLock-v0", 15, 50'000);
  EXPECT_GT(Success("hnpg", "CombinationLock-v0", 15, data,
                    {{"run.steps", "1500000"}, {"run.eval_interval", "50000"}, {"run.target_return", "0.8"}}),
            0.5);
}

TEST_F(LockLearning, TrpoStaysShutOutOfTenSteps) {
  EXPECT_LE(Success("hnpg", "CombinationLock-v0", 10, "", {{"run.steps", "300000"}}), 0.02);
}

}  // namespace
}  // namespace strider
