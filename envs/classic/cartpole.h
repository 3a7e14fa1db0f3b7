// Balancing a pole on a cart that is pushed left or right.
#pragma once

#include <array>

#include "core/settings.h"
#include "envs/env.h"

namespace strider {

struct CartPoleConfig {
  int max_episode_steps = 500;
  bool sutton_barto_reward = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("sutton_barto_reward", sutton_barto_reward,
          "reward 0 a step and -1 at the end, instead of 1 a step");
  }
};

// CartPole-v1 (environments sheet, section 6). State: position (m), velocity, angle (rad, 0 is upright),
// angular velocity, in double; the observation is the state rounded to float32. Actions: 0 pushes left, 1
// right.
class CartPole final : public Env {
 public:
  using Config = CartPoleConfig;
  CartPole(std::string_view id, const Config& config);

  std::vector<double> State() const override { return {state_.begin(), state_.end()}; }
  void SetState(std::span<const double> state) override;

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(std::span<const float> action, std::span<double> observation) override;
  void DoSave(StateWriter& out) const override { out.Put(fallen_); }
  void DoLoad(StateReader& in) override { fallen_ = in.Get<bool>(); }
  void Advance(double force);
  double Reward(bool terminated);

  bool sutton_barto_reward_;
  std::array<double, 4> state_{};
  bool fallen_ = false;  // the episode terminated earlier, and was stepped on
};

}  // namespace strider
