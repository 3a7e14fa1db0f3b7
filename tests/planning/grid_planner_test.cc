// Stocks on a grid beside exact ones (V10), and what may not depend on threads.
#include "agents/planning/grid_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "agents/planning/classic.h"
#include "core/error.h"
#include "tests/planning/planning_kit.h"

namespace strider::planning {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr TwoWeights kShortfall{1, 0};
constexpr TwoWeights kDistance{1, -1};
constexpr TwoWeights kMean{1, 1};

void ExpectNearExact(const Mdp& mdp, TwoWeights weights, double tolerance) {
  WorkerPool pool(2);
  const StockTree tree(mdp, 1e9);
  const GridPlan grid(mdp, weights, {.stocks = 801}, pool);
  for (const double stock : {-3.0, -2.0, -1.3, -0.5, 0.0, 0.5, 0.7, 2.2}) {
    const double exact =
        ScalarIteration(tree, TwoWeightObjective(weights.below, weights.above), std::array{stock}, pool)
            .utility;
    EXPECT_NEAR(grid.Utility(stock), exact, tolerance) << mdp.name() << " at " << stock;
  }
}

// V10 on V2, V5 and V6.
TEST(GridPlanTest, ValuesAreNearThoseOfExactStocks) {
  for (const TwoWeights weights : {kShortfall, kDistance, kMean}) {
    ExpectNearExact(MakeMdp("three-state"), weights, 0.01);
    ExpectNearExact(Balance(7), weights, 0.01);
    ExpectNearExact(ProcessB(8), weights, 0.01);
  }
}

// With stocks on the grid's points nothing is rounded: discount 1 and whole rewards.
TEST(GridPlanTest, WholeStocksAreExact) {
  const Mdp mdp = MakeMdp("grid-r");
  WorkerPool pool(2);
  const GridPlan any(mdp, kShortfall, {}, pool);
  const auto whole = [](const std::vector<double>& ends) {
    return static_cast<int>(std::lround(ends.back() - ends.front())) + 1;
  };
  const GridPlan grid(mdp, kShortfall, {.stocks = whole(any.stocks()), .atoms = whole(any.atoms())}, pool);
  const StockTree tree(mdp, 1e9);
  for (int stock = -9; stock <= 12; ++stock) {
    const TreePlan exact = ScalarIteration(tree, TwoWeightObjective(1, 0), std::array{1.0 * stock}, pool);
    EXPECT_NEAR(grid.Utility(stock), exact.utility, 1e-9);
    const ReturnLaw law = Follow(tree, exact.policy).law;
    EXPECT_NEAR(Wasserstein1(grid.Law(stock), law), 0, 1e-5) << stock;  // single precision
    EXPECT_NEAR(grid.MeanReturn(stock), exact.mean, 1e-9);
  }
}

// Falling off the cliff costs 100 again and again: returns reach down to -1000, of which a good policy, which
// takes thirteen steps, knows nothing. Beside exact stocks over so many steps that the rest is worth nothing.
TEST(GridPlanTest, ReturnsThatNoGoodPolicyHasCostNothing) {
  const Mdp cliff = MakeMdp("CliffWalking-v1");
  WorkerPool pool(2);
  const GridPlan plan(cliff.With(0.9, 0), kShortfall, {}, pool);
  const double best = -(1 - std::pow(0.9, 13)) / 0.1;
  EXPECT_NEAR(best, -7.458, 1e-3);
  EXPECT_LT(plan.ErrorBound(), 0.06);
  EXPECT_LT(plan.stocks().back() - plan.stocks().front(), 10);
  for (const double stock : {5.0, 6.0, 7.0, -best, 7.6, 8.0}) {
    EXPECT_NEAR(plan.Utility(stock), std::min(stock + best, 0.0), plan.ErrorBound()) << stock;
  }
  EXPECT_NEAR(Mean(plan.Law(-best)), best, 0.01);
  // With chance, and a utility that is not concave in the sense above.
  const Mdp lake = MakeMdp("FrozenLake-v1").With(0.9, 10);
  for (const TwoWeights weights : {kShortfall, kDistance}) {
    const GridPlan grid(lake, weights, {.stocks = 201}, pool);
    const StockTree tree(lake, 1e9);
    for (const double stock : {-1.0, -0.6, -0.4, -0.1, 0.0}) {
      const double exact =
          ScalarIteration(tree, TwoWeightObjective(weights.below, weights.above), std::array{stock}, pool)
              .utility;
      EXPECT_NEAR(grid.Utility(stock), exact, grid.ErrorBound());
    }
    EXPECT_LT(grid.ErrorBound(), 0.02);
  }
}

// Without a horizon: what many steps come to, up to the share that is left.
TEST(GridPlanTest, WithoutHorizonItIsTheLimit) {
  WorkerPool pool(2);
  // The laws after n steps are within 0.8^n x 5 of the limit.
  const GridPlan endless(ProcessB(0), kDistance, {.stocks = 801}, pool);
  const GridPlan long_run(ProcessB(60), kDistance, {.stocks = 801}, pool);
  for (const double stock : {-2.0, 0.0, 0.5, 1.0}) {
    EXPECT_NEAR(endless.Utility(stock), long_run.Utility(stock), 1e-3);
  }
  // min(x, 0) from -1: gaining 0.2 a step is worth 1 in the end.
  EXPECT_NEAR(GridPlan(ProcessB(0), kShortfall, {.stocks = 801}, pool).Utility(-1), 0, 1e-2);
  // V7: the mean's values are the ordinary ones for any stock.
  const GridPlan mean(ProcessB(0), kMean, {.stocks = 5}, pool);
  const double ordinary = PolicyIteration(ProcessB(0)).values[0];
  for (const double stock : {-50.0, -1.0, 0.3, 50.0}) {
    EXPECT_NEAR(mean.Utility(stock), stock + ordinary, 2e-6);
    EXPECT_NEAR(Mean(mean.Law(stock)), ordinary, 2e-3);
  }
}

// Beyond the ends values go on straight, as they do exactly.
TEST(GridPlanTest, BeyondTheGridTheSignIsSettled) {
  const Mdp mdp = ProcessB(8);
  WorkerPool pool(1);
  const GridPlan grid(mdp, kDistance, {.stocks = 801}, pool);
  const StockTree tree(mdp, 1e9);
  for (const double stock : {-20.0, 20.0}) {
    EXPECT_NEAR(grid.Utility(stock),
                ScalarIteration(tree, ParseObjective("target:0"), std::array{stock}, pool).utility, 1e-9);
  }
}

TEST(GridPlanTest, ThreadsChangeNothing) {
  const Mdp mdp = MakeMdp("four-rooms");
  WorkerPool one(1);
  const GridOptions options{.stocks = 51, .atoms = 32, .tolerance = 1e-3};
  const GridPlan expected(mdp, kShortfall, options, one);
  for (const int threads : {2, 5}) {
    WorkerPool pool(threads);
    const GridPlan plan(mdp, kShortfall, options, pool);
    for (const double stock : expected.stocks()) {
      EXPECT_EQ(plan.Utility(stock), expected.Utility(stock));
      EXPECT_EQ(plan.Law(stock).probabilities, expected.Law(stock).probabilities);
    }
  }
}

TEST(GridPlanTest, MemoryIsStatedBeforeAnythingStarts) {
  const Mdp mdp = MakeMdp("chain", {{"length", "10000"}});
  WorkerPool pool(1);
  const GridOptions options{.stocks = 201, .atoms = 64, .memory = 1e9};
  EXPECT_NEAR(GridBytes(mdp, options), 1.1e9, 0.02e9);
  EXPECT_THAT(
      [&] { GridPlan(mdp, kShortfall, options, pool); },
      ThrowsMessage<InputError>(HasSubstr("chain: 10000 states x 201 stocks x 64 atoms need 1097.5 MB, and "
                                          "plan.memory allows 1000.0 MB")));
}

TEST(GridPlanTest, WhatItCannotDoIsRefused) {
  WorkerPool pool(1);
  EXPECT_THAT([&] { GridPlan(MakeMdp("homeostasis"), kDistance, {}, pool); },
              ThrowsMessage<InputError>(HasSubstr("a grid of stocks is for rewards of one number")));
  EXPECT_THAT([&] { GridPlan(ProcessB(0), kDistance, {.stocks = 1}, pool); },
              ThrowsMessage<InputError>(HasSubstr("expected at least 2 of each")));
}

}  // namespace
}  // namespace strider::planning
