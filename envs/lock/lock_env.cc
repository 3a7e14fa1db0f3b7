#include "envs/lock/lock_env.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "envs/discrete.h"

namespace strider {
namespace {

constexpr auto kActions = static_cast<std::size_t>(LatentLock::kActions);
constexpr double kInfinity = std::numeric_limits<double>::infinity();

EnvSpec MakeSpec(std::string_view id, const ContinuousLockConfig& config, int observation_size) {
  return {std::string(id),
          UniformBox(observation_size, -kInfinity, kInfinity),
          UniformBox(LatentLock::kActions, -config.action_bound, config.action_bound),
          config.max_episode_steps,
          {},
          /*random_steps=*/true};
}

// An index drawn with probabilities softmax(value(i) / temperature), i < size. Whatever is large does not
// overflow: the largest is taken off first.
template <class Value>
int DrawSoftmax(const Value& value, std::size_t size, double temperature, Pcg64& random) {
  double largest = value(0);
  for (std::size_t i = 1; i < size; ++i) largest = std::max(largest, value(i));
  const auto weight = [&](std::size_t i) { return std::exp((value(i) - largest) / temperature); };
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += weight(i);
  double left = random.Random() * sum;
  std::size_t chosen = 0;
  while (chosen + 1 < size && left >= weight(chosen)) left -= weight(chosen++);
  return static_cast<int>(chosen);
}

// The length of every episode, unless the limit or a start at the second step makes some shorter.
int FixedLength(const LockConfig& config) {
  return config.max_episode_steps > config.horizon && config.bad_start == 0 ? config.horizon : 0;
}

}  // namespace

std::string ContinuousLockConfig::Instance() const {
  return fmt::format("{} temperature={}", LockConfig::Instance(), temperature);
}

LockEnv::LockEnv(std::string_view id, const ContinuousLockConfig& config, int observation_size,
                 const std::string& instance)
    : Env(MakeSpec(id, config, observation_size)), lock_(config), temperature_(config.temperature) {
  SetFixedLength(FixedLength(config));
  SetInstance(instance);
}

void LockEnv::Demonstrate(Pcg64& random, std::span<float> action) const {
  if (random.Random() < 1.0 / lock_.horizon()) {
    for (float& a : action) a = static_cast<float>(random.Random());
    return;
  }
  std::ranges::fill(action, 0.0F);
  action[static_cast<std::size_t>(lock_.RightAction(step_, state_))] = 1;
}

std::vector<double> LockEnv::State() const {
  return {static_cast<double>(step_), static_cast<double>(state_)};
}

void LockEnv::SetState(std::span<const double> state) {
  WholeNumbers numbers(spec().id, state, 2);
  const int step = numbers.Next(0, lock_.horizon());
  state_ = numbers.Next(0, LatentLock::kBad);
  step_ = step;
}

void LockEnv::DoReset(std::span<double> observation) {
  const auto [step, state] = lock_.DrawStart(random());
  step_ = step;
  state_ = state;
  Observe(observation);
}

StepResult LockEnv::DoStep(const ActionRow& action, std::span<double> observation) {
  StepResult result;
  if (step_ < lock_.horizon()) {
    const auto [next_state, reward] = lock_.Draw(step_, state_, DrawLatentAction(action), random());
    state_ = next_state;
    result.reward = reward;
    ++step_;
  }
  Observe(observation);
  result.terminated = step_ == lock_.horizon();
  return result;
}

int LockEnv::DrawLatentAction(const ActionRow& action) {
  return DrawSoftmax([&](std::size_t i) { return action[i]; }, kActions, temperature_, random());
}

std::string CombinationLockConfig::Instance() const {
  return fmt::format("{} noise={} simplex_temperature={}", ContinuousLockConfig::Instance(), noise,
                     simplex_temperature);
}

CombinationLock::CombinationLock(std::string_view id, const Config& config)
    : LockEnv(id, config, static_cast<int>(std::bit_ceil(static_cast<unsigned>(config.horizon + 4))),
              config.Instance()),
      noise_(config.noise),
      simplex_temperature_(config.simplex_temperature),
      noisy_(static_cast<std::size_t>(config.horizon + LatentLock::kStates)) {}

void CombinationLock::Observe(std::span<double> observation) {
  std::ranges::fill(observation, 0.0);
  for (double& x : observation.first(noisy_)) x = noise_ * random().StandardNormal();
  observation[static_cast<std::size_t>(state())] += 1;
  observation[static_cast<std::size_t>(LatentLock::kStates + step())] += 1;
  if (simplex_temperature_ > 0) {
    MoveTo(DrawSoftmax([&](std::size_t i) { return observation[i]; }, LatentLock::kStates,
                       simplex_temperature_, random()));
  }
  HadamardTransform(observation);
}

void HadamardTransform(std::span<double> x) {
  for (std::size_t half = 1; half < x.size(); half *= 2) {
    for (std::size_t block = 0; block < x.size(); block += 2 * half) {
      for (std::size_t i = block; i < block + half; ++i) {
        const double a = x[i];
        const double b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
}

LockChain::LockChain(std::string_view id, const Config& config)
    : TabularEnv(id, LatentLock(config).Mdp(), config.max_episode_steps), lock_(config) {
  SetFixedLength(FixedLength(config));
  SetInstance(config.Instance());
}

void LockChain::Demonstrate(Pcg64& random, std::span<float> action) const {
  const auto number = static_cast<int>(State()[0]);
  const bool err = random.Random() < 1.0 / lock_.horizon();
  const int right = lock_.RightAction(number / LatentLock::kStates, number % LatentLock::kStates);
  action[0] = static_cast<float>(err ? random.Integers(0, LatentLock::kActions) : right);
}

}  // namespace strider
