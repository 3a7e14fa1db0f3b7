#include "envs/mujoco/walker2d.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

// Up to version 4 the feet have different friction.
OwnedModel Compile(RobotVersion version) {
  const OwnedSpec spec = ParseModel(models::kWalker2d);
  if (version != RobotVersion::kV5) {
    mjs_asGeom(mjs_findElement(spec.get(), mjOBJ_GEOM, "foot_geom"))->friction[0] = 0.9;
  }
  return CompileModel(*spec, version);
}

}  // namespace

Walker2d::Walker2d(std::string_view id, const Config& config)
    : PlanarWalker(id, ModelFor(id, config.simulation, &Compile), config, std::nullopt) {}

}  // namespace strider
