#include "agents/planning/grid_planner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "agents/planning/classic.h"
#include "core/error.h"

namespace strider::planning {
namespace {

// Sweeps under one policy between two that look for better actions.
constexpr int kEvaluations = 6;

// Differences below this share of the range of returns are rounding.
constexpr double kTie = 1e-10;

std::size_t Size(int number) { return static_cast<std::size_t>(number); }

// The returns for which stocks must lie on the grid.
ReturnRange RangeOfStocks(const Mdp& mdp, TwoWeights weights) {
  const bool concave = weights.below >= weights.above && weights.above >= 0;
  return concave ? RangeOfMeanOptimalReturns(mdp) : RangeOfReturns(mdp);
}

// Numbers all over the range, at least two and apart from each other.
std::vector<double> Spread(ReturnRange range, int count) {
  if (range.high - range.low < 1e-9) range.high = range.low + 1;
  return Linspace(range.low, range.high, count);
}

}  // namespace

double GridBytes(const Mdp& mdp, const GridOptions& options) {
  const double policies = mdp.horizon() > 0 ? mdp.horizon() : 1;
  const double law = sizeof(float) * static_cast<double>(WholeBlocks(Size(options.atoms)));
  return static_cast<double>(mdp.states()) * options.stocks *
         (2 * sizeof(Worth) + 2 * law + policies * sizeof(std::uint16_t));
}

GridPlan::GridPlan(Mdp mdp, TwoWeights weights, const GridOptions& options, WorkerPool& pool,
                   const Progress& progress)
    : mdp_(std::move(mdp)),
      weights_(weights),
      tolerance_(options.tolerance),
      bytes_(GridBytes(mdp_, options)) {
  if (mdp_.reward_size() > 1) {
    throw InputError(
        "{}: a grid of stocks is for rewards of one number; expected plan.horizon and plan.stocks=0",
        mdp_.name());
  }
  if (options.stocks < 2 || options.atoms < 2) {
    throw InputError("{}: a grid of {} stocks and {} atoms; expected at least 2 of each", mdp_.name(),
                     options.stocks, options.atoms);
  }
  if (bytes_ > options.memory) {
    throw InputError(
        "{}: {} states x {} stocks x {} atoms need {:.1f} MB, and plan.memory allows {:.1f} MB; expected "
        "fewer plan.stocks or plan.atoms, or a larger plan.memory",
        mdp_.name(), mdp_.states(), options.stocks, options.atoms, bytes_ / 1e6, options.memory / 1e6);
  }
  if (mdp_.actions() > std::numeric_limits<std::uint16_t>::max()) {
    throw InputError("{}: {} actions; expected at most 65535", mdp_.name(), mdp_.actions());
  }

  const ReturnRange range = RangeOfStocks(mdp_, weights_);
  stocks_ = Spread({-range.high, -range.low}, options.stocks);
  stock_step_ = (stocks_.back() - stocks_.front()) / (options.stocks - 1);
  atoms_.resize(Size(options.atoms));
  law_size_ = WholeBlocks(atoms_.size());

  const std::size_t size = Size(mdp_.states()) * stocks_.size();
  worths_.resize(size);
  next_worths_.resize(size);
  for (std::size_t pair = 0; pair < size; ++pair)
    worths_[pair].utility = weights(stocks_[pair % stocks_.size()]);
  policies_.resize(Size(std::max(mdp_.horizon(), 1)));
  for (auto& policy : policies_) policy.resize(size);
  laws_.resize(size * law_size_);
  next_laws_.resize(laws_.size());
  if (mdp_.horizon() > 0) {
    PlanToHorizon(pool, progress);
  } else {
    PlanForEver(options.tolerance, pool, progress);
  }
}

void GridPlan::PlanToHorizon(WorkerPool& pool, const Progress& progress) {
  constexpr double kShareOfValues = 0.2;  // of the whole work
  const double horizon = mdp_.horizon();
  for (sweeps_ = 0; sweeps_ < mdp_.horizon(); ++sweeps_) {
    if (sweeps_ > 0) std::rotate(policies_.begin(), policies_.end() - 1, policies_.end());
    SweepActions(pool);
    if (progress) progress(kShareOfValues * (sweeps_ + 1) / horizon);
  }
  StartLaws();
  for (int step = mdp_.horizon() - 1; step >= 0; --step) {
    SweepLaws(policies_[Size(step)], pool);
    if (progress) progress(1 - (1 - kShareOfValues) * step / horizon);
  }
}

// Modified policy iteration (Puterman and Shin 1978) until no value can be off by more than `tolerance`, then
// the laws of the policy that is left.
void GridPlan::PlanForEver(double tolerance, WorkerPool& pool, const Progress& progress) {
  constexpr double kShareOfValues = 0.2;  // of the whole work
  const double discount = mdp_.discount();
  const double allowed = std::max(tolerance / std::max(Slope(), 1e-9) * (1 - discount) / discount,
                                  10 * kTie * (stocks_.back() - stocks_.front()));
  const int most = Sweeps(mdp_, tolerance / std::max(Slope(), 1e-9));
  for (int round = 0; round < most && SweepActions(pool) > allowed; ++round) {
    for (int k = 0; k < kEvaluations; ++k) SweepPolicy(pool);
    sweeps_ += 1 + kEvaluations;
    if (progress) progress(kShareOfValues * std::min(1.0, sweeps_ / static_cast<double>(most)));
  }
  ++sweeps_;

  // Until what the laws started from counts for less than a quarter of the distance between two atoms.
  StartLaws();
  const double blur = 0.25 / static_cast<double>(atoms_.size() - 1);
  const int law_sweeps = SweepsUntil(mdp_, blur);
  for (int sweep = 0; sweep < law_sweeps; ++sweep) {
    SweepLaws(policies_.front(), pool);
    if (progress) progress(kShareOfValues + (1 - kShareOfValues) * (sweep + 1) / law_sweeps);
  }
}

double GridPlan::Slope() const { return std::max(std::abs(weights_.below), std::abs(weights_.above)); }

double GridPlan::ErrorBound() const {
  const double bend = std::abs(weights_.below - weights_.above) * stock_step_ / 4;
  const double discount = mdp_.discount();
  const int horizon = mdp_.horizon();
  if (horizon == 0) return bend / (1 - discount) + tolerance_;
  return bend * (discount == 1 ? horizon + 1 : (1 - std::pow(discount, horizon + 1)) / (1 - discount));
}

void GridPlan::StartLaws() {
  // What is done with some stock or other.
  const std::size_t pairs = Size(mdp_.states()) * Size(mdp_.actions());
  const auto pair_of = [&](int state, int action) {
    return Size(state) * Size(mdp_.actions()) + Size(action);
  };
  std::vector<std::vector<char>> taken(policies_.size(), std::vector<char>(pairs));
  for (std::size_t step = 0; step < policies_.size(); ++step) {
    for (std::size_t i = 0; i < policies_[step].size(); ++i) {
      taken[step][pair_of(static_cast<int>(i / stocks_.size()), policies_[step][i])] = 1;
    }
  }
  atoms_ = Spread(RangeOfReturns(mdp_,
                                 [&](int left, int state, int action) {
                                   const int step = mdp_.horizon() > 0 ? mdp_.horizon() - left : 0;
                                   return taken[Size(step)][pair_of(state, action)] != 0;
                                 }),
                  static_cast<int>(atoms_.size()));
  atom_step_ = (atoms_.back() - atoms_.front()) / static_cast<double>(atoms_.size() - 1);
  LawShift shift(atoms_[0], atom_step_, atoms_.size(), mdp_.discount());
  for (std::size_t pair = 0; pair < worths_.size(); ++pair) {
    shift.SetPoint(mdp_.horizon() > 0 ? 0 : worths_[pair].mean);
    shift.AddPoint(1, laws_.data() + pair * law_size_);
  }
}

GridPlan::Rounded GridPlan::RoundPlace(double place) const {
  place = std::clamp(place, 0.0, static_cast<double>(stocks_.size() - 1));
  const auto below = std::min(static_cast<std::size_t>(place), stocks_.size() - 2);
  return {below, place - static_cast<double>(below)};
}

GridPlan::Rounded GridPlan::Round(double stock) const {
  return RoundPlace((stock - stocks_[0]) / stock_step_);
}

double GridPlan::FirstPlace(double reward) const {
  return ((stocks_[0] + reward) / mdp_.discount() - stocks_[0]) / stock_step_;
}

// E V(S', (c + R) / discount) discounted, V = f(c) where the episode has ended.
void GridPlan::AddAction(int state, int action, std::size_t begin, std::size_t end, StockMove& move,
                         Worth* sums) const {
  const double discount = mdp_.discount();
  const Slopes slopes{weights_.below * stock_step_, weights_.above * stock_step_};
  double placed_reward = NAN;  // branches of one reward follow each other
  for (std::size_t b = mdp_.FirstBranch(state, action); b < mdp_.EndBranch(state, action); ++b) {
    const Branch& branch = mdp_.branch(b);
    const double reward = mdp_.Reward(b)[0];
    const double gain = branch.probability * reward;
    if (branch.terminal) {
      for (std::size_t i = begin; i < end; ++i) {
        sums[i].utility += branch.probability * weights_(stocks_[i] + reward);
        sums[i].mean += gain;
      }
      continue;
    }
    if (reward != placed_reward) move.Place(FirstPlace(reward), 1 / discount, begin, end);
    placed_reward = reward;
    AddWorths(worths_.data() + Size(branch.next_state) * stocks_.size(), move, slopes,
              branch.probability * discount, gain, begin, end, sums);
  }
}

// V(s, c) <- max over actions, and the actions.
double GridPlan::SweepActions(WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  std::vector<std::uint16_t>& policy = policies_.front();
  // Differences below these are rounding: the larger mean decides.
  const double mean_tie = kTie * (stocks_.back() - stocks_.front());
  const double tie = mean_tie * Slope();
  const double to_stock = 1 / std::max(Slope(), 1e-9);
  std::vector<double> changes(Size(mdp_.states()));
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    StockMove move(count);
    std::vector<Worth> worths(count);
    for (int state = static_cast<int>(first_state); state < static_cast<int>(end_state); ++state) {
      Worth* best = next_worths_.data() + Size(state) * count;
      std::uint16_t* best_action = policy.data() + Size(state) * count;
      for (int action = 0; action < mdp_.actions(); ++action) {
        std::ranges::fill(worths, Worth());
        AddAction(state, action, 0, count, move, worths.data());
        for (std::size_t i = 0; i < count; ++i) {
          const double gain = worths[i].utility - best[i].utility;
          if (action == 0 || gain > tie || (gain >= -tie && worths[i].mean > best[i].mean + mean_tie)) {
            best[i] = worths[i];
            best_action[i] = static_cast<std::uint16_t>(action);
          }
        }
      }
      const Worth* before = worths_.data() + Size(state) * count;
      double& change = changes[Size(state)];
      for (std::size_t i = 0; i < count; ++i) {
        change = std::max({change, to_stock * std::abs(best[i].utility - before[i].utility),
                           std::abs(best[i].mean - before[i].mean)});
      }
    }
  });
  worths_.swap(next_worths_);
  return *std::ranges::max_element(changes);
}

// V(s, c) <- that of the actions of the last SweepActions.
void GridPlan::SweepPolicy(WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    StockMove move(count);
    for (int state = static_cast<int>(first_state); state < static_cast<int>(end_state); ++state) {
      Worth* worths = next_worths_.data() + Size(state) * count;
      const std::uint16_t* actions = policies_.front().data() + Size(state) * count;
      std::fill(worths, worths + count, Worth());
      for (std::size_t begin = 0; begin < count;) {
        std::size_t end = begin + 1;
        while (end < count && actions[end] == actions[begin]) ++end;
        AddAction(state, actions[begin], begin, end, move, worths);
        begin = end;
      }
    }
  });
  worths_.swap(next_worths_);
}

// eta(s, c) <- law of R + discount G, G ~ eta(S', (c + R) / discount), under these actions.
void GridPlan::SweepLaws(const std::vector<std::uint16_t>& policy, WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    LawShift shift(atoms_[0], atom_step_, atoms_.size(), mdp_.discount());
    std::vector<float> padded(law_size_ + 2 * shift.padding());
    float* mixture = padded.data() + shift.padding();
    for (int state = static_cast<int>(first_state); state < static_cast<int>(end_state); ++state) {
      const std::uint16_t* actions = policy.data() + Size(state) * count;
      float* laws = next_laws_.data() + Size(state) * count * law_size_;
      std::fill(laws, laws + count * law_size_, 0.0F);
      for (int action = 0; action < mdp_.actions(); ++action) {
        if (std::find(actions, actions + count, action) == actions + count) continue;
        const std::size_t end = mdp_.EndBranch(state, action);
        // The branches of one reward at a time: they are moved alike.
        for (std::size_t first = mdp_.FirstBranch(state, action); first < end;) {
          const double reward = mdp_.Reward(first)[0];
          std::size_t last = first;
          while (last < end && mdp_.Reward(last)[0] == reward) ++last;
          shift.SetReward(reward);
          const double first_place = FirstPlace(reward);
          for (std::size_t i = 0; i < count; ++i) {
            if (actions[i] != action) continue;
            float* law = laws + i * law_size_;
            const Rounded rounded = RoundPlace(first_place + static_cast<double>(i) / mdp_.discount());
            bool goes_on = false;
            for (std::size_t b = first; b < last; ++b) {
              const Branch& branch = mdp_.branch(b);
              if (branch.terminal) {
                shift.AddPoint(static_cast<float>(branch.probability), law);
                continue;
              }
              const float* from =
                  laws_.data() + (Size(branch.next_state) * count + rounded.below) * law_size_;
              const auto share = static_cast<float>(branch.probability * rounded.share_above);
              const float rest = static_cast<float>(branch.probability) - share;
              MixLaws(from, from + law_size_, rest, share, goes_on, law_size_, mixture);
              goes_on = true;
            }
            if (goes_on) shift.Add(mixture, law);
          }
          first = last;
        }
      }
    }
  });
  laws_.swap(next_laws_);
}

Worth GridPlan::At(int state, double stock) const {
  const Rounded rounded = Round(stock);
  const Worth* row = worths_.data() + Size(state) * stocks_.size() + rounded.below;
  const double beyond = weights_.above * std::max(stock - stocks_.back(), 0.0) +
                        weights_.below * std::min(stock - stocks_.front(), 0.0);
  return {row[0].utility + rounded.share_above * (row[1].utility - row[0].utility) + beyond,
          row[0].mean + rounded.share_above * (row[1].mean - row[0].mean)};
}

Worth GridPlan::AtStart(double stock) const {
  Worth sum;
  for (int state = 0; state < mdp_.states(); ++state) {
    const double start = mdp_.start()[Size(state)];
    if (start == 0) continue;
    const Worth worth = At(state, stock);
    sum.utility += start * worth.utility;
    sum.mean += start * worth.mean;
  }
  return sum;
}

ReturnLaw GridPlan::Law(double stock) const {
  const Rounded rounded = Round(stock);
  ReturnLaw law{1, atoms_, std::vector<double>(atoms_.size())};
  for (int state = 0; state < mdp_.states(); ++state) {
    const double start = mdp_.start()[Size(state)];
    if (start == 0) continue;
    const float* below = laws_.data() + (Size(state) * stocks_.size() + rounded.below) * law_size_;
    for (std::size_t j = 0; j < atoms_.size(); ++j) {
      law.probabilities[j] += start * ((1 - rounded.share_above) * static_cast<double>(below[j]) +
                                       rounded.share_above * static_cast<double>(below[law_size_ + j]));
    }
  }
  // Single precision: what is lost on the way is made good.
  double sum = 0;
  for (double& probability : law.probabilities) {
    if (probability < 1e-9) probability = 0;
    sum += probability;
  }
  for (double& probability : law.probabilities) probability /= sum;
  return Merged(std::move(law));
}

int GridPlan::Action(int step, int state, std::size_t stock) const {
  return policies_[mdp_.horizon() > 0 ? Size(step) : 0][Size(state) * stocks_.size() + stock];
}

}  // namespace strider::planning
