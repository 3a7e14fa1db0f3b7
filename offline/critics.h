// What the offline actor-critics share: an ensemble of critics with targets that follow it.
#pragma once

#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

// Q_i(s, a), ReLU perceptrons evaluated as one batched product. Results are (members x rows).
class Critics {
 public:
  Critics(const Task& task, const std::vector<int>& hidden, int members);

  // Draws the critics' weights; the targets become equal to them.
  void Initialise(nn::Initialisation how, double output_gain, const at::Generator& random);
  // The same as DrawSmallOutputs with a bound of 3e-3.
  void InitialiseSmall(const at::Generator& random);

  at::Tensor Online(const at::Tensor& observations, const at::Tensor& actions) const;
  // Of the first online critic alone, (rows), with gradients into the actions and no weights.
  // REQUIRES: members > 1.
  at::Tensor FirstQ(const at::Tensor& observations, const at::Tensor& actions) const;
  // Without gradients.
  at::Tensor Target(const at::Tensor& observations, const at::Tensor& actions) const;

  // dQ_i/da of the online critics, (members x rows x actions), with gradients into their weights.
  at::Tensor ActionGradient(const at::Tensor& observations, const at::Tensor& actions) const;

  // One step of Adam on the gradient that the set holds.
  void Step(double learning_rate) const { adam_.Step(online_, learning_rate); }
  void MoveTargets(double rate) const { target_.MoveTowards(online_, rate); }

  const nn::ParameterSet& online() const { return online_; }
  const nn::ParameterSet& target() const { return target_; }
  std::vector<nn::NamedTensor> State() const;

 private:
  at::Tensor Forward(const nn::ParameterSet& critics, const at::Tensor& observations,
                     const at::Tensor& actions) const;

  nn::Mlp net_;
  nn::ParameterSet online_;
  nn::ParameterSet target_;
  nn::Adam adam_;
};

// Fresh weights as EDAC and ReBRAC draw them: hidden weights U(+-1/sqrt(fan_in)), hidden biases 0.1; weights
// and biases of the last `outputs` linear layers U(+-bound). Layer norms are left as they are.
void DrawSmallOutputs(const nn::ParameterSet& parameters, std::size_t outputs, double bound,
                      const at::Generator& random);

}  // namespace strider
