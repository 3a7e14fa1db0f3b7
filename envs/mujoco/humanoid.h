// A person who walks.
#pragma once

#include <limits>
#include <vector>

#include "envs/mujoco/humanoid_body.h"

namespace strider {

struct HumanoidConfig : HumanoidBodyConfig {
  double forward_reward_weight = 1.25;
  double contact_cost_weight = 5e-7;
  std::vector<double> contact_cost_range{-std::numeric_limits<double>::infinity(), 10.0};
  double healthy_reward = 5.0;
  bool terminate_when_unhealthy = true;
  std::vector<double> healthy_z_range{1.0, 2.0};  // open

  template <class Visitor>
  void Visit(Visitor&& visit) {
    HumanoidBodyConfig::Visit(visit);
    visit("forward_reward_weight", forward_reward_weight,
          "reward per m/s of forward velocity of the centre of mass");
    visit("contact_cost_weight", contact_cost_weight, "cost per squared contact force");
    visit("contact_cost_range", contact_cost_range, "the contact cost is clipped to this range: low,high");
    visit("healthy_reward", healthy_reward, "reward for every step that ends healthy");
    visit("terminate_when_unhealthy", terminate_when_unhealthy,
          "whether the episode ends when the robot is unhealthy");
    visit("healthy_z_range", healthy_z_range,
          "height (m) of the torso strictly inside which the robot is healthy: low,high");
  }
};

// Humanoid-v5 (environments sheet, section 3). Reward: forward velocity of the centre of mass plus healthy
// reward less control and contact cost. Terminates when the torso is too low or too high.
class Humanoid final : public HumanoidBody {
 public:
  using Config = HumanoidConfig;
  Humanoid(std::string_view id, const Config& config);

 private:
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  double CentreOfMassX() const;

  double total_mass_;
  double forward_reward_weight_;
  double healthy_reward_;
  bool terminate_when_unhealthy_;
  Interval healthy_z_;
};

}  // namespace strider
