#include "envs/mujoco/hopper.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion version) { return CompileModel(*ParseModel(models::kHopper), version); }

}  // namespace

Hopper::Hopper(std::string_view id, const Config& config)
    : PlanarWalker(id, ModelFor(id, config.simulation, &Compile), config, 3800.0) {}

}  // namespace strider
