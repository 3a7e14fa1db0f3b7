#include "agents/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace strider {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

// Three steps of two environments with rewards 1, 2, 3 and values 0.5, 1, 1.5 and then 2 in each; discount
// 0.9, lambda 0.8, worked out by hand. Without an end:
//   delta = 1.4, 2.35, 3.3;  A = 1.4 + 0.72 * 4.726, 2.35 + 0.72 * 3.3, 3.3.
class Advantages : public ::testing::Test {
 protected:
  Advantages() {
    rollout_ = MakeRollout(3, 2, 1, 1);
    rollout_.rewards = {1, 1, 2, 2, 3, 3};
  }

  void Estimate(const std::vector<float>& bonus = {}) {
    EstimateAdvantages(rollout_, values_, last_values_, bonus, 0.9, 0.8, advantages_, returns_);
  }

  Rollout rollout_;
  std::vector<float> values_ = {0.5, 0.5, 1, 1, 1.5, 1.5};
  std::vector<float> last_values_ = {2, 2};
  std::vector<float> advantages_ = std::vector<float>(6);
  std::vector<float> returns_ = std::vector<float>(6);
};

TEST_F(Advantages, RunThroughAndEndWithTheEpisode) {
  rollout_.ended[3] = 1;  // environment 1, step 1: delta = 2 - 1, and nothing of what follows
  Estimate();
  EXPECT_THAT(advantages_, Pointwise(FloatNear(1e-6F), {4.80272F, 1.4F + 0.72F, 4.726F, 1.0F, 3.3F, 3.3F}));
  EXPECT_THAT(returns_, Pointwise(FloatNear(1e-6F), {5.30272F, 2.62F, 5.726F, 2.0F, 4.8F, 4.8F}));
}

// Online baselines sheet, section 9, test 1.
TEST(BaselinesSheet, Test1Advantages) {
  Rollout rollout = MakeRollout(3, 1, 1, 1);
  rollout.rewards = {1, 0, 2};
  const std::vector<float> values = {0.5F, 1, 0.2F};
  const auto expect = [&](double lambda, const std::vector<float>& expected) {
    std::vector<float> advantages(3);
    std::vector<float> returns(3);
    EstimateAdvantages(rollout, values, std::vector<float>{0.7F}, {}, 0.9, lambda, advantages, returns);
    EXPECT_THAT(advantages, Pointwise(FloatNear(1e-6F), expected));
  };
  expect(0.8, {2.069312F, 0.9296F, 2.43F});
  // lambda = 0: the temporal differences; lambda = 1: discounted return less value, the return from the first
  // step being 1 + 0.81 * 2 + 0.729 * 0.7 = 3.1303.
  expect(0, {1.4F, -0.82F, 2.43F});
  expect(1, {2.6303F, 1.367F, 2.43F});
  rollout.ended[1] = 1;
  expect(0.8, {0.68F, -1, 2.43F});
}

TEST_F(Advantages, LastStepMayEnd) {
  rollout_.ended[4] = 1;  // environment 0: its last value is another episode's
  Estimate();
  EXPECT_NEAR(advantages_[4], 1.5, 1e-6);
  EXPECT_NEAR(advantages_[5], 3.3, 1e-6);
}

TEST_F(Advantages, TruncationBonusIsReward) {
  rollout_.ended[3] = 1;
  rollout_.truncated_rows = {3};
  Estimate({0.7F});
  EXPECT_NEAR(advantages_[3], 1.7, 1e-6);
  EXPECT_NEAR(advantages_[1], 1.4 + 0.72 * 1.7, 1e-6);
  EXPECT_NEAR(returns_[3], 2.7, 1e-6);
  EXPECT_NEAR(advantages_[0], 4.80272, 1e-6) << "the other environment is none of its business";
}

TEST(WholeEpisodes, AreNoFewerStepsThanAsked) {
  EXPECT_EQ(WholeEpisodes(7, 0), 7);
  EXPECT_EQ(WholeEpisodes(7, 3), 9);
  EXPECT_EQ(WholeEpisodes(9, 3), 9);
  EXPECT_THAT([] { WholeEpisodes(std::int64_t{1'000'000} * 5000, 5000); },
              ::testing::ThrowsMessage<InputError>(::testing::HasSubstr(
                  "a rollout of 5000000000 steps in each environment, whole episodes of 5000, is too long")));
}

TEST(MakeRollout, SaysWhereMemoryWouldNotDo) {
  EXPECT_THAT(
      [] { MakeRollout(100'000'000, 1'000, 100'000, 1); },
      ::testing::ThrowsMessage<InputError>(::testing::HasSubstr(
          "a rollout of 100000000 steps in 1000 environments, 100001 numbers each, takes 40000400 GB")));
}

}  // namespace
}  // namespace strider
