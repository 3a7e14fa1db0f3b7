#include "envs/mujoco/hopper.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

SharedModel Model() {
  static const SharedModel model = CompileModel(models::kHopper);
  return model;
}

}  // namespace

Hopper::Hopper(std::string_view id, const Config& config) : PlanarWalker(id, Model(), config, 3800.0) {}

}  // namespace strider
