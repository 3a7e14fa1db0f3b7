#include "envs/classic/mountain_car.h"

namespace strider {
namespace {

constexpr double kMinPosition = -1.2;
constexpr double kMaxPosition = 0.6;
constexpr double kMaxSpeed = 0.07;
constexpr double kGravity = 0.0025;

constexpr double kForce = 0.001;          // of a push
constexpr double kPushedGoal = 0.5;       // position
constexpr double kPower = 0.0015;         // of the continuous force
constexpr double kContinuousGoal = 0.45;  // position

Box Observations() {
  return RoundedBox(std::array{kMinPosition, -kMaxSpeed}, std::array{kMaxPosition, kMaxSpeed});
}

// Moves by the velocity after `acceleration` and stops at the left wall, all in one type.
template <class Real>
void Move(Real acceleration, Real& position, Real& velocity) {
  constexpr auto kMin = static_cast<Real>(kMinPosition);
  constexpr auto kMax = static_cast<Real>(kMaxPosition);
  constexpr auto kSpeed = static_cast<Real>(kMaxSpeed);
  velocity = std::clamp(velocity + acceleration, -kSpeed, kSpeed);
  position = std::clamp(position + velocity, kMin, kMax);
  if (position == kMin && velocity < 0) velocity = 0;
}

// One step of the continuous car, in the given type; whether it is then at the goal.
template <class Wide, class Real>
bool Drive(Wide acceleration, double goal_velocity, Real& position, Real& velocity) {
  Wide wide_position = position;
  Wide wide_velocity = velocity;
  Move(acceleration, wide_position, wide_velocity);
  position = static_cast<Real>(wide_position);
  velocity = static_cast<Real>(wide_velocity);
  return wide_position >= static_cast<Wide>(kContinuousGoal) &&
         wide_velocity >= static_cast<Wide>(goal_velocity);
}

// The types are numpy's: a force inside its limits keeps the action's type, and the motion takes the wider of
// the force's and the state's. A clipped force is one of the limits, which are Python's numbers: they are
// double among themselves and take the state's type when they meet it.
template <class Force, class Real>
bool Push(Force action, double goal_velocity, Real& position, Real& velocity) {
  const double pull = kGravity * std::cos(static_cast<double>(3 * position));
  if (action < -1 || action > 1) {
    const double acceleration = (action > 1 ? 1.0 : -1.0) * kPower - pull;
    return Drive(static_cast<Real>(acceleration), goal_velocity, position, velocity);
  }
  const Force acceleration = action * static_cast<Force>(kPower) - static_cast<Force>(pull);
  using Wide = std::common_type_t<Force, Real>;
  return Drive(static_cast<Wide>(acceleration), goal_velocity, position, velocity);
}

}  // namespace

EnvSpec MountainCarDynamics::Spec(std::string_view id, const Config& config) {
  return {std::string(id), Observations(), Discrete{3}, config.common.max_episode_steps, -110.0};
}

MountainCarDynamics::State MountainCarDynamics::Start(Pcg64& random, std::span<double> observation) const {
  const State state{random.Uniform(config_.common.low, config_.common.high), 0.0};
  WriteRounded(state, observation);
  return state;
}

template <std::size_t W, class Real>
ClassicOutcome<MountainCarDynamics::kObservation, W> MountainCarDynamics::Step(
    std::array<Lanes<W>, kState>& state, const std::array<Real, W>& actions) const {
  auto& [position, velocity] = state;
  ClassicOutcome<kObservation, W> outcome;
  for (std::size_t i = 0; i < W; ++i) {
    const double push = (static_cast<double>(actions[i]) - 1) * kForce;
    Move(push - std::cos(3 * position[i]) * kGravity, position[i], velocity[i]);
    outcome.terminated[i] = position[i] >= kPushedGoal && velocity[i] >= config_.goal_velocity;
    outcome.reward[i] = -1;
  }
  outcome.observation = {position, velocity};
  return outcome;
}

EnvSpec MountainCarContinuousDynamics::Spec(std::string_view id, const Config& config) {
  return {std::string(id), Observations(), UniformBox(1, -1, 1), config.common.max_episode_steps, 90.0};
}

MountainCarContinuousDynamics::State MountainCarContinuousDynamics::Start(
    Pcg64& random, std::span<double> observation) const {
  const State state{random.Uniform(config_.common.low, config_.common.high), 0.0, 1.0};
  WriteRounded(std::span(state).first<kPhysical>(), observation);
  return state;
}

MountainCarContinuousDynamics::State MountainCarContinuousDynamics::Resume(
    std::span<const double> physical) const {
  const auto is_float = [](double x) { return static_cast<double>(static_cast<float>(x)) == x; };
  return {physical[0], physical[1], std::ranges::all_of(physical, is_float) ? 0.0 : 1.0};
}

template <std::size_t W, class Real>
ClassicOutcome<MountainCarContinuousDynamics::kObservation, W> MountainCarContinuousDynamics::Step(
    std::array<Lanes<W>, kState>& state, const std::array<Real, W>& actions) const {
  auto& [position, velocity, start] = state;
  ClassicOutcome<kObservation, W> outcome;
  for (std::size_t i = 0; i < W; ++i) {
    auto rounded_position = static_cast<float>(position[i]);
    auto rounded_velocity = static_cast<float>(velocity[i]);
    if (start[i] != 0) {
      outcome.terminated[i] = Push(actions[i], config_.goal_velocity, position[i], velocity[i]);
      rounded_position = static_cast<float>(position[i]);
      rounded_velocity = static_cast<float>(velocity[i]);
    } else {
      outcome.terminated[i] = Push(actions[i], config_.goal_velocity, rounded_position, rounded_velocity);
    }
    position[i] = static_cast<double>(rounded_position);
    velocity[i] = static_cast<double>(rounded_velocity);
    const auto force = static_cast<double>(actions[i]);
    outcome.reward[i] = (outcome.terminated[i] ? 100.0 : 0.0) - force * force * 0.1;
  }
  start.fill(0);
  outcome.observation = {position, velocity};
  return outcome;
}

template class ClassicEnv<MountainCarDynamics>;
template class ClassicEnv<MountainCarContinuousDynamics>;

}  // namespace strider
