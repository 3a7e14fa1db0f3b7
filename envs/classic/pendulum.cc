#include "envs/classic/pendulum.h"

#include "envs/classic/numpy_math.h"

namespace strider {
namespace {

// Mass and length are 1.
constexpr double kPeriod = 0.05;  // s
constexpr double kMaxTorque = 2;
constexpr double kMaxSpeed = 8;  // rad/s
constexpr double kPi = std::numbers::pi;

// The angles in [-pi, pi), by the remainder that takes the divisor's sign. std::fmod's remainder is exact,
// and so is this one's, of a long division in lanes: what is left is always below twice the multiple taken
// off, and such differences are numbers.
template <std::size_t W>
Lanes<W> Wrapped(const Lanes<W>& angles) {
  Lanes<W> remainders;
  for (std::size_t i = 0; i < W; ++i) {
    const double turned = angles[i] + kPi;
    double rest = std::abs(turned);
    for (const double multiple : {16 * kPi, 8 * kPi, 4 * kPi, 2 * kPi}) {
      rest -= rest >= multiple ? multiple : 0.0;
    }
    remainders[i] = std::copysign(rest, turned);
  }
  for (std::size_t i = 0; i < W; ++i) {
    if (std::abs(remainders[i]) >= 2 * kPi) remainders[i] = std::fmod(angles[i] + kPi, 2 * kPi);
  }
  Lanes<W> wrapped;
  for (std::size_t i = 0; i < W; ++i) {
    wrapped[i] = remainders[i] + (remainders[i] < 0 ? 2 * kPi : 0.0) - kPi;
  }
  return wrapped;
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
  std::array<Real, W> torque;
  for (std::size_t i = 0; i < W; ++i) torque[i] = std::clamp<Real>(actions[i], -kMaxTorque, kMaxTorque);
  const Lanes<W> angle_cost = Squared(Wrapped(angle));
  const Lanes<W> velocity_cost = Squared(velocity);
  const std::array<Real, W> torque_cost = Squared(torque);
  for (std::size_t i = 0; i < W; ++i) {
    outcome.reward[i] = -(angle_cost[i] + 0.1 * velocity_cost[i] +
                          static_cast<double>(static_cast<Real>(0.001) * torque_cost[i]));
    outcome.terminated[i] = false;

    const double acceleration = 3 * config_.g / 2 * sine[i] + static_cast<double>(3 * torque[i]);
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
