// Policy networks: a perceptron body with the heads that an action distribution needs.
#pragma once

#include <string>
#include <vector>

#include "agents/nn/distributions.h"
#include "agents/nn/mlp.h"

namespace strider::nn {

// State -> (mean, log_std), both linear heads on the last hidden layer; log_std clamped. Parameters: the
// body's "0.weight"..., then "mu.weight", "mu.bias", "log_std.weight", "log_std.bias". For squashed Gaussian
// policies.
class GaussianHeads {
 public:
  GaussianHeads(int inputs, const std::vector<int>& hidden, int actions, Activation activation,
                double log_std_min, double log_std_max);

  struct Output {
    at::Tensor mean;     // (rows x actions)
    at::Tensor log_std;  // (rows x actions), clamped
  };

  std::vector<ParameterShape> Shapes() const;
  void Initialise(const ParameterSet& parameters, Initialisation how, const at::Generator& random) const;
  Output Forward(const ParameterSet& parameters, const at::Tensor& observations) const;

  // The same without a graph.
  struct Pass {
    ForwardPass layers;
    Output output;
  };
  Pass Run(const ParameterSet& parameters, const at::Tensor& observations) const;

  // Of a loss whose gradient by mean and clamped log_std is given: parameters.flat_grad() is replaced by its
  // gradient.
  void Backward(const ParameterSet& parameters, const Pass& pass, const Output& gradient) const;

  // The last hidden layer without a graph, (rows x width). REQUIRES: hidden layers.
  at::Tensor Body(const ParameterSet& parameters, const at::Tensor& observations) const;

 private:
  int inputs_;
  std::vector<int> hidden_;
  int actions_;
  Perceptron net_;
  double log_std_min_;
  double log_std_max_;
};

// State -> (mean, log_std) where the mean is a perceptron's output, through tanh with `squash_mean`, and the
// deviation is the same in all states. Parameters: the perceptron's, then "log_std".
class FreeDeviationGaussian {
 public:
  FreeDeviationGaussian(int inputs, const std::vector<int>& hidden, int actions, bool squash_mean,
                        double log_std_min, double log_std_max);

  struct Output {
    at::Tensor mean;     // (rows x actions)
    at::Tensor log_std;  // (actions), clamped
  };

  std::vector<ParameterShape> Shapes() const;
  // The framework's default layers and log_std = 0.
  void Initialise(const ParameterSet& parameters, const at::Generator& random) const;
  Output Forward(const ParameterSet& parameters, const at::Tensor& observations) const;

 private:
  Mlp mean_;
  std::int64_t actions_;
  bool squash_mean_;
  double log_std_min_;
  double log_std_max_;
};

}  // namespace strider::nn
