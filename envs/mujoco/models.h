// The robots' MJCF texts: the files of envs/mujoco/models, built into the library so that none is needed at
// run time.
#pragma once

#include <string_view>

namespace strider::models {

extern const std::string_view kAnt;
extern const std::string_view kHalfCheetah;
extern const std::string_view kHopper;
extern const std::string_view kHumanoid;
extern const std::string_view kHumanoidStandup;
extern const std::string_view kInvertedDoublePendulum;
extern const std::string_view kInvertedPendulum;
extern const std::string_view kPoint;
extern const std::string_view kPusher;
extern const std::string_view kReacher;
extern const std::string_view kSwimmer;
extern const std::string_view kWalker2d;

}  // namespace strider::models
