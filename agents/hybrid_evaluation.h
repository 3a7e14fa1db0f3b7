// Hybrid fitted policy evaluation, exactly, for critics that are linear in features. Zhou et al., ICLR 2024
// (arXiv 2311.08384), algorithm 2; HNPG sheet, section 2.1.
#pragma once

#include <Eigen/Core>
#include <Eigen/SparseCore>

#include "core/settings.h"

namespace strider {

using FeatureRows = Eigen::SparseMatrix<double, Eigen::RowMajor>;  // (rows x features)

// f(s,a) = w . features(s,a).
struct OnPolicySamples {
  FeatureRows features;
  Eigen::VectorXd returns;  // y, unbiased for Q of the policy
};

// No rows where nothing is learnt offline.
struct OfflineSamples {
  FeatureRows features;
  Eigen::VectorXd rewards;
  FeatureRows next_features;  // expected at s' under the policy; zero where the task has ended
};

struct EvaluationConfig {
  double discount = 1;
  double on_policy_weight = 1;
  int forgotten_rounds = 50;
  int averaged_rounds = 1;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("on_policy_weight", on_policy_weight,
          "the paper's lambda: weight of on-policy rows where offline ones have 1", AtLeast(0));
    visit("forgotten_rounds", forgotten_rounds,
          "K1: rounds of fitted evaluation whose results only lead to the next; as many steps ahead are seen",
          AtLeast(0));
    visit("averaged_rounds", averaged_rounds, "K2 - K1: rounds after those, whose mean is the result",
          AtLeast(1));
  }
};

// Starting from w, each round minimises over w_k
//   mean offline (w_k . x - r - discount w_{k-1} . x')^2 + lambda mean on-policy (w_k . x - y)^2.
// What no row covers stays as it was: a ridge of 1e-9 towards w_{k-1} sees to that.
Eigen::VectorXd EvaluateHybrid(const OnPolicySamples& online, const OfflineSamples& offline,
                               const EvaluationConfig& config, Eigen::VectorXd w);

}  // namespace strider
