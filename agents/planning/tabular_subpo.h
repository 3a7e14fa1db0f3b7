// SubPO without sampling: exact values and gradients of a softmax policy in a small process whose
// trajectories are valued by a set function (Prajapat et al., arXiv 2307.13372; SubPO sheet, sections 2 and
// 7).
#pragma once

#include <Eigen/Core>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "agents/credit.h"
#include "envs/submodular/set_function.h"
#include "envs/tabular/tabular_mdp.h"

namespace strider::planning {

// What a policy sees of the states visited so far, the present one last: equal inputs share a row of logits.
using PolicyInput = std::function<std::vector<int>(std::span<const int> path)>;
std::vector<int> SeeState(std::span<const int> path);
std::vector<int> SeeTime(std::span<const int> path);
std::vector<int> SeeStateAndTime(std::span<const int> path);  // SubPO-M
std::vector<int> SeeHistory(std::span<const int> path);       // SubPO-NM

// Every trajectory of `horizon` states, of which the first is drawn from the process's start, and a table of
// logits for the policy, all 0 at first. Rewards and ends of the process do not count.
class TabularSubpo {
 public:
  // `objective` is over the states. Throws InputError where the horizon is below 1, the objective has another
  // number of elements, or there are more than a million trajectories.
  TabularSubpo(const TabularMdp& mdp, const SetFunction& objective, int horizon, const PolicyInput& input);

  Eigen::MatrixXd& logits() { return logits_; }              // (rows x actions)
  const Eigen::MatrixXd& logits() const { return logits_; }  // (rows x actions)
  // The row of an input. Throws InputError where no trajectory leads to it.
  Eigen::Index Row(const std::vector<int>& input) const;
  Eigen::MatrixXd Probabilities() const;  // (rows x actions) the softmax of each row

  // J = E[F of the states visited].
  double Value() const;

  // E sum_i grad log pi(a_i | .) credit_i (rows x actions): dJ/dlogits for Credit::kToGo.
  Eigen::MatrixXd Gradient(Credit credit = Credit::kToGo) const;

  // The pseudo-inverse of the Fisher matrix E sum_i grad log pi grad log pi^T times that gradient.
  Eigen::MatrixXd NaturalGradient(Credit credit = Credit::kToGo) const;

 private:
  struct Step {
    Eigen::Index row;
    int action;
  };
  struct Trajectory {
    double chance = 1;  // what the process contributes to its probability
    std::vector<Step> steps;
    std::vector<double> gains;  // (steps) the first step's with the start's
    double value = 0;
  };
  // Probability under the policy whose softmax is given.
  static double Probability(const Trajectory& trajectory, const Eigen::MatrixXd& policy);

  std::map<std::vector<int>, Eigen::Index> rows_;
  std::vector<Trajectory> trajectories_;
  Eigen::MatrixXd logits_;
};

}  // namespace strider::planning
