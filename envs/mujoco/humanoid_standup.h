// A person lying on the back who stands up.
#pragma once

#include <limits>
#include <vector>

#include "envs/mujoco/humanoid_body.h"

namespace strider {

struct HumanoidStandupConfig : HumanoidBodyConfig {
  double uph_cost_weight = 1.0;
  double impact_cost_weight = 0.5e-6;
  std::vector<double> impact_cost_range{-std::numeric_limits<double>::infinity(), 10.0};

  template <class Visitor>
  void Visit(Visitor&& visit) {
    HumanoidBodyConfig::Visit(visit);
    visit("uph_cost_weight", uph_cost_weight, "accepted and not used, as in Gymnasium");
    visit("impact_cost_weight", impact_cost_weight, "cost per squared contact force");
    visit("impact_cost_range", impact_cost_range, "the impact cost is clipped to this range: low,high");
  }
};

// HumanoidStandup-v5 (environments sheet, section 3). Reward: height of the torso by the timestep, less
// control and impact cost, plus 1. Never terminates.
class HumanoidStandup final : public HumanoidBody {
 public:
  using Config = HumanoidStandupConfig;
  HumanoidStandup(std::string_view id, const Config& config);

 private:
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
};

}  // namespace strider
