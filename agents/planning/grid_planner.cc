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
constexpr double kLawTolerance = 1e-3;

// Numbers that are worked on at a time.
constexpr std::size_t kBlock = 8;
using Block = Eigen::Array<float, static_cast<int>(kBlock), 1>;

using FloatRow = Eigen::Map<Eigen::ArrayXf>;
using ConstFloatRow = Eigen::Map<const Eigen::ArrayXf>;

std::size_t Size(int number) { return static_cast<std::size_t>(number); }

std::size_t WholeBlocks(std::size_t count) { return (count + kBlock - 1) / kBlock * kBlock; }

}  // namespace

double GridBytes(const Mdp& mdp, const GridOptions& options) {
  const double policies = mdp.horizon() > 0 ? mdp.horizon() : 1;
  const double law = sizeof(float) * static_cast<double>(WholeBlocks(Size(options.atoms)));
  return static_cast<double>(mdp.states()) * options.stocks *
         (2 * sizeof(Worth) + 2 * law + policies * sizeof(std::uint16_t));
}

// Moves a law on the atoms z to reward + discount z, projected onto the atoms again: each atom k takes, with
// the weights of a hat, from those that come to lie beside it. In a block of atoms these are the ones from
// k + first of the block on, so that blocks are added up in whole.
class GridPlan::Shift {
 public:
  Shift(const std::vector<double>& atoms, double step, double discount)
      : first_atom_(atoms[0]),
        step_(step),
        discount_(discount),
        count_(atoms.size()),
        width_(static_cast<std::size_t>(2 / discount + (kBlock - 1) * (1 / discount - 1)) + 2),
        first_(WholeBlocks(count_) / kBlock),
        weights_(first_.size() * width_ * kBlock) {}

  // Zeros that a law must have before and after it to be moved.
  std::size_t padding() const { return width_ + kBlock; }

  void SetReward(double reward) {
    // Atom j comes to lie at `base` + discount j, counted in atoms.
    const double base = (reward + discount_ * first_atom_ - first_atom_) / step_;
    const auto place = [&](double j) { return base + discount_ * j; };
    const auto count = static_cast<double>(count_);
    const double last = count - 1;
    inside_begin_ = static_cast<std::size_t>(std::clamp(std::ceil(-base / discount_), 0.0, count));
    inside_end_ = static_cast<std::size_t>(std::clamp(std::floor((last - base) / discount_) + 1, 0.0, count));
    inside_end_ = std::max(inside_end_, inside_begin_);
    for (std::size_t block = 0; block < first_.size(); ++block) {
      const auto k0 = static_cast<double>(block * kBlock);
      const double lowest = std::ceil((k0 - 1 - base) / discount_) - k0;
      first_[block] =
          static_cast<std::ptrdiff_t>(std::clamp(lowest, -k0 - static_cast<double>(width_), count - k0));
      for (std::size_t m = 0; m < width_; ++m) {
        for (std::size_t i = 0; i < kBlock; ++i) {
          const double k = k0 + static_cast<double>(i);
          const double j = k + static_cast<double>(first_[block]) + static_cast<double>(m);
          const bool inside = j >= static_cast<double>(inside_begin_) && j < static_cast<double>(inside_end_);
          const double hat = inside && k <= last ? 1 - std::abs(place(j) - k) : 0;
          weights_[(block * width_ + m) * kBlock + i] = static_cast<float>(std::max(hat, 0.0));
        }
      }
    }
    SetPoint(reward);
  }

  // Where AddPoint adds.
  void SetPoint(double value) {
    const double point = std::clamp((value - first_atom_) / step_, 0.0, static_cast<double>(count_ - 1));
    point_ = std::min(static_cast<std::size_t>(point), count_ - 2);
    point_share_ = static_cast<float>(point - static_cast<double>(point_));
  }

  void Add(const float* from, float* to) const {
    const float* weights = weights_.data();
    for (std::size_t block = 0; block < first_.size(); ++block) {
      const float* source = from + static_cast<std::ptrdiff_t>(block * kBlock) + first_[block];
      Block sum = Eigen::Map<Block>(to + block * kBlock);
      for (std::size_t m = 0; m < width_; ++m, weights += kBlock) {
        sum += Eigen::Map<const Block>(weights) * Eigen::Map<const Block>(source + m);
      }
      Eigen::Map<Block>(to + block * kBlock) = sum;
    }
    // What would lie beyond the ends.
    for (std::size_t j = 0; j < inside_begin_; ++j) to[0] += from[j];
    for (std::size_t j = inside_end_; j < count_; ++j) to[count_ - 1] += from[j];
  }

  void AddPoint(float probability, float* to) const {
    to[point_] += (1 - point_share_) * probability;
    to[point_ + 1] += point_share_ * probability;
  }

 private:
  double first_atom_;
  double step_;
  double discount_;
  std::size_t count_;
  std::size_t width_;
  std::vector<std::ptrdiff_t> first_;  // (blocks) the first source of a block, less its own place
  std::vector<float> weights_;         // (blocks x width x kBlock)
  std::size_t inside_begin_ = 0;       // sources before and after these lie beyond the ends
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
  if (mdp_.horizon() > 0) StartLaws();

  const double slope = std::max(std::abs(weights.below), std::abs(weights.above));
  const int sweeps = Sweeps(mdp_, options.tolerance / std::max(slope, 1e-9));
  const int law_sweeps =
      mdp_.horizon() > 0
          ? sweeps
          : std::min(sweeps,
                     static_cast<int>(std::ceil(std::log(kLawTolerance) / std::log(mdp_.discount()))));
  // A sweep of the laws takes about five times as long as one of the values.
  const double work = sweeps + 5.0 * law_sweeps;
  double done = 0;
  while (sweeps_ < sweeps) {
    if (mdp_.horizon() > 0 && sweeps_ > 0) std::ranges::rotate(policies_, policies_.end() - 1);
    SweepValues(pool);
    ++sweeps_;
    done += 1;
    if (sweeps_ > sweeps - law_sweeps) {
      if (mdp_.horizon() == 0 && sweeps_ == sweeps - law_sweeps + 1) StartLaws();
      SweepLaws(pool);
      done += 5;
    }
    if (progress) progress(done / work);
  }
}

void GridPlan::StartLaws() {
  Shift shift(atoms_, atom_step_, mdp_.discount());
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

// V(s, c) <- max over actions of discount E V(S', (c + R) / discount), V = f(c) where the episode has ended.
void GridPlan::SweepValues(WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  const auto last = static_cast<double>(count - 1);
  const double discount = mdp_.discount();
  std::vector<std::uint16_t>& policy = policies_.front();
  // Differences below these are rounding: the larger mean decides.
  const double range = stocks_.back() - stocks_.front();
  const double mean_tie = 1e-10 * range;
  const double tie = mean_tie * std::max(std::abs(weights_.below), std::abs(weights_.above));
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    std::vector<Rounded> rounded(count);
    std::vector<double> beyond(count);  // what the slope adds outside the grid
    std::vector<Worth> worths(count);
    for (int state = static_cast<int>(first_state); state < static_cast<int>(end_state); ++state) {
      Worth* best = next_worths_.data() + Size(state) * count;
      std::uint16_t* best_action = policy.data() + Size(state) * count;
      for (int action = 0; action < mdp_.actions(); ++action) {
        std::ranges::fill(worths, Worth());
        double placed_reward = NAN;  // branches of one reward follow each other
        for (std::size_t b = mdp_.FirstBranch(state, action); b < mdp_.EndBranch(state, action); ++b) {
          const Branch& branch = mdp_.branch(b);
          const double reward = mdp_.Reward(b)[0];
          const double gain = branch.probability * reward;
          if (branch.terminal) {
            for (std::size_t i = 0; i < count; ++i) {
              worths[i].utility += branch.probability * weights_(stocks_[i] + reward);
              worths[i].mean += gain;
            }
            continue;
          }
          if (reward != placed_reward) {
            placed_reward = reward;
            const double first = FirstPlace(reward);
            for (std::size_t i = 0; i < count; ++i) {
              const double place = first + static_cast<double>(i) / discount;
              rounded[i] = RoundPlace(place);
              beyond[i] = stock_step_ * (weights_.above * std::max(place - last, 0.0) +
                                         weights_.below * std::min(place, 0.0));
            }
          }
          const Worth* after = worths_.data() + Size(branch.next_state) * count;
          const double weight = branch.probability * discount;
          for (std::size_t i = 0; i < count; ++i) {
            const Worth& low = after[rounded[i].below];
            const Worth& high = after[rounded[i].below + 1];
            const double share = rounded[i].share_above;
            worths[i].utility += weight * (low.utility + share * (high.utility - low.utility) + beyond[i]);
            worths[i].mean += gain + weight * (low.mean + share * (high.mean - low.mean));
          }
        }
        for (std::size_t i = 0; i < count; ++i) {
          const double gain = worths[i].utility - best[i].utility;
          if (action == 0 || gain > tie || (gain >= -tie && worths[i].mean > best[i].mean + mean_tie)) {
            best[i] = worths[i];
            best_action[i] = static_cast<std::uint16_t>(action);
          }
        }
      }
    }
  });
  worths_.swap(next_worths_);
}

// eta(s, c) <- law of R + discount G, G ~ eta(S', (c + R) / discount), under the actions of the last sweep.
void GridPlan::SweepLaws(WorkerPool& pool) {
  const std::size_t count = stocks_.size();
  const auto width = static_cast<Eigen::Index>(law_size_);
  const std::vector<std::uint16_t>& policy = policies_.front();
  pool.ParallelFor(mdp_.states(), [&](std::int64_t first_state, std::int64_t end_state) {
    Shift shift(atoms_, atom_step_, mdp_.discount());
    std::vector<float> padded(law_size_ + 2 * shift.padding());
    FloatRow mixture(padded.data() + shift.padding(), width);
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
              const ConstFloatRow below(from, width);
              const ConstFloatRow above(from + law_size_, width);
              const auto share = static_cast<float>(branch.probability * rounded.share_above);
              const float rest = static_cast<float>(branch.probability) - share;
              if (goes_on) {
                mixture += rest * below + share * above;
              } else {
                mixture = rest * below + share * above;
              }
              goes_on = true;
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
