#include "envs/mujoco/swimmer.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion) { return CompileModel(models::kSwimmer); }

}  // namespace

Swimmer::Swimmer(std::string_view id, const Config& config)
    : Runner(id, ModelFor(id, config.simulation, &Compile), config, 10, 2, 360.0) {}

}  // namespace strider
