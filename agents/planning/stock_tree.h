// Planning with exact stocks over a finite horizon.
//
// The stock c sums up the rewards of the past: c' = (c + r) / discount, so that c0 + G_0 = discount^t (c_t +
// G_t) at every step t. State and stock together are what an optimal choice for an expected utility of
// c0 + G depends on (Pires et al. 2025).
//
// The tree holds every (step, state, stock) that can be reached, once. How far a stock is from the one of
// another c0 does not depend on the path (c_t = c0 / discount^t + offset), so the tree is built once for all
// initial stocks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agents/planning/mdp.h"
#include "agents/planning/objective.h"
#include "agents/planning/return_law.h"
#include "core/parallel.h"

namespace strider::planning {

struct StockLevel {
  double scale;                          // discount^step
  std::vector<int> states;               // (nodes)
  std::vector<double> offsets;           // (nodes x reward_size) the stock where c0 = 0
  std::vector<std::size_t> first_child;  // (nodes)
  std::vector<std::int32_t> children;    // nodes of the next level, in the order of the state's branches
  std::size_t size() const { return states.size(); }
};

// Called with the share of the work that is done.
using Progress = std::function<void(double)>;

inline constexpr std::int32_t kNoChild = -1;  // the episode is over

class StockTree {
 public:
  // Throws InputError, before memory is taken beyond `memory` bytes, that says how much was needed until
  // then and about how much the whole would take; and where stocks, which grow like discount^-step, would
  // leave the numbers of double precision. REQUIRES: a horizon.
  StockTree(Mdp mdp, double memory, const Progress& progress = {});

  const Mdp& mdp() const { return mdp_; }
  int horizon() const { return static_cast<int>(levels_.size()) - 1; }
  // `horizon` of them, and a last one where nothing is chosen any more.
  const StockLevel& level(int step) const { return levels_[static_cast<std::size_t>(step)]; }
  std::size_t nodes() const;
  double bytes() const { return bytes_; }

  std::vector<double> Stock(int step, std::size_t node, std::span<const double> initial) const;
  // Every return that some choices and chances lead to, in ascending order. REQUIRES: scalar rewards.
  const std::vector<double>& returns() const { return returns_; }

 private:
  void Grow(int step, double memory);
  // What all steps take together, if the pairs of state and stock go on growing from step to step as they do.
  double Foreseen(double bytes, std::size_t pairs, int step) const;

  Mdp mdp_;
  std::vector<StockLevel> levels_;
  std::vector<double> returns_;
  double bytes_ = 0;
};

// An action for every node, level by level.
using TreePolicy = std::vector<std::vector<int>>;

struct TreePlan {
  TreePolicy policy;
  double utility = 0;  // E f(c0 + G)
  double mean = 0;     // E G, of its first component
  ReturnLaw law;       // of G; empty where it was not asked for
  int iterations = 1;
};

// How laws are kept: exactly, or by their projection to `atoms` atoms.
enum class Projection { kMerge, kQuantile, kCategorical };

struct LawOptions {
  Projection projection = Projection::kMerge;
  int atoms = 64;
  double memory = 1e9;  // bytes that the laws of one level may take
};

// The scalar recursion that value iteration on distributions comes down to for expected utilities: the value
// of a node is the largest mean of its children's. Utilities that are not indifferent to the discount are
// scaled by it with time; then it is the construction with f_t(x) = f(discount^t x). Ties go to the larger
// mean, then to the first action.
TreePlan ScalarIteration(const StockTree& tree, const Objective& objective, std::span<const double> stock,
                         WorkerPool& pool);

// Distributional value iteration: eta(s, c) backwards from the horizon, each time the law of reward plus
// discounted return under the action whose law is best.
TreePlan DistributionalValueIteration(const StockTree& tree, const Objective& objective,
                                      std::span<const double> stock, const LawOptions& options,
                                      WorkerPool& pool, const Progress& progress = {});

// One round of policy iteration: the laws of `policy`, and the actions that are best by them, those of the
// policy where none is better.
struct Improvement {
  TreePolicy policy;
  std::size_t changes = 0;  // nodes where another action is better
  ReturnLaw law;            // of the return under the policy as it was
};
Improvement Improve(const StockTree& tree, const Objective& objective, std::span<const double> stock,
                    const TreePolicy& policy, const LawOptions& options, WorkerPool& pool);

// Distributional policy iteration: improves `policy` until nothing is better.
TreePlan DistributionalPolicyIteration(const StockTree& tree, const Objective& objective,
                                       std::span<const double> stock, TreePolicy policy,
                                       const LawOptions& options, WorkerPool& pool,
                                       const Progress& progress = {});

// The same action everywhere.
TreePolicy ConstantPolicy(const StockTree& tree, int action);

// Where a policy leads: the probability of each node, level by level, and the law of the return, exactly.
struct Forecast {
  std::vector<std::vector<double>> reached;
  ReturnLaw law;
};
Forecast Follow(const StockTree& tree, const TreePolicy& policy);

}  // namespace strider::planning
