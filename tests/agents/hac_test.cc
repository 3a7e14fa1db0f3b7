// HNPG sheet, section 7: V1, V2 and V3, and the agent of tables.
#include "agents/hac.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>

#include "tests/agents/learner_kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

// One row a sample, given as (feature, value) pairs.
FeatureRows Rows(Eigen::Index features, const std::vector<std::pair<Eigen::Index, double>>& entries) {
  FeatureRows rows(static_cast<Eigen::Index>(entries.size()), features);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    rows.insert(static_cast<Eigen::Index>(i), entries[i].first) = entries[i].second;
  }
  return rows;
}

// V2. A cell with 6 of 100 offline rows (target .4) and 2 of 20 on-policy ones (return .9).
TEST(HybridEvaluation, WeighsOfflineAndOnPolicyRowsOfACell) {
  OfflineSamples offline;
  std::vector<std::pair<Eigen::Index, double>> cells(100, {1, 1});
  std::fill_n(cells.begin(), 6, std::pair<Eigen::Index, double>{0, 1});
  offline.features = Rows(2, cells);
  offline.rewards = Eigen::VectorXd::Zero(100);
  offline.rewards.head(6).setConstant(0.4);
  offline.next_features = FeatureRows(100, 2);
  OnPolicySamples online;
  cells.assign(20, {1, 1});
  std::fill_n(cells.begin(), 2, std::pair<Eigen::Index, double>{0, 1});
  online.features = Rows(2, cells);
  online.returns = Eigen::VectorXd::Zero(20);
  online.returns.head(2).setConstant(0.9);
  for (const auto& [lambda, expected] :
       {std::pair{0.1, 0.471429}, std::pair{1.0, 0.7125}, std::pair{10.0, 0.871698}}) {
    EvaluationConfig config;
    config.on_policy_weight = lambda;
    config.forgotten_rounds = 0;
    const Eigen::VectorXd w = EvaluateHybrid(online, offline, config, Eigen::VectorXd::Zero(2));
    EXPECT_NEAR(w[0], expected, 1e-6) << lambda;
    EXPECT_NEAR(w[1], 0, 1e-9);
  }
}

// V3. f(s1) = w, f(s2) = 2 w, offline only s1 -> s2, on-policy only s2, no reward: each round multiplies w by
// 2 gamma / (1 + 4 lambda), which the on-policy term keeps from diverging.
TEST(HybridEvaluation, OnPolicyTermCuresTheDivergence) {
  OfflineSamples offline{Rows(1, {{0, 1}}), Eigen::VectorXd::Zero(1), Rows(1, {{0, 2}})};
  const OnPolicySamples online{Rows(1, {{0, 2}}), Eigen::VectorXd::Zero(1)};
  for (const auto& [lambda, factor] :
       {std::pair{0.0, 1.8}, std::pair{0.1, 1.2857142857}, std::pair{1.0, 0.36}}) {
    EvaluationConfig config;
    config.discount = 0.9;
    config.on_policy_weight = lambda;
    config.forgotten_rounds = 4;
    const Eigen::VectorXd w = EvaluateHybrid(online, offline, config, Eigen::VectorXd::Ones(1));
    EXPECT_NEAR(w[0] / std::pow(factor, 5), 1, 1e-7) << lambda;
    // The mean of rounds 3 to 5.
    config.forgotten_rounds = 2;
    config.averaged_rounds = 3;
    const Eigen::VectorXd mean = EvaluateHybrid(online, offline, config, Eigen::VectorXd::Ones(1));
    EXPECT_NEAR(mean[0], (std::pow(factor, 3) + std::pow(factor, 4) + std::pow(factor, 5)) / 3, 1e-6);
  }
}

TEST(HybridEvaluation, WhatNoRowCoversStays) {
  const OnPolicySamples online{Rows(2, {{0, 1}}), Eigen::VectorXd::Constant(1, 3)};
  const FeatureRows none(0, 2);
  const Eigen::VectorXd w =
      EvaluateHybrid(online, {none, {}, none}, EvaluationConfig(), Eigen::VectorXd::Constant(2, 7));
  EXPECT_NEAR(w[0], 3, 1e-6);
  EXPECT_NEAR(w[1], 7, 1e-6);
}

Task TableTask(int states, int actions) {
  Task task = DiscreteTask(states, actions);
  task.augmentation.one_hot = true;
  return task;
}

// Rows of indicators.
std::vector<float> Shown(const std::vector<int>& numbers, std::size_t states) {
  std::vector<float> rows(numbers.size() * states, 0.0F);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    rows[i * states + static_cast<std::size_t>(numbers[i])] = 1;
  }
  return rows;
}

// The paper's regression (algorithm 3): the minimum-norm w for sum_a nu(a) (w . score(a) - A(a))^2.
Eigen::VectorXd Regress(const Eigen::VectorXd& pi, const Eigen::VectorXd& q, const Eigen::VectorXd& nu) {
  const Eigen::VectorXd advantages = q.array() - pi.dot(q);
  Eigen::MatrixXd scores = Eigen::MatrixXd::Identity(pi.size(), pi.size());
  scores.rowwise() -= pi.transpose();
  const Eigen::VectorXd root = nu.array().sqrt();
  const Eigen::MatrixXd weighted = root.asDiagonal() * scores;
  return weighted.completeOrthogonalDecomposition().solve(root.cwiseProduct(advantages));
}

// V1. The table's step is the natural gradient's, whatever the regression's weights, as long as they cover
// two actions of the three; with one of them it is another.
TEST(Hac, MultiplicativeWeightsAreTheNaturalGradient) {
  const Eigen::Vector3d pi(0.5, 0.3, 0.2);
  const Eigen::Vector3d q(1, 0, 2);
  HacConfig config;
  config.eta = 1;
  Hac agent(TableTask(1, 3), config, nullptr);
  Assign(agent, "logits", {std::log(0.5F), std::log(0.3F), std::log(0.2F)});
  agent.Multiply(at::tensor({1.0F, 0.0F, 2.0F}).unsqueeze(0));
  const at::Tensor now = agent.Probabilities()[0];
  EXPECT_LT(LargestDifference(now, at::tensor({0.433268F, 0.095634F, 0.471098F})), 1e-6);

  const auto moved = [&](const Eigen::VectorXd& nu) {
    Eigen::VectorXd p = pi.array() * Regress(pi, q, nu).array().exp();
    p /= p.sum();
    return at::tensor({p[0], p[1], p[2]}).to(at::kFloat);
  };
  const Eigen::VectorXd w = Regress(pi, q, pi);
  EXPECT_NEAR((w - Eigen::Vector3d(0, -1, 1)).norm(), 0, 1e-12);
  for (const Eigen::Vector3d& nu :
       {Eigen::Vector3d(0.1, 0.8, 0.1), Eigen::Vector3d(0.5, 0.5, 0), Eigen::Vector3d(pi + 3 * q)}) {
    EXPECT_NEAR((Regress(pi, q, nu) - w).norm(), 0, 1e-9);
    EXPECT_LT(LargestDifference(moved(nu), now), 1e-6);
  }
  EXPECT_GT(LargestDifference(moved(Eigen::Vector3d(1, 0, 0)), now), 0.05);
}

// Two states one after the other; the second pays 1 for action 1. Returns teach both at once.
TEST(Hac, LearnsFromRolloutsWhatPays) {
  Task task = TableTask(3, 2);
  task.fixed_length = 2;
  HacConfig config;
  config.rollout_steps = 8;
  Hac agent(task, config, nullptr);
  EXPECT_EQ(agent.rollout().steps, 8);
  Rollout rollout = MakeRollout(8, 1, 3, 1);
  rollout.observations = Shown({0, 1, 0, 1, 0, 1, 0, 1}, 3);
  rollout.actions = {0, 0, 0, 1, 1, 0, 1, 1};
  rollout.rewards = {0, 0, 0, 1, 0, 0, 0, 1};
  rollout.ended = {0, 1, 0, 1, 0, 1, 0, 1};
  rollout.last_observations = Shown({0}, 3);
  agent.Update(rollout, 0, 1);
  const at::Tensor critic = State(agent, "critic");
  EXPECT_LT(LargestDifference(critic, at::tensor({0.5F, 0.5F, 0.0F, 1.0F, 0.0F, 0.0F}).view({3, 2})), 1e-6);
  const at::Tensor p = agent.Probabilities();
  EXPECT_NEAR(p[1][1].item<double>(), 1 / (1 + std::exp(-4.0)), 1e-6);
  EXPECT_NEAR(p[0][1].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(Metric(agent, "critic_loss"), 0.125, 1e-6) << "half of the rows return .5 off";
  const Policy policy = agent.MakePolicy();
  std::vector<float> actions(3);
  Pcg64 unused(0);
  policy.Act(std::vector<double>{0, 1, 0, 0, 1, 0, 0, 1, 0}, /*deterministic=*/true, unused, actions);
  EXPECT_THAT(actions, ::testing::Each(1.0F));
}

// The dataset tells of action 1 in state 1, which the rollouts never try; state 0 hears of it by bootstrap.
TEST(Hac, BootstrapsFromTheDataset) {
  Task task = TableTask(3, 2);
  task.fixed_length = 2;
  HacConfig config;
  config.rollout_steps = 2;
  const std::vector<float> s = {0, 1, 0, 1};
  const std::vector<float> a = {1, 1, 1, 1};
  const std::vector<float> r = {0, 1, 0, 1};
  const std::vector<float> next = {1, 2, 1, 2};
  const std::vector<float> terminals = {0, 1, 0, 1};
  const TransitionColumns columns{4, 1, 1, s, a, r, next, terminals};
  Hac agent(task, config, &columns);
  Rollout rollout = MakeRollout(2, 1, 3, 1);
  rollout.observations = Shown({0, 1}, 3);
  rollout.ended = {0, 1};
  rollout.last_observations = Shown({0}, 3);
  agent.Update(rollout, 0, 1);
  // f(1, 0) = 0 from the rollout, f(1, 1) = 1 from the dataset, f(0, 1) their mean under the uniform policy.
  EXPECT_LT(LargestDifference(State(agent, "critic"),
                              at::tensor({0.0F, 0.5F, 0.0F, 1.0F, 0.0F, 0.0F}).view({3, 2})),
            1e-5);
}

TEST(Hac, RefusesNumbersThatAreNoStatesOrActions) {
  Task task = TableTask(3, 2);
  task.fixed_length = 2;
  const std::vector<float> r = {0, 1};
  const std::vector<float> terminals = {0, 1};
  const auto complaint = [&](std::vector<float> s, std::vector<float> a, std::vector<float> next) {
    const TransitionColumns columns{2, 1, 1, s, a, r, next, terminals};
    try {
      Hac(task, HacConfig(), &columns);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(complaint({0, 1}, {1, 0}, {1, 2}), "");
  EXPECT_EQ(complaint({0, 1}, {1, 0}, {1, 99}), "") << "what follows the end is nowhere used";
  EXPECT_EQ(complaint({0, 3}, {1, 0}, {1, 2}),
            "observations: transition 1 holds 3; expected whole numbers from 0 to 2");
  EXPECT_THAT(complaint({-1, 1}, {1, 0}, {1, 2}), HasSubstr("observations: transition 0 holds -1"));
  EXPECT_THAT(complaint({0.5F, 1}, {1, 0}, {1, 2}), HasSubstr("observations: transition 0 holds 0.5"));
  EXPECT_THAT(complaint({0, 1}, {2, 0}, {1, 2}), HasSubstr("actions: transition 0 holds 2"));
  EXPECT_THAT(complaint({0, 1}, {1, 0}, {3, 2}), HasSubstr("next_observations: transition 0 holds 3"));
  EXPECT_THAT(complaint({0, 1}, {1, 0}, {NAN, 2}), HasSubstr("next_observations: transition 0 holds nan"));
}

TEST(Hac, NeedsTables) {
  const auto complaint = [](const Task& task) {
    try {
      Hac(task, HacConfig(), nullptr);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(complaint(BoxTask(1, 2)), HasSubstr("discrete states and actions"));
  EXPECT_THAT(complaint(DiscreteTask(3, 2)), HasSubstr("discrete states and actions"));
}

}  // namespace
}  // namespace strider
