#include "envs/classic/acrobot.h"

#include <numbers>

#include "envs/classic/numpy_math.h"

namespace strider {
namespace {

using State = AcrobotDynamics::State;

// Links of length 1 and mass 1.
constexpr double kCenter = 0.5;  // of mass, from the upper end
constexpr double kInertia = 1.0;
constexpr double kGravity = 9.8;
constexpr double kPeriod = 0.2;  // s
constexpr double kPi = std::numbers::pi;
constexpr double kMaxSpeed1 = 4 * kPi;
constexpr double kMaxSpeed2 = 9 * kPi;

// The equations of motion of Sutton and Barto's book.
State Derivative(const State& state, double torque) {
  const auto& [angle1, angle2, speed1, speed2] = state;
  const double sine2 = std::sin(angle2);
  const double cosine2 = std::cos(angle2);
  const double d1 = kCenter * kCenter + (1 + kCenter * kCenter + cosine2) + kInertia + kInertia;
  const double d2 = (kCenter * kCenter + kCenter * cosine2) + kInertia;
  const double phi2 = kCenter * kGravity * std::cos(angle1 + angle2 - kPi / 2);
  const double phi1 = -kCenter * Squared(speed2) * sine2 - speed2 * speed1 * sine2 +
                      (kCenter + 1) * kGravity * std::cos(angle1 - kPi / 2) + phi2;
  const double acceleration2 = (torque + d2 / d1 * phi1 - kCenter * Squared(speed1) * sine2 - phi2) /
                               (kCenter * kCenter + kInertia - Squared(d2) / d1);
  return {speed1, speed2, -(d2 * acceleration2 + phi1) / d1, acceleration2};
}

// state + factor * slope
State Moved(const State& state, double factor, const State& slope) {
  State moved;
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = state[i] + factor * slope[i];
  return moved;
}

// One classical Runge-Kutta step.
State Integrated(const State& state, double torque) {
  const State k1 = Derivative(state, torque);
  const State k2 = Derivative(Moved(state, kPeriod / 2, k1), torque);
  const State k3 = Derivative(Moved(state, kPeriod / 2, k2), torque);
  const State k4 = Derivative(Moved(state, kPeriod, k3), torque);
  State sum;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i];
  return Moved(state, kPeriod / 6, sum);
}

double Wrapped(double angle) {
  while (angle > kPi) angle -= 2 * kPi;
  while (angle < -kPi) angle += 2 * kPi;
  return angle;
}

}  // namespace

EnvSpec AcrobotDynamics::Spec(std::string_view id, const Config& config) {
  constexpr std::array kBounds{1.0, 1.0, 1.0, 1.0, kMaxSpeed1, kMaxSpeed2};
  constexpr std::array kMinusBounds{-1.0, -1.0, -1.0, -1.0, -kMaxSpeed1, -kMaxSpeed2};
  return {std::string(id), RoundedBox(kMinusBounds, kBounds), Discrete{3}, config.common.max_episode_steps,
          -100.0};
}

// A start state is float32, and so are its sines and cosines.
AcrobotDynamics::State AcrobotDynamics::Start(Pcg64& random, std::span<double> observation) const {
  std::array<float, 4> drawn{};
  for (float& component : drawn) component = static_cast<float>(random.Uniform(start_.low, start_.high));
  std::ranges::copy(std::array{NumpyCosine(drawn[0]), NumpySine(drawn[0]), NumpyCosine(drawn[1]),
                               NumpySine(drawn[1]), drawn[2], drawn[3]},
                    observation.begin());
  State state;
  std::ranges::copy(drawn, state.begin());
  return state;
}

AcrobotDynamics::State AcrobotDynamics::Resume(std::span<const double> physical) const {
  return {physical[0], physical[1], physical[2], physical[3]};
}

template <std::size_t W>
ClassicOutcome<AcrobotDynamics::kObservation, W> AcrobotDynamics::Step(
    std::array<Lanes<W>, kState>& state, const std::array<float, W>& actions) const {
  auto& [angle1, angle2, speed1, speed2] = state;
  ClassicOutcome<kObservation, W> outcome;
  auto& [cosine1, sine1, cosine2, sine2, observed1, observed2] = outcome.observation;
  for (std::size_t i = 0; i < W; ++i) {
    const State next =
        Integrated({angle1[i], angle2[i], speed1[i], speed2[i]}, static_cast<double>(actions[i]) - 1);
    angle1[i] = Wrapped(next[0]);
    angle2[i] = Wrapped(next[1]);
    speed1[i] = std::clamp(next[2], -kMaxSpeed1, kMaxSpeed1);
    speed2[i] = std::clamp(next[3], -kMaxSpeed2, kMaxSpeed2);
    cosine1[i] = std::cos(angle1[i]);
    sine1[i] = std::sin(angle1[i]);
    cosine2[i] = std::cos(angle2[i]);
    sine2[i] = std::sin(angle2[i]);
    outcome.terminated[i] = -cosine1[i] - std::cos(angle2[i] + angle1[i]) > 1.0;
    outcome.reward[i] = outcome.terminated[i] ? 0.0 : -1.0;
  }
  observed1 = speed1;
  observed2 = speed2;
  return outcome;
}

template class ClassicEnv<AcrobotDynamics>;

}  // namespace strider
