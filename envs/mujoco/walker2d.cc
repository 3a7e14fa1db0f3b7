#include "envs/mujoco/walker2d.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

SharedModel Model() {
  static const SharedModel model = CompileModel(models::kWalker2d);
  return model;
}

}  // namespace

Walker2d::Walker2d(std::string_view id, const Config& config)
    : PlanarWalker(id, Model(), config, std::nullopt) {}

}  // namespace strider
