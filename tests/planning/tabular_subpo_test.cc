// SubPO without sampling: the exact cases of the SubPO sheet, section 7.
#include "agents/planning/tabular_subpo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/error.h"

namespace strider::planning {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kLeft = 0;
constexpr int kRight = 1;

// V2's line of four cells, start 1, where actions go left and right and the ends stop.
TabularMdp Line() {
  TabularMdp mdp(4, 2);
  mdp.start[1] = 1;
  for (int cell = 0; cell < 4; ++cell) {
    mdp.Outcomes(cell, kLeft) = {{1, std::max(cell - 1, 0), 0, false}};
    mdp.Outcomes(cell, kRight) = {{1, std::min(cell + 1, 3), 0, false}};
  }
  return mdp;
}

// The weight of the distinct cells visited.
Coverage DistinctCells(std::vector<double> weights) {
  return Coverage({{0}, {1}, {2}, {3}}, std::move(weights));
}

TabularSubpo OnLine(std::vector<double> weights, const PolicyInput& input, int horizon = 4) {
  return TabularSubpo(Line(), DistinctCells(std::move(weights)), horizon, input);
}

void ExpectRightColumn(const TabularSubpo& problem, const Eigen::MatrixXd& gradient,
                       const std::array<double, 4>& expected, double tolerance) {
  for (int cell = 0; cell < 4; ++cell) {
    const Eigen::Index row = problem.Row({cell});
    EXPECT_NEAR(gradient(row, kRight), expected[static_cast<std::size_t>(cell)], tolerance)
        << "cell " << cell;
    EXPECT_NEAR(gradient(row, kLeft), -gradient(row, kRight), 1e-12) << "cell " << cell;
  }
}

// (J(theta + h) - J(theta - h)) / 2h for every logit.
Eigen::MatrixXd Differences(TabularSubpo problem) {
  constexpr double kStep = 1e-5;
  Eigen::MatrixXd differences = problem.logits();
  for (Eigen::Index i = 0; i < differences.size(); ++i) {
    double& logit = problem.logits().reshaped()[i];
    const double middle = logit;
    logit = middle + kStep;
    const double above = problem.Value();
    logit = middle - kStep;
    differences.reshaped()[i] = (above - problem.Value()) / (2 * kStep);
    logit = middle;
  }
  return differences;
}

void Ascend(TabularSubpo& problem, Credit credit, double rate, int steps) {
  for (int i = 0; i < steps; ++i) problem.logits() += rate * problem.Gradient(credit);
}

TEST(TabularSubpoTest, ExactGradientsOfTheSheet) {  // V2
  TabularSubpo problem = OnLine({4, 1, 1, 2}, SeeState);
  EXPECT_NEAR(problem.Value(), 4.625, 1e-12);
  ExpectRightColumn(problem, problem.Gradient(), {0.0625, -0.5, 0, 0}, 1e-12);
  ExpectRightColumn(problem, Differences(problem), {0.0625, -0.5, 0, 0}, 1e-9);
  for (const Credit credit : {Credit::kPrefix, Credit::kMyopic}) {
    ExpectRightColumn(problem, problem.Gradient(credit), {0, -0.9375, 0.25, 0}, 1e-12);
  }
  const double logits[4][2] = {{0.3, -0.2}, {0.5, 0.1}, {-0.4, 0.2}, {0, 0.7}};
  for (int cell = 0; cell < 4; ++cell) {
    for (int action = 0; action < 2; ++action)
      problem.logits()(problem.Row({cell}), action) = logits[cell][action];
  }
  EXPECT_NEAR(problem.Value(), 4.745530, 1e-6);
  ExpectRightColumn(problem, problem.Gradient(), {0.056462, -0.325413, -0.036244, 0}, 1e-6);
  ExpectRightColumn(problem, Differences(problem), {0.056462, -0.325413, -0.036244, 0}, 1e-6);
  for (const Credit credit : {Credit::kPrefix, Credit::kMyopic}) {
    ExpectRightColumn(problem, problem.Gradient(credit), {0, -0.803139, 0.183628, 0}, 1e-6);
  }
}

TEST(TabularSubpoTest, WhereAscentEnds) {  // V3
  const auto end = [](const std::vector<double>& weights, const PolicyInput& input, Credit credit) {
    TabularSubpo problem = OnLine(weights, input);
    Ascend(problem, credit, 0.5, 4000);
    return problem.Value();
  };
  EXPECT_NEAR(end({4, 1, 1, 2}, SeeState, Credit::kToGo), 5.1995, 1e-4);
  EXPECT_NEAR(end({4, 1, 1, 2}, SeeState, Credit::kMyopic), 5.0, 1e-3);
  EXPECT_NEAR(end({1, 1, 1, 4}, SeeStateAndTime, Credit::kToGo), 5.9995, 1e-4);
  EXPECT_NEAR(end({1, 1, 1, 4}, SeeStateAndTime, Credit::kMyopic), 4.2495, 1e-4);
  EXPECT_NEAR(end({2, 1, 1, 4}, SeeStateAndTime, Credit::kToGo), 5.9995, 1e-4);
  EXPECT_NEAR(end({2, 1, 1, 4}, SeeStateAndTime, Credit::kMyopic), 3.5003, 1e-4);
}

// V5: nature goes from the start to A or B, then back to a choice between the two. What is worth something is
// to have been at both, which only a policy that remembers the first can bring about.
TEST(TabularSubpoTest, HistoryMattersUnderChance) {
  enum { kStart, kA, kB, kChoice };
  TabularMdp mdp(4, 2);
  mdp.start[kStart] = 1;
  for (const int action : {0, 1}) {
    mdp.Outcomes(kStart, action) = {{0.5, kA, 0, false}, {0.5, kB, 0, false}};
    mdp.Outcomes(kA, action) = {{1, kChoice, 0, false}};
    mdp.Outcomes(kB, action) = {{1, kChoice, 0, false}};
    mdp.Outcomes(kChoice, action) = {{1, action == 0 ? kA : kB, 0, false}};
  }
  const Coverage both({{}, {0}, {1}, {}}, {1, 1});
  TabularSubpo markov(mdp, both, 4, SeeStateAndTime);
  markov.logits()(markov.Row({kChoice, 2}), 0) = 0.3;
  EXPECT_NEAR(markov.Value(), 1.5, 1e-12);
  EXPECT_NEAR(markov.Gradient().norm(), 0, 1e-12);  // nothing to be gained
  TabularSubpo history(mdp, both, 4, SeeHistory);
  Ascend(history, Credit::kToGo, 5, 4000);
  EXPECT_NEAR(history.Value(), 2, 1e-3);
}

// V7: two picks of three sets; every policy is one of the time alone.
TEST(TabularSubpoTest, TheBanditWhereGreedyIsTight) {
  TabularMdp mdp(4, 3);
  mdp.start[0] = 1;
  for (int state = 0; state < 4; ++state) {
    for (int pick = 0; pick < 3; ++pick) mdp.Outcomes(state, pick) = {{1, pick + 1, 0, false}};
  }
  const Coverage sets({{}, {1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}, {1, 2, 3, 7, 8, 9}},
                      std::vector<double>(13, 1.0));
  TabularSubpo problem(mdp, sets, 3, SeeTime);
  EXPECT_NEAR(problem.Value(), 26.0 / 3, 1e-12);
  // From the uniform policy symmetry keeps the first two sets alike; a touch decides.
  problem.logits()(0, 0) = 0.01;
  Ascend(problem, Credit::kToGo, 0.5, 4000);
  EXPECT_NEAR(problem.Value(), 12, 0.01);
  // The worst vertices are stationary, at half the optimum.
  problem.logits().setZero();
  problem.logits().col(0).setConstant(1000);
  EXPECT_NEAR(problem.Value(), 6, 1e-9);
  EXPECT_NEAR(problem.Gradient().norm(), 0, 1e-9);
}

// V8: one exact natural step of V2 with time is multiplicative weights,
// pi(a) <- pi(a) exp(eta A(x, a)) / Z, with advantages worked out here action by action.
TEST(TabularSubpoTest, NaturalStepsAreMultiplicativeWeights) {
  constexpr double kRate = 0.7;
  TabularSubpo problem = OnLine({4, 1, 1, 2}, SeeStateAndTime);
  Pcg64 random(4);
  for (double& logit : problem.logits().reshaped()) logit = random.StandardNormal();
  const Eigen::MatrixXd pi = problem.Probabilities();
  Eigen::MatrixXd to_go = Eigen::MatrixXd::Zero(pi.rows(), 2);
  Eigen::MatrixXd weight = Eigen::MatrixXd::Zero(pi.rows(), 2);
  const std::array<double, 4> weights{4, 1, 1, 2};
  for (int plan = 0; plan < 8; ++plan) {
    std::array<int, 4> cells{1};
    double probability = 1;
    std::array<Eigen::Index, 3> rows{};
    for (std::size_t i = 0; i < 3; ++i) {
      const int action = plan >> i & 1;
      rows[i] = problem.Row({cells[i], static_cast<int>(i)});
      probability *= pi(rows[i], action);
      cells[i + 1] = std::clamp(cells[i] + (action == kRight ? 1 : -1), 0, 3);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      double gains = 0;
      for (std::size_t j = i + 1; j < 4; ++j) {
        const bool seen = std::find(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(j),
                                    cells[j]) != cells.begin() + static_cast<std::ptrdiff_t>(j);
        if (!seen) gains += weights[static_cast<std::size_t>(cells[j])];
      }
      to_go(rows[i], plan >> i & 1) += probability * gains;
      weight(rows[i], plan >> i & 1) += probability;
    }
  }
  const Eigen::MatrixXd q = to_go.cwiseQuotient(weight);
  Eigen::MatrixXd expected = pi.cwiseProduct((kRate * q).array().exp().matrix());
  expected.array().colwise() /= expected.rowwise().sum().eval().array();
  problem.logits() += kRate * problem.NaturalGradient();
  EXPECT_LT((problem.Probabilities() - expected).cwiseAbs().maxCoeff(), 1e-9);
}

// V4: with a modular objective credit to go is REINFORCE's sum of later rewards.
TEST(CreditTest, FormsOfCredit) {
  const std::vector<double> gains{5, 3, 0, 2};
  const auto credited = [&](Credit credit, double discount) {
    std::vector<double> credits = gains;
    AssignCredit(std::span(credits), 1, credit, discount);
    return credits;
  };
  EXPECT_THAT(credited(Credit::kToGo, 1), ::testing::ElementsAre(10, 5, 2, 2));
  EXPECT_THAT(credited(Credit::kToGo, 0.5), ::testing::ElementsAre(6.75, 3.5, 1, 2));
  EXPECT_THAT(credited(Credit::kPrefix, 0.5), ::testing::ElementsAre(5, 8, 8, 10));
  EXPECT_THAT(credited(Credit::kMyopic, 0.5), ::testing::ElementsAreArray(gains));
  // The same as a column of a table of two.
  std::vector<double> table{5, -1, 3, -1, 0, -1, 2};
  AssignCredit(std::span(table), 2, Credit::kToGo, 1.0);
  EXPECT_THAT(table, ::testing::ElementsAre(10, -1, 5, -1, 2, -1, 2));
}

TEST(TabularSubpoTest, WhatCannotBeIsRefused) {
  EXPECT_THAT(
      [] {
        OnLine({1, 1, 1, 1}, SeeState, 0);
      },
      ThrowsMessage<InputError>("horizon 0; expected at least 1, which is the start alone"));
  EXPECT_THAT([] { TabularSubpo(Line(), Coverage({{0}}, {1}), 3, SeeState); },
              ThrowsMessage<InputError>("an objective of 1 elements for 4 states"));
  EXPECT_THAT(
      [] {
        OnLine({1, 1, 1, 1}, SeeState, 30);
      },
      ThrowsMessage<InputError>(HasSubstr("more than 1000000 trajectories")));
  const TabularSubpo start_alone = OnLine({4, 3, 1, 2}, SeeState, 1);
  EXPECT_EQ(start_alone.Value(), 3);
  EXPECT_THAT([&] { start_alone.Row({0}); }, ThrowsMessage<InputError>(HasSubstr("no trajectory")));
}

}  // namespace
}  // namespace strider::planning
