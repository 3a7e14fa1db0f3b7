// The ball of the point mazes.
#pragma once

#include "envs/mujoco/mujoco_env.h"

namespace strider {

// A ball pushed about in the plane by a force. Observation: position (2), velocity (2). Environments sheet,
// section 7.
class Ball : public MujocoEnv {
 protected:
  Ball(std::string_view id, SharedModel model, int max_episode_steps);

  // Applies a force, clipped to +-1, after clipping the velocity to +-5 m/s.
  void Act(const ActionRow& force);

  // REQUIRES: row.size() == kObservationSize.
  void Observe(std::span<double> row) const { ObservePositionsAndVelocities(row, 0); }

  static constexpr int kObservationSize = 4;
};

}  // namespace strider
