#include "envs/goal.h"

#include <cmath>

namespace strider {

bool GoalSpec::Reached(std::span<const double> achieved, std::span<const double> desired) const {
  return Distance(achieved, desired) <= radius;
}

double GoalSpec::Reward(std::span<const double> achieved, std::span<const double> desired) const {
  if (reward == GoalReward::kDense) return std::exp(-Distance(achieved, desired));
  return Reached(achieved, desired) ? 1 : 0;
}

double Distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

}  // namespace strider
