// Acting in a tabular Markov decision process.
#pragma once

#include "envs/env.h"
#include "envs/tabular/tabular_mdp.h"

namespace strider {

// The observation is the number of the state. Resets and steps draw as Gymnasium's toy_text environments do:
// one uniform number each, looked up in the cumulative probabilities. A step after the end goes on from the
// state that ended the episode.
class TabularEnv : public Env {
 public:
  // Throws InputError where the process is not a valid one.
  TabularEnv(std::string_view id, TabularMdp mdp, int max_episode_steps,
             std::optional<double> reward_threshold = {});

  const TabularMdp& mdp() const { return mdp_; }

  std::vector<double> State() const override { return {static_cast<double>(state_)}; }
  void SetState(std::span<const double> state) override;

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  TabularMdp mdp_;
  int state_ = 0;
};

}  // namespace strider
