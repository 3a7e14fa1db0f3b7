// Swinging a pendulum up and holding it there.
#pragma once

#include <array>

#include "core/settings.h"
#include "envs/env.h"

namespace strider {

struct PendulumConfig {
  int max_episode_steps = 200;
  double g = 10.0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("g", g, "gravity in m/s^2");
  }
};

// Pendulum-v1 (environments sheet, section 6). State: angle (rad, 0 is upright, never wrapped) and angular
// velocity, in double; observation: cosine and sine of the angle, angular velocity, rounded to float32.
// Action: torque in [-2, 2].
class Pendulum final : public Env {
 public:
  using Config = PendulumConfig;
  Pendulum(std::string_view id, const Config& config);

  std::vector<double> State() const override { return {state_.begin(), state_.end()}; }
  void SetState(std::span<const double> state) override;

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(std::span<const float> action, std::span<double> observation) override;
  void Observe(std::span<double> observation) const;

  double gravity_;
  std::array<double, 2> state_{};
};

}  // namespace strider
