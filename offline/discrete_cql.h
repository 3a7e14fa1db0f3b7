// CQL for discrete actions: Kumar et al., NeurIPS 2020 (arXiv 2006.04779), section 6 and appendix; the form
// CQL(H) on double Q-learning.
#pragma once

#include <vector>

#include "offline/cql.h"

namespace strider {

// Fits Q(s, a) to y = r + gamma (1 - terminal) Q'(s', argmax_b Q(s', b)) and adds
//   cql_alpha * mean(temperature log sum_b exp(Q(s, b) / temperature) - Q(s, a)).
// Of the settings of Cql those count that are about critics and their penalty; there is no actor.
class DiscreteCql : public OffPolicyAgent {
 public:
  using Config = CqlConfig;

  // Throws InputError where the actions are not discrete, or a setting has no meaning for them.
  DiscreteCql(const Task& task, Config config);

  const ReplayConfig& replay() const override { return config_.replay; }
  double exploration_epsilon(std::int64_t, std::int64_t) const override {
    return config_.exploration_epsilon;
  }
  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  const nn::ParameterSet& online() const { return online_; }

 private:
  Config config_;
  nn::Mlp net_;  // the actions' values
  nn::ParameterSet online_;
  nn::ParameterSet target_;
  nn::Adam adam_;
};

}  // namespace strider
