// Swinging up a chain of two links by a motor between them.
#pragma once

#include "envs/classic/classic_env.h"

namespace strider {

struct AcrobotConfig {
  ClassicConfig common{.max_episode_steps = 500, .low = -0.1, .high = 0.1};

  template <class Visitor>
  void Visit(Visitor&& visit) {
    common.Visit(visit);
  }
};

// Acrobot-v1 (environments sheet, section 6). State: angle of the first link (rad, 0 hangs down), of the
// second relative to it, and their velocities, in double; observation: cosine and sine of the first angle, of
// the second, the velocities, rounded to float32. Actions 0, 1, 2: torque -1, 0, 1. Terminates when the tip
// is above the goal's height.
class AcrobotDynamics {
 public:
  using Config = AcrobotConfig;
  static constexpr std::size_t kPhysical = 4;
  static constexpr std::size_t kState = 4;
  static constexpr std::size_t kObservation = 6;
  using State = std::array<double, kState>;

  static EnvSpec Spec(std::string_view id, const Config& config);
  explicit AcrobotDynamics(const Config& config) : start_(config.common) { start_.Check(); }
  State Start(Pcg64& random, std::span<double> observation) const;
  State Resume(std::span<const double> physical) const;
  template <std::size_t W, class Real>
  ClassicOutcome<kObservation, W> Step(std::array<Lanes<W>, kState>& state,
                                       const std::array<Real, W>& actions) const;

 private:
  ClassicConfig start_;
};

using Acrobot = ClassicEnv<AcrobotDynamics>;
extern template class ClassicEnv<AcrobotDynamics>;

}  // namespace strider
