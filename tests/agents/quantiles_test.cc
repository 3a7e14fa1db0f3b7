// The quantile loss by hand (distributional DP sheet, V8), utilities and ties.
#include "agents/nn/quantiles.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

// V8: total 0.40625, gradient (-.1875, -.3125); the level belongs to the quantile that is fitted.
TEST(QuantileHuberLoss, ByHand) {
  at::Tensor theta = Row({0, 1}).unsqueeze(0).requires_grad_(true);
  const at::Tensor loss = QuantileHuberLoss(theta, Row({0.5, 2}).unsqueeze(0), 1);
  ASSERT_EQ(loss.sizes(), at::IntArrayRef({1}));
  EXPECT_NEAR(loss[0].item<double>(), 0.40625, 1e-6);
  loss.sum().backward();
  EXPECT_LT(LargestDifference(theta.grad(), Row({-0.1875, -0.3125}).unsqueeze(0)), 1e-6);
}

TEST(QuantileHuberLoss, KappaBoundsTheQuadraticPart) {
  // One quantile at the level 1/2 and a target 3 above: 0.5 (kappa (3 - kappa / 2)) / kappa.
  for (const double kappa : {0.5, 1.0, 2.0, 4.0}) {
    const double huber = kappa < 3 ? kappa * (3 - kappa / 2) : 4.5;
    const at::Tensor loss = QuantileHuberLoss(Row({1}).unsqueeze(0), Row({4}).unsqueeze(0), kappa);
    EXPECT_NEAR(loss[0].item<double>(), 0.5 * huber / kappa, 1e-6) << kappa;
  }
}

// Descent on the loss finds the quantiles of a law, in order, and does not collapse to one value.
TEST(QuantileHuberLoss, FindsQuantiles) {
  const at::Tensor targets = Row({-10, 0, 0, 0, 4, 4, 4, 30}).unsqueeze(0);
  at::Tensor theta = at::zeros({1, 4}).requires_grad_(true);
  for (int k = 0; k < 6000; ++k) {
    QuantileHuberLoss(theta, targets, 0.01).sum().backward();
    const at::NoGradGuard no_grad;
    theta -= (k < 4000 ? 0.05 : 0.002) * theta.grad();
    theta.mutable_grad() = at::Tensor();
  }
  // Levels 1/8 (anything from -10 to 0), 3/8, 5/8 and 7/8 (from 4 to 30).
  EXPECT_GE(theta[0][0].item<double>(), -10.1);
  EXPECT_LE(theta[0][0].item<double>(), 0.1);
  EXPECT_NEAR(theta[0][1].item<double>(), 0, 0.1);
  EXPECT_NEAR(theta[0][2].item<double>(), 4, 0.1);
  EXPECT_GE(theta[0][3].item<double>(), 3.9);
}

TEST(QuantileHuberLoss, TakesLeadingDimensions) {
  const at::Tensor theta = Normal({2, 5, 3}, 1);
  const at::Tensor targets = Normal({5, 4}, 2);
  const at::Tensor loss = QuantileHuberLoss(theta, targets, 1);
  ASSERT_EQ(loss.sizes(), at::IntArrayRef({2, 5}));
  for (std::int64_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(loss[1][i].item<double>(),
                QuantileHuberLoss(theta[1][i].unsqueeze(0), targets[i].unsqueeze(0), 1)[0].item<double>(),
                1e-6);
  }
}

// V2 at s1: safe gives 1, risky 4 or -1. From -4 risky is better under min(x, 0), from 0 safe is.
TEST(MeanUtility, ThreeStates) {
  const at::Tensor theta = at::stack({Row({1, 1}), Row({-1, 4})}).expand({2, 2, 2});
  const at::Tensor scores = MeanUtility(theta, Row({-4, 0}).unsqueeze(1), {1, 0});
  EXPECT_LT(LargestDifference(scores, at::stack({Row({-3, -2.5}), Row({0, -0.5})})), 1e-6);
  EXPECT_LT(LargestDifference(MeanUtility(theta, Row({-4, 0}).unsqueeze(1), {1, -1}),
                              at::stack({Row({-3, -2.5}), Row({-1, -2.5})})),
            1e-6);
}

TEST(BestAction, EqualScoresAreDecidedByTheMean) {
  const at::Tensor scores = at::stack({Row({0, 0, -1}), Row({-2, -1, -1}), Row({1, 1 + 1e-7, 0})});
  const at::Tensor means = at::stack({Row({1, 3, 9}), Row({9, 2, 1}), Row({5, 4, 3})});
  EXPECT_TRUE(at::equal(BestAction(scores, means), at::tensor({1, 1, 0}, at::kLong)));
}

}  // namespace
}  // namespace strider::nn
