// Planning by the mean, and standard distributional dynamic programming.
#include "agents/planning/classic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/planning/planning_kit.h"

namespace strider::planning {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using ::testing::ThrowsMessage;

// Strens's chain, solved by hand: forward everywhere is optimal at discount 0.9 and slip 0.2, with
// V(last) = .8 (10 + .9 V(last)) + .2 (2 + .9 V(0)) and V(i) = .8 .9 V(i + 1) + .2 (2 + .9 V(0)).
TEST(Classic, TheChainByHand) {
  // V(i) = a_i + b_i V(0) from the end back; then V(0) is known.
  double a = 8.4 / 0.28;
  double b = 0.18 / 0.28;
  for (int i = 0; i < 4; ++i) {
    a = 0.72 * a + 0.4;
    b = 0.72 * b + 0.18;
  }
  const double first = a / (1 - b);
  const Mdp mdp = MakeMdp("chain");
  for (const MeanPlan& plan : {ValueIteration(mdp, 1e-13), PolicyIteration(mdp)}) {
    EXPECT_NEAR(plan.values[0], first, 1e-9);
    EXPECT_EQ(plan.policy, std::vector<int>(5, 0));
  }
}

TEST(Classic, ValuesAndPoliciesAgreeInFourRooms) {
  const Mdp mdp = MakeMdp("four-rooms");
  const MeanPlan by_values = ValueIteration(mdp, 1e-13);
  const MeanPlan by_policies = PolicyIteration(mdp);
  EXPECT_THAT(by_values.values, Pointwise(DoubleNear(1e-9), by_policies.values));
  EXPECT_LT(by_policies.iterations, 20);
}

// V6's last row.
TEST(Classic, HorizonsAreKept) {
  EXPECT_NEAR(ValueIteration(ProcessB(2)).values[0], 0.4, 1e-12);
  EXPECT_NEAR(ValueIteration(ProcessB(4)).values[0], 0.616, 1e-12);
}

TEST(Classic, DistributionalIterationHasTheRightMeans) {
  const Mdp mdp = MakeMdp("chain");
  const MeanPlan expected = PolicyIteration(mdp);
  const ReturnRange range = RangeOfReturns(mdp);
  EXPECT_NEAR(range.low, 0, 1e-12);
  EXPECT_NEAR(range.high, 100, 1e-9);
  const int sweeps = Sweeps(mdp, 1e-6);
  // The categorical projection keeps means.
  const DistributionalPlan categorical =
      CategoricalIteration(mdp, Linspace(range.low, range.high, 101), sweeps);
  const DistributionalPlan quantile = QuantileIteration(mdp, 200, sweeps);
  EXPECT_EQ(categorical.policy, expected.policy);
  EXPECT_EQ(quantile.policy, expected.policy);
  for (std::size_t state = 0; state < 5; ++state) {
    EXPECT_NEAR(Mean(categorical.laws[state]), expected.values[state], 1e-5);
    EXPECT_NEAR(Mean(quantile.laws[state]), expected.values[state], 0.2);
  }
}

TEST(Classic, DistributionalIterationIsExactWhereAtomsFit) {
  // Grid-R by the mean: the bridge law of the sheet.
  const Mdp mdp = MakeMdp("grid-r");
  const DistributionalPlan plan = CategoricalIteration(mdp, Linspace(-15, 9, 25), mdp.horizon());
  const ReturnLaw& law = plan.laws[5];  // row 1, column 0
  EXPECT_THAT(law.atoms, ::testing::ElementsAre(-6, -5, -4, 6));
  EXPECT_THAT(law.probabilities, Pointwise(DoubleNear(1e-12), {0.045125, 0.0475, 0.05, 0.857375}));
}

TEST(Classic, EndlessReturnsAreRefused) {
  const Mdp mdp = ProcessB(0).With(1, 0);
  const auto message = ThrowsMessage<InputError>(HasSubstr("B: expected a horizon or a discount below 1"));
  EXPECT_THAT([&] { ValueIteration(mdp); }, message);
  EXPECT_THAT([&] { RangeOfReturns(mdp); }, message);
  EXPECT_THAT(
      [&] { PolicyIteration(ProcessB(3)); },
      ThrowsMessage<InputError>(HasSubstr("policy iteration takes a discount below 1 and no horizon")));
}

}  // namespace
}  // namespace strider::planning
