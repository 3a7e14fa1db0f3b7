// MuJoCo's physics as they were up to version 2.1.0.
#pragma once

#include "envs/mujoco/model.h"

namespace strider {

// Changes a model so that today's MuJoCo simulates it as the versions did with which D4RL's datasets were
// recorded (environments sheet, section 5). Capsules have the mass and inertia of a cylinder that is shorter
// than the capsule by its radius; and as the margins of two touching geoms are added today, where the larger
// one counted, all are halved. That is exact where all geoms have the same margin, as they do in our robots.
// REQUIRES: bodies made of spheres and capsules.
void UseOldPhysics(mjSpec& spec);

}  // namespace strider
