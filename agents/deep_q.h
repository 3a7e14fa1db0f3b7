// What DQN and its distributional relatives have in common: a network that judges the actions of a state, its
// slow copy, and epsilon-greedy acting. Online baselines sheet, section 7.
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

struct DeepQConfig {
  ReplayConfig replay{.batch_size = 128,
                      .buffer_size = 10000,
                      .learning_starts = 10000,
                      .updates_per_step = 1,
                      .update_interval = 10};
  ReplayDraws draws;
  std::vector<int> hidden{120, 84};
  double lr = 2.5e-4;
  double max_grad_norm = 0;
  int target_interval = 500;
  double tau = 1;
  double epsilon_start = 1;
  double epsilon_end = 0.05;
  double epsilon_fraction = 0.5;
  bool double_q = false;
  bool dueling = false;

  // Numbers of states mean nothing to a network.
  Augmentation ObservationAugmentation() const { return {.one_hot = true}; }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("discount", draws.discount, "discount factor per step", InRange(0, 1));
    visit("hidden", hidden, "widths of the hidden ReLU layers", InRange(1, 65536));
    visit("lr", lr, "Adam's step length", Above(0));
    visit("max_grad_norm", max_grad_norm, "bound on the gradient's norm; 0: none", AtLeast(0));
    visit("target_interval", target_interval,
          "environment steps between moves of the target network; from a dataset alone an update counts for "
          "update_interval / updates_per_step of them",
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

// The network gives `outputs` numbers theta(s, a) for each action: a value, or quantiles. One update fits
// those of the taken actions to y = r + gamma (1 - terminal) theta'(s', a'), theta' being the target network
// and a' what the agent would do at s'.
class DeepQ : public OffPolicyAgent {
 public:
  const ReplayConfig& replay() const override { return deep_q_.replay; }
  ReplayDraws draws() const override { return deep_q_.draws; }
  at::Tensor td_errors() const override { return td_errors_; }
  double exploration_epsilon(std::int64_t step, std::int64_t steps) const override;
  void Update(const TransitionBatch& batch) override;
  std::vector<nn::NamedTensor> State() const override;

  // theta, (rows x actions x outputs).
  at::Tensor Outputs(const nn::ParameterSet& parameters, const at::Tensor& observations) const;
  at::Tensor Targets(const TransitionBatch& batch) const;  // y, (rows x outputs). No gradients.

  const nn::ParameterSet& online() const { return online_; }
  const nn::ParameterSet& target() const { return target_; }

 protected:
  // Throws InputError where the actions are not discrete.
  DeepQ(const Task& task, const DeepQConfig& config, int outputs);

  // The greedy actions by theta (rows x actions x outputs) at (rows) observations, (rows) int64.
  virtual at::Tensor Greedy(const at::Tensor& outputs, const at::Tensor& observations) const = 0;
  // The loss of each row for theta(s, a) and y, (rows x outputs) each.
  virtual at::Tensor Losses(const at::Tensor& outputs, const at::Tensor& targets) const = 0;
  // After each move of the target.
  virtual void AfterTargetMove() {}

  // A policy with the network's hidden layers, and its last one, which gives theta row by row, the outputs of
  // one action after the other: value, advantages and their mean are linear in what is below.
  Policy SnapshotNetwork() const;
  int choices() const { return choices_; }

 private:
  bool TargetMoves() const;

  DeepQConfig deep_q_;
  int choices_;
  int outputs_;
  nn::Mlp net_;  // theta, or the state's value and the actions' advantages
  nn::ParameterSet online_;
  nn::ParameterSet target_;
  nn::Adam adam_;
  at::Tensor td_errors_;
};

}  // namespace strider
