// A robot with a goal.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "envs/mazes/maze.h"

namespace strider {

// A MujocoEnv whose physical state has the coordinates of a goal at its end.
template <class Robot>
class GoalSeeker : public Robot {
 public:
  std::vector<double> State() const final {
    std::vector<double> state = Robot::State();
    state.insert(state.end(), goal_.begin(), goal_.end());
    return state;
  }

  void SetState(std::span<const double> state) final {
    const std::size_t expected = Robot::State().size() + goal_.size();
    if (state.size() != expected) {
      throw InputError("state of {} numbers given to {}; expected {}", state.size(), this->spec().id,
                       expected);
    }
    Robot::SetState(state.first(state.size() - goal_.size()));
    std::ranges::copy(state.last(goal_.size()), goal_.begin());
  }

 protected:
  template <class... Arguments>
  explicit GoalSeeker(Arguments&&... robot) : Robot(std::forward<Arguments>(robot)...) {}

  Position goal_{};
};

}  // namespace strider
