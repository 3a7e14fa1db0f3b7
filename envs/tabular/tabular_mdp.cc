#include "envs/tabular/tabular_mdp.h"

#include <cmath>

#include "core/error.h"

namespace strider {
namespace {

constexpr double kSumTolerance = 1e-9;

// The number, with the name beside it where there is one: "3 (goal)".
std::string Labelled(const std::vector<std::string>& names, int index) {
  return names.empty() ? std::to_string(index)
                       : fmt::format("{} ({})", index, names[static_cast<std::size_t>(index)]);
}

void CheckCount(std::string_view origin, std::string_view what, std::size_t count, std::size_t expected) {
  if (count != expected) throw InputError("{}: {} {}; expected {}", origin, count, what, expected);
}

void CheckProbability(std::string_view origin, const std::string& where, double probability) {
  if (!(probability >= 0 && probability <= 1)) {
    throw InputError("{}: {} has probability {}; expected a number in [0, 1]", origin, where, probability);
  }
}

void CheckSum(std::string_view origin, const std::string& where, double sum) {
  if (std::abs(sum - 1) > kSumTolerance) {
    throw InputError("{}: the probabilities of {} sum to {}; expected 1", origin, where, sum);
  }
}

}  // namespace

TabularMdp::TabularMdp(int state_count, int action_count)
    : states(state_count),
      actions(action_count),
      start(static_cast<std::size_t>(state_count)),
      outcomes(static_cast<std::size_t>(state_count) * static_cast<std::size_t>(action_count)) {}

std::string TabularMdp::StateName(int state) const {
  return state_names.empty() ? std::to_string(state) : state_names[static_cast<std::size_t>(state)];
}

std::string TabularMdp::ActionName(int action) const {
  return action_names.empty() ? std::to_string(action) : action_names[static_cast<std::size_t>(action)];
}

void TabularMdp::Validate(std::string_view origin) const {
  if (states < 1) throw InputError("{}: {} states; expected at least 1", origin, states);
  if (actions < 1) throw InputError("{}: {} actions; expected at least 1", origin, actions);
  const auto state_count = static_cast<std::size_t>(states);
  const auto action_count = static_cast<std::size_t>(actions);
  CheckCount(origin, "start probabilities", start.size(), state_count);
  CheckCount(origin, "lists of outcomes", outcomes.size(), state_count * action_count);
  if (!state_names.empty()) CheckCount(origin, "names of states", state_names.size(), state_count);
  if (!action_names.empty()) CheckCount(origin, "names of actions", action_names.size(), action_count);

  double start_sum = 0;
  for (int state = 0; state < states; ++state) {
    const double probability = start[static_cast<std::size_t>(state)];
    CheckProbability(origin, "start in state " + Labelled(state_names, state), probability);
    start_sum += probability;
  }
  CheckSum(origin, "the start states", start_sum);

  for (int state = 0; state < states; ++state) {
    for (int action = 0; action < actions; ++action) {
      const std::string pair =
          fmt::format("state {}, action {}", Labelled(state_names, state), Labelled(action_names, action));
      double sum = 0;
      int number = 0;
      for (const Outcome& outcome : Outcomes(state, action)) {
        const std::string where = fmt::format("outcome {} of {}", number++, pair);
        CheckProbability(origin, where, outcome.probability);
        if (outcome.next_state < 0 || outcome.next_state >= states) {
          throw InputError("{}: {} leads to state {}; expected 0 to {}", origin, where, outcome.next_state,
                           states - 1);
        }
        if (!std::isfinite(outcome.reward)) {
          throw InputError("{}: {} has reward {}; expected a finite number", origin, where, outcome.reward);
        }
        sum += outcome.probability;
      }
      if (number == 0) throw InputError("{}: {} has no outcomes; expected at least one", origin, pair);
      CheckSum(origin, pair, sum);
    }
  }
}

}  // namespace strider
