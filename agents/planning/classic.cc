#include "agents/planning/classic.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/error.h"

namespace strider::planning {
namespace {

constexpr double kTie = 1e-12;

double LargestReward(const Mdp& mdp) {
  double largest = 0;
  for (std::size_t b = 0; b < mdp.branch_count(); ++b)
    largest = std::max(largest, std::abs(mdp.Reward(b)[0]));
  return largest;
}

void RequireAnEnd(const Mdp& mdp) {
  if (mdp.horizon() == 0 && mdp.discount() == 1) {
    throw InputError("{}: expected a horizon or a discount below 1", mdp.name());
  }
}

double ActionValue(const Mdp& mdp, const std::vector<double>& values, int state, int action) {
  double sum = 0;
  for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
    const Branch& branch = mdp.branch(b);
    const double after = branch.terminal ? 0 : values[static_cast<std::size_t>(branch.next_state)];
    sum += branch.probability * (mdp.Reward(b)[0] + mdp.discount() * after);
  }
  return sum;
}

// The first of the best actions, `first` where it is among them.
std::pair<int, double> Greedy(const Mdp& mdp, const std::vector<double>& values, int state, int first) {
  std::pair best(first, ActionValue(mdp, values, state, first));
  for (int action = 0; action < mdp.actions(); ++action) {
    const double value = ActionValue(mdp, values, state, action);
    if (value > best.second + kTie * (1 + std::abs(value))) best = {action, value};
  }
  return best;
}

// (states) 1 where some choices and chances lead from the start.
std::vector<char> Reachable(const Mdp& mdp) {
  std::vector<char> reachable(static_cast<std::size_t>(mdp.states()));
  std::vector<int> open;
  const auto reach = [&](int state) {
    char& mark = reachable[static_cast<std::size_t>(state)];
    if (mark == 0) open.push_back(state);
    mark = 1;
  };
  for (int state = 0; state < mdp.states(); ++state) {
    if (mdp.start()[static_cast<std::size_t>(state)] > 0) reach(state);
  }
  while (!open.empty()) {
    const int state = open.back();
    open.pop_back();
    for (std::size_t b = mdp.FirstBranch(state, 0); b < mdp.EndBranch(state, mdp.actions() - 1); ++b) {
      if (!mdp.branch(b).terminal) reach(mdp.branch(b).next_state);
    }
  }
  return reachable;
}

template <class Project>
DistributionalPlan Iterate(const Mdp& mdp, int sweeps, const Project& project) {
  const auto states = static_cast<std::size_t>(mdp.states());
  DistributionalPlan plan;
  plan.laws.assign(states, project(PointLaw({0})));
  plan.policy.assign(states, 0);
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    std::vector<double> means(states);
    std::ranges::transform(plan.laws, means.begin(), Mean);
    std::vector<ReturnLaw> laws(states);
    for (int state = 0; state < mdp.states(); ++state) {
      const int action = Greedy(mdp, means, state, 0).first;
      ReturnLaw mixture;
      for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
        const Branch& branch = mdp.branch(b);
        const double reward = mdp.Reward(b)[0];
        if (branch.terminal) {
          mixture.atoms.push_back(reward);
          mixture.probabilities.push_back(branch.probability);
          continue;
        }
        const ReturnLaw& after = plan.laws[static_cast<std::size_t>(branch.next_state)];
        for (std::size_t i = 0; i < after.count(); ++i) {
          mixture.atoms.push_back(reward + mdp.discount() * after.atoms[i]);
          mixture.probabilities.push_back(branch.probability * after.probabilities[i]);
        }
      }
      laws[static_cast<std::size_t>(state)] = project(Merged(std::move(mixture)));
      plan.policy[static_cast<std::size_t>(state)] = action;
    }
    plan.laws = std::move(laws);
  }
  return plan;
}

}  // namespace

int Sweeps(const Mdp& mdp, double tolerance) {
  if (mdp.horizon() > 0) return mdp.horizon();
  RequireAnEnd(mdp);
  const double beyond = LargestReward(mdp) / (1 - mdp.discount());
  return SweepsUntil(mdp, tolerance / beyond);
}

int SweepsUntil(const Mdp& mdp, double share) {
  constexpr double kMost = 1e7;
  if (share >= 1) return 1;
  const double sweeps = std::max(1.0, std::ceil(std::log(share) / std::log(mdp.discount())));
  if (!(sweeps <= kMost)) {
    throw InputError(
        "{}: a discount of {} forgets too slowly, {:.3g} sweeps of at most {:g}; expected a lower "
        "plan.discount, or a horizon (plan.horizon)",
        mdp.name(), mdp.discount(), sweeps, kMost);
  }
  return static_cast<int>(sweeps);
}

ReturnRange RangeOfReturns(const Mdp& mdp, const TakenActions& taken) {
  RequireAnEnd(mdp);
  const std::vector<char> reachable = Reachable(mdp);
  const auto states = static_cast<std::size_t>(mdp.states());
  std::vector<double> low(states);
  std::vector<double> high(states);
  ReturnRange range;
  const int sweeps = Sweeps(mdp, 1e-12);
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    std::vector<double> lower(states);
    std::vector<double> higher(states);
    double change = 0;
    for (int state = 0; state < mdp.states(); ++state) {
      const auto s = static_cast<std::size_t>(state);
      lower[s] = INFINITY;
      higher[s] = -INFINITY;
      for (int action = 0; action < mdp.actions(); ++action) {
        if (taken && !taken(sweep + 1, state, action)) continue;
        for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
          const Branch& branch = mdp.branch(b);
          const auto next = static_cast<std::size_t>(branch.next_state);
          const double discount = branch.terminal ? 0 : mdp.discount();
          lower[s] = std::min(lower[s], mdp.Reward(b)[0] + discount * low[next]);
          higher[s] = std::max(higher[s], mdp.Reward(b)[0] + discount * high[next]);
        }
      }
      if (reachable[s] == 0) continue;
      change = std::max({change, std::abs(lower[s] - low[s]), std::abs(higher[s] - high[s])});
      range.low = std::min(range.low, lower[s]);
      range.high = std::max(range.high, higher[s]);
    }
    low = std::move(lower);
    high = std::move(higher);
    if (change == 0 && (!taken || mdp.horizon() == 0)) break;
  }
  return range;
}

ReturnRange RangeOfMeanOptimalReturns(const Mdp& mdp) {
  if (mdp.horizon() == 0) {
    const std::vector<int> policy = ValueIteration(mdp).policy;
    return RangeOfReturns(mdp, [&](int /*left*/, int state, int action) {
      return policy[static_cast<std::size_t>(state)] == action;
    });
  }
  const auto states = static_cast<std::size_t>(mdp.states());
  std::vector<std::vector<int>> policies;  // by the number of steps left, less one
  std::vector<double> values(states);
  for (int left = 1; left <= mdp.horizon(); ++left) {
    std::vector<double> before(states);
    std::vector<int>& policy = policies.emplace_back(states);
    for (int state = 0; state < mdp.states(); ++state) {
      const auto s = static_cast<std::size_t>(state);
      std::tie(policy[s], before[s]) = Greedy(mdp, values, state, 0);
    }
    values = std::move(before);
  }
  return RangeOfReturns(mdp, [&](int left, int state, int action) {
    return policies[static_cast<std::size_t>(left - 1)][static_cast<std::size_t>(state)] == action;
  });
}

MeanPlan ValueIteration(const Mdp& mdp, double tolerance) {
  RequireAnEnd(mdp);
  const auto states = static_cast<std::size_t>(mdp.states());
  MeanPlan plan{std::vector<double>(states), std::vector<int>(states), 0};
  double change = INFINITY;
  while (mdp.horizon() > 0 ? plan.iterations < mdp.horizon() : change > tolerance) {
    change = 0;
    std::vector<double> values(states);
    for (int state = 0; state < mdp.states(); ++state) {
      const auto s = static_cast<std::size_t>(state);
      std::tie(plan.policy[s], values[s]) = Greedy(mdp, plan.values, state, 0);
      change = std::max(change, std::abs(values[s] - plan.values[s]));
    }
    plan.values = std::move(values);
    ++plan.iterations;
  }
  return plan;
}

MeanPlan PolicyIteration(const Mdp& mdp) {
  if (mdp.horizon() > 0 || mdp.discount() == 1) {
    throw InputError("{}: policy iteration takes a discount below 1 and no horizon", mdp.name());
  }
  const Eigen::Index states = mdp.states();
  MeanPlan plan{std::vector<double>(static_cast<std::size_t>(states)),
                std::vector<int>(static_cast<std::size_t>(states)), 0};
  bool improved = true;
  while (improved) {
    // V = R + discount P V.
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(states, states);
    Eigen::VectorXd rewards = Eigen::VectorXd::Zero(states);
    for (int state = 0; state < mdp.states(); ++state) {
      const int action = plan.policy[static_cast<std::size_t>(state)];
      for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
        const Branch& branch = mdp.branch(b);
        rewards[state] += branch.probability * mdp.Reward(b)[0];
        if (!branch.terminal) matrix(state, branch.next_state) -= mdp.discount() * branch.probability;
      }
    }
    const Eigen::VectorXd values = matrix.partialPivLu().solve(rewards);
    plan.values.assign(values.begin(), values.end());
    improved = false;
    for (int state = 0; state < mdp.states(); ++state) {
      int& action = plan.policy[static_cast<std::size_t>(state)];
      const int better = Greedy(mdp, plan.values, state, action).first;
      improved = improved || better != action;
      action = better;
    }
    ++plan.iterations;
  }
  return plan;
}

DistributionalPlan QuantileIteration(const Mdp& mdp, int atoms, int sweeps) {
  return Iterate(mdp, sweeps, [&](const ReturnLaw& law) { return ToQuantiles(law, atoms); });
}

DistributionalPlan CategoricalIteration(const Mdp& mdp, std::span<const double> grid, int sweeps) {
  return Iterate(mdp, sweeps, [&](const ReturnLaw& law) { return ToCategorical(law, grid); });
}

}  // namespace strider::planning
