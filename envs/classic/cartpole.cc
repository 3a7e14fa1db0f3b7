#include "envs/classic/cartpole.h"

#include <numbers>

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

}  // namespace

EnvSpec CartPoleDynamics::Spec(std::string_view id, const Config& config) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  // Twice the limits, as observations of the last step lie beyond them.
  constexpr std::array kBounds{2 * kMaxPosition, kInfinity, 2 * kMaxAngle, kInfinity};
  constexpr std::array kMinusBounds{-kBounds[0], -kBounds[1], -kBounds[2], -kBounds[3]};
  return {std::string(id), RoundedBox(kMinusBounds, kBounds), Discrete{2}, config.common.max_episode_steps,
          475.0};
}

EnvSpec CartPoleV0Dynamics::Spec(std::string_view id, const Config& config) {
  EnvSpec spec = CartPoleDynamics::Spec(id, config);
  spec.reward_threshold = 195.0;
  return spec;
}

CartPoleDynamics::CartPoleDynamics(const Config& config)
    : start_(config.common), sutton_barto_reward_(config.sutton_barto_reward) {
  start_.Check();
}

CartPoleDynamics::State CartPoleDynamics::Start(Pcg64& random, std::span<double> observation) const {
  State state{};
  for (double& component : std::span(state).first<kPhysical>()) {
    component = random.Uniform(start_.low, start_.high);
  }
  WriteRounded(std::span(state).first<kPhysical>(), observation);
  return state;
}

CartPoleDynamics::State CartPoleDynamics::Resume(std::span<const double> physical) const {
  return {physical[0], physical[1], physical[2], physical[3], 0.0};
}

// One explicit Euler step: positions advance with the old velocities.
template <std::size_t W, class Real>
ClassicOutcome<CartPoleDynamics::kObservation, W> CartPoleDynamics::Step(
    std::array<Lanes<W>, kState>& state, const std::array<Real, W>& actions) const {
  auto& [x, x_velocity, angle, angle_velocity, fallen] = state;
  Lanes<W> sines;
  Lanes<W> cosines;
  for (std::size_t i = 0; i < W; ++i) {
    sines[i] = std::sin(angle[i]);
    cosines[i] = std::cos(angle[i]);
  }
  for (std::size_t i = 0; i < W; ++i) {
    const double force = actions[i] == 1 ? kForce : -kForce;
    const double push =
        (force + kPoleMoment * (angle_velocity[i] * angle_velocity[i]) * sines[i]) / kTotalMass;
    const double angle_acceleration =
        (kGravity * sines[i] - cosines[i] * push) /
        (kHalfLength * (4.0 / 3.0 - kPoleMass * (cosines[i] * cosines[i]) / kTotalMass));
    const double x_acceleration = push - kPoleMoment * angle_acceleration * cosines[i] / kTotalMass;
    x[i] += kPeriod * x_velocity[i];
    x_velocity[i] += kPeriod * x_acceleration;
    angle[i] += kPeriod * angle_velocity[i];
    angle_velocity[i] += kPeriod * angle_acceleration;
  }
  ClassicOutcome<kObservation, W> outcome;
  outcome.observation = {x, x_velocity, angle, angle_velocity};
  for (std::size_t i = 0; i < W; ++i) {
    // The terminating step is rewarded like any other; terminating steps after it are not.
    const bool terminated = std::abs(x[i]) > kMaxPosition || std::abs(angle[i]) > kMaxAngle;
    const bool again = terminated && fallen[i] != 0;
    outcome.terminated[i] = terminated;
    outcome.reward[i] = sutton_barto_reward_ ? (terminated ? -1.0 : 0.0) : (again ? 0.0 : 1.0);
    if (terminated) fallen[i] = 1;
  }
  return outcome;
}

template class ClassicEnv<CartPoleDynamics>;
template class ClassicEnv<CartPoleV0Dynamics>;

}  // namespace strider
