#include "agents/planning/stock_tree.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "agents/planning/classic.h"
#include "core/error.h"

namespace strider::planning {
namespace {

// What planning keeps of a node beside the tree itself: action, value, mean and probability.
constexpr double kPlanBytes = sizeof(int) + 3 * sizeof(double);
// What finding a node of the level under construction takes.
constexpr double kIndexBytes = 40;

std::string Megabytes(double bytes) { return fmt::format("{:.1f} MB", bytes / 1e6); }

void SortUnique(std::vector<double>& values) {
  std::ranges::sort(values);
  const auto repeated = std::ranges::unique(values, {}, Snap);
  values.erase(repeated.begin(), repeated.end());
}

// Two actions compared: the value first, then the mean of the return.
struct Score {
  double value = 0;
  double mean = 0;

  // `unit` is the size of differences that matter.
  bool Beats(const Score& other, double unit) const {
    constexpr double kRounding = 1e-12;
    const double tie = kRounding * (unit + std::max(std::abs(value), std::abs(other.value)));
    if (std::abs(value - other.value) > tie) return value > other.value;
    return mean > other.mean + kRounding * (1 + std::max(std::abs(mean), std::abs(other.mean)));
  }
};

// The action with the best score; `score(action)` is asked for each. The one given stays unless another beats
// it.
template <class ScoreOf>
std::pair<int, Score> Best(int actions, int first, double unit, const ScoreOf& score) {
  std::pair best(first, score(first));
  for (int action = 0; action < actions; ++action) {
    if (action == first) continue;
    const Score other = score(action);
    if (other.Beats(best.second, unit)) best = {action, other};
  }
  return best;
}

// One level of distributional dynamic programming: the laws of the level below it, and what they say about
// the actions here.
class LawLevel {
 public:
  LawLevel(const StockTree& tree, const Objective& objective, std::span<const double> stock, int step,
           const std::vector<ReturnLaw>& next_laws)
      : mdp_(tree.mdp()),
        objective_(objective),
        stock_(stock),
        level_(tree.level(step)),
        next_laws_(next_laws),
        size_(stock.size()),
        nothing_(PointLaw(std::vector<double>(size_, 0))) {}

  // E f(discount^t (c_t + R + discount G')) and E (R + discount G').
  Score Of(std::size_t node, int action, std::vector<double>& x) const {
    Score score;
    const double next_scale = level_.scale * mdp_.discount();
    x.resize(size_);
    ForEachBranch(node, action,
                  [&](const Branch& branch, std::span<const double> reward, const ReturnLaw& law) {
                    for (std::size_t i = 0; i < law.count(); ++i) {
                      const auto atom = law.Atom(i);
                      for (std::size_t k = 0; k < size_; ++k) {
                        x[k] = stock_[k] + level_.scale * (level_.offsets[node * size_ + k] + reward[k]) +
                               next_scale * atom[k];
                      }
                      const double probability = branch.probability * law.probabilities[i];
                      score.value += probability * objective_.utility(x);
                      score.mean += probability * (reward[0] + mdp_.discount() * atom[0]);
                    }
                  });
    return score;
  }

  // The law of R + discount G'.
  ReturnLaw Law(std::size_t node, int action) const {
    ReturnLaw mixture{static_cast<int>(size_), {}, {}};
    ForEachBranch(node, action,
                  [&](const Branch& branch, std::span<const double> reward, const ReturnLaw& law) {
                    for (std::size_t i = 0; i < law.count(); ++i) {
                      for (std::size_t k = 0; k < size_; ++k) {
                        mixture.atoms.push_back(reward[k] + mdp_.discount() * law.Atom(i)[k]);
                      }
                      mixture.probabilities.push_back(branch.probability * law.probabilities[i]);
                    }
                  });
    return Merged(std::move(mixture));
  }

 private:
  template <class Visit>
  void ForEachBranch(std::size_t node, int action, const Visit& visit) const {
    const int state = level_.states[node];
    const std::size_t base = mdp_.FirstBranch(state, 0);
    for (std::size_t b = mdp_.FirstBranch(state, action); b < mdp_.EndBranch(state, action); ++b) {
      const std::int32_t child = level_.children[level_.first_child[node] + b - base];
      visit(mdp_.branch(b), mdp_.Reward(b),
            child == kNoChild ? nothing_ : next_laws_[static_cast<std::size_t>(child)]);
    }
  }

  const Mdp& mdp_;
  const Objective& objective_;
  std::span<const double> stock_;
  const StockLevel& level_;
  const std::vector<ReturnLaw>& next_laws_;
  std::size_t size_;
  ReturnLaw nothing_;
};

// Keeps laws to the size that the options allow.
class LawKeeper {
 public:
  LawKeeper(const Mdp& mdp, const LawOptions& options) : name_(mdp.name()), options_(options) {
    if (options.projection == Projection::kMerge) return;
    if (mdp.reward_size() > 1) {
      throw InputError("{}: laws of vectors are kept exactly; expected plan.projection=merge", name_);
    }
    const ReturnRange range = RangeOfReturns(mdp);
    grid_ = Linspace(range.low, std::max(range.high, range.low + 1e-9), std::max(options.atoms, 2));
  }

  void StartLevel() { bytes_ = 0; }

  // May be called by several threads.
  ReturnLaw Keep(ReturnLaw law) {
    if (static_cast<int>(law.count()) > options_.atoms) {
      if (options_.projection == Projection::kQuantile) law = ToQuantiles(law, options_.atoms);
      if (options_.projection == Projection::kCategorical) law = ToCategorical(law, grid_);
    }
    const auto bytes = static_cast<std::int64_t>(
        (law.atoms.size() + law.probabilities.size()) * sizeof(double) + sizeof(ReturnLaw));
    if (static_cast<double>(bytes_.fetch_add(bytes) + bytes) > options_.memory) {
      throw InputError(
          "{}: the laws of one step's nodes need more than {}, a quarter of plan.memory; expected more, or "
          "plan.projection=quantile with plan.atoms",
          name_, Megabytes(options_.memory));
    }
    return law;
  }

 private:
  std::string name_;
  const LawOptions& options_;
  std::vector<double> grid_;
  std::atomic<std::int64_t> bytes_ = 0;
};

std::vector<ReturnLaw> LawsAtTheEnd(const StockTree& tree) {
  const auto size = static_cast<std::size_t>(tree.mdp().reward_size());
  return std::vector(tree.level(tree.horizon()).size(), PointLaw(std::vector<double>(size, 0)));
}

// The law of the return from the start states on.
ReturnLaw MixedByStart(const StockTree& tree, const std::vector<ReturnLaw>& laws) {
  ReturnLaw mixture{tree.mdp().reward_size(), {}, {}};
  for (std::size_t node = 0; node < laws.size(); ++node) {
    const double start = tree.mdp().start()[static_cast<std::size_t>(tree.level(0).states[node])];
    mixture.atoms.insert(mixture.atoms.end(), laws[node].atoms.begin(), laws[node].atoms.end());
    for (const double probability : laws[node].probabilities)
      mixture.probabilities.push_back(start * probability);
  }
  return Merged(std::move(mixture));
}

// A plan's figures, taken from the exact law of its policy.
void Appraise(const StockTree& tree, const Objective& objective, std::span<const double> stock,
              TreePlan& plan) {
  plan.law = Follow(tree, plan.policy).law;
  plan.utility = ExpectedUtility(objective, stock, plan.law);
  plan.mean = 0;
  for (std::size_t i = 0; i < plan.law.count(); ++i)
    plan.mean += plan.law.probabilities[i] * plan.law.Atom(i)[0];
}

}  // namespace

StockTree::StockTree(Mdp mdp, double memory, const Progress& progress) : mdp_(std::move(mdp)) {
  constexpr double kSmallest = 1e-280;  // rewards have the rest of the exponents to themselves
  if (std::pow(mdp_.discount(), mdp_.horizon()) < kSmallest) {
    throw InputError(
        "{}: discount {:g} and horizon {}: stocks grow like discount^-step beyond any number; expected "
        "plan.horizon={} or less (what comes after that is worth nothing), or plan.stocks=401 for a grid of "
        "stocks",
        mdp_.name(), mdp_.discount(), mdp_.horizon(),
        static_cast<int>(std::floor(std::log(kSmallest) / std::log(mdp_.discount()))));
  }
  StockLevel first;
  first.scale = 1;
  for (int state = 0; state < mdp_.states(); ++state) {
    if (mdp_.start()[static_cast<std::size_t>(state)] == 0) continue;
    first.states.push_back(state);
    first.offsets.insert(first.offsets.end(), static_cast<std::size_t>(mdp_.reward_size()), 0);
  }
  levels_.push_back(std::move(first));
  for (int step = 0; step < mdp_.horizon(); ++step) {
    Grow(step, memory);
    if (progress) progress((step + 1.0) / mdp_.horizon());
  }
  if (mdp_.reward_size() == 1) {
    const StockLevel& last = levels_.back();
    for (const double offset : last.offsets) returns_.push_back(last.scale * offset);
    SortUnique(returns_);
  }
}

void StockTree::Grow(int step, double memory) {
  StockLevel& level = levels_.back();
  const auto size = static_cast<std::size_t>(mdp_.reward_size());
  StockLevel next;
  next.scale = level.scale * mdp_.discount();
  std::vector<double> keys;  // the offsets, snapped
  const auto hash = [&](std::int32_t node) {
    auto mixed = static_cast<std::uint64_t>(next.states[static_cast<std::size_t>(node)]);
    for (std::size_t k = 0; k < size; ++k) {
      const double key = keys[static_cast<std::size_t>(node) * size + k];
      mixed = (mixed ^ std::hash<double>()(key)) * 0x9e3779b97f4a7c15ULL;
      mixed ^= mixed >> 32;
    }
    return static_cast<std::size_t>(mixed);
  };
  const auto same = [&](std::int32_t a, std::int32_t b) {
    return next.states[static_cast<std::size_t>(a)] == next.states[static_cast<std::size_t>(b)] &&
           std::equal(keys.begin() + a * static_cast<std::ptrdiff_t>(size),
                      keys.begin() + (a + 1) * static_cast<std::ptrdiff_t>(size),
                      keys.begin() + b * static_cast<std::ptrdiff_t>(size));
  };
  std::unordered_set<std::int32_t, decltype(hash), decltype(same)> index(1024, hash, same);
  const double node_bytes =
      static_cast<double>(sizeof(int) + size * sizeof(double) + sizeof(std::size_t)) + kPlanBytes;
  const double index_bytes = kIndexBytes + static_cast<double>(size * sizeof(double));
  std::vector<double> ended;
  for (std::size_t node = 0; node < level.size(); ++node) {
    level.first_child.push_back(level.children.size());
    const int state = level.states[node];
    for (std::size_t b = mdp_.FirstBranch(state, 0); b < mdp_.EndBranch(state, mdp_.actions() - 1); ++b) {
      const Branch& branch = mdp_.branch(b);
      const auto reward = mdp_.Reward(b);
      if (branch.terminal) {
        level.children.push_back(kNoChild);
        if (size == 1) ended.push_back(level.scale * (level.offsets[node] + reward[0]));
        continue;
      }
      // A guess at first, taken back where the node is there already.
      const auto guess = static_cast<std::int32_t>(next.states.size());
      next.states.push_back(branch.next_state);
      for (std::size_t k = 0; k < size; ++k) {
        next.offsets.push_back((level.offsets[node * size + k] + reward[k]) / mdp_.discount());
        keys.push_back(Snap(next.offsets.back()));
      }
      const auto [place, is_new] = index.insert(guess);
      if (!is_new) {
        next.states.pop_back();
        next.offsets.resize(next.offsets.size() - size);
        keys.resize(keys.size() - size);
      }
      level.children.push_back(*place);
    }
    if (ended.size() > 100'000) SortUnique(ended);
    const double bytes = bytes_ + static_cast<double>(next.size()) * (node_bytes + index_bytes) +
                         static_cast<double>(level.children.size() * sizeof(std::int32_t) +
                                             (ended.size() + returns_.size()) * sizeof(double));
    if (bytes > memory) {
      throw InputError(
          "{}: exact stocks do not fit: {} were needed when step {} of {} had {} pairs of state and stock, "
          "and half of plan.memory, {}, is theirs; as they grow, all steps would take about {}; expected a "
          "larger plan.memory, or plan.stocks=401 for a grid of stocks",
          mdp_.name(), Megabytes(bytes), step + 1, mdp_.horizon(), next.size(), Megabytes(memory),
          Megabytes(Foreseen(bytes, next.size(), step)));
    }
  }
  returns_.insert(returns_.end(), ended.begin(), ended.end());
  SortUnique(returns_);
  bytes_ += static_cast<double>(next.size()) * node_bytes +
            static_cast<double>(level.children.size() * sizeof(std::int32_t));
  levels_.push_back(std::move(next));
}

double StockTree::Foreseen(double bytes, std::size_t pairs, int step) const {
  // The step under construction may be far from done: the one before tells how they grow.
  const auto size = [&](std::size_t level) { return static_cast<double>(levels_[level].size()); };
  const std::size_t last = levels_.size() - 1;
  const double growth = last > 0 ? std::max(1.0, size(last) / size(last - 1)) : 1;
  const double each = bytes / (static_cast<double>(nodes()) + static_cast<double>(pairs));
  double level = std::max(static_cast<double>(pairs), growth * size(last));
  double sum = each * (static_cast<double>(nodes()) + level);
  for (int later = step + 2; later <= mdp_.horizon(); ++later) sum += each * (level *= growth);
  return sum;
}

std::size_t StockTree::nodes() const {
  std::size_t sum = 0;
  for (const StockLevel& level : levels_) sum += level.size();
  return sum;
}

std::vector<double> StockTree::Stock(int step, std::size_t node, std::span<const double> initial) const {
  std::vector<double> stock;
  for (std::size_t k = 0; k < initial.size(); ++k) {
    stock.push_back(initial[k] / level(step).scale + level(step).offsets[node * initial.size() + k]);
  }
  return stock;
}

TreePlan ScalarIteration(const StockTree& tree, const Objective& objective, std::span<const double> stock,
                         WorkerPool& pool) {
  const Mdp& mdp = tree.mdp();
  const std::size_t size = stock.size();
  TreePlan plan;
  plan.policy.resize(static_cast<std::size_t>(tree.horizon()));
  const StockLevel& last = tree.level(tree.horizon());
  std::vector<Score> next(last.size());
  std::vector<double> x(size);
  for (std::size_t node = 0; node < last.size(); ++node) {
    for (std::size_t k = 0; k < size; ++k) x[k] = stock[k] + last.scale * last.offsets[node * size + k];
    next[node].value = objective.utility(x);
  }
  for (int step = tree.horizon() - 1; step >= 0; --step) {
    const StockLevel& level = tree.level(step);
    std::vector<int>& policy = plan.policy[static_cast<std::size_t>(step)];
    policy.resize(level.size());
    std::vector<Score> scores(level.size());
    pool.ParallelFor(static_cast<std::int64_t>(level.size()), [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> y(size);
      for (auto node = static_cast<std::size_t>(begin); node < static_cast<std::size_t>(end); ++node) {
        const int state = level.states[node];
        const std::size_t base = mdp.FirstBranch(state, 0);
        const auto score_of = [&](int action) {
          Score score;
          for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
            const auto reward = mdp.Reward(b);
            const double probability = mdp.branch(b).probability;
            const std::int32_t child = level.children[level.first_child[node] + b - base];
            score.mean += probability * reward[0];
            if (child == kNoChild) {
              for (std::size_t k = 0; k < size; ++k) {
                y[k] = stock[k] + level.scale * (level.offsets[node * size + k] + reward[k]);
              }
              score.value += probability * objective.utility(y);
            } else {
              const Score& after = next[static_cast<std::size_t>(child)];
              score.value += probability * after.value;
              score.mean += probability * mdp.discount() * after.mean;
            }
          }
          return score;
        };
        std::tie(policy[node], scores[node]) = Best(mdp.actions(), 0, level.scale, score_of);
      }
    });
    next = std::move(scores);
  }
  for (std::size_t node = 0; node < next.size(); ++node) {
    const double start = mdp.start()[static_cast<std::size_t>(tree.level(0).states[node])];
    plan.utility += start * next[node].value;
    plan.mean += start * next[node].mean;
  }
  return plan;
}

TreePlan DistributionalValueIteration(const StockTree& tree, const Objective& objective,
                                      std::span<const double> stock, const LawOptions& options,
                                      WorkerPool& pool, const Progress& progress) {
  LawKeeper keeper(tree.mdp(), options);
  TreePlan plan;
  plan.policy.resize(static_cast<std::size_t>(tree.horizon()));
  std::vector<ReturnLaw> next = LawsAtTheEnd(tree);
  for (int step = tree.horizon() - 1; step >= 0; --step) {
    const LawLevel level(tree, objective, stock, step, next);
    std::vector<int>& policy = plan.policy[static_cast<std::size_t>(step)];
    policy.resize(tree.level(step).size());
    std::vector<ReturnLaw> laws(policy.size());
    keeper.StartLevel();
    pool.ParallelFor(static_cast<std::int64_t>(policy.size()), [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> scratch;
      for (auto node = static_cast<std::size_t>(begin); node < static_cast<std::size_t>(end); ++node) {
        policy[node] = Best(tree.mdp().actions(), 0, tree.level(step).scale, [&](int action) {
                         return level.Of(node, action, scratch);
                       }).first;
        laws[node] = keeper.Keep(level.Law(node, policy[node]));
      }
    });
    next = std::move(laws);
    if (progress) progress(1 - static_cast<double>(step) / tree.horizon());
  }
  Appraise(tree, objective, stock, plan);
  return plan;
}

Improvement Improve(const StockTree& tree, const Objective& objective, std::span<const double> stock,
                    const TreePolicy& policy, const LawOptions& options, WorkerPool& pool) {
  LawKeeper keeper(tree.mdp(), options);
  Improvement improvement{policy, 0, {}};
  std::vector<ReturnLaw> next = LawsAtTheEnd(tree);
  for (int step = tree.horizon() - 1; step >= 0; --step) {
    const LawLevel level(tree, objective, stock, step, next);
    const std::vector<int>& before = policy[static_cast<std::size_t>(step)];
    std::vector<int>& after = improvement.policy[static_cast<std::size_t>(step)];
    std::vector<ReturnLaw> laws(before.size());
    keeper.StartLevel();
    pool.ParallelFor(static_cast<std::int64_t>(before.size()), [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> scratch;
      for (auto node = static_cast<std::size_t>(begin); node < static_cast<std::size_t>(end); ++node) {
        after[node] = Best(tree.mdp().actions(), before[node], tree.level(step).scale, [&](int action) {
                        return level.Of(node, action, scratch);
                      }).first;
        laws[node] = keeper.Keep(level.Law(node, before[node]));
      }
    });
    for (std::size_t node = 0; node < before.size(); ++node)
      improvement.changes += before[node] == after[node] ? 0 : 1;
    next = std::move(laws);
  }
  improvement.law = MixedByStart(tree, next);
  return improvement;
}

TreePlan DistributionalPolicyIteration(const StockTree& tree, const Objective& objective,
                                       std::span<const double> stock, TreePolicy policy,
                                       const LawOptions& options, WorkerPool& pool,
                                       const Progress& progress) {
  TreePlan plan;
  plan.policy = std::move(policy);
  // Each round makes at least the last step that is not yet right right.
  for (plan.iterations = 0; plan.iterations <= tree.horizon(); ++plan.iterations) {
    Improvement improvement = Improve(tree, objective, stock, plan.policy, options, pool);
    if (improvement.changes == 0) break;
    plan.policy = std::move(improvement.policy);
    if (progress) progress(static_cast<double>(plan.iterations + 1) / (tree.horizon() + 1));
  }
  Appraise(tree, objective, stock, plan);
  return plan;
}

TreePolicy ConstantPolicy(const StockTree& tree, int action) {
  TreePolicy policy;
  for (int step = 0; step < tree.horizon(); ++step) policy.emplace_back(tree.level(step).size(), action);
  return policy;
}

Forecast Follow(const StockTree& tree, const TreePolicy& policy) {
  const Mdp& mdp = tree.mdp();
  const auto size = static_cast<std::size_t>(mdp.reward_size());
  Forecast forecast;
  forecast.law.size = mdp.reward_size();
  forecast.reached.emplace_back();
  for (const int state : tree.level(0).states)
    forecast.reached[0].push_back(mdp.start()[static_cast<std::size_t>(state)]);
  for (int step = 0; step <= tree.horizon(); ++step) {
    const StockLevel& level = tree.level(step);
    const std::vector<double> here = forecast.reached[static_cast<std::size_t>(step)];
    ReturnLaw ended{mdp.reward_size(), {}, {}};
    const auto end_with = [&](std::size_t node, double probability, std::span<const double> reward) {
      for (std::size_t k = 0; k < size; ++k) {
        const double last = reward.empty() ? 0 : reward[k];
        ended.atoms.push_back(level.scale * (level.offsets[node * size + k] + last));
      }
      ended.probabilities.push_back(probability);
    };
    std::vector<double> there(step < tree.horizon() ? tree.level(step + 1).size() : 0);
    for (std::size_t node = 0; node < level.size(); ++node) {
      if (here[node] == 0) continue;
      if (step == tree.horizon()) {
        end_with(node, here[node], {});
        continue;
      }
      const int state = level.states[node];
      const int action = policy[static_cast<std::size_t>(step)][node];
      const std::size_t base = mdp.FirstBranch(state, 0);
      for (std::size_t b = mdp.FirstBranch(state, action); b < mdp.EndBranch(state, action); ++b) {
        const double probability = here[node] * mdp.branch(b).probability;
        const std::int32_t child = level.children[level.first_child[node] + b - base];
        if (child == kNoChild) {
          end_with(node, probability, mdp.Reward(b));
        } else {
          there[static_cast<std::size_t>(child)] += probability;
        }
      }
    }
    forecast.law.atoms.insert(forecast.law.atoms.end(), ended.atoms.begin(), ended.atoms.end());
    forecast.law.probabilities.insert(forecast.law.probabilities.end(), ended.probabilities.begin(),
                                      ended.probabilities.end());
    forecast.law = Merged(std::move(forecast.law));
    if (step < tree.horizon()) forecast.reached.push_back(std::move(there));
  }
  return forecast;
}

}  // namespace strider::planning
