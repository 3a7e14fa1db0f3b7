#include "envs/classic/pendulum.h"

#include "envs/classic/numpy_math.h"

namespace strider {
namespace {

// Mass and length are 1.
constexpr double kPeriod = 0.05;  // s
constexpr double kMaxTorque = 2;
constexpr double kMaxSpeed = 8;  // rad/s
constexpr double kPi = std::numbers::pi;

// The angle in [-pi, pi), by the remainder that takes the divisor's sign.
double Wrapped(double angle) {
  double remainder = angle + kPi;
  if (std::abs(remainder) >= 2 * kPi) remainder = std::fmod(remainder, 2 * kPi);
  return remainder + (remainder < 0 ? 2 * kPi : 0.0) - kPi;
}

}  // namespace

EnvSpec PendulumDynamics::Spec(std::string_view id, const Config& config) {
  const Box observations{{-1, -1, -kMaxSpeed}, {1, 1, kMaxSpeed}};
  return {
      std::string(id), observations, UniformBox(1, -kMaxTorque, kMaxTorque), config.max_episode_steps, {}};
}

PendulumDynamics::State PendulumDynamics::Start(Pcg64& random, std::span<double> observation) const {
  const double angle = random.Uniform(-config_.x_init, config_.x_init);
  const double velocity = random.Uniform(-config_.y_init, config_.y_init);
  const State state = Resume(std::array{angle, velocity});
  WriteRounded(std::array{std::cos(angle), state[2], velocity}, observation);
  return state;
}

PendulumDynamics::State PendulumDynamics::Resume(std::span<const double> physical) const {
  return {physical[0], physical[1], std::sin(physical[0])};
}

// The reward is the state's before the step. The torque's own products are of the action's type;
// everything else is double.
template <std::size_t W, class Real>
ClassicOutcome<PendulumDynamics::kObservation, W> PendulumDynamics::Step(
    std::array<Lanes<W>, kState>& state, const std::array<Real, W>& actions) const {
  auto& [angle, velocity, sine] = state;
  ClassicOutcome<kObservation, W> outcome;
  for (std::size_t i = 0; i < W; ++i) {
    const Real torque = std::clamp<Real>(actions[i], -kMaxTorque, kMaxTorque);
    const auto torque_cost = static_cast<double>(static_cast<Real>(0.001) * Squared(torque));
    outcome.reward[i] = -(Squared(Wrapped(angle[i])) + 0.1 * Squared(velocity[i]) + torque_cost);
    outcome.terminated[i] = false;

    const double acceleration = 3 * config_.g / 2 * sine[i] + static_cast<double>(3 * torque);
    velocity[i] = std::clamp(velocity[i] + acceleration * kPeriod, -kMaxSpeed, kMaxSpeed);
    angle[i] += velocity[i] * kPeriod;
  }
  auto& [cosines, sines, velocities] = outcome.observation;
  for (std::size_t i = 0; i < W; ++i) {
    sines[i] = std::sin(angle[i]);
    cosines[i] = std::cos(angle[i]);
  }
  sine = sines;
  velocities = velocity;
  return outcome;
}

template class ClassicEnv<PendulumDynamics>;

}  // namespace strider
