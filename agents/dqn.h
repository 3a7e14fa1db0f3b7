// DQN: Mnih et al., Nature 2015; with double Q (van Hasselt, Guez and Silver 2016), dueling heads (Wang et
// al. 2016), n-step returns and prioritised replay (Schaul et al. 2016) as options. Online baselines sheet,
// section 7.
#pragma once

#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

struct DqnConfig {
  ReplayConfig replay{.batch_size = 128,
                      .buffer_size = 10000,
                      .learning_starts = 10000,
                      .updates_per_step = 1,
                      .update_interval = 10};
  ReplayDraws draws;
  std::vector<int> hidden{120, 84};
  double lr = 2.5e-4;
  std::string loss = "squares";
  double max_grad_norm = 0;
  int target_interval = 500;
  double tau = 1;
  double epsilon_start = 1;
  double epsilon_end = 0.05;
  double epsilon_fraction = 0.5;
  bool double_q = false;
  bool dueling = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("discount", draws.discount, "discount factor per step", InRange(0, 1));
    visit("hidden", hidden, "widths of the hidden ReLU layers", InRange(1, 65536));
    visit("lr", lr, "Adam's step length", Above(0));
    visit("loss", loss, "of a temporal difference: its square, or Huber's with bound 1",
          OneOf({"squares", "huber"}));
    visit("max_grad_norm", max_grad_norm, "bound on the gradient's norm; 0: none", AtLeast(0));
    visit("target_interval", target_interval, "environment steps between moves of the target network",
          AtLeast(1));
    visit("tau", tau, "how far the target network moves then; 1 copies", InRange(0, 1));
    visit("epsilon_start", epsilon_start, "probability of a random action at the start", InRange(0, 1));
    visit("epsilon_end", epsilon_end, "probability of a random action in the end", InRange(0, 1));
    visit("epsilon_fraction", epsilon_fraction, "part of the run over which it falls linearly", Above(0));
    visit("double_q", double_q, "let the online network choose the next action that the target rates");
    visit("dueling", dueling, "separate heads for the state's value and the actions' advantages");
    visit("n_step", draws.n_step, "steps of the return before the next state's value", InRange(1, 1000));
    visit("priority_exponent", draws.priority_exponent,
          "rows are replayed in proportion to |TD error| to this power; 0: uniformly", InRange(0, 1));
    visit("priority_correction", draws.priority_correction,
          "initial exponent of the weights that make up for it; 1 at the end of the run", InRange(0, 1));
  }
};

// One update fits Q(s, a) of the taken actions to y = r + gamma (1 - terminal) max_a' Q'(s', a'), Q' being
// the target network; acting is epsilon-greedy.
class Dqn : public OffPolicyAgent {
 public:
  using Config = DqnConfig;

  // Throws InputError where the actions are not discrete.
  Dqn(const Task& task, Config config);

  const ReplayConfig& replay() const override { return config_.replay; }
  ReplayDraws draws() const override { return config_.draws; }
  at::Tensor td_errors() const override { return td_errors_; }
  double exploration_epsilon(std::int64_t step, std::int64_t steps) const override;
  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  at::Tensor Q(const nn::ParameterSet& parameters, const at::Tensor& observations) const;  // (rows x n)
  at::Tensor Target(const TransitionBatch& batch) const;  // y, (rows). No gradients.

  const nn::ParameterSet& online() const { return online_; }
  const nn::ParameterSet& target() const { return target_; }

 private:
  bool TargetMoves() const;

  Config config_;
  nn::Mlp net_;  // the actions' values, or the state's value and the actions' advantages
  nn::ParameterSet online_;
  nn::ParameterSet target_;
  nn::Adam adam_;
  at::Tensor td_errors_;
};

}  // namespace strider
