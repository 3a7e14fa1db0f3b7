#include "agents/planning/grid_planner.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "agents/planning/classic.h"
#include "core/error.h"

namespace strider::planning {
namespace {

// Laws are told apart to this share of the range of returns: less than what a grid of atoms blurs anyway.
constexpr double kLawTolerance = 1e-4;

using FloatRow = Eigen::Map<Eigen::ArrayXf>;
using ConstFloatRow = Eigen::Map<const Eigen::ArrayXf>;

std::size_t Size(int number) { return static_cast<std::size_t>(number); }

double Tables(const Mdp& mdp, const GridOptions& options) {
  return static_cast<double>(mdp.states()) * options.stocks;
}

}  // namespace

double GridBytes(const Mdp& mdp, const GridOptions& options) {
  const double policies = mdp.horizon() > 0 ? mdp.horizon() : 1;
  return Tables(mdp, options) * (4 * sizeof(double) + 2 * sizeof(float) * static_cast<double>(options.atoms) +
                                 policies * sizeof(std::uint16_t));
}

// Moves a law on the atoms z to reward + discount z, projected onto the atoms again: each atom takes, with
// the weights of a hat, from the few that come to lie beside it.
class GridPlan::Shift {
 public:
  Shift(const std::vector<double>& atoms, double step, double discount)
      : atoms_(atoms), step_(step), discount_(discount), count_(atoms.size()) {
    width_ = std::min(count_, static_cast<std::size_t>(std::floor(2 / discount)) + 2);
    first_.resize(count_);
    weights_.resize(count_ * width_);
  }

  void SetReward(double reward) {
    // Atom j comes to lie at `base` + discount j, counted in atoms.
    const double base = (reward + discount_ * atoms_[0] - atoms_[0]) / step_;
    const auto place = [&](std::size_t j) { return base + discount_ * static_cast<double>(j); };
    const double last = static_cast<double>(count_ - 1);
    inside_begin_ = 0;
    while (inside_begin_ < count_ && place(inside_begin_) < 0) ++inside_begin_;
    inside_end_ = count_;
    while (inside_end_ > inside_begin_ && place(inside_end_ - 1) > last) --inside_end_;
    for (std::size_t k = 0; k < count_; ++k) {
      const double begin = std::ceil((static_cast<double>(k) - 1 - base) / discount_);
      first_[k] = static_cast<std::size_t>(std::clamp(begin, 0.0, static_cast<double>(count_ - width_)));
      for (std::size_t m = 0; m < width_; ++m) {
        const std::size_t j = first_[k] + m;
        const bool inside = j >= inside_begin_ && j < inside_end_;
        const double hat = 1 - std::abs(place(j) - static_cast<double>(k));
        weights_[k * width_ + m] = inside ? static_cast<float>(std::max(hat, 0.0)) : 0;
      }
    }
    // Where a return of just the reward lies.
    const double point = std::clamp((reward - atoms_[0]) / step_, 0.0, last);
    point_ = std::min(static_cast<std::size_t>(point), count_ - 2);
    point_share_ = static_cast<float>(point - static_cast<double>(point_));
  }

  void Add(const float* from, float* to) const {
    for (std::size_t k = 0; k < count_; ++k) {
      const float* source = from + first_[k];
      const float* weight = weights_.data() + k * width_;
      float sum = 0;
      for (std::size_t m = 0; m < width_; ++m) sum += weight[m] * source[m];
      to[k] += sum;
    }
    for (std::size_t j = 0; j < inside_begin_; ++j) to[0] += from[j];
    for (std::size_t j = inside_end_; j < count_; ++j) to[count_ - 1] += from[j];
  }

  void AddPoint(float probability, float* to) const {
    to[point_] += (1 - point_share_) * probability;
    to[point_ + 1] += point_share_ * probability;
  }

 private:
  const std::vector<double>& atoms_;
  double step_;
  double discount_;
  std::size_t count_;
  std::size_t width_;
  std::vector<std::size_t> first_;  // (atoms) the first source of each
  std::vector<float> weights_;      // (atoms x width)
  std::size_t inside_begin_ = 0;    // sources before and after these lie beyond the ends
  std::size_t inside_end_ = 0;
  std::size_t point_ = 0;
  float point_share_ = 0;
};

GridPlan::GridPlan(Mdp mdp, TwoWeights weights, const GridOptions& options, WorkerPool& pool,
                   const Progress& progress)
    : mdp_(std::move(mdp)), weights_(weights), bytes_(GridBytes(mdp_, options)) {
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
        "fewer "
        "plan.stocks or plan.atoms, or a larger plan.memory",
        mdp_.name(), mdp_.states(), options.stocks, options.atoms, bytes_ / 1e6, options.memory / 1e6);
  }
  if (mdp_.actions() > std::numeric_limits<std::uint16_t>::max()) {
    throw InputError("{}: {} actions; expected at most 65535", mdp_.name(), mdp_.actions());
  }

  ReturnRange range = RangeOfReturns(mdp_);
  if (range.high - range.low < 1e-9) range.high = range.low + 1;
  stocks_ = Linspace(-range.high, -range.low, options.stocks);
  atoms_ = Linspace(range.low, range.high, options.atoms);
  stock_step_ = (range.high - range.low) / (options.stocks - 1);
  atom_step_ = (range.high - range.low) / (options.atoms - 1);

  const std::size_t size = Size(mdp_.states()) * stocks_.size();
  utilities_.resize(size);
  next_utilities_.resize(size);
  means_.resize(size);
  next_means_.resize(size);
  for (int state = 0; state < mdp_.states(); ++state) {
    for (std::size_t i = 0; i < stocks_.size(); ++i) Row(utilities_, state)[i] = weights(stocks_[i]);
  }
  policies_.resize(Size(std::max(mdp_.horizon(), 1)));
  for (auto& policy : policies_) policy.resize(size);
  laws_.resize(size * atoms_.size());
  next_laws_.resize(laws_.size());
  Shift shift(atoms_, atom_step_, mdp_.discount());
  shift.SetReward(0);
  for (std::size_t row = 0; row < size; ++row) shift.AddPoint(1, laws_.data() + row * atoms_.size());

  const double slope = std::max(std::abs(weights.below), std::abs(weights.above));
  const int sweeps = Sweeps(mdp_, options.tolerance / std::max(slope, 1e-9));
  const int law_sweeps =
      mdp_.horizon() > 0
          ? sweeps
          : std::min(sweeps,
                     static_cast<int>(std::ceil(std::log(kLawTolerance) / std::log(mdp_.discount()))));
  // A sweep of the laws takes about as long as ten of the values.
  const double work = sweeps + 10.0 * law_sweeps;
  double done = 0;
  while (sweeps_ < sweeps) {
    if (mdp_.horizon() > 0 && sweeps_ > 0) std::ranges::rotate(policies_, policies_.end() - 1);
    SweepValues(pool);
    ++sweeps_;
    done += 1;
    if (sweeps_ > sweeps - law_sweeps) {
      SweepLaws(pool);
      done += 10;
    }
    if (progress) progress(done / work);
  }
}

double* GridPlan::Row(std::vector<double>& table, int state) const {
  return table.data() + Size(state) * stocks_.size();
}

const double* GridPlan::Row(const std::vector<double>& table, int state) const {
  return table.data() + Size(state) * stocks_.size();
}

GridPlan::Rounded GridPlan::Round(double stock) const {
  const double place =
      std::clamp((stock - stocks_[0]) / stock_step_, 0.0, static_cast<double>(stocks_.size() - 1));
  const auto below = std::min(static_cast<std::size_t>(place), stocks_.size() - 2);
  return {below, place - static_cast<double>(below)};
}

// V(s, c) <- max over actions of discount E V(S', (c + R) / discount), V = f(c) where the episode has ended.
void GridPlan::SweepValues(WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  const double discount = mdp_.discount();
  std::vector<std::uint16_t>& policy = policies_.front();
  // Differences below this are rounding: the larger mean decides.
  const double tie = 1e-10 * (stocks_.back() - stocks_.front()) *
                     std::max(std::abs(weights_.below), std::abs(weights_.above));
  const double mean_tie = 1e-10 * (stocks_.back() - stocks_.front());
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    std::vector<std::size_t> below(count);
    std::vector<double> above_share(count);
    std::vector<double> beyond(count);  // what the slope adds outside the grid
    std::vector<double> utility(count);
    std::vector<double> mean(count);
    for (int state = static_cast<int>(first_state); state < static_cast<int>(end_state); ++state) {
      double* best_utility = Row(next_utilities_, state);
      double* best_mean = Row(next_means_, state);
      std::uint16_t* best_action = policy.data() + Size(state) * count;
      for (int action = 0; action < mdp_.actions(); ++action) {
        std::ranges::fill(utility, 0);
        std::ranges::fill(mean, 0);
        double placed_reward = NAN;  // branches of one reward follow each other
        for (std::size_t b = mdp_.FirstBranch(state, action); b < mdp_.EndBranch(state, action); ++b) {
          const Branch& branch = mdp_.branch(b);
          const double reward = mdp_.Reward(b)[0];
          if (branch.terminal) {
            for (std::size_t i = 0; i < count; ++i) {
              utility[i] += branch.probability * weights_(stocks_[i] + reward);
              mean[i] += branch.probability * reward;
            }
            continue;
          }
          if (reward != placed_reward) {
            placed_reward = reward;
            for (std::size_t i = 0; i < count; ++i) {
              const double stock = (stocks_[i] + reward) / discount;
              const Rounded rounded = Round(stock);
              below[i] = rounded.below;
              above_share[i] = rounded.share_above;
              beyond[i] = stock > stocks_.back()    ? weights_.above * (stock - stocks_.back())
                          : stock < stocks_.front() ? weights_.below * (stock - stocks_.front())
                                                    : 0;
            }
          }
          const double* after = Row(utilities_, branch.next_state);
          const double* mean_after = Row(means_, branch.next_state);
          const double weight = branch.probability * discount;
          for (std::size_t i = 0; i < count; ++i) {
            const std::size_t k = below[i];
            utility[i] += weight * (after[k] + above_share[i] * (after[k + 1] - after[k]) + beyond[i]);
            mean[i] += branch.probability * reward +
                       weight * (mean_after[k] + above_share[i] * (mean_after[k + 1] - mean_after[k]));
          }
        }
        for (std::size_t i = 0; i < count; ++i) {
          const double gain = utility[i] - best_utility[i];
          if (action == 0 || gain > tie || (gain >= -tie && mean[i] > best_mean[i] + mean_tie)) {
            best_utility[i] = utility[i];
            best_mean[i] = mean[i];
            best_action[i] = static_cast<std::uint16_t>(action);
          }
        }
      }
    }
  });
  utilities_.swap(next_utilities_);
  means_.swap(next_means_);
}

// eta(s, c) <- law of R + discount G, G ~ eta(S', (c + R) / discount), under the actions of the last sweep.
void GridPlan::SweepLaws(WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  const std::size_t atoms = atoms_.size();
  const auto width = static_cast<Eigen::Index>(atoms);
  const std::vector<std::uint16_t>& policy = policies_.front();
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    Shift shift(atoms_, atom_step_, mdp_.discount());
    Eigen::ArrayXf mixture(width);
    for (int state = static_cast<int>(first_state); state < static_cast<int>(end_state); ++state) {
      const std::uint16_t* actions = policy.data() + Size(state) * count;
      float* laws = next_laws_.data() + Size(state) * count * atoms;
      std::fill(laws, laws + count * atoms, 0.0F);
      for (int action = 0; action < mdp_.actions(); ++action) {
        if (std::find(actions, actions + count, action) == actions + count) continue;
        const std::size_t end = mdp_.EndBranch(state, action);
        // The branches of one reward at a time: they are moved alike.
        for (std::size_t first = mdp_.FirstBranch(state, action); first < end;) {
          const double reward = mdp_.Reward(first)[0];
          std::size_t last = first;
          while (last < end && mdp_.Reward(last)[0] == reward) ++last;
          shift.SetReward(reward);
          for (std::size_t i = 0; i < count; ++i) {
            if (actions[i] != action) continue;
            float* law = laws + i * atoms;
            const Rounded rounded = Round((stocks_[i] + reward) / mdp_.discount());
            bool goes_on = false;
            mixture.setZero();
            for (std::size_t b = first; b < last; ++b) {
              const Branch& branch = mdp_.branch(b);
              if (branch.terminal) {
                shift.AddPoint(static_cast<float>(branch.probability), law);
                continue;
              }
              goes_on = true;
              const float* below = laws_.data() + (Size(branch.next_state) * count + rounded.below) * atoms;
              const auto share = static_cast<float>(branch.probability * rounded.share_above);
              mixture += (static_cast<float>(branch.probability) - share) * ConstFloatRow(below, width) +
                         share * ConstFloatRow(below + atoms, width);
            }
            if (goes_on) shift.Add(mixture.data(), law);
          }
          first = last;
        }
      }
    }
  });
  laws_.swap(next_laws_);
}

double GridPlan::Utility(int state, double stock) const {
  const Rounded rounded = Round(stock);
  const double* row = Row(utilities_, state) + rounded.below;
  const double beyond = stock > stocks_.back()    ? weights_.above * (stock - stocks_.back())
                        : stock < stocks_.front() ? weights_.below * (stock - stocks_.front())
                                                  : 0;
  return row[0] + rounded.share_above * (row[1] - row[0]) + beyond;
}

double GridPlan::Utility(double stock) const {
  double sum = 0;
  for (int state = 0; state < mdp_.states(); ++state) {
    const double start = mdp_.start()[Size(state)];
    if (start > 0) sum += start * Utility(state, stock);
  }
  return sum;
}

double GridPlan::MeanReturn(double stock) const {
  const Rounded rounded = Round(stock);
  double sum = 0;
  for (int state = 0; state < mdp_.states(); ++state) {
    const double* row = Row(means_, state) + rounded.below;
    sum += mdp_.start()[Size(state)] * (row[0] + rounded.share_above * (row[1] - row[0]));
  }
  return sum;
}

ReturnLaw GridPlan::Law(double stock) const {
  const Rounded rounded = Round(stock);
  ReturnLaw law{1, atoms_, std::vector<double>(atoms_.size())};
  for (int state = 0; state < mdp_.states(); ++state) {
    const double start = mdp_.start()[Size(state)];
    if (start == 0) continue;
    const float* below = laws_.data() + (Size(state) * stocks_.size() + rounded.below) * atoms_.size();
    for (std::size_t j = 0; j < atoms_.size(); ++j) {
      law.probabilities[j] += start * ((1 - rounded.share_above) * static_cast<double>(below[j]) +
                                       rounded.share_above * static_cast<double>(below[atoms_.size() + j]));
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
