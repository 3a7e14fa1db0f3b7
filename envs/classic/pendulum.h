// Swinging a pendulum up and holding it there.
#pragma once

#include <numbers>

#include "envs/classic/classic_env.h"

namespace strider {

struct PendulumConfig {
  int max_episode_steps = 200;
  double g = 10.0;
  double x_init = std::numbers::pi;
  double y_init = 1.0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("g", g, "gravity in m/s^2");
    visit("x_init", x_init, "start angles (rad) are drawn from +- this", InRange(0, 1000));
    visit("y_init", y_init, "start velocities (rad/s) are drawn from +- this", InRange(0, 1000));
  }
};

// Pendulum-v1 (environments sheet, section 6). State: angle (rad, 0 is upright, never wrapped) and angular
// velocity, in double; observation: cosine and sine of the angle, angular velocity, rounded to float32.
// Action: torque, clipped to [-2, 2].
class PendulumDynamics {
 public:
  using Config = PendulumConfig;
  static constexpr std::size_t kPhysical = 2;
  static constexpr std::size_t kState = 3;  // and the sine of the angle, computed once for two uses
  static constexpr std::size_t kObservation = 3;
  using State = std::array<double, kState>;

  static EnvSpec Spec(std::string_view id, const Config& config);
  explicit PendulumDynamics(const Config& config) : config_(config) {}
  State Start(Pcg64& random, std::span<double> observation) const;
  State Resume(std::span<const double> physical) const;
  template <std::size_t W, class Real>
  ClassicOutcome<kObservation, W> Step(std::array<Lanes<W>, kState>& state,
                                       const std::array<Real, W>& actions) const;

 private:
  Config config_;
};

using Pendulum = ClassicEnv<PendulumDynamics>;
extern template class ClassicEnv<PendulumDynamics>;

}  // namespace strider
