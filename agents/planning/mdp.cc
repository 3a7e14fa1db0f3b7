#include "agents/planning/mdp.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/error.h"

namespace strider::planning {
namespace {

struct Row {
  Branch branch;
  std::vector<double> reward;
};

// Ordered by reward, with equal outcomes added up. Where the episode ends does not matter.
std::vector<Row> Simplified(std::vector<Row> rows) {
  std::erase_if(rows, [](const Row& row) { return row.branch.probability == 0; });
  for (Row& row : rows) {
    if (row.branch.terminal) row.branch.next_state = 0;
  }
  const auto key = [](const Row& row) {
    return std::tie(row.reward, row.branch.terminal, row.branch.next_state);
  };
  std::ranges::stable_sort(rows, [&](const Row& a, const Row& b) { return key(a) < key(b); });
  std::vector<Row> merged;
  for (Row& row : rows) {
    if (!merged.empty() && key(merged.back()) == key(row)) {
      merged.back().branch.probability += row.branch.probability;
    } else {
      merged.push_back(std::move(row));
    }
  }
  return merged;
}

void CheckDiscount(const std::string& name, double discount, int horizon) {
  if (!(discount > 0 && discount <= 1)) {
    throw InputError("{}: discount is {}; expected a number in (0, 1]", name, discount);
  }
  if (horizon < 0) throw InputError("{}: horizon is {}; expected at least 0", name, horizon);
}

}  // namespace

Mdp::Mdp(std::string name, const TabularMdp& table, double discount, int horizon, int reward_size,
         std::span<const double> rewards)
    : name_(std::move(name)),
      states_(table.states),
      actions_(table.actions),
      discount_(discount),
      horizon_(horizon),
      reward_size_(reward_size),
      start_(table.start),
      state_names_(table.state_names),
      action_names_(table.action_names) {
  table.Validate(name_);
  CheckDiscount(name_, discount, horizon);
  if (reward_size < 1) throw InputError("{}: rewards of {} numbers; expected at least 1", name_, reward_size);
  const auto size = static_cast<std::size_t>(reward_size);
  std::size_t outcome_number = 0;
  offsets_.push_back(0);
  for (int state = 0; state < states_; ++state) {
    for (int action = 0; action < actions_; ++action) {
      std::vector<Row> rows;
      for (const Outcome& outcome : table.Outcomes(state, action)) {
        Row row{{outcome.probability, outcome.next_state, outcome.terminal}, {outcome.reward}};
        if (!rewards.empty()) {
          const auto values = rewards.subspan(size * outcome_number, size);
          row.reward.assign(values.begin(), values.end());
        }
        ++outcome_number;
        for (const double reward : row.reward) {
          if (!std::isfinite(reward)) {
            throw InputError("{}: state {}, action {} has reward {}; expected finite numbers", name_, state,
                             action, reward);
          }
        }
        rows.push_back(std::move(row));
      }
      for (const Row& row : Simplified(std::move(rows))) {
        branches_.push_back(row.branch);
        rewards_.insert(rewards_.end(), row.reward.begin(), row.reward.end());
      }
      offsets_.push_back(branches_.size());
    }
  }
}

Mdp Mdp::With(double discount, int horizon) const {
  CheckDiscount(name_, discount, horizon);
  Mdp other = *this;
  other.discount_ = discount;
  other.horizon_ = horizon;
  return other;
}

std::string Mdp::StateName(int state) const {
  return state_names_.empty() ? std::to_string(state) : state_names_[static_cast<std::size_t>(state)];
}

std::string Mdp::ActionName(int action) const {
  return action_names_.empty() ? std::to_string(action) : action_names_[static_cast<std::size_t>(action)];
}

}  // namespace strider::planning
