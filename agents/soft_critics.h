// What SAC and its relatives have in common beside the policy: twin critics, the value network that MDPO has
// beside them, and the weight of the entropy.
#pragma once

#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

// Q_1 and Q_2 as one ensemble of ReLU perceptrons: on state and action, or for discrete actions on the state
// alone with one output for each of them.
class TwinCritics {
 public:
  TwinCritics(const Task& task, const std::vector<int>& hidden);

  void Initialise(nn::Initialisation how, const at::Generator& random);

  // Both critics of a set at rows of states and actions, (2 x rows).
  at::Tensor Q(const nn::ParameterSet& critic, const at::Tensor& observations,
               const at::Tensor& actions) const;

  // The same of all discrete actions, (2 x rows x n), without a graph.
  at::Tensor QOfAll(const nn::ParameterSet& critic, const at::Tensor& observations) const;

  // The lesser of both, (rows).
  at::Tensor LeastQ(const nn::ParameterSet& critic, const at::Tensor& observations,
                    const at::Tensor& actions) const;

  // Q(s, a) of the first critic, or of the lesser of both, and d (weight * its sum) / d a, without a graph.
  struct Slope {
    at::Tensor q;          // (rows)
    at::Tensor of_action;  // (rows x actions)
  };
  Slope ActionSlope(const nn::ParameterSet& critic, const at::Tensor& observations, const at::Tensor& actions,
                    bool least, double weight) const;

  // Squared errors (2 x rows) against y = r + gamma (1 - terminal) V(s'), for `next_value` (batch), and one
  // step on half the sum of their means, its gradient's norm at most `max_grad_norm` (0: any).
  at::Tensor Step(const TransitionBatch& batch, const at::Tensor& next_value, double discount,
                  double learning_rate, double max_grad_norm);

  // Q(s, a) in the latest step, before it, (2 x rows).
  const at::Tensor& latest_q() const { return latest_q_; }

  const nn::ParameterSet& online() const { return online_; }
  std::vector<nn::NamedTensor> State() const;

 private:
  bool discrete_;
  nn::Mlp net_;
  nn::Mlp alone_;  // one of them
  nn::ParameterSet online_;
  nn::Adam adam_;
  at::Tensor latest_q_;
};

// V(s), a ReLU perceptron, and the slow copy that critics bootstrap from.
class ValueWithTarget {
 public:
  ValueWithTarget(const Task& task, const std::vector<int>& hidden, nn::Initialisation how,
                  const at::Generator& random);

  // The slow copy's value, (rows), without a graph.
  at::Tensor Target(const at::Tensor& observations) const;

  // Squared errors (rows x 1) against `values` (rows), and one step on half their mean, its gradient's norm
  // at most `max_grad_norm` (0: any).
  at::Tensor Step(const at::Tensor& observations, const at::Tensor& values, double learning_rate,
                  double max_grad_norm) const;

  void MoveTarget(double tau) const { target_.MoveTowards(online_, tau); }
  std::vector<nn::NamedTensor> State() const;

 private:
  nn::Mlp net_;
  nn::ParameterSet online_;
  nn::ParameterSet target_;
  nn::Adam adam_;
};

// alpha of SAC, lambda of MDPO: fixed, or learnt through its logarithm so that the policy's entropy becomes
// the target.
class EntropyWeight {
 public:
  // `name` is "alpha" or "lambda", for files. `target` is the whole entropy aimed at. `initial` may be 0
  // where it is fixed; throws InputError where it is 0 and learnt, which its logarithm could not be.
  EntropyWeight(std::string name, double initial, bool learnt, double target, double learning_rate,
                at::Device device);

  at::Tensor Value() const;  // a scalar on the device, without gradient

  // One step on -mean(log_alpha (log_prob + target)), log_prob without gradient, `anneal` times the learning
  // rate long; the loss.
  at::Tensor Step(const at::Tensor& log_prob, double anneal);

  bool learnt() const { return learnt_; }
  const nn::ParameterSet& logarithm() const { return logarithm_; }
  std::vector<nn::NamedTensor> State() const;  // empty where fixed

 private:
  std::string name_;
  double initial_;
  bool learnt_;
  double target_;
  double learning_rate_;
  nn::ParameterSet logarithm_;
  nn::Adam adam_;
};

}  // namespace strider
