#include "envs/mujoco/walker2d.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion) { return CompileModel(models::kWalker2d); }

}  // namespace

Walker2d::Walker2d(std::string_view id, const Config& config)
    : PlanarWalker(id, ModelFor(id, config.simulation, &Compile), config, std::nullopt) {}

}  // namespace strider
