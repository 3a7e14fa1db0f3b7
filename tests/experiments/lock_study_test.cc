// The lock that takes longest to open: HNPG sheet, section 6.
#include "tests/experiments/lock_kit.h"

namespace strider {
namespace {

TEST_F(LockLearning, HnpgOpensTheLockOfFifteenSteps) {
  const std::string data = Data("CombinationLock-v0", 15, 50'000);
  EXPECT_GT(Success("hnpg", "CombinationLock-v0", 15, data,
                    {{"run.steps", "1500000"}, {"run.eval_interval", "50000"}, {"run.target_return", "0.8"}}),
            0.5);
}

}  // namespace
}  // namespace strider
