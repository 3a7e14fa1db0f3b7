#include "envs/tabular/tabular_env.h"

#include <algorithm>
#include <functional>

#include "envs/discrete.h"

namespace strider {
namespace {

// Whether chance has a say in any step.
bool HasChance(const TabularMdp& mdp) {
  return std::ranges::any_of(mdp.outcomes, [](const std::vector<Outcome>& outcomes) {
    return std::ranges::count_if(outcomes, [](const Outcome& o) { return o.probability > 0; }) > 1;
  });
}

EnvSpec MakeSpec(std::string_view id, const TabularMdp& mdp, int max_episode_steps,
                 std::optional<double> reward_threshold) {
  mdp.Validate(id);
  return {std::string(id),   Discrete{mdp.states}, Discrete{mdp.actions},
          max_episode_steps, reward_threshold,     HasChance(mdp)};
}

// The first index whose cumulative probability exceeds `uniform`; 0 where rounding left their sum below it.
template <class Items, class Probability>
std::size_t Draw(const Items& items, Probability probability, double uniform) {
  double cumulative = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    cumulative += std::invoke(probability, items[i]);
    if (cumulative > uniform) return i;
  }
  return 0;
}

}  // namespace

TabularEnv::TabularEnv(std::string_view id, TabularMdp mdp, int max_episode_steps,
                       std::optional<double> reward_threshold)
    : Env(MakeSpec(id, mdp, max_episode_steps, reward_threshold)), mdp_(std::move(mdp)) {}

void TabularEnv::SetState(std::span<const double> state) {
  state_ = WholeNumbers(spec().id, state, 1).Next(0, mdp_.states - 1);
}

void TabularEnv::DoReset(std::span<double> observation) {
  state_ = static_cast<int>(Draw(mdp_.start, std::identity(), random().Random()));
  observation[0] = state_;
}

StepResult TabularEnv::DoStep(const ActionRow& action, std::span<double> observation) {
  const std::span<const Outcome> outcomes = std::as_const(mdp_).Outcomes(state_, static_cast<int>(action[0]));
  const Outcome& outcome = outcomes[Draw(outcomes, &Outcome::probability, random().Random())];
  state_ = outcome.next_state;
  observation[0] = state_;
  return {outcome.reward, outcome.terminal, false};
}

}  // namespace strider
