#include "envs/classic/pendulum.h"

#include "envs/classic/numpy_math.h"

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

// Brings the sine up to date, too.
void Observe(PendulumDynamics::State& state, std::span<double> observation) {
  const double cosine = std::cos(state[0]);
  state[2] = std::sin(state[0]);
  WriteRounded(std::array{cosine, state[2], state[1]}, observation);
}

}  // namespace

EnvSpec PendulumDynamics::Spec(std::string_view id, const Config& config) {
  const Box observations{{-1, -1, -kMaxSpeed}, {1, 1, kMaxSpeed}};
  return {
      std::string(id), observations, UniformBox(1, -kMaxTorque, kMaxTorque), config.max_episode_steps, {}};
}

PendulumDynamics::State PendulumDynamics::Start(Pcg64& random, std::span<double> observation) const {
  State state{};
  state[0] = random.Uniform(-config_.x_init, config_.x_init);
  state[1] = random.Uniform(-config_.y_init, config_.y_init);
  Observe(state, observation);
  return state;
}

PendulumDynamics::State PendulumDynamics::Resume(std::span<const double> physical) const {
  return {physical[0], physical[1], std::sin(physical[0])};
}

// The reward is the state's before the step. The torque's own products are float32, as the action is;
// everything else is double.
ClassicOutcome PendulumDynamics::Step(State& state, float action, std::span<double> observation) const {
  auto& [angle, velocity, sine] = state;
  const float torque = std::clamp(action, -kMaxTorque, kMaxTorque);
  const auto torque_cost = static_cast<double>(0.001F * Squared(torque));
  const double cost = Squared(Wrapped(angle)) + 0.1 * Squared(velocity) + torque_cost;

  const double acceleration = 3 * config_.g / 2 * sine + static_cast<double>(3.0F * torque);
  velocity = std::clamp(velocity + acceleration * kPeriod, -kMaxSpeed, kMaxSpeed);
  angle += velocity * kPeriod;
  Observe(state, observation);
  return {-cost, false};
}

template class ClassicEnv<PendulumDynamics>;

}  // namespace strider
