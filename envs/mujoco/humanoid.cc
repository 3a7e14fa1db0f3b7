#include "envs/mujoco/humanoid.h"

#include "envs/mujoco/models.h"

namespace strider {
namespace {

OwnedModel Compile(RobotVersion) { return CompileModel(models::kHumanoid); }

}  // namespace

Humanoid::Humanoid(std::string_view id, const Config& config)
    : HumanoidBody(id, ModelFor(id, config.simulation, &Compile), config, config.contact_cost_weight,
                   ReadInterval("env.contact_cost_range", config.contact_cost_range)),
      total_mass_(SumAsNumpy<double>(static_cast<std::size_t>(model().nbody),
                                     [this](std::size_t i) { return model().body_mass[i]; })),
      forward_reward_weight_(config.forward_reward_weight),
      healthy_reward_(config.healthy_reward),
      terminate_when_unhealthy_(config.terminate_when_unhealthy),
      healthy_z_(ReadInterval("env.healthy_z_range", config.healthy_z_range)) {}

StepResult Humanoid::DoStep(const ActionRow& action, std::span<double> observation) {
  const double x_before = CentreOfMassX();
  Advance(action, observation);
  const double x_velocity = (CentreOfMassX() - x_before) / control_period();

  const bool healthy = healthy_z_.ContainsInside(qpos()[2]);
  const double gain = forward_reward_weight_ * x_velocity +
                      SurvivalReward(healthy_reward_, healthy, terminate_when_unhealthy_);
  StepResult result;
  result.reward = gain - (ControlCost() + ContactCost());
  result.terminated = terminate_when_unhealthy_ && !healthy;
  return result;
}

double Humanoid::CentreOfMassX() const {
  double sum = 0;
  for (int i = 0; i < model().nbody; ++i) sum += model().body_mass[i] * data().xipos[3 * i];
  return sum / total_mass_;
}

}  // namespace strider
