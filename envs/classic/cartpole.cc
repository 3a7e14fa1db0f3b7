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
ClassicOutcome CartPoleDynamics::Step(State& state, float action, std::span<double> observation) const {
  auto& [x, x_velocity, angle, angle_velocity, fallen] = state;
  const double force = action == 1.0F ? kForce : -kForce;
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
  WriteRounded(std::span(state).first<kPhysical>(), observation);
  const bool terminated = std::abs(x) > kMaxPosition || std::abs(angle) > kMaxAngle;
  return {Reward(terminated, fallen), terminated};
}

// The terminating step is rewarded like any other; terminating steps after it are not.
double CartPoleDynamics::Reward(bool terminated, double& fallen) const {
  if (!terminated) return sutton_barto_reward_ ? 0.0 : 1.0;
  const bool first_fall = fallen == 0.0;
  fallen = 1.0;
  if (sutton_barto_reward_) return -1.0;
  return first_fall ? 1.0 : 0.0;
}

template class ClassicEnv<CartPoleDynamics>;
template class ClassicEnv<CartPoleV0Dynamics>;

}  // namespace strider
