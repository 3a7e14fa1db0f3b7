// Balancing a pole on a cart that is pushed left or right.
#pragma once

#include "envs/classic/classic_env.h"

namespace strider {

struct CartPoleConfig {
  ClassicConfig common{.max_episode_steps = 500, .low = -0.05, .high = 0.05};
  bool sutton_barto_reward = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    common.Visit(visit);
    visit("sutton_barto_reward", sutton_barto_reward,
          "reward 0 a step and -1 at the end, instead of 1 a step");
  }
};

// CartPole-v1 (environments sheet, section 6). State: position (m), velocity, angle (rad, 0 is upright),
// angular velocity, in double; the observation is the state rounded to float32. Actions: 0 pushes left, 1
// right.
class CartPoleDynamics {
 public:
  using Config = CartPoleConfig;
  static constexpr std::size_t kPhysical = 4;
  static constexpr std::size_t kState = 5;  // and whether the episode terminated earlier and was stepped on
  static constexpr std::size_t kObservation = 4;
  using State = std::array<double, kState>;

  static EnvSpec Spec(std::string_view id, const Config& config);
  explicit CartPoleDynamics(const Config& config);
  State Start(Pcg64& random, std::span<double> observation) const;
  State Resume(std::span<const double> physical) const;
  template <std::size_t W, class Real>
  ClassicOutcome<kObservation, W> Step(std::array<Lanes<W>, kState>& state,
                                       const std::array<Real, W>& actions) const;

 private:
  ClassicConfig start_;
  bool sutton_barto_reward_;
};

// CartPole-v0: shorter, all else equal.
struct CartPoleV0Dynamics : CartPoleDynamics {
  struct Config : CartPoleConfig {
    Config() { common.max_episode_steps = 200; }
  };
  static EnvSpec Spec(std::string_view id, const Config& config);
  using CartPoleDynamics::CartPoleDynamics;
};

using CartPole = ClassicEnv<CartPoleDynamics>;
using CartPoleV0 = ClassicEnv<CartPoleV0Dynamics>;
extern template class ClassicEnv<CartPoleDynamics>;
extern template class ClassicEnv<CartPoleV0Dynamics>;

}  // namespace strider
