#include "agents/rollout.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/memory.h"

namespace strider {

int WholeEpisodes(std::int64_t steps, int length) {
  const std::int64_t whole = length == 0 ? steps : (steps + length - 1) / length * length;
  if (whole > std::numeric_limits<int>::max()) {
    throw InputError(
        "a rollout of {} steps in each environment, whole episodes of {}, is too long; expected at most {}: "
        "fewer or shorter episodes",
        whole, length, std::numeric_limits<int>::max());
  }
  return static_cast<int>(whole);
}

Rollout MakeRollout(int steps, int environments, int observation_size, int action_size) {
  Rollout rollout;
  rollout.steps = steps;
  rollout.environments = environments;
  rollout.observation_size = observation_size;
  rollout.action_size = action_size;
  const auto rows = static_cast<std::size_t>(steps) * static_cast<std::size_t>(environments);
  const double bytes = static_cast<double>(rows) * (observation_size + action_size) * sizeof(float);
  const auto memory = static_cast<double>(MachineMemory());
  if (bytes > memory) {
    throw InputError(
        "a rollout of {} steps in {} environments, {} numbers each, takes {:.0f} GB, more than the machine's "
        "{:.0f}; expected fewer steps or environments, or smaller observations",
        steps, environments, observation_size + action_size, bytes * 1e-9, memory * 1e-9);
  }
  rollout.observations.resize(rows * static_cast<std::size_t>(observation_size));
  rollout.actions.resize(rows * static_cast<std::size_t>(action_size));
  rollout.rewards.resize(rows);
  rollout.ended.resize(rows);
  rollout.last_observations.resize(static_cast<std::size_t>(environments) *
                                   static_cast<std::size_t>(observation_size));
  return rollout;
}

void EstimateAdvantages(const Rollout& rollout, std::span<const float> values,
                        std::span<const float> last_values, std::span<const float> bonus, double discount,
                        double lambda, std::span<float> advantages, std::span<float> returns) {
  std::vector<double> rewards(rollout.rewards.begin(), rollout.rewards.end());
  for (std::size_t k = 0; k < bonus.size(); ++k) {
    rewards[static_cast<std::size_t>(rollout.truncated_rows[k])] += bonus[k];
  }
  const auto environments = static_cast<std::size_t>(rollout.environments);
  for (std::size_t i = 0; i < environments; ++i) {
    double next_value = last_values[i];
    double advantage = 0;
    for (std::size_t t = static_cast<std::size_t>(rollout.steps); t-- > 0;) {
      const std::size_t row = t * environments + i;
      const double alive = rollout.ended[row] != 0 ? 0 : 1;
      const double delta = rewards[row] + discount * next_value * alive - values[row];
      advantage = delta + discount * lambda * alive * advantage;
      advantages[row] = static_cast<float>(advantage);
      returns[row] = static_cast<float>(advantage + values[row]);
      next_value = values[row];
    }
  }
}

}  // namespace strider
