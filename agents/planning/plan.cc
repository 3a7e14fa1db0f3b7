#include "agents/planning/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "agents/planning/classic.h"
#include "agents/planning/grid_planner.h"
#include "core/error.h"

namespace strider::planning {
namespace {

constexpr double kRounding = 1e-12;

// An initial stock tried.
struct Tried {
  double stock;
  double value;
  double mean;

  // Of equally good ones that with the larger mean, then the larger stock.
  bool Beats(const Tried& other) const {
    const double tie = kRounding * std::max({1.0, std::abs(value), std::abs(other.value)});
    if (std::abs(value - other.value) > tie) return value > other.value;
    if (std::abs(mean - other.mean) > kRounding * std::max(1.0, std::abs(mean))) return mean > other.mean;
    return stock > other.stock;
  }
};

// Tries every stock and returns the best; notes all.
template <class Try>
Tried BestOf(const std::vector<double>& stocks, std::vector<StockValue>& noted, const Try& attempt) {
  Tried best{};
  for (std::size_t i = 0; i < stocks.size(); ++i) {
    const Tried tried = attempt(stocks[i]);
    if (i == 0 || tried.Beats(best)) best = tried;
    noted.push_back({tried.stock, tried.value});
  }
  return best;
}

// The best initial stock by trying: minus every return there is, which is where the optimum of two weights
// lies, or an even spread, improved by turns: the best stock for the policy, the best policy for the stock.
double ChooseStock(const StockTree& tree, const Objective& objective, int candidates, WorkerPool& pool,
                   const Progress& progress, std::vector<StockValue>& noted) {
  const std::vector<double>& returns = tree.returns();
  const bool every = objective.weights && returns.size() <= static_cast<std::size_t>(candidates);
  std::vector<double> stocks = Linspace(-returns.back(), -returns.front(), candidates);
  if (every) {
    stocks.assign(returns.rbegin(), returns.rend());
    for (double& stock : stocks) stock = 0 - stock;
  }
  double done = 0;
  Tried best = BestOf(stocks, noted, [&](double stock) -> Tried {
    const TreePlan plan = ScalarIteration(tree, objective, std::array{stock}, pool);
    if (progress) progress(++done / static_cast<double>(stocks.size()));
    return {stock, plan.utility - stock, plan.mean};
  });
  while (!every) {
    const TreePlan plan = ScalarIteration(tree, objective, std::array{best.stock}, pool);
    const ReturnLaw law = Follow(tree, plan.policy).law;
    const double stock = BestStock(objective, law);
    const Tried better{stock, Value(objective, std::array{stock}, law), plan.mean};
    if (better.value <= best.value + kRounding * std::max(1.0, std::abs(best.value))) break;
    best = better;
  }
  return best.stock;
}

// The same for an objective that leaves no choice: what each stock is worth.
void NoteStocks(const StockTree& tree, const Objective& objective, double chosen, WorkerPool& pool,
                std::vector<StockValue>& noted) {
  constexpr int kMost = 101;
  const std::vector<double>& returns = tree.returns();
  std::vector<double> stocks = Linspace(-returns.back(), -returns.front(), kMost);
  if (returns.size() <= kMost) {
    stocks.assign(returns.rbegin(), returns.rend());
    for (double& stock : stocks) stock = 0 - stock;
  }
  if (std::ranges::find(stocks, chosen) == stocks.end()) stocks.push_back(chosen);
  std::ranges::sort(stocks);
  for (const double stock : stocks) {
    noted.push_back({stock, ScalarIteration(tree, objective, std::array{stock}, pool).utility});
  }
}

// Progress of a part of the work.
Progress Between(const Progress& progress, double begin, double end) {
  if (!progress) return {};
  return [=](double share) { progress(begin + share * (end - begin)); };
}

LawOptions LawOptionsOf(const PlanConfig& config, double memory) {
  const auto projection = config.projection == "merge"      ? Projection::kMerge
                          : config.projection == "quantile" ? Projection::kQuantile
                                                            : Projection::kCategorical;
  return {projection, config.atoms, memory};
}

void NoteMeanPlan(const Objective& objective, ReturnLaw law, PlanResult& result) {
  const std::vector<double> stock =
      objective.chooses_stock ? std::vector{BestStock(objective, law)} : result.initial_stock;
  result.mean_law_value = Value(objective, stock, law);
  result.mean_law = std::move(law);
}

// Throws InputError where a utility that can come up is no number, so that policies cannot be told apart.
void CheckUtilities(const StockTree& tree, const Objective& objective, const PlanConfig& config) {
  const double least = tree.returns().front();
  const double most = tree.returns().back();
  const bool chosen = objective.chooses_stock && config.initial_stock.empty();
  const double stock = config.initial_stock.empty() ? objective.initial_stock[0] : config.initial_stock[0];
  for (const double x : {least + (chosen ? -most : stock), most + (chosen ? -least : stock)}) {
    const double utility = objective.utility(std::array{x});
    if (std::isfinite(utility)) continue;
    throw InputError(
        "{}: '{}' with returns from {:g} to {:g}: the utility of {:g} is {:g}, beyond what a double holds; "
        "expected smaller rewards, or an objective that is less steep",
        tree.mdp().name(), objective.name, least, most, x, utility);
  }
}

PlanResult PlanExactly(const Mdp& mdp, const Objective& objective, const PlanConfig& config, WorkerPool& pool,
                       const Progress& progress) {
  const double memory = config.memory * 1e9;
  const StockTree tree(mdp, memory / 2, Between(progress, 0, 0.2));
  if (mdp.reward_size() == 1) CheckUtilities(tree, objective, config);
  PlanResult result;
  result.pairs = tree.nodes();
  result.bytes = tree.bytes();
  result.initial_stock = config.initial_stock.empty() ? objective.initial_stock : config.initial_stock;
  if (objective.chooses_stock && config.initial_stock.empty()) {
    result.initial_stock = {
        ChooseStock(tree, objective, config.candidates, pool, Between(progress, 0.2, 0.6), result.stocks)};
  } else if (mdp.reward_size() == 1 && config.initial_stock.empty()) {
    NoteStocks(tree, objective, result.initial_stock[0], pool, result.stocks);
  }
  const LawOptions options = LawOptionsOf(config, memory / 4);
  const Progress rest = Between(progress, 0.6, 1);
  const TreePlan plan =
      config.method == "policy-iteration"
          ? DistributionalPolicyIteration(tree, objective, result.initial_stock, ConstantPolicy(tree, 0),
                                          options, pool, rest)
          : DistributionalValueIteration(tree, objective, result.initial_stock, options, pool, rest);
  // The law is that of the policy found, exactly; the policy is the best by laws as they were kept.
  if (options.projection != Projection::kMerge) result.error = NAN;
  result.law = plan.law;
  result.mean = plan.mean;
  result.value = Value(objective, result.initial_stock, plan.law);
  const Forecast forecast = Follow(tree, plan.policy);
  for (int step = 0; step < tree.horizon(); ++step) {
    const auto& reached = forecast.reached[static_cast<std::size_t>(step)];
    for (std::size_t node = 0; node < reached.size(); ++node) {
      if (reached[node] == 0) continue;
      const std::vector<double> stock = tree.Stock(step, node, result.initial_stock);
      result.policy.push_back({step, tree.level(step).states[node], stock, stock,
                               plan.policy[static_cast<std::size_t>(step)][node], reached[node]});
    }
  }
  if (mdp.reward_size() == 1) {
    const TreePlan best_mean = ScalarIteration(tree, ParseObjective("mean"), std::array{0.0}, pool);
    NoteMeanPlan(objective, Follow(tree, best_mean.policy).law, result);
  }
  return result;
}

// The states and grid points where a plan can lead, and what it does there.
std::vector<PolicyEntry> ReachedPolicy(const Mdp& mdp, const GridPlan& plan, double initial_stock) {
  const auto& stocks = plan.stocks();
  const auto states = static_cast<std::size_t>(mdp.states());
  const std::size_t count = stocks.size();
  std::vector<char> reached(states * count);
  std::vector<std::size_t> here;
  const auto reach = [&](int state, double stock, std::vector<std::size_t>& list) {
    const auto rounded = plan.Round(stock);
    for (const std::size_t above : {0, 1}) {
      if ((above == 0 ? 1 - rounded.share_above : rounded.share_above) <= 0) continue;
      const std::size_t pair = static_cast<std::size_t>(state) * count + rounded.below + above;
      if (reached[pair] == 0) list.push_back(pair);
      reached[pair] = 1;
    }
  };
  for (int state = 0; state < mdp.states(); ++state) {
    if (mdp.start()[static_cast<std::size_t>(state)] > 0) reach(state, initial_stock, here);
  }
  std::vector<PolicyEntry> policy;
  const auto note = [&](std::optional<int> step) {
    for (std::size_t s = 0; s < states; ++s) {
      for (std::size_t i = 0; i < count; ++i) {
        if (reached[s * count + i] == 0) continue;
        const int state = static_cast<int>(s);
        const int action = plan.Action(step.value_or(0), state, i);
        const bool goes_on = i > 0 && reached[s * count + i - 1] != 0 && policy.back().state == state &&
                             policy.back().action == action;
        if (goes_on) {
          policy.back().high = {stocks[i]};
        } else {
          policy.push_back({step, state, {stocks[i]}, {stocks[i]}, action, {}});
        }
      }
    }
  };
  for (int step = 0; !here.empty(); ++step) {
    if (mdp.horizon() > 0) {
      if (step == mdp.horizon()) break;
      note(step);
      std::ranges::fill(reached, 0);  // each step is on its own
    }
    std::vector<std::size_t> next;
    for (const std::size_t pair : here) {
      const int state = static_cast<int>(pair / count);
      const int action = plan.Action(step, state, pair % count);
      for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
        const Branch& branch = mdp.branch(b);
        if (branch.terminal) continue;
        reach(branch.next_state, (stocks[pair % count] + mdp.Reward(b)[0]) / mdp.discount(), next);
      }
    }
    here = std::move(next);
  }
  if (mdp.horizon() == 0) note({});
  return policy;
}

// What a grid has no use for must not seem to have been heeded.
void CheckGridSettings(const PlanConfig& config) {
  const PlanConfig defaults;
  const auto refuse = [](std::string_view key, std::string_view value, std::string_view why) {
    throw InputError("plan.{} = {} is for exact stocks (plan.horizon and plan.stocks=0); a grid of stocks {}",
                     key, value, why);
  };
  if (config.method != defaults.method) {
    refuse("method", config.method,
           "is planned on by modified policy iteration, or backwards from the horizon");
  }
  if (config.projection != defaults.projection) {
    refuse("projection", config.projection, "keeps return distributions on a grid of plan.atoms");
  }
  if (config.candidates != defaults.candidates) {
    refuse("candidates", fmt::format("{}", config.candidates), "tries each of its own plan.stocks");
  }
}

// By the mean alone, without stocks: what the others are compared with.
PlanResult PlanForTheMean(const Mdp& mdp, const Objective& objective, const PlanConfig& config) {
  if (mdp.reward_size() > 1) {
    throw InputError("plan.method = {} is for rewards of one number; {} has {}", config.method, mdp.name(),
                     mdp.reward_size());
  }
  const int sweeps = Sweeps(mdp, config.tolerance);
  const ReturnRange range = RangeOfMeanOptimalReturns(mdp);
  const std::vector<double> grid = Linspace(range.low, std::max(range.high, range.low + 1e-9), config.atoms);
  // The categorical projection keeps means, so that its laws are those of a policy that is best for the mean.
  DistributionalPlan plan = config.method == "quantile-iteration"
                                ? QuantileIteration(mdp, config.atoms, sweeps)
                                : CategoricalIteration(mdp, grid, sweeps);
  std::vector<double> values(plan.laws.size());
  std::ranges::transform(plan.laws, values.begin(), Mean);
  if (config.method.starts_with("mean-")) {
    MeanPlan mean = config.method == "mean-policy-iteration" ? PolicyIteration(mdp)
                                                             : ValueIteration(mdp, config.tolerance);
    values = std::move(mean.values);
    plan.policy = std::move(mean.policy);
  }
  PlanResult result;
  result.exact = false;
  result.error = NAN;
  result.pairs = plan.laws.size();
  result.bytes = static_cast<double>(plan.laws.size()) * config.atoms * 2 * sizeof(double);
  ReturnLaw law;
  for (int state = 0; state < mdp.states(); ++state) {
    const auto s = static_cast<std::size_t>(state);
    const double start = mdp.start()[s];
    result.policy.push_back(
        {mdp.horizon() > 0 ? std::optional(0) : std::nullopt, state, {}, {}, plan.policy[s], {}});
    if (start == 0) continue;
    result.mean += start * values[s];
    law.atoms.insert(law.atoms.end(), plan.laws[s].atoms.begin(), plan.laws[s].atoms.end());
    for (const double probability : plan.laws[s].probabilities)
      law.probabilities.push_back(start * probability);
  }
  result.law = Merged(std::move(law));
  result.initial_stock = !config.initial_stock.empty() ? config.initial_stock
                         : objective.chooses_stock     ? std::vector{BestStock(objective, result.law)}
                                                       : objective.initial_stock;
  result.value = Value(objective, result.initial_stock, result.law);
  result.mean_law = result.law;
  result.mean_law_value = result.value;
  return result;
}

PlanResult PlanOnGrid(const Mdp& mdp, const Objective& objective, const PlanConfig& config, WorkerPool& pool,
                      const Progress& progress) {
  CheckGridSettings(config);
  if (!objective.weights) {
    throw InputError(
        "objective '{}' cannot be planned for on a grid of stocks, whose ends are only right for utilities "
        "that are linear on either side of zero; expected plan.horizon and plan.stocks=0",
        objective.name);
  }
  GridOptions options{config.stocks > 0 ? config.stocks : 401, config.atoms, config.tolerance,
                      config.memory * 1e9};
  if (objective.weights->below == objective.weights->above) options.stocks = 2;  // stocks change nothing
  const GridPlan plan(mdp, *objective.weights, options, pool, progress);
  PlanResult result;
  result.exact = false;
  result.pairs = static_cast<std::size_t>(mdp.states()) * plan.stocks().size();
  result.bytes = plan.bytes();
  result.initial_stock = config.initial_stock.empty() ? objective.initial_stock : config.initial_stock;
  const auto attempt = [&](double stock) -> Tried {
    return {stock, plan.Utility(stock) - (objective.chooses_stock ? stock : 0), plan.MeanReturn(stock)};
  };
  Tried chosen = attempt(result.initial_stock[0]);
  if (objective.chooses_stock && config.initial_stock.empty()) {
    chosen = BestOf(plan.stocks(), result.stocks, attempt);
    // Between two points of the grid, where the law of the return has its quantile.
    const Tried better = attempt(BestStock(objective, plan.Law(chosen.stock)));
    if (better.value > chosen.value) chosen = better;
    result.initial_stock = {chosen.stock};
  } else if (config.initial_stock.empty()) {
    BestOf(plan.stocks(), result.stocks, attempt);
  }
  result.error = plan.ErrorBound();
  result.value = chosen.value;
  result.mean = chosen.mean;
  result.law = plan.Law(chosen.stock);
  result.policy = ReachedPolicy(mdp, plan, chosen.stock);
  options.stocks = 2;
  NoteMeanPlan(objective, GridPlan(mdp, TwoWeights{1, 1}, options, pool).Law(0), result);
  return result;
}

}  // namespace

PlanConfig PlanConfig::For(const Mdp& mdp) {
  PlanConfig config;
  config.discount = mdp.discount();
  config.horizon = mdp.horizon();
  return config;
}

PlanResult MakePlan(const Mdp& given, const Objective& objective, const PlanConfig& config,
                    const Progress& progress) {
  const Mdp mdp = given.With(config.discount, config.horizon);
  CheckCovered(objective, mdp);
  if (!config.initial_stock.empty() && config.initial_stock.size() != objective.initial_stock.size()) {
    throw InputError("plan.initial_stock has {} numbers; expected {}, as rewards",
                     config.initial_stock.size(), objective.initial_stock.size());
  }
  for (const double stock : config.initial_stock) {
    if (!std::isfinite(stock)) throw InputError("plan.initial_stock has {}; expected finite numbers", stock);
  }
  WorkerPool pool(config.threads);
  const bool exact = config.stocks == 0 && mdp.horizon() > 0;
  const PlanResult result = config.method != "value-iteration" && config.method != "policy-iteration"
                                ? PlanForTheMean(mdp, objective, config)
                            : exact ? PlanExactly(mdp, objective, config, pool, progress)
                                    : PlanOnGrid(mdp, objective, config, pool, progress);
  if (!std::isfinite(result.value) || !std::isfinite(result.mean)) {
    throw InputError(
        "{}: the best value of '{}' came out as {:g}, its mean return as {:g}, beyond what a double holds; "
        "expected smaller rewards",
        mdp.name(), objective.name, result.value, result.mean);
  }
  return result;
}

}  // namespace strider::planning
