// Exact stocks: the sheet's cases V1 to V7 and V9, and brute force beside them.
#include "agents/planning/stock_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <random>

#include "agents/planning/classic.h"
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

constexpr double kMemory = 1e9;
constexpr double kExact = 1e-9;

enum { kSafe, kRisky };

// The policy of the three states that takes `x` after 0 and `y` after 2.
TreePolicy After(const StockTree& tree, int x, int y) {
  TreePolicy policy = ConstantPolicy(tree, 0);
  const StockLevel& level = tree.level(1);
  EXPECT_EQ(level.size(), 2U);
  for (std::size_t node = 0; node < level.size(); ++node) policy[1][node] = level.offsets[node] == 0 ? x : y;
  return policy;
}

class ThreeStates : public ::testing::Test {
 protected:
  const Mdp mdp_ = MakeMdp("three-state");
  const StockTree tree_{mdp_, kMemory};
  WorkerPool pool_{1};

  TreePlan Plan(const Objective& objective, double stock) {
    return DistributionalValueIteration(tree_, objective, std::array{stock}, {}, pool_);
  }
};

// V1.
TEST(StockTreeTest, StockPlusReturnStaysItsDiscountedSelf) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (const double discount : {0.5, 0.9, 0.99, 1.0}) {
    TabularMdp table(1, 1);
    table.start = {1};
    constexpr int kSteps = 12;
    for (int k = 0; k < 3; ++k)
      table.Outcomes(0, 0).push_back({k == 0 ? 0.5 : 0.25, 0, uniform(random), false});
    const Mdp mdp("random", table, discount, kSteps);
    const StockTree tree(mdp, kMemory);
    for (int trajectory = 0; trajectory < 20; ++trajectory) {
      const std::vector<double> initial{3 * uniform(random)};
      std::size_t node = 0;
      std::vector<double> stocks = tree.Stock(0, node, initial);
      std::vector<double> rewards;
      for (int step = 0; step < kSteps; ++step) {
        const std::size_t branch = random() % 3;
        rewards.push_back(mdp.Reward(branch)[0]);
        const StockLevel& level = tree.level(step);
        node = static_cast<std::size_t>(level.children[level.first_child[node] + branch]);
        stocks.push_back(tree.Stock(step + 1, node, initial)[0]);
      }
      std::vector<double> returns(kSteps + 1);
      for (int step = kSteps - 1; step >= 0; --step) {
        const auto s = static_cast<std::size_t>(step);
        returns[s] = rewards[s] + discount * returns[s + 1];
      }
      for (int step = 0; step <= kSteps; ++step) {
        const auto s = static_cast<std::size_t>(step);
        EXPECT_NEAR(stocks[0] + returns[0], std::pow(discount, step) * (stocks[s] + returns[s]), 1e-10);
      }
    }
  }
}

// V2: all four policies.
TEST_F(ThreeStates, LawsAndMeasuresOfEveryPolicy) {
  struct Row {
    int x, y;
    std::vector<double> atoms;
    std::vector<double> probabilities;
    double mean, cvar25, cvar50, cvar75;
  };
  const std::vector<Row> rows = {
      {kSafe, kSafe, {0.5, 2.5}, {0.5, 0.5}, 1.5, 0.5, 0.5, 3.5 / 3},
      {kSafe, kRisky, {0.5, 1.5, 4}, {0.5, 0.25, 0.25}, 1.625, 0.5, 0.5, 2.5 / 3},
      {kRisky, kSafe, {-0.5, 2, 2.5}, {0.25, 0.25, 0.5}, 1.625, -0.5, 0.75, 4.0 / 3},
      {kRisky, kRisky, {-0.5, 1.5, 2, 4}, {0.25, 0.25, 0.25, 0.25}, 1.75, -0.5, 0.5, 1.0},
  };
  for (const Row& row : rows) {
    const ReturnLaw law = Follow(tree_, After(tree_, row.x, row.y)).law;
    EXPECT_THAT(law.atoms, Pointwise(DoubleNear(kExact), row.atoms));
    EXPECT_THAT(law.probabilities, Pointwise(DoubleNear(kExact), row.probabilities));
    EXPECT_NEAR(Mean(law), row.mean, kExact);
    EXPECT_NEAR(Cvar(law, 0.25), row.cvar25, kExact);
    EXPECT_NEAR(Cvar(law, 0.5), row.cvar50, kExact);
    EXPECT_NEAR(Cvar(law, 0.75), row.cvar75, kExact);
  }
}

// V2: without the stock nothing better than 0.5 is possible.
TEST_F(ThreeStates, MixingActionsBlindlyDoesNotHelp) {
  for (const double risky : {0.0, 0.2, 0.5, 0.8, 1.0}) {
    const ReturnLaw law = Law({0.5, -0.5, 2, 2.5, 1.5, 4},
                              {(1 - risky) / 2, risky / 4, risky / 4, (1 - risky) / 2, risky / 4, risky / 4});
    EXPECT_NEAR(Cvar(law, 0.5), 0.5, kExact);
  }
}

// V2: the values along the way at c0 = -2.
TEST_F(ThreeStates, ValueIterationFindsRiskyAfterNothingAndSafeAfterTwo) {
  const TreePlan plan = Plan(TwoWeightObjective(1, 0), -2);
  EXPECT_NEAR(plan.utility, -0.625, kExact);
  EXPECT_NEAR(2 + 2 * plan.utility, 0.75, kExact);
  EXPECT_THAT(tree_.Stock(1, 0, std::array{-2.0}), ElementsAre(DoubleNear(-4, kExact)));
  EXPECT_THAT(tree_.Stock(1, 1, std::array{-2.0}), ElementsAre(DoubleNear(0, kExact)));
  EXPECT_EQ(plan.policy, After(tree_, kRisky, kSafe));
  const auto q = [&](std::vector<double> atoms, std::vector<double> probabilities, double stock) {
    return ExpectedUtility(TwoWeightObjective(1, 0), std::array{stock},
                           Law(std::move(atoms), std::move(probabilities)));
  };
  EXPECT_NEAR(q({1}, {1}, -4), -3, kExact);
  EXPECT_NEAR(q({4, -1}, {0.5, 0.5}, -4), -2.5, kExact);
  EXPECT_NEAR(q({1}, {1}, 0), 0, kExact);
  EXPECT_NEAR(q({4, -1}, {0.5, 0.5}, 0), -0.5, kExact);
}

TEST_F(ThreeStates, ValueOfEveryInitialStock) {
  const std::map<double, double> expected = {{-4, -0.5}, {-3.5, -0.25}, {-3, 0.25}, {-2.5, 0.75},
                                             {-2, 0.75}, {-1.5, 0.5},   {-1, 0.5},  {-0.5, 0.5},
                                             {0, 0},     {0.5, -0.5}};
  const Objective cvar = ParseObjective("cvar:0.5");
  for (const auto& [stock, value] : expected) {
    EXPECT_NEAR(Value(cvar, std::array{stock}, Plan(cvar, stock).law), value, kExact) << stock;
  }
}

// V2 and 4.1: planning agrees with trying all four policies, for any stock and weights; and the recursions on
// numbers and on laws with each other.
TEST_F(ThreeStates, ExhaustiveSearchAgrees) {
  for (const auto& [below, above] : {std::pair(1.0, 0.0), {2.0, 0.5}, {1.0, -1.0}, {1.0, 1.0}, {0.0, 1.0}}) {
    const Objective objective = TwoWeightObjective(below, above);
    for (double stock = -5; stock <= 2; stock += 0.25) {
      double best = -INFINITY;
      for (const int x : {kSafe, kRisky}) {
        for (const int y : {kSafe, kRisky}) {
          best = std::max(
              best, ExpectedUtility(objective, std::array{stock}, Follow(tree_, After(tree_, x, y)).law));
        }
      }
      EXPECT_NEAR(Plan(objective, stock).utility, best, kExact);
      EXPECT_NEAR(ScalarIteration(tree_, objective, std::array{stock}, pool_).utility, best, kExact);
    }
  }
}

// V9.
TEST_F(ThreeStates, OneImprovementOfSafeSafeIsOptimal) {
  const Objective objective = TwoWeightObjective(1, 0);
  const std::array stock{-2.0};
  const Improvement first = Improve(tree_, objective, stock, After(tree_, kSafe, kSafe), {}, pool_);
  EXPECT_EQ(first.changes, 1U);
  EXPECT_EQ(first.policy, After(tree_, kRisky, kSafe));
  EXPECT_THAT(first.law.atoms, ElementsAre(DoubleNear(0.5, kExact), DoubleNear(2.5, kExact)));
  EXPECT_EQ(Improve(tree_, objective, stock, first.policy, {}, pool_).changes, 0U);
  for (double c = -5; c <= 2; c += 0.25) {
    const TreePlan by_policies =
        DistributionalPolicyIteration(tree_, objective, std::array{c}, After(tree_, kSafe, kSafe), {}, pool_);
    EXPECT_NEAR(by_policies.utility, Plan(objective, c).utility, kExact) << c;
  }
}

double AfterSteps(const Mdp& mdp, const Objective& objective, double stock) {
  WorkerPool pool(1);
  const StockTree tree(mdp, kMemory);
  const double by_laws = DistributionalValueIteration(tree, objective, std::array{stock}, {}, pool).utility;
  EXPECT_NEAR(ScalarIteration(tree, objective, std::array{stock}, pool).utility, by_laws, kExact);
  const TreePlan by_policies =
      DistributionalPolicyIteration(tree, objective, std::array{stock}, ConstantPolicy(tree, 0), {}, pool);
  EXPECT_NEAR(by_policies.utility, by_laws, kExact);
  return by_laws;
}

// V5.
TEST(StockTreeTest, Homeostasis) {
  const std::vector<double> expected = {-0.7, -0.3, -0.2, -0.05, -0.05, -0.0125, -0.0125, -0.003125};
  const Objective objective = ParseObjective("homeostasis:0.7");
  for (int steps = 1; steps < 8; ++steps) {
    EXPECT_NEAR(AfterSteps(Balance(steps), objective, 0.7), expected[static_cast<std::size_t>(steps)],
                kExact);
  }
  EXPECT_NEAR(ExpectedUtility(objective, std::array{0.7}, PointLaw({0})), expected[0], kExact);
}

// V6. The sheet gives five digits, and exactly -0.8^n in the first row.
TEST(StockTreeTest, ProcessB) {
  struct Row {
    Objective objective;
    double stock;
    std::array<double, 5> values;  // after 0, 2, 4, 6 and 8 steps
  };
  const std::vector<Row> rows = {
      {TwoWeightObjective(1, 0), -1, {-1, -0.64, -0.4096, -0.26214, -0.16777}},
      {ParseObjective("target:0"), 0, {0, -0.36, -0.512, -0.52077, -0.51909}},
      {ParseObjective("target:0"), 0.5, {-0.5, -0.8, -0.7512, -0.81107, -0.76389}},
      {ParseObjective("mean"), 0, {0, 0.4, 0.616, 0.75424, 0.84271}},
  };
  for (const Row& row : rows) {
    for (int steps = 2; steps <= 8; steps += 2) {
      const double value = AfterSteps(ProcessB(steps), row.objective, row.stock);
      EXPECT_NEAR(value, row.values[static_cast<std::size_t>(steps / 2)], 5.1e-6) << steps;
      if (row.objective.weights->above == 0) {
        EXPECT_NEAR(value, -std::pow(0.8, steps), kExact);
      }
    }
  }
}

// V7.
TEST(StockTreeTest, TheMeanDoesNotMindTheStock) {
  const Mdp mdp = ProcessB(8);
  const StockTree tree(mdp, kMemory);
  WorkerPool pool(1);
  const Objective mean = ParseObjective("mean");
  const double ordinary = ValueIteration(mdp).values[0];
  const TreePlan at_zero = DistributionalValueIteration(tree, mean, std::array{0.0}, {}, pool);
  for (const double stock : {-3.0, -0.4, 0.0, 2.5}) {
    const TreePlan plan = DistributionalValueIteration(tree, mean, std::array{stock}, {}, pool);
    EXPECT_NEAR(plan.utility, stock + ordinary, kExact);
    EXPECT_EQ(plan.policy, at_zero.policy);
  }
}

// 4.2: the best of all policies that depend on everything that happened, by brute force over two steps.
TEST(StockTreeTest, UtilitiesThatMindTheDiscountAreScaledByTime) {
  WorkerPool pool(1);
  const Mdp mdp = MakeMdp("three-state");
  const StockTree tree(mdp, kMemory);
  for (const double beta : {0.25, 1.0, 2.0}) {
    const Objective objective = ParseObjective(fmt::format("exponential:{}", beta));
    double best = -INFINITY;
    for (const int x : {kSafe, kRisky}) {
      for (const int y : {kSafe, kRisky}) {
        best =
            std::max(best, ExpectedUtility(objective, std::array{0.0}, Follow(tree, After(tree, x, y)).law));
      }
    }
    EXPECT_NEAR(DistributionalValueIteration(tree, objective, std::array{0.0}, {}, pool).utility, best,
                kExact);
  }
  // V4's choice, put off by a step: first a certain 0, then {0, 3} or 0.8. Unscaled, 0.8 would be taken.
  TabularMdp table(2, 2);
  table.start = {1, 0};
  for (const int action : {0, 1}) table.Outcomes(0, action) = {{1, 1, 0, false}};
  table.Outcomes(1, 0) = {{1, 0, 0.8, true}};
  table.Outcomes(1, 1) = {{0.5, 0, 0, true}, {0.5, 0, 3, true}};
  const Mdp later("later", table, 0.5, 2);
  const StockTree later_tree(later, kMemory);
  const TreePlan plan =
      DistributionalValueIteration(later_tree, ParseObjective("exponential:1"), std::array{0.0}, {}, pool);
  EXPECT_EQ(plan.policy[1][0], 1);
  EXPECT_NEAR(plan.utility, -(1 + std::exp(-1.5)) / 2, kExact);
}

TEST(StockTreeTest, VectorStocksGoTheStraightWay) {
  const Mdp mdp = MakeMdp("homeostasis");  // rewards +-1 in one of two components, discount 1/2
  const StockTree tree(mdp, kMemory);
  WorkerPool pool(2);
  const Objective objective = ParseObjective("homeostasis:-1,-0.5");
  const TreePlan plan = DistributionalValueIteration(tree, objective, objective.initial_stock, {}, pool);
  EXPECT_NEAR(plan.utility, 0, kExact);  // 1 at once, 1/2 a step later
  EXPECT_NEAR(ScalarIteration(tree, objective, objective.initial_stock, pool).utility, 0, kExact);
  EXPECT_THAT(plan.law.atoms, ElementsAre(1, 0.5));
}

TEST(StockTreeTest, ThreadsChangeNothing) {
  const Mdp mdp = MakeMdp("grid-g", {{"slip", "0.2"}});
  const StockTree tree(mdp, kMemory);
  const Objective objective = ParseObjective("target:3");
  WorkerPool one(1);
  const TreePlan expected = DistributionalValueIteration(tree, objective, objective.initial_stock, {}, one);
  for (const int threads : {2, 3, 8}) {
    WorkerPool pool(threads);
    const TreePlan plan = DistributionalValueIteration(tree, objective, objective.initial_stock, {}, pool);
    EXPECT_EQ(plan.policy, expected.policy);
    EXPECT_EQ(plan.utility, expected.utility);
    EXPECT_EQ(plan.law.probabilities, expected.law.probabilities);
    EXPECT_EQ(ScalarIteration(tree, objective, objective.initial_stock, pool).utility,
              ScalarIteration(tree, objective, objective.initial_stock, one).utility);
  }
}

TEST(StockTreeTest, ProjectedLawsStayNear) {
  const Mdp mdp = MakeMdp("grid-g", {{"slip", "0.2"}});
  const StockTree tree(mdp, kMemory);
  WorkerPool pool(2);
  const Objective objective = ParseObjective("target:4");
  const double exact = ScalarIteration(tree, objective, objective.initial_stock, pool).utility;
  for (const Projection projection : {Projection::kQuantile, Projection::kCategorical}) {
    const LawOptions options{projection, 25, kMemory};  // as many atoms as there are returns
    const TreePlan plan =
        DistributionalValueIteration(tree, objective, objective.initial_stock, options, pool);
    EXPECT_LE(plan.utility, exact + kExact);  // the figure is that of the policy, whatever led to it
    EXPECT_NEAR(plan.utility, exact, 0.02);
  }
}

// Stocks are sums of rewards over discount^step.
TEST(StockTreeTest, StocksBeyondAnyNumberAreRefused) {
  TabularMdp table(1, 1);
  table.start = {1};
  table.Outcomes(0, 0) = {{1, 0, 1, false}};
  const Mdp one("one", table, 0.5, 900);
  const StockTree tree(one, kMemory);
  WorkerPool pool(1);
  const TreePlan plan = ScalarIteration(tree, ParseObjective("target:2"), std::array{-2.0}, pool);
  EXPECT_NEAR(plan.utility, 0, 1e-12);
  EXPECT_TRUE(std::isfinite(tree.Stock(900, 0, std::array{-2.0})[0]));
  EXPECT_THAT([&] { StockTree(one.With(0.5, 1100), kMemory); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("one: discount 0.5 and horizon 1100"),
                                              HasSubstr("expected plan.horizon=930 or less"))));
}

TEST(StockTreeTest, WhatDoesNotFitIsRefusedWithItsSize) {
  const Mdp mdp = ProcessB(30).With(0.83, 30);
  EXPECT_THAT([&] { StockTree(mdp, 2e6); },
              ThrowsMessage<InputError>(
                  AllOf(HasSubstr("B: exact stocks do not fit: 2.0 MB were needed when step "),
                        HasSubstr("half of plan.memory, 2.0 MB, is theirs"),
                        HasSubstr("all steps would take about "), HasSubstr("plan.stocks=401 for a grid"))));
  const Mdp small = MakeMdp("grid-g", {{"slip", "0.2"}});
  const StockTree tree(small, kMemory);
  EXPECT_LT(tree.bytes(), 2e6);
  WorkerPool pool(1);
  EXPECT_THAT(
      [&] {
        DistributionalValueIteration(tree, ParseObjective("target:1"), std::array{-1.0},
                                     {Projection::kMerge, 64, 5e3}, pool);
      },
      ThrowsMessage<InputError>(HasSubstr("the laws of one step's nodes need more than 0.0 MB")));
}

}  // namespace
}  // namespace strider::planning
