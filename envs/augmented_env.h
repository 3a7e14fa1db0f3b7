// What a learner may need to see beside an environment's own observations.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "envs/env.h"

namespace strider {

// A stock c sums up the rewards of the past so that c + return stays its discounted self: c <- (c + r) /
// discount (Pires et al. 2025).
struct StockRule {
  double discount = 1;  // in (0, 1]
  // What an episode starts with is drawn between these.
  double low = 0;
  double high = 0;
  // Stocks are clipped to +-bound. Where no return is larger, nothing is lost: from there on the sign of
  // stock plus return is settled.
  double bound = 1;     // above 0
  bool hidden = false;  // rows show 0 instead, as to someone who does not know of stocks
};

// What is added to the rows of observations, in this order.
struct Augmentation {
  bool one_hot = false;  // a discrete observation becomes a row of zeros and a one
  bool time = false;     // the share of the time limit that is over; the limit then ends the task
  std::optional<StockRule> stock = {};  // stock / bound and sign(stock) log(1 + |stock|)
  // Above 0, an action row ends with the number of the option, counted from 0, that the action before it was
  // taken under. It is not the environment's: the row that follows shows it, as zeros and a one. At the start
  // of an episode all are zero.
  int options = 0;

  bool Changes(const EnvSpec& spec) const { return RowSize(spec) != spec.observation_size(); }
  // Numbers in an augmented row, and in the part of it that stands for the environment's own.
  int RowSize(const EnvSpec& spec) const;
  int OwnSize(const EnvSpec& spec) const;
  // The space of action rows, with the option's number. Between -1/2 and options - 1/2 it is rounded, so that
  // a uniform draw is one among options as well. Throws InputError where there are options and the actions
  // are discrete.
  Space ActionSpace(const EnvSpec& spec) const;
  // Numbers in an action row that are not the environment's.
  int ActionColumns() const { return options > 0 ? 1 : 0; }
};

// The columns that show a stock, at the end of a row.
inline constexpr int kStockColumns = 2;

// Writes augmented rows along the episodes of one environment.
class Augmenter {
 public:
  Augmenter(const EnvSpec& spec, const Augmentation& augmentation);

  // Seeds the stream that initial stocks are drawn from.
  void Seed(std::uint64_t seed);
  // An episode begins, or goes on by a step: the environment's own row becomes an augmented one.
  void Start(std::span<const double> own, std::span<double> row);
  void Step(std::span<const double> own, double reward, std::span<double> row);

  // The environment's part of an action row, on the way to a step; the option is kept for the rows to come.
  template <class Number>
  std::span<const Number> Take(std::span<const Number> action) {
    if (augmentation_.options == 0) return action;
    option_ = static_cast<int>(std::lround(std::clamp<double>(action.back(), 0, augmentation_.options - 1)));
    return action.first(action.size() - 1);
  }

  double stock() const { return stock_; }
  void SetStock(double stock) { stock_ = stock; }
  int option() const { return option_; }  // kNoOption at an episode's start
  void SetOption(int option) { option_ = option; }

  static constexpr int kNoOption = -1;

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  void Write(std::span<const double> own, std::span<double> row) const;

  Augmentation augmentation_;
  int states_;  // of a discrete observation that is written as zeros and a one, or 0
  int limit_;   // steps
  Pcg64 random_;
  int steps_ = 0;
  double stock_ = 0;
  int option_ = kNoOption;
};

// An environment that shows more of itself. Resets by seed, steps and rewards are those of the environment
// inside.
class AugmentedEnv final : public Env {
 public:
  AugmentedEnv(std::unique_ptr<Env> inside, const Augmentation& augmentation);

  // The state inside, then the option where there are options (-1 before the first), then the stock, which is
  // 0 where there is none.
  std::vector<double> State() const override;
  void SetState(std::span<const double> state) override;
  std::span<const double> qpos() const override { return inside_->qpos(); }
  std::span<const double> qvel() const override { return inside_->qvel(); }

 private:
  void DoSeed(std::uint64_t seed) override;
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  void DoSave(StateWriter& out) const override;
  void DoLoad(StateReader& in) override;

  std::unique_ptr<Env> inside_;
  Augmenter augmenter_;
  bool time_ends_;
  int options_;
  std::vector<double> own_;            // the row inside
  std::optional<std::uint64_t> seed_;  // of the reset under way
};

// `env` itself where nothing is to be added.
std::unique_ptr<Env> Augmented(std::unique_ptr<Env> env, const Augmentation& augmentation);

// Turns augmented rows, one after the other, into the environment's own.
std::vector<float> OwnRows(std::span<const float> rows, const EnvSpec& spec,
                           const Augmentation& augmentation);

}  // namespace strider
