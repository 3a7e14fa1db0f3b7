// Whole plans: the sheet's worlds with their optima, and the outer choice of the initial stock.
#include "agents/planning/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

#include "core/error.h"
#include "tests/planning/planning_kit.h"

namespace strider::planning {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using ::testing::ThrowsMessage;

constexpr double kExact = 1e-9;

PlanResult Plan(const Mdp& mdp, const std::string& objective, PlanConfig config) {
  return MakePlan(mdp, ParseObjective(objective), config);
}

PlanResult Plan(const Mdp& mdp, const std::string& objective) {
  return Plan(mdp, objective, PlanConfig::For(mdp));
}

TEST(PlanTest, ThreeStates) {
  const Mdp mdp = MakeMdp("three-state");
  EXPECT_NEAR(Plan(mdp, "cvar:0.25").value, 0.5, kExact);
  EXPECT_NEAR(Plan(mdp, "cvar:0.75").value, 4.0 / 3, kExact);
  EXPECT_NEAR(Plan(mdp, "cvar:1").value, 1.75, kExact);
  EXPECT_NEAR(Plan(mdp, "mean").value, 1.75, kExact);
  const PlanResult plan = Plan(mdp, "cvar:0.5");
  EXPECT_NEAR(plan.value, 0.75, kExact);
  EXPECT_THAT(plan.initial_stock, ElementsAre(DoubleNear(-2, kExact)));
  EXPECT_NEAR(Cvar(plan.law, 0.5), 0.75, kExact);
  ASSERT_EQ(plan.policy.size(), 3U);
  EXPECT_EQ(plan.policy[1].action, 1);  // risky after 0
  EXPECT_THAT(plan.policy[1].low, ElementsAre(DoubleNear(-4, kExact)));
  EXPECT_EQ(plan.policy[2].action, 0);  // safe after 2
  EXPECT_THAT(plan.policy[2].low, ElementsAre(DoubleNear(0, kExact)));
  EXPECT_NEAR(plan.mean_law_value, 0.5, kExact);  // risky, risky
  EXPECT_NEAR(Mean(plan.mean_law), 1.75, kExact);
}

// The sheet's second table: CVaR over tau, with its switch.
TEST(PlanTest, GridRWalksRoundOrOverTheBridge) {
  const Mdp mdp = MakeMdp("grid-r");
  const double bridge_mean = 6 * 0.857375 - 4 * 0.05 - 5 * 0.0475 - 6 * 0.045125;
  const auto bridge_cvar = [&](double tau) {
    return (bridge_mean - 6 * (1 - tau)) / tau;  // the best returns left out are all 6
  };
  EXPECT_NEAR(bridge_mean, 4.436, 1e-3);
  for (const double tau : {0.05, 0.25, 0.5, 0.75, 0.78}) {
    const PlanResult plan = Plan(mdp, fmt::format("cvar:{}", tau));
    EXPECT_NEAR(plan.value, 4, kExact) << tau;
    EXPECT_THAT(plan.law.atoms, ElementsAre(4)) << tau;
    EXPECT_THAT(plan.initial_stock, ElementsAre(-4)) << tau;
  }
  for (const double tau : {0.785, 0.8, 0.9, 1.0}) {
    const PlanResult plan = Plan(mdp, fmt::format("cvar:{}", tau));
    EXPECT_NEAR(plan.value, bridge_cvar(tau), kExact) << tau;
    EXPECT_THAT(plan.law.atoms, ElementsAre(-6, -5, -4, 6));
    EXPECT_THAT(plan.law.probabilities, Pointwise(DoubleNear(kExact), {0.045125, 0.0475, 0.05, 0.857375}));
    EXPECT_LE(plan.initial_stock[0], -6) << tau;
  }
  EXPECT_NEAR(Plan(mdp, "cvar:0.8").value, 4.045, 1e-3);
  EXPECT_NEAR(Plan(mdp, "cvar:0.9").value, 4.26222, 5e-6);
  // Where both are worth 4.
  const double turn = (6 - bridge_mean) / 2;
  EXPECT_NEAR(turn, 0.782, 1e-3);
  EXPECT_THAT(Plan(mdp, fmt::format("cvar:{}", turn - 1e-6)).law.atoms, ElementsAre(4));
  EXPECT_EQ(Plan(mdp, fmt::format("cvar:{}", turn + 1e-6)).law.count(), 4U);
}

// The sheet's first table.
TEST(PlanTest, GridGProducesAnyReturn) {
  const Mdp mdp = MakeMdp("grid-g");
  for (const auto& [target, value] :
       std::map<int, double>{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, -1}, {-5, 0}}) {
    EXPECT_NEAR(Plan(mdp, fmt::format("target:{}", target)).value, value, kExact) << target;
  }
  const Mdp slippery = MakeMdp("grid-g", {{"slip", "0.2"}});
  for (const auto& [target, value] : std::map<int, double>{{0, -0.00204},
                                                           {1, -0.02465},
                                                           {2, -0.03088},
                                                           {3, -0.08231},
                                                           {4, -0.30669},
                                                           {5, -0.92452},
                                                           {6, -1.92452},
                                                           {-5, -0.92452}}) {
    const PlanResult plan = Plan(slippery, fmt::format("target:{}", target));
    EXPECT_NEAR(plan.value, value, 5.1e-6) << target;
    EXPECT_LT(plan.mean_law_value, plan.value + kExact);
  }
}

TEST(PlanTest, MethodsAndGridsAgree) {
  const Mdp mdp = MakeMdp("grid-r");
  PlanConfig config = PlanConfig::For(mdp);
  config.method = "policy-iteration";
  EXPECT_NEAR(Plan(mdp, "cvar:0.9", config).value, Plan(mdp, "cvar:0.9").value, kExact);
  config.method = "value-iteration";
  config.stocks = 401;
  const PlanResult grid = Plan(mdp, "cvar:0.9", config);
  EXPECT_NEAR(grid.value, Plan(mdp, "cvar:0.9").value, 0.02);
  EXPECT_FALSE(grid.exact);
}

// Two atoms cannot tell the bridge from the way round: what comes out must not be called the best.
TEST(PlanTest, ProjectedLawsPromiseNothing) {
  const Mdp mdp = MakeMdp("grid-r");
  PlanConfig config = PlanConfig::For(mdp);
  EXPECT_EQ(Plan(mdp, "cvar:0.9", config).error, 0);
  config.projection = "categorical";
  config.atoms = 2;
  const PlanResult plan = Plan(mdp, "cvar:0.9", config);
  EXPECT_LT(plan.value, Plan(mdp, "cvar:0.9").value - 0.1);
  EXPECT_TRUE(std::isnan(plan.error));
}

// exp(beta x) leaves the range of doubles before beta does.
TEST(PlanTest, SteepUtilitiesAreSolvedOrRefused) {
  const Mdp mdp = MakeMdp("grid-r");
  EXPECT_NEAR(Plan(mdp, "oce:exponential,30").value, 4, 1e-6);
  for (const char* steep : {"exponential:200,-5", "oce:exponential,100", "oce:exponential,100000"}) {
    EXPECT_THAT([&] { Plan(mdp, steep); }, ThrowsMessage<InputError>(HasSubstr("beyond what a double holds")))
        << steep;
  }
}

// A grid has one way of planning, and says so instead of taking no notice.
TEST(PlanTest, WhatAGridDoesNotHeedIsRefused) {
  const Mdp mdp = MakeMdp("grid-r");
  const auto refused = [&](const std::string& key, const std::string& value) {
    PlanConfig config = PlanConfig::For(mdp);
    config.stocks = 401;
    SettingList settings;
    settings.Add("plan", config);
    settings.Set(key, value);
    EXPECT_THAT([&] { Plan(mdp, "cvar:0.9", config); },
                ThrowsMessage<InputError>(HasSubstr(key + " = " + value + " is for exact stocks")));
  };
  refused("plan.method", "policy-iteration");
  refused("plan.projection", "quantile");
  refused("plan.candidates", "7");
}

// The methods without stocks: the policy that is best for the mean, and what it is worth for the objective.
TEST(PlanTest, MethodsWithoutStocksPlanForTheMean) {
  const Mdp chain = MakeMdp("chain");
  const Mdp three = MakeMdp("three-state");
  for (const char* method :
       {"mean-value-iteration", "mean-policy-iteration", "quantile-iteration", "categorical-iteration"}) {
    PlanConfig config = PlanConfig::For(chain);
    config.method = method;
    config.atoms = 200;
    const PlanResult plan = Plan(chain, "mean", config);
    EXPECT_NEAR(plan.value, Plan(chain, "mean").value, 0.3) << method;
    ASSERT_EQ(plan.policy.size(), static_cast<std::size_t>(chain.states()));
    EXPECT_TRUE(plan.policy[0].low.empty());
    config = PlanConfig::For(three);
    config.method = method;
    config.atoms = 200;
    if (config.method == "mean-policy-iteration") {
      EXPECT_THAT([&] { Plan(three, "cvar:0.5", config); },
                  ThrowsMessage<InputError>(HasSubstr("policy iteration takes a discount below 1")));
      continue;
    }
    const PlanResult risky = Plan(three, "cvar:0.5", config);
    EXPECT_NEAR(risky.mean, 1.75, 0.02) << method;
    EXPECT_NEAR(risky.value, 0.5, 0.06) << method << ": V2's risky, risky, where stocks get .75";
    PlanConfig vectors = PlanConfig::For(MakeMdp("homeostasis"));
    vectors.method = method;
    EXPECT_THAT([&] { Plan(MakeMdp("homeostasis"), "homeostasis:-1,-0.5", vectors); },
                ThrowsMessage<InputError>(HasSubstr("is for rewards of one number")));
  }
}

// Objectives that choose no stock have a value for each all the same: V7's c + V, and Grid-G's table.
TEST(PlanTest, EachInitialStockHasItsValue) {
  const PlanResult mean = Plan(MakeMdp("three-state"), "mean");
  ASSERT_GT(mean.stocks.size(), 3U);
  for (const StockValue& stock : mean.stocks) EXPECT_NEAR(stock.value, stock.stock + 1.75, kExact);
  // The sheet's table for slip .2, from every target's own stock.
  const std::vector<StockValue> slippery = Plan(MakeMdp("grid-g", {{"slip", "0.2"}}), "target:0").stocks;
  for (const auto& [z, value] : std::map<int, double>{{0, -0.00204}, {3, -0.08231}, {5, -0.92452}}) {
    const auto found = std::ranges::find_if(
        slippery, [z = z](const StockValue& stock) { return std::abs(stock.stock + z) < 1e-9; });
    ASSERT_NE(found, slippery.end()) << z;
    EXPECT_NEAR(found->value, value, 5.1e-6) << z;
  }
  const Mdp mdp = MakeMdp("grid-g");
  PlanConfig config = PlanConfig::For(mdp);
  for (const int stocks : {0, 401}) {
    config.stocks = stocks;
    const PlanResult target = Plan(mdp, "target:2", config);
    const auto at = [&](double stock) {
      const auto nearest = std::ranges::min_element(
          target.stocks, {}, [&](const StockValue& other) { return std::abs(other.stock - stock); });
      return nearest->value;
    };
    for (const int z : {0, 2, 5}) EXPECT_NEAR(at(-z), 0, 0.05 + target.error) << stocks;
  }
}

// Entropic risk by its own recursion: with discount 1 the exponential utility needs no stock.
TEST(PlanTest, EntropicRiskAgreesWithItsOwnRecursion) {
  const Mdp mdp = MakeMdp("grid-r");
  for (const double beta : {0.05, 0.3, 1.0}) {
    std::vector<double> cost(15, 1);  // the least E exp(-beta G)
    for (int step = 0; step < 12; ++step) {
      std::vector<double> before(15, INFINITY);
      for (int state = 0; state < 15; ++state) {
        for (int action = 0; action < 4; ++action) {
          double sum = 0;
          for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
            const Branch& branch = mdp.branch(b);
            sum += branch.probability * std::exp(-beta * mdp.Reward(b)[0]) *
                   (branch.terminal ? 1 : cost[static_cast<std::size_t>(branch.next_state)]);
          }
          before[static_cast<std::size_t>(state)] = std::min(before[static_cast<std::size_t>(state)], sum);
        }
      }
      cost = before;
    }
    EXPECT_NEAR(Plan(mdp, fmt::format("oce:exponential,{}", beta)).value, -std::log(cost[5]) / beta, 1e-9);
    EXPECT_NEAR(Plan(mdp, fmt::format("exponential:{}", beta)).value, -cost[5], 1e-9);
  }
}

TEST(PlanTest, CvarIsTheTwoWeightCertaintyEquivalent) {
  const Mdp mdp = MakeMdp("three-state");
  EXPECT_NEAR(Plan(mdp, "oce:two-weight,2,0").value, Plan(mdp, "cvar:0.5").value, kExact);
  EXPECT_NEAR(Plan(mdp, "mean-cvar:1,0.5").value, 1.75, kExact);
  EXPECT_NEAR(Plan(mdp, "mean-cvar:0,0.5").value, 0.75, kExact);
}

// Few candidates are improved by turns.
TEST(PlanTest, FewInitialStocksAreImproved) {
  const Mdp mdp = MakeMdp("three-state");
  PlanConfig config = PlanConfig::For(mdp);
  config.candidates = 4;
  EXPECT_NEAR(Plan(mdp, "cvar:0.5", config).value, 0.75, kExact);
}

TEST(PlanTest, AGivenInitialStockIsTaken) {
  const Mdp mdp = MakeMdp("three-state");
  PlanConfig config = PlanConfig::For(mdp);
  config.initial_stock = {-3};
  const PlanResult plan = Plan(mdp, "cvar:0.5", config);
  EXPECT_NEAR(plan.value, 0.25, kExact);
  EXPECT_LE(plan.value, Cvar(plan.law, 0.5) + kExact);  // a lower bound of what the policy is worth
  EXPECT_TRUE(plan.stocks.empty());
  config.initial_stock = {1, 2};
  EXPECT_THAT([&] { Plan(mdp, "cvar:0.5", config); },
              ThrowsMessage<InputError>(HasSubstr("plan.initial_stock has 2 numbers; expected 1")));
}

TEST(PlanTest, EnvironmentsOfTheSuite) {
  const Mdp lake = MakeMdp("FrozenLake-v1");
  const PlanResult mean = Plan(lake, "mean");
  EXPECT_NEAR(mean.value, 0.74, 0.01);  // the known probability of crossing within 100 steps
  EXPECT_THAT(mean.law.atoms, ElementsAre(0, 1));
  // One or nothing: a share tau of misfortune eats the misses first.
  EXPECT_NEAR(Plan(lake, "cvar:0.5").value, (mean.value - 0.5) / 0.5, kExact);
}

// Thirteen steps along the cliff, whatever the share; the value of the grid may be off by what it says.
TEST(PlanTest, WideReturnsWithoutAHorizon) {
  const Mdp mdp = MakeMdp("CliffWalking-v1");
  PlanConfig config = PlanConfig::For(mdp);
  config.discount = 0.9;
  config.horizon = 0;
  const double best = -(1 - std::pow(0.9, 13)) / 0.1;
  for (const char* objective : {"cvar:0.5", "cvar:0.1", "mean-cvar:0.5,0.5", "mean"}) {
    const PlanResult plan = Plan(mdp, objective, config);
    EXPECT_NEAR(plan.value, best, plan.error) << objective;
    EXPECT_LE(plan.value, best + 1e-6) << "rounding stocks is a risk, which such an objective does not like";
    EXPECT_NEAR(plan.mean, best, 0.01) << objective;
  }
  EXPECT_LT(Plan(mdp, "cvar:0.5", config).error, 0.15);
}

TEST(PlanTest, WithoutHorizonTheGridIsTaken) {
  const Mdp mdp = MakeMdp("four-rooms");
  PlanConfig config = PlanConfig::For(mdp);
  config.stocks = 101;
  config.tolerance = 1e-3;
  const PlanResult plan = Plan(mdp, "cvar:0.25", config);
  EXPECT_FALSE(plan.exact);
  EXPECT_FALSE(plan.policy.empty());
  // The law on atoms and the value by the recursion tell the same story; the mean's policy is not better.
  EXPECT_NEAR(Cvar(plan.law, 0.25), plan.value, 0.03);
  EXPECT_GT(plan.value, plan.mean_law_value - 0.03);
}

TEST(PlanTest, VectorsAndUtilitiesNeedAHorizon) {
  EXPECT_NEAR(Plan(MakeMdp("homeostasis"), "homeostasis:-1,-0.5").value, 0, kExact);
  const Mdp chain = MakeMdp("chain");
  EXPECT_THAT([&] { Plan(chain, "exponential:0.1"); },
              ThrowsMessage<InputError>(HasSubstr("expected plan.horizon")));
  PlanConfig config = PlanConfig::For(chain);
  config.horizon = 6;
  EXPECT_NO_THROW(Plan(chain, "exponential:0.1", config));
  config.stocks = 101;
  EXPECT_THAT([&] { Plan(chain, "exponential:0.1", config); },
              ThrowsMessage<InputError>(HasSubstr("cannot be planned for on a grid of stocks")));
  config.discount = 0;
  EXPECT_THAT([&] { Plan(chain, "mean", config); },
              ThrowsMessage<InputError>("chain: discount is 0; expected a number in (0, 1]"));
}

// Nobody waits for what a discount just below 1 takes to forget.
TEST(PlanTest, DiscountsThatForgetTooSlowlyAreRefused) {
  const Mdp mdp = MakeMdp("three-state");
  PlanConfig config = PlanConfig::For(mdp);
  config.horizon = 0;
  for (const char* objective : {"target:1", "mean"}) {
    for (const double discount : {0.9999999, 0.999999999}) {
      config.discount = discount;
      EXPECT_THAT([&] { Plan(mdp, objective, config); },
                  ThrowsMessage<InputError>(AllOf(HasSubstr("forgets too slowly"), HasSubstr("plan.discount"),
                                                  HasSubstr("plan.horizon"))))
          << objective << " " << discount;
    }
  }
}

}  // namespace
}  // namespace strider::planning
