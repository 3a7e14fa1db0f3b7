#include "envs/mujoco/humanoid_standup.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion) { return CompileModel(models::kHumanoidStandup); }

}  // namespace

HumanoidStandup::HumanoidStandup(std::string_view id, const Config& config)
    : HumanoidBody(id, ModelFor(id, config.simulation, &Compile), config, config.impact_cost_weight,
                   ReadInterval("env.impact_cost_range", config.impact_cost_range)) {}

StepResult HumanoidStandup::DoStep(const ActionRow& action, std::span<double> observation) {
  Advance(action, observation);
  StepResult result;
  result.reward = qpos()[2] / model().opt.timestep - ControlCost() - ContactCost() + 1;
  return result;
}

}  // namespace strider
