#include "agents/planning/tabular_subpo.h"

#include <Eigen/QR>

#include "core/error.h"

namespace strider::planning {
namespace {

constexpr std::size_t kMostTrajectories = 1'000'000;

// Visits every path of `horizon` states with the actions between them and the process's probability.
class Enumeration {
 public:
  using Visit = std::function<void(std::span<const int> path, std::span<const int> actions, double chance)>;

  Enumeration(const TabularMdp& mdp, int horizon, Visit visit)
      : mdp_(mdp), horizon_(static_cast<std::size_t>(horizon)), visit_(std::move(visit)) {}

  void Run() {
    for (int state = 0; state < mdp_.states; ++state)
      Enter(state, mdp_.start[static_cast<std::size_t>(state)]);
  }

 private:
  void Enter(int state, double chance) {
    if (chance == 0) return;
    path_.push_back(state);
    if (path_.size() == horizon_) {
      visit_(path_, actions_, chance);
    } else {
      for (int action = 0; action < mdp_.actions; ++action) {
        actions_.push_back(action);
        for (const Outcome& outcome : mdp_.Outcomes(state, action)) {
          Enter(outcome.next_state, chance * outcome.probability);
        }
        actions_.pop_back();
      }
    }
    path_.pop_back();
  }

  const TabularMdp& mdp_;
  std::size_t horizon_;
  Visit visit_;
  std::vector<int> path_;
  std::vector<int> actions_;
};

}  // namespace

std::vector<int> SeeState(std::span<const int> path) { return {path.back()}; }
std::vector<int> SeeTime(std::span<const int> path) { return {static_cast<int>(path.size()) - 1}; }
std::vector<int> SeeStateAndTime(std::span<const int> path) {
  return {path.back(), static_cast<int>(path.size()) - 1};
}
std::vector<int> SeeHistory(std::span<const int> path) { return {path.begin(), path.end()}; }

TabularSubpo::TabularSubpo(const TabularMdp& mdp, const SetFunction& objective, int horizon,
                           const PolicyInput& input) {
  mdp.Validate("tabular SubPO");
  if (horizon < 1) throw InputError("horizon {}; expected at least 1, which is the start alone", horizon);
  if (objective.size() != mdp.states) {
    throw InputError("an objective of {} elements for {} states", objective.size(), mdp.states);
  }
  const auto grown = objective.Clone();
  Enumeration(mdp, horizon, [&](std::span<const int> path, std::span<const int> actions, double chance) {
    if (trajectories_.size() == kMostTrajectories) {
      throw InputError("more than {} trajectories; expected a smaller process or horizon", kMostTrajectories);
    }
    Trajectory trajectory{chance, {}, {}, 0};
    grown->Clear();
    grown->Add(path[0]);
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const auto row = rows_.try_emplace(input(path.first(i + 1)), static_cast<Eigen::Index>(rows_.size()));
      trajectory.steps.push_back({row.first->second, actions[i]});
      const double before = grown->value();
      grown->Add(path[i + 1]);
      trajectory.gains.push_back(grown->value() - before);
    }
    trajectory.value = grown->value();
    trajectories_.push_back(std::move(trajectory));
  }).Run();
  logits_ = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(rows_.size()), mdp.actions);
}

Eigen::Index TabularSubpo::Row(const std::vector<int>& input) const {
  const auto found = rows_.find(input);
  if (found == rows_.end()) throw InputError("no trajectory leads to such an input of the policy");
  return found->second;
}

Eigen::MatrixXd TabularSubpo::Probabilities() const {
  Eigen::MatrixXd weights = (logits_.colwise() - logits_.rowwise().maxCoeff()).array().exp();
  weights.array().colwise() /= weights.rowwise().sum().eval().array();
  return weights;
}

double TabularSubpo::Probability(const Trajectory& trajectory, const Eigen::MatrixXd& policy) {
  double probability = trajectory.chance;
  for (const auto& [row, action] : trajectory.steps) probability *= policy(row, action);
  return probability;
}

double TabularSubpo::Value() const {
  const Eigen::MatrixXd policy = Probabilities();
  double value = 0;
  for (const Trajectory& trajectory : trajectories_) {
    value += Probability(trajectory, policy) * trajectory.value;
  }
  return value;
}

Eigen::MatrixXd TabularSubpo::Gradient(Credit credit) const {
  const Eigen::MatrixXd policy = Probabilities();
  Eigen::MatrixXd gradient = Eigen::MatrixXd::Zero(logits_.rows(), logits_.cols());
  std::vector<double> credits;
  for (const Trajectory& trajectory : trajectories_) {
    const double probability = Probability(trajectory, policy);
    credits = trajectory.gains;
    AssignCredit(std::span(credits), 1, credit, /*discount=*/1);
    for (std::size_t i = 0; i < credits.size(); ++i) {
      const auto& [row, action] = trajectory.steps[i];
      gradient.row(row) -= probability * credits[i] * policy.row(row);
      gradient(row, action) += probability * credits[i];
    }
  }
  return gradient;
}

Eigen::MatrixXd TabularSubpo::NaturalGradient(Credit credit) const {
  const Eigen::MatrixXd policy = Probabilities();
  const Eigen::Index actions = logits_.cols();
  // Rows do not mix: the Fisher matrix of one row is its frequency times diag(pi) - pi pi^T.
  Eigen::VectorXd frequency = Eigen::VectorXd::Zero(logits_.rows());
  for (const Trajectory& trajectory : trajectories_) {
    const double probability = Probability(trajectory, policy);
    for (const Step& step : trajectory.steps) frequency[step.row] += probability;
  }
  Eigen::MatrixXd natural = Gradient(credit);
  for (Eigen::Index row = 0; row < natural.rows(); ++row) {
    const Eigen::VectorXd pi = policy.row(row);
    Eigen::MatrixXd fisher = -frequency[row] * pi * pi.transpose();
    fisher.diagonal() += frequency[row] * pi;
    const Eigen::VectorXd gradient = natural.row(row);
    natural.row(row) = Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd>(actions, actions)
                           .compute(fisher)
                           .solve(gradient);
  }
  return natural;
}

}  // namespace strider::planning
