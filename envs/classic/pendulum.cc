#include "envs/classic/pendulum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "envs/classic/rows.h"

namespace strider {
namespace {

// Mass and length are 1.
constexpr double kPeriod = 0.05;  // s
constexpr float kMaxTorque = 2;
constexpr double kMaxSpeed = 8;  // rad/s
constexpr double kPi = std::numbers::pi;

// The angle in [-pi, pi), by the remainder that takes the divisor's sign.
double Wrapped(double angle) {
  double remainder = std::fmod(angle + kPi, 2 * kPi);
  if (remainder < 0) remainder += 2 * kPi;
  return remainder - kPi;
}

EnvSpec MakeSpec(std::string_view id, const PendulumConfig& config) {
  const Box observations{{-1, -1, -kMaxSpeed}, {1, 1, kMaxSpeed}};
  return {
      std::string(id), observations, UniformBox(1, -kMaxTorque, kMaxTorque), config.max_episode_steps, {}};
}

}  // namespace

Pendulum::Pendulum(std::string_view id, const Config& config)
    : Env(MakeSpec(id, config)), gravity_(config.g) {}

void Pendulum::SetState(std::span<const double> state) { CopyState(spec().id, state, state_); }

void Pendulum::DoReset(std::span<double> observation) {
  state_[0] = random().Uniform(-kPi, kPi);
  state_[1] = random().Uniform(-1, 1);
  Observe(observation);
}

StepResult Pendulum::DoStep(std::span<const float> action, std::span<double> observation) {
  auto& [angle, velocity] = state_;
  // The torque's own products are float32, as the action is; everything else is double.
  const float torque = std::clamp(action[0], -kMaxTorque, kMaxTorque);
  const auto torque_cost = static_cast<double>(0.001F * (torque * torque));
  const auto acceleration = static_cast<double>(3.0F * torque);

  const double deviation = Wrapped(angle);
  StepResult result;
  result.reward = -(deviation * deviation + 0.1 * (velocity * velocity) + torque_cost);

  const double pull = 3 * gravity_ / 2 * std::sin(angle);
  velocity = std::clamp(velocity + (pull + acceleration) * kPeriod, -kMaxSpeed, kMaxSpeed);
  angle += velocity * kPeriod;
  Observe(observation);
  return result;
}

void Pendulum::Observe(std::span<double> observation) const {
  WriteRounded(std::array{std::cos(state_[0]), std::sin(state_[0]), state_[1]}, observation);
}

}  // namespace strider
