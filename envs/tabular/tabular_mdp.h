// Markov decision processes written out in full, for planners to read and for TabularEnv to act in.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strider {

// One of the things that an action may lead to.
struct Outcome {
  double probability = 0;
  int next_state = 0;
  double reward = 0;
  bool terminal = false;  // the episode ends here; nothing after it counts
  bool operator==(const Outcome&) const = default;
};

// The states are 0 ... states - 1, the actions, all of which exist in every state, 0 ... actions - 1.
struct TabularMdp {
  TabularMdp(int state_count, int action_count);

  // What an action may lead to in a state. REQUIRES: both exist.
  std::vector<Outcome>& Outcomes(int state, int action) { return outcomes[Index(state, action)]; }
  std::span<const Outcome> Outcomes(int state, int action) const { return outcomes[Index(state, action)]; }

  // Where a pair stands in `outcomes`. REQUIRES: both exist.
  std::size_t Index(int state, int action) const {
    return static_cast<std::size_t>(state) * static_cast<std::size_t>(actions) +
           static_cast<std::size_t>(action);
  }

  // The name, or the number where there are no names.
  std::string StateName(int state) const;
  std::string ActionName(int action) const;

  // Throws InputError that names `origin` (an environment or a file) and the place of the fault: a size that
  // does not fit, probabilities that are negative or do not sum to one (within 1e-9), a next state that does
  // not exist, a reward that is not finite, an action that leads nowhere.
  void Validate(std::string_view origin) const;

  int states;
  int actions;
  std::vector<double> start;                   // (states) probabilities of starting there
  std::vector<std::vector<Outcome>> outcomes;  // (states x actions)
  std::vector<std::string> state_names;        // (states), or none
  std::vector<std::string> action_names;       // (actions), or none
};

}  // namespace strider
