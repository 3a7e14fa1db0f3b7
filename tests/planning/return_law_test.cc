// Laws of returns: what is merged, projected and measured.
#include "agents/planning/return_law.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/planning/planning_kit.h"

namespace strider::planning {
namespace {

using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

TEST(ReturnLaw, EqualAtomsBecomeOneUpToRounding) {
  const ReturnLaw law = Law({0.3, -1, 0.1 + 0.2, 2, -1}, {0.1, 0.2, 0.3, 0.25, 0.15});
  EXPECT_THAT(law.atoms, ElementsAre(-1, DoubleEq(0.3), 2));
  EXPECT_THAT(law.probabilities, ElementsAre(DoubleEq(0.35), DoubleEq(0.4), 0.25));
}

TEST(ReturnLaw, AtomsThatDifferStayApart) {
  EXPECT_EQ(Law({1, 1 + 1e-9}, {0.5, 0.5}).count(), 2U);
  EXPECT_EQ(Law({1e6, 1e6 + 1e-3}, {0.5, 0.5}).count(), 2U);
}

TEST(ReturnLaw, VectorsAreMergedWhole) {
  const ReturnLaw law = Merged({2, {1, 2, 1, 3, 1, 2}, {0.25, 0.5, 0.25}});
  EXPECT_THAT(law.atoms, ElementsAre(1, 2, 1, 3));
  EXPECT_THAT(law.probabilities, ElementsAre(0.5, 0.5));
}

// V2's law of "risky, safe": the atom on the border counts in part.
TEST(ReturnLaw, CvarTakesPartOfTheAtomOnTheBorder) {
  const ReturnLaw law = Law({-0.5, 2, 2.5}, {0.25, 0.25, 0.5});
  EXPECT_NEAR(Cvar(law, 0.25), -0.5, 1e-12);
  EXPECT_NEAR(Cvar(law, 0.5), 0.75, 1e-12);
  EXPECT_NEAR(Cvar(law, 0.75), 4.0 / 3, 1e-12);
  EXPECT_NEAR(Cvar(law, 0.1), -0.5, 1e-12);
  EXPECT_NEAR(Cvar(law, 1), Mean(law), 1e-12);
  EXPECT_EQ(LowerQuantile(law, 0.25), -0.5);
  EXPECT_EQ(LowerQuantile(law, 0.26), 2);
}

// V3: CVaR of mixtures does not follow CVaR of what is mixed.
TEST(ReturnLaw, CvarIsNotIndifferentToMixtures) {
  EXPECT_NEAR(Cvar(Law({0.5}, {1}), 0.5), 0.5, 1e-12);
  EXPECT_NEAR(Cvar(Law({-0.5, 2}, {0.5, 0.5}), 0.5), -0.5, 1e-12);
  EXPECT_NEAR(Cvar(Law({0.5, 2.5}, {0.5, 0.5}), 0.5), 0.5, 1e-12);
  EXPECT_NEAR(Cvar(Law({-0.5, 2, 2.5}, {0.25, 0.25, 0.5}), 0.5), 0.75, 1e-12);
}

TEST(ReturnLaw, QuantilesAreThoseInTheMiddle) {
  const ReturnLaw law = Law({0, 1, 10}, {0.5, 0.25, 0.25});
  // Levels 1/8, 3/8, 5/8, 7/8.
  const ReturnLaw projected = ToQuantiles(law, 4);
  EXPECT_THAT(projected.atoms, ElementsAre(0, 1, 10));
  EXPECT_THAT(projected.probabilities, ElementsAre(0.5, 0.25, 0.25));
  EXPECT_THAT(ToQuantiles(law, 1).atoms, ElementsAre(0));
  // No two atoms are nearer in Wasserstein-1 than the quantiles at 1/4 and 3/4.
  const double nearest = Wasserstein1(law, ToQuantiles(law, 2));
  for (const double a : {-0.5, 0.0, 0.25, 0.5}) {
    for (const double b : {0.5, 1.0, 2.0, 5.0})
      EXPECT_GE(Wasserstein1(law, Law({a, b}, {0.5, 0.5})), nearest - 1e-12);
  }
}

TEST(ReturnLaw, CategoricalKeepsTheMean) {
  const ReturnLaw law = Law({-0.25, 0.5, 1.9}, {0.5, 0.25, 0.25});
  const ReturnLaw projected = ToCategorical(law, std::vector<double>{-1, 0, 1, 2});
  EXPECT_THAT(projected.atoms, ElementsAre(-1, 0, 1, 2));
  EXPECT_THAT(projected.probabilities, Pointwise(DoubleNear(1e-12), {0.125, 0.5, 0.15, 0.225}));
  EXPECT_NEAR(Mean(projected), Mean(law), 1e-12);
  // Beyond the ends there is nowhere else to go.
  const ReturnLaw clipped = ToCategorical(Law({-5, 5}, {0.5, 0.5}), std::vector<double>{-1, 0, 1});
  EXPECT_THAT(clipped.atoms, ElementsAre(-1, 1));
}

TEST(ReturnLaw, WassersteinIsTheAreaBetween) {
  EXPECT_NEAR(Wasserstein1(Law({0}, {1}), Law({3}, {1})), 3, 1e-12);
  EXPECT_NEAR(Wasserstein1(Law({0, 1}, {0.5, 0.5}), Law({0.5}, {1})), 0.5, 1e-12);
  EXPECT_NEAR(Wasserstein1(Law({0, 4}, {0.75, 0.25}), Law({0, 4}, {0.25, 0.75})), 2, 1e-12);
}

}  // namespace
}  // namespace strider::planning
