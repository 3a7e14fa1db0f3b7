// DQN: Mnih et al., Nature 2015; with double Q (van Hasselt, Guez and Silver 2016), dueling heads (Wang et
// al. 2016), n-step returns and prioritised replay (Schaul et al. 2016) as options. Online baselines sheet,
// section 7.
#pragma once

#include <string>

#include "agents/deep_q.h"

namespace strider {

struct DqnConfig : DeepQConfig {
  std::string loss = "squares";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    DeepQConfig::Visit(visit);
    visit("loss", loss, "of a temporal difference: its square, or Huber's with bound 1",
          OneOf({"squares", "huber"}));
  }
};

// One update fits Q(s, a) of the taken actions to y = r + gamma (1 - terminal) max_a' Q'(s', a'), Q' being
// the target network; acting is epsilon-greedy.
class Dqn : public DeepQ {
 public:
  using Config = DqnConfig;

  // Throws InputError where the actions are not discrete.
  Dqn(const Task& task, const Config& config)
      : DeepQ(task, config, /*outputs=*/1), huber_(config.loss == "huber") {}

  Policy MakePolicy() const override;

  at::Tensor Q(const nn::ParameterSet& parameters, const at::Tensor& observations) const {  // (rows x n)
    return Outputs(parameters, observations).squeeze(2);
  }
  at::Tensor Target(const TransitionBatch& batch) const { return Targets(batch).squeeze(1); }  // y, (rows)

 private:
  at::Tensor Greedy(const at::Tensor& outputs, const at::Tensor& observations) const override;
  at::Tensor Losses(const at::Tensor& outputs, const at::Tensor& targets) const override;

  bool huber_;
};

}  // namespace strider
