#include "envs/classic/cartpole.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "envs/classic/rows.h"

namespace strider {
namespace {

constexpr double kGravity = 9.8;
constexpr double kPoleMass = 0.1;
constexpr double kTotalMass = kPoleMass + 1.0;
constexpr double kHalfLength = 0.5;
constexpr double kPoleMoment = kPoleMass * kHalfLength;
constexpr double kForce = 10.0;   // N
constexpr double kPeriod = 0.02;  // s
constexpr double kMaxPosition = 2.4;
constexpr double kMaxAngle = 12 * 2 * std::numbers::pi / 360;
constexpr double kResetRange = 0.05;

EnvSpec MakeSpec(std::string_view id, const CartPoleConfig& config) {
  // Twice the limits, as observations of the last step lie beyond them; float32 like Gymnasium's bounds.
  const auto position = static_cast<double>(static_cast<float>(2 * kMaxPosition));
  const auto angle = static_cast<double>(static_cast<float>(2 * kMaxAngle));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Box observations{{-position, -kInfinity, -angle, -kInfinity},
                         {position, kInfinity, angle, kInfinity}};
  return {std::string(id), observations, Discrete{2}, config.max_episode_steps, 475.0};
}

}  // namespace

CartPole::CartPole(std::string_view id, const Config& config)
    : Env(MakeSpec(id, config)), sutton_barto_reward_(config.sutton_barto_reward) {}

void CartPole::SetState(std::span<const double> state) {
  CopyState(spec().id, state, state_);
  fallen_ = false;
}

void CartPole::DoReset(std::span<double> observation) {
  for (double& component : state_) component = random().Uniform(-kResetRange, kResetRange);
  fallen_ = false;
  WriteRounded(state_, observation);
}

StepResult CartPole::DoStep(std::span<const float> action, std::span<double> observation) {
  if (action[0] != 0.0F && action[0] != 1.0F) {
    throw InputError("action {} given to {}; expected 0 or 1", action[0], spec().id);
  }
  Advance(action[0] == 1.0F ? kForce : -kForce);
  StepResult result;
  result.terminated = std::abs(state_[0]) > kMaxPosition || std::abs(state_[2]) > kMaxAngle;
  result.reward = Reward(result.terminated);
  WriteRounded(state_, observation);
  return result;
}

// One explicit Euler step: positions advance with the old velocities.
void CartPole::Advance(double force) {
  auto& [x, x_velocity, angle, angle_velocity] = state_;
  const double sine = std::sin(angle);
  const double cosine = std::cos(angle);
  const double push = (force + kPoleMoment * (angle_velocity * angle_velocity) * sine) / kTotalMass;
  const double angle_acceleration = (kGravity * sine - cosine * push) /
                                    (kHalfLength * (4.0 / 3.0 - kPoleMass * (cosine * cosine) / kTotalMass));
  const double x_acceleration = push - kPoleMoment * angle_acceleration * cosine / kTotalMass;
  x += kPeriod * x_velocity;
  x_velocity += kPeriod * x_acceleration;
  angle += kPeriod * angle_velocity;
  angle_velocity += kPeriod * angle_acceleration;
}

// The terminating step is rewarded like any other; steps after it are not.
double CartPole::Reward(bool terminated) {
  const bool first_fall = terminated && !fallen_;
  const bool standing = !terminated;
  fallen_ = fallen_ || terminated;
  if (sutton_barto_reward_) return standing ? 0.0 : -1.0;
  return standing || first_fall ? 1.0 : 0.0;
}

}  // namespace strider
