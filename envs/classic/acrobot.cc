#include "envs/classic/acrobot.h"

#include <numbers>

#include "envs/classic/numpy_math.h"

namespace strider {
namespace {

// Links of length 1 and mass 1.
constexpr double kCenter = 0.5;  // of mass, from the upper end
constexpr double kInertia = 1.0;
constexpr double kGravity = 9.8;
constexpr double kPeriod = 0.2;  // s
constexpr double kPi = std::numbers::pi;
constexpr double kMaxSpeed1 = 4 * kPi;
constexpr double kMaxSpeed2 = 9 * kPi;

// Of W pendulums side by side: two angles and two speeds.
template <std::size_t W>
using States = std::array<Lanes<W>, 4>;

// The equations of motion of Sutton and Barto's book. Sines and cosines come first: those of different lanes
// do not wait for one another, and the arithmetic after them is vectorised.
template <std::size_t W>
States<W> Derivative(const States<W>& state, const Lanes<W>& torque) {
  const auto& [angle1, angle2, speed1, speed2] = state;
  Lanes<W> sine2;
  Lanes<W> cosine2;
  Lanes<W> pull1;
  Lanes<W> pull2;
  for (std::size_t i = 0; i < W; ++i) {
    sine2[i] = std::sin(angle2[i]);
    cosine2[i] = std::cos(angle2[i]);
    pull1[i] = std::cos(angle1[i] - kPi / 2);
    pull2[i] = std::cos(angle1[i] + angle2[i] - kPi / 2);
  }
  Lanes<W> d2;
  for (std::size_t i = 0; i < W; ++i) d2[i] = (kCenter * kCenter + kCenter * cosine2[i]) + kInertia;
  const Lanes<W> d2_squared = Squared(d2);
  const Lanes<W> speed1_squared = Squared(speed1);
  const Lanes<W> speed2_squared = Squared(speed2);
  States<W> slope;
  for (std::size_t i = 0; i < W; ++i) {
    const double d1 = kCenter * kCenter + (1 + kCenter * kCenter + cosine2[i]) + kInertia + kInertia;
    const double phi2 = kCenter * kGravity * pull2[i];
    const double phi1 = -kCenter * speed2_squared[i] * sine2[i] - speed2[i] * speed1[i] * sine2[i] +
                        (kCenter + 1) * kGravity * pull1[i] + phi2;
    const double acceleration2 =
        (torque[i] + d2[i] / d1 * phi1 - kCenter * speed1_squared[i] * sine2[i] - phi2) /
        (kCenter * kCenter + kInertia - d2_squared[i] / d1);
    slope[0][i] = speed1[i];
    slope[1][i] = speed2[i];
    slope[2][i] = -(d2[i] * acceleration2 + phi1) / d1;
    slope[3][i] = acceleration2;
  }
  return slope;
}

// state + factor * slope
template <std::size_t W>
States<W> Moved(const States<W>& state, double factor, const States<W>& slope) {
  States<W> moved;
  for (std::size_t k = 0; k < moved.size(); ++k) {
    for (std::size_t i = 0; i < W; ++i) moved[k][i] = state[k][i] + factor * slope[k][i];
  }
  return moved;
}

// One classical Runge-Kutta step.
template <std::size_t W>
States<W> Integrated(const States<W>& state, const Lanes<W>& torque) {
  const States<W> k1 = Derivative(state, torque);
  const States<W> k2 = Derivative(Moved(state, kPeriod / 2, k1), torque);
  const States<W> k3 = Derivative(Moved(state, kPeriod / 2, k2), torque);
  const States<W> k4 = Derivative(Moved(state, kPeriod, k3), torque);
  States<W> sum;
  for (std::size_t k = 0; k < sum.size(); ++k) {
    for (std::size_t i = 0; i < W; ++i) sum[k][i] = k1[k][i] + 2 * k2[k][i] + 2 * k3[k][i] + k4[k][i];
  }
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

template <std::size_t W, class Real>
ClassicOutcome<AcrobotDynamics::kObservation, W> AcrobotDynamics::Step(
    std::array<Lanes<W>, kState>& state, const std::array<Real, W>& actions) const {
  auto& [angle1, angle2, speed1, speed2] = state;
  ClassicOutcome<kObservation, W> outcome;
  auto& [cosine1, sine1, cosine2, sine2, observed1, observed2] = outcome.observation;
  Lanes<W> torque;
  for (std::size_t i = 0; i < W; ++i) torque[i] = static_cast<double>(actions[i]) - 1;
  const States<W> next = Integrated(state, torque);
  for (std::size_t i = 0; i < W; ++i) {
    angle1[i] = Wrapped(next[0][i]);
    angle2[i] = Wrapped(next[1][i]);
    speed1[i] = std::clamp(next[2][i], -kMaxSpeed1, kMaxSpeed1);
    speed2[i] = std::clamp(next[3][i], -kMaxSpeed2, kMaxSpeed2);
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
