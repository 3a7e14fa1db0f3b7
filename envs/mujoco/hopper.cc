#include "envs/mujoco/hopper.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion) { return CompileModel(models::kHopper); }

}  // namespace

Hopper::Hopper(std::string_view id, const Config& config)
    : PlanarWalker(id, ModelFor(id, config.simulation, &Compile), config, 3800.0) {}

}  // namespace strider
