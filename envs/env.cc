#include "envs/env.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

void CheckSize(const EnvSpec& spec, std::string_view what, std::size_t size, int expected) {
  if (size == static_cast<std::size_t>(expected)) return;
  throw InputError("{} of {} numbers given to {}; expected {}", what, size, spec.id, expected);
}

void CheckFinite(const EnvSpec& spec, std::span<const float> action) {
  for (std::size_t i = 0; i < action.size(); ++i) {
    if (std::isfinite(action[i])) continue;
    throw InputError("component {} of the action given to {} is {}; expected a finite number", i, spec.id,
                     action[i]);
  }
}

}  // namespace

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
  Reset(observation);
}

void Env::Reset(std::span<double> observation) {
  CheckSize(spec_, "observation row", observation.size(), observation_size_);
  elapsed_steps_ = 0;
  DoReset(observation);
}

StepResult Env::Step(std::span<const float> action, std::span<double> observation) {
  CheckSize(spec_, "action", action.size(), action_size_);
  CheckFinite(spec_, action);
  CheckSize(spec_, "observation row", observation.size(), observation_size_);
  StepResult result = DoStep(action, observation);
  ++elapsed_steps_;
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
  const std::vector<char> id = in.GetVector<char>();
  if (std::string_view(id.data(), id.size()) != spec_.id) {
    throw InputError("saved state of environment '{}' where one of '{}' was expected",
                     std::string_view(id.data(), id.size()), spec_.id);
  }
  SetState(in.GetVector<double>());
  DoLoad(in);
  random_.Load(in);
  elapsed_steps_ = in.Get<int>();
}

}  // namespace strider
