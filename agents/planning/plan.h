// The whole of planning: objective and process in, initial stock, policy and law of the return out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/planning/mdp.h"
#include "agents/planning/objective.h"
#include "agents/planning/return_law.h"
#include "agents/planning/stock_tree.h"
#include "core/settings.h"

namespace strider::planning {

struct PlanConfig {
  double discount = 1;
  int horizon = 0;
  std::string method = "value-iteration";
  std::vector<double> initial_stock;
  int candidates = 1001;
  int stocks = 0;
  std::string projection = "merge";
  int atoms = 64;
  double tolerance = 1e-6;
  double memory = 4;
  int threads = 2;

  // With the discount and the horizon of a process.
  static PlanConfig For(const Mdp& mdp);

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("discount", discount, "of the rewards of each step, in (0, 1]", Finite());
    visit("horizon", horizon, "steps after which everything ends; 0: none", InRange(0, 1'000'000));
    visit(
        "method", method,
        "with stocks: value-iteration or policy-iteration (exact stocks only), both on return distributions. "
        "For comparison, without stocks and for the mean: mean-value-iteration, mean-policy-iteration, and "
        "standard distributional dynamic programming with atoms of equal probability (quantile-iteration) or "
        "on a grid (categorical-iteration)",
        OneOf({"value-iteration", "policy-iteration", "mean-value-iteration", "mean-policy-iteration",
               "quantile-iteration", "categorical-iteration"}));
    visit("initial_stock", initial_stock, "one number a reward component; empty: as the objective says");
    visit("candidates", candidates, "initial stocks tried where not every return can be tried",
          InRange(2, 1'000'000));
    visit("stocks", stocks, "points of a grid of stocks; 0: exact where there is a horizon, else 401",
          InRange(0, 1'000'000));
    visit("projection", projection, "how exact stocks keep return distributions: all atoms, or projected",
          OneOf({"merge", "quantile", "categorical"}));
    visit("atoms", atoms, "of a projected distribution, and of a grid's", InRange(2, 100'000));
    visit("tolerance", tolerance, "of values where there is no horizon", Above(0));
    visit("memory", memory, "GB that planning may take", Above(0));
    visit("threads", threads, "the result is the same for any number", InRange(1, 1024));
  }
};

// What to do in a state: at one exact stock, anywhere between two points of a grid, or, where both are empty,
// whatever the stock.
struct PolicyEntry {
  std::optional<int> step;  // where there is a horizon
  int state;
  std::vector<double> low;
  std::vector<double> high;
  int action;
  std::optional<double> probability;  // of coming here, where it is known exactly
};

struct StockValue {
  double stock;
  double value;
};

struct PlanResult {
  double value = 0;  // the objective's
  double mean = 0;   // of the return; of its first component
  std::vector<double> initial_stock;
  // What other initial stocks are worth, ascending, where none was given; scalar rewards only.
  std::vector<StockValue> stocks;
  std::vector<PolicyEntry> policy;  // where it can lead, from the start on
  ReturnLaw law;
  // The policy that is best for the mean, and what it is worth for the objective; scalar rewards only.
  ReturnLaw mean_law;
  double mean_law_value = 0;

  bool exact = true;      // exact stocks, no grid
  double error = 0;       // how far the value can be from the best one, rounding apart; NaN: not known
  std::size_t pairs = 0;  // of state and stock (and step, where exact)
  double bytes = 0;
};

// `progress` is called with the share of the work done. Throws InputError.
PlanResult MakePlan(const Mdp& mdp, const Objective& objective, const PlanConfig& config,
                    const Progress& progress = {});

}  // namespace strider::planning
