#include "envs/mujoco/half_cheetah.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion version) {
  OwnedModel model = CompileModel(*ParseModel(models::kHalfCheetah), version);
  SetTotalMass(*model, 14);
  return model;
}

}  // namespace

HalfCheetah::HalfCheetah(std::string_view id, const Config& config)
    : Runner(id, ModelFor(id, config.simulation, &Compile), config, 18, 1, 4800.0) {}

}  // namespace strider
