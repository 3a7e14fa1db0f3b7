// What goal environments say about their goals.
#pragma once

#include <span>

namespace strider {

enum class GoalReward {
  kSparse,  // 1 within the radius, else 0
  kDense,   // exp(-distance)
};

// How the rows of a goal environment are made up: the observation proper, the goal achieved, the goal desired
// (Gymnasium's dictionary of these three, in this order), and how they are judged. Transitions can be
// relabelled with it: the reward is a function of the two goals.
struct GoalSpec {
  int observation_size = 0;
  int goal_size = 0;  // of each of the two
  double radius = 0;  // a goal is reached within this distance
  GoalReward reward = GoalReward::kSparse;

  // Parts of a row. REQUIRES: row.size() == observation_size + 2 * goal_size.
  template <class T>
  std::span<T> Observation(std::span<T> row) const {
    return row.first(static_cast<std::size_t>(observation_size));
  }
  template <class T>
  std::span<T> Achieved(std::span<T> row) const {
    return row.subspan(Offset(0), Offset(1) - Offset(0));
  }
  template <class T>
  std::span<T> Desired(std::span<T> row) const {
    return row.subspan(Offset(1));
  }

  // Whether one goal counts as the other: Gymnasium's info["success"].
  bool Reached(std::span<const double> achieved, std::span<const double> desired) const;

  // Gymnasium's compute_reward.
  double Reward(std::span<const double> achieved, std::span<const double> desired) const;

 private:
  std::size_t Offset(int goals) const {
    return static_cast<std::size_t>(observation_size) +
           static_cast<std::size_t>(goals) * static_cast<std::size_t>(goal_size);
  }
};

// Euclidean.
double Distance(std::span<const double> a, std::span<const double> b);

}  // namespace strider
