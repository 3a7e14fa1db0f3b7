// What methods do to a dataset before they learn from it: which episodes they keep, how they change rewards,
// whether they scale states. Part of a method's settings, so that a run says what was done.
#pragma once

#include <string>

#include "core/settings.h"
#include "datasets/dataset.h"

namespace strider {

// r becomes reward_scale * map(r) + reward_shift.
struct RewardConfig {
  std::string reward_map = "none";
  double reward_scale = 1;
  double reward_shift = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("reward_map", reward_map,
          "range: 1000 r / (best - worst return), returns of rows cut at terminals or where no episode is "
          "longer; "
          "goal: 0 becomes -3, all else 0 "
          "(O-DICE on antmaze)",
          OneOf({"none", "range", "goal"}));
    visit("reward_scale", reward_scale, "rewards become reward_scale * map(r) + reward_shift", Finite());
    visit("reward_shift", reward_shift, "see reward_scale", Finite());
  }
};

// What RewardConfig comes to for one dataset.
struct RewardTransform {
  static constexpr double kShortOfGoal = -3;
  bool goal = false;  // 0 becomes kShortOfGoal, all else 0, before the rest
  double factor = 1;
  double shift = 0;

  float operator()(float reward) const;
};

struct Preparation {
  bool normalize_states = false;
  bool next_actions = false;  // whether transitions have them
  RewardConfig rewards;
  bool uses_rewards = true;  // false where nothing is learnt from them
  // The share of the episodes that is kept, the best by discounted return; at 1 every row is. Episodes are
  // cut from the q-learning view at terminals or after as many rows as the longest episode has (of a file
  // without timeouts, and behind the last flag: ViewOptions::max_episode_steps), as the authors' programs do
  // with 1000; what is left at the end is none. So are those of reward_map = range.
  double best_fraction = 1;
  double return_discount = 0.99;
  int episode = -1;  // the one complete episode that is kept, counted from 0 in the file's order; -1: all
};

// D4RL's q-learning view of the episodes that `preparation` keeps, with its rewards; states and actions stay
// as they are. `source` is the dataset's name for messages. Throws InputError where no row is left, or where
// the dataset has not the complete episodes that are asked for.
Transitions PreparedTransitions(const DatasetView& dataset, const ViewOptions& options,
                                const Preparation& preparation, const std::string& source);

// The rewards' part of it. Throws InputError where a range is asked for that the dataset has not.
RewardTransform FitRewards(const DatasetView& dataset, const ViewOptions& options,
                           const RewardConfig& rewards, const std::string& source);

}  // namespace strider
