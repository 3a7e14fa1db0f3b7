// Objectives: what they are worth, and which are refused for which reason.
#include "agents/planning/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "tests/planning/planning_kit.h"

namespace strider::planning {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const ReturnLaw& Example() {
  static const ReturnLaw law = Law({-0.5, 2, 2.5, 7}, {0.25, 0.25, 0.375, 0.125});
  return law;
}

double BestValue(const std::string& name, const ReturnLaw& law) {
  const Objective objective = ParseObjective(name);
  return Value(objective, std::array{BestStock(objective, law)}, law);
}

TEST(Objective, CvarIsTheBestOverInitialStocks) {
  for (const double tau : {0.1, 0.25, 0.3, 0.5, 0.9, 1.0}) {
    EXPECT_NEAR(BestValue(fmt::format("cvar:{}", tau), Example()), Cvar(Example(), tau), 1e-12) << tau;
  }
}

TEST(Objective, MeanCvarMixesTheTwo) {
  for (const double lambda : {0.0, 0.25, 1.0}) {
    EXPECT_NEAR(BestValue(fmt::format("mean-cvar:{},0.3", lambda), Example()),
                lambda * Mean(Example()) + (1 - lambda) * Cvar(Example(), 0.3), 1e-12);
  }
}

TEST(Objective, ExponentialCertaintyEquivalentIsEntropicRisk) {
  for (const double beta : {0.1, 1.0, 3.0}) {
    double sum = 0;
    for (std::size_t i = 0; i < Example().count(); ++i)
      sum += Example().probabilities[i] * std::exp(-beta * Example().atoms[i]);
    EXPECT_NEAR(BestValue(fmt::format("oce:exponential,{}", beta), Example()), -std::log(sum) / beta, 1e-9);
  }
}

TEST(Objective, QuadraticCertaintyEquivalentIsMeanMinusVariance) {
  // While no return lies beyond the utility's top.
  const ReturnLaw law = Law({1, 2, 3}, {0.25, 0.5, 0.25});
  EXPECT_NEAR(BestValue("oce:quadratic,0.2", law), 2 - 0.1 * 0.5, 1e-9);
}

TEST(Objective, CertaintyEquivalentsLeaveCertainReturnsAsTheyAre) {
  for (const char* name :
       {"cvar:0.3", "mean-cvar:0.5,0.3", "oce:two-weight,2,0.5", "oce:exponential,2", "oce:quadratic,0.5"}) {
    EXPECT_NEAR(BestValue(name, PointLaw({1.75})), 1.75, 1e-9) << name;
  }
}

TEST(Objective, TargetAndHomeostasisMeasureDistance) {
  const Objective target = ParseObjective("target:2");
  EXPECT_EQ(target.initial_stock, std::vector{-2.0});
  EXPECT_NEAR(Value(target, target.initial_stock, Law({1, 2, 4}, {0.5, 0.25, 0.25})), -1, 1e-12);
  const Objective home = ParseObjective("homeostasis:3,-4");
  EXPECT_NEAR(Value(home, home.initial_stock, PointLaw({0, 0})), -5, 1e-12);
  EXPECT_NEAR(Value(home, home.initial_stock, PointLaw({-3, 4})), 0, 1e-12);
}

// V4: scaled by one half, the exponential utility prefers the other one.
TEST(Objective, ExponentialUtilityChangesItsMindWithScale) {
  const Objective exponential = ParseObjective("exponential:1");
  const auto utility = [&](const ReturnLaw& law) {
    return ExpectedUtility(exponential, std::array{0.0}, law);
  };
  EXPECT_NEAR(utility(Law({0, 3}, {0.5, 0.5})), -0.52489, 5e-6);
  EXPECT_NEAR(utility(PointLaw({0.8})), -0.44933, 5e-6);
  EXPECT_NEAR(utility(Law({0, 1.5}, {0.5, 0.5})), -0.61157, 5e-6);
  EXPECT_NEAR(utility(PointLaw({0.4})), -0.67032, 5e-6);
  EXPECT_FALSE(exponential.scales);
}

TEST(Objective, TwoWeightUtilitiesKeepTheirMind) {
  for (const char* name : {"mean", "cvar:0.2", "target:1", "utility:3,-1", "homeostasis:0"}) {
    const Objective objective = ParseObjective(name);
    EXPECT_TRUE(objective.scales) << name;
    for (const double x : {-2.0, -0.5, 0.0, 1.5}) {
      EXPECT_NEAR(objective.utility(std::array{0.3 * x}), 0.3 * objective.utility(std::array{x}), 1e-12);
      EXPECT_NEAR((*objective.weights)(x), objective.utility(std::array{x}), 1e-12) << name;
    }
  }
}

void ExpectRefused(const std::string& text, const std::string& part) {
  EXPECT_THAT([&] { ParseObjective(text); }, ThrowsMessage<InputError>(HasSubstr(part))) << text;
}

TEST(Objective, BadParametersAreNamed) {
  for (const char* tau : {"0", "-0.1", "1.5"}) {
    ExpectRefused(fmt::format("cvar:{}", tau), fmt::format("tau is {}; expected a number in (0, 1]", tau));
  }
  ExpectRefused("cvar:nan", "objective 'cvar:nan' is not accepted: ");
  ExpectRefused("cvar:half", "tau = 'half'");
  ExpectRefused("cvar", "objective 'cvar' is not accepted; expected cvar:TAU");
  ExpectRefused("cvar:0.1,0.2", "expected cvar:TAU");
  ExpectRefused("mean:1", "objective 'mean:1' is not accepted; expected mean");
  ExpectRefused("mean-cvar:2,0.5", "lambda = '2'");
  ExpectRefused("mean-cvar:0.5,0", "tau is 0");
  ExpectRefused("target:", "expected target:Z");
  ExpectRefused("target:inf", "target");
  ExpectRefused("oce:log,1", "unknown utility 'log'");
  ExpectRefused("oce:exponential,0", "beta = '0'");
  ExpectRefused("cvar:nan", "tau = 'nan' is not accepted; expected a finite number");
  ExpectRefused("target:inf", "target is inf; expected a finite number");
  ExpectRefused("oce:two-weight,0.5,0", "w- = '0.5'");
  ExpectRefused("oce:two-weight,2,1.5", "w+ = '1.5'");
  ExpectRefused("homeostasis:", "expected homeostasis:C1");
  ExpectRefused("cvaar:0.5", "unknown objective 'cvaar'; did you mean 'cvar'?");
}

TEST(Objective, WhatIsNoExpectedUtilityIsRefusedWithTheReason) {
  for (const char* text : {"quantile:0.5", "var:0.1", "median", "variance", "mean-variance:1", "sharpe"}) {
    EXPECT_THAT(
        [&] { ParseObjective(text); },
        ThrowsMessage<InputError>(AllOf(HasSubstr("is not covered by the theory: it is not indifferent to "
                                                  "mixtures"),
                                        HasSubstr("is the covered objective nearest to it"))));
  }
}

TEST(Objective, ConditionsAreCheckedAgainstTheProcess) {
  const auto check = [](const char* name, const Mdp& mdp) { CheckCovered(ParseObjective(name), mdp); };
  EXPECT_NO_THROW(check("exponential:1", ProcessB(5)));
  EXPECT_NO_THROW(check("cvar:0.5", ProcessB(0)));
  for (const char* name : {"exponential:1", "oce:exponential,1", "oce:quadratic,1"}) {
    EXPECT_THAT([&] { check(name, ProcessB(0)); },
                ThrowsMessage<InputError>(
                    AllOf(HasSubstr("with discount 0.8 and no horizon it must be indifferent to "
                                    "the discount"),
                          HasSubstr("expected plan.horizon"))));
  }
  EXPECT_THAT([&] { check("mean", ProcessB(0).With(1, 0)); },
              ThrowsMessage<InputError>(HasSubstr("returns may grow without end; expected plan.horizon")));
  EXPECT_THAT(
      [&] { check("cvar:0.5", MakeMdp("homeostasis")); },
      ThrowsMessage<InputError>(HasSubstr("takes rewards of 1 number(s), but those of homeostasis have 2")));
  EXPECT_THAT([&] { check("homeostasis:1,2", ProcessB(5)); },
              ThrowsMessage<InputError>(HasSubstr("takes rewards of 2 number(s), but those of B have 1")));
}

}  // namespace
}  // namespace strider::planning
