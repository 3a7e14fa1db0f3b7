// Driving a weak car out of a valley by swinging back and forth.
#pragma once

#include "envs/classic/classic_env.h"

namespace strider {

struct MountainCarConfig {
  ClassicConfig common{.max_episode_steps = 200, .low = -0.6, .high = -0.4};
  double goal_velocity = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    common.Visit(visit);
    visit("goal_velocity", goal_velocity, "velocity that the car must have at the goal");
  }
};

// MountainCar-v0 (environments sheet, section 6). State: position and velocity, in double; the observation is
// the state rounded to float32. Actions 0, 1, 2: push left, none, push right. Terminates at the goal.
class MountainCarDynamics {
 public:
  using Config = MountainCarConfig;
  static constexpr std::size_t kPhysical = 2;
  static constexpr std::size_t kState = 2;
  static constexpr std::size_t kObservation = 2;
  using State = std::array<double, kState>;

  static EnvSpec Spec(std::string_view id, const Config& config);
  explicit MountainCarDynamics(const Config& config) : config_(config) { config_.common.Check(); }
  State Start(Pcg64& random, std::span<double> observation) const;
  State Resume(std::span<const double> physical) const { return {physical[0], physical[1]}; }
  template <std::size_t W, class Real>
  ClassicOutcome<kObservation, W> Step(std::array<Lanes<W>, kState>& state,
                                       const std::array<Real, W>& actions) const;

 private:
  Config config_;
};

struct MountainCarContinuousConfig : MountainCarConfig {
  MountainCarContinuousConfig() { common.max_episode_steps = 999; }
};

// MountainCarContinuous-v0 (the same section). Action: force, clipped to [-1, 1] for the motion but not for
// its cost. Gymnasium stores the state as float32 after every step and computes partly in float32.
class MountainCarContinuousDynamics {
 public:
  using Config = MountainCarContinuousConfig;
  static constexpr std::size_t kPhysical = 2;
  static constexpr std::size_t kState = 3;  // and 1 for a start state, which is double, or 0
  static constexpr std::size_t kObservation = 2;
  using State = std::array<double, kState>;

  static EnvSpec Spec(std::string_view id, const Config& config);
  explicit MountainCarContinuousDynamics(const Config& config) : config_(config) { config_.common.Check(); }
  State Start(Pcg64& random, std::span<double> observation) const;
  // A state that is not float32 is taken for a start state.
  State Resume(std::span<const double> physical) const;
  template <std::size_t W, class Real>
  ClassicOutcome<kObservation, W> Step(std::array<Lanes<W>, kState>& state,
                                       const std::array<Real, W>& actions) const;

 private:
  Config config_;
};

using MountainCar = ClassicEnv<MountainCarDynamics>;
using MountainCarContinuous = ClassicEnv<MountainCarContinuousDynamics>;
extern template class ClassicEnv<MountainCarDynamics>;
extern template class ClassicEnv<MountainCarContinuousDynamics>;

}  // namespace strider
