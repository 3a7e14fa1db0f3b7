// Markov decision processes laid out for planning.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "envs/tabular/tabular_mdp.h"

namespace strider::planning {

// One of the things that an action may lead to; its rewards are kept apart.
struct Branch {
  double probability;
  int next_state;
  bool terminal;  // the episode ends here
};

// Validated on construction and constant after it. Outcomes of an action that differ in nothing are one
// branch, and impossible ones are left out. Rewards are vectors of `reward_size` numbers; the branches of an
// action come in the order of their rewards.
class Mdp {
 public:
  // `rewards` (outcomes x reward_size, in the order of the table) replace the rewards of the table where
  // reward_size > 1. `horizon`: steps after which everything ends, 0 for none. Throws InputError that names
  // the process and the place of the fault.
  Mdp(std::string name, const TabularMdp& table, double discount, int horizon, int reward_size = 1,
      std::span<const double> rewards = {});

  // The same process seen with another discount and horizon.
  Mdp With(double discount, int horizon) const;

  const std::string& name() const { return name_; }
  int states() const { return states_; }
  int actions() const { return actions_; }
  double discount() const { return discount_; }
  int horizon() const { return horizon_; }
  int reward_size() const { return reward_size_; }
  std::span<const double> start() const { return start_; }
  std::string StateName(int state) const;
  std::string ActionName(int action) const;

  // The branches of an action are numbered from FirstBranch(state, action) on; those of the actions of a
  // state follow each other.
  std::size_t FirstBranch(int state, int action) const {
    return offsets_[static_cast<std::size_t>(state) * static_cast<std::size_t>(actions_) +
                    static_cast<std::size_t>(action)];
  }
  std::size_t EndBranch(int state, int action) const { return FirstBranch(state, action + 1); }
  const Branch& branch(std::size_t index) const { return branches_[index]; }
  std::size_t branch_count() const { return branches_.size(); }
  std::span<const double> Reward(std::size_t index) const {
    const auto size = static_cast<std::size_t>(reward_size_);
    return std::span(rewards_).subspan(index * size, size);
  }

 private:
  std::string name_;
  int states_;
  int actions_;
  double discount_;
  int horizon_;
  int reward_size_;
  std::vector<double> start_;         // (states)
  std::vector<std::size_t> offsets_;  // (states x actions + 1)
  std::vector<Branch> branches_;
  std::vector<double> rewards_;  // (branches x reward_size)
  std::vector<std::string> state_names_;
  std::vector<std::string> action_names_;
};

}  // namespace strider::planning
