#include "envs/env.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "envs/env_batch.h"

namespace strider {
namespace {

void CheckSize(const EnvSpec& spec, std::string_view what, std::size_t size, int expected) {
  if (size == static_cast<std::size_t>(expected)) return;
  throw InputError("{} of {} numbers given to {}; expected {}", what, size, spec.id, expected);
}

}  // namespace

void CheckActions(const EnvSpec& spec, const ActionRow& actions) {
  if (const auto* discrete = std::get_if<Discrete>(&spec.action_space)) {
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const double action = actions[i];
      if (action >= 0 && action < discrete->n && action == std::trunc(action)) continue;
      throw RefusedAction("action {} given to {}; expected a whole number from 0 to {}", action, spec.id,
                          discrete->n - 1);
    }
    return;
  }
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (std::isfinite(actions[i])) continue;
    throw RefusedAction("component {} of the action given to {} is {}; expected a finite number",
                        i % static_cast<std::size_t>(spec.action_size()), spec.id, actions[i]);
  }
}

Env::Env(EnvSpec spec)
    : spec_(std::move(spec)),
      observation_size_(spec_.observation_size()),
      action_size_(spec_.action_size()) {}

void Env::AppendGoal(int goal_size, double radius, GoalReward reward) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  spec_.goal = GoalSpec{observation_size_, goal_size, radius, reward};
  Box& box = std::get<Box>(spec_.observation_space);
  box.low.resize(box.low.size() + 2 * static_cast<std::size_t>(goal_size), -kInfinity);
  box.high.resize(box.low.size(), kInfinity);
  observation_size_ = spec_.observation_size();
}

void Env::Reset(std::uint64_t seed, std::span<double> observation) {
  random_ = Pcg64(seed);
  DoSeed(seed);
  Reset(observation);
}

void Env::Reset(std::span<double> observation) {
  CheckSize(spec_, "observation row", observation.size(), observation_size_);
  elapsed_steps_ = 0;
  DoReset(observation);
}

StepResult Env::Step(const ActionRow& action, std::span<double> observation) {
  CheckSize(spec_, "action", action.size(), action_size_);
  CheckActions(spec_, action);
  CheckSize(spec_, "observation row", observation.size(), observation_size_);
  StepResult result = DoStep(action, observation);
  ++elapsed_steps_;
  // Learners and datasets hold rewards as float32.
  if (!(std::abs(result.reward) <= std::numeric_limits<float>::max())) {
    throw WorkError("{}: the reward of step {} of the episode is {}; expected a finite float32", spec_.id,
                    elapsed_steps_, result.reward);
  }
  result.truncated = elapsed_steps_ >= spec_.max_episode_steps;
  return result;
}

void Env::Save(StateWriter& out) const {
  out.PutSpan(std::span<const char>(spec_.id));
  out.PutSpan(std::span<const double>(State()));
  DoSave(out);
  random_.Save(out);
  out.Put(elapsed_steps_);
}

void Env::Load(StateReader& in) {
  CheckSavedId(spec_, in);
  SetState(in.GetVector<double>());
  DoLoad(in);
  random_.Load(in);
  elapsed_steps_ = in.Get<int>();
}

std::unique_ptr<EnvBatch> Env::MakeBatch(std::size_t) const { return nullptr; }

void CheckSavedId(const EnvSpec& spec, StateReader& in) {
  const std::vector<char> id = in.GetVector<char>();
  if (std::string_view(id.data(), id.size()) == spec.id) return;
  throw InputError("saved state of environment '{}' where one of '{}' was expected",
                   std::string_view(id.data(), id.size()), spec.id);
}

}  // namespace strider
