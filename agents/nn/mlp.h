// Multi-layer perceptrons, alone and in ensembles.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "agents/nn/parameters.h"
#include "agents/nn/perceptron.h"

namespace strider::nn {

// Where the hidden layers are normalised.
enum class LayerNorm { kNone, kBeforeActivation, kAfterActivation };

// How fresh weights are drawn.
enum class Initialisation {
  kUniformFanIn,  // weights and biases U(+-1/sqrt(fan_in)), the framework default of the authors' PyTorch
                  // codes
  kGlorot,        // weights U(+-sqrt(6/(fan_in + fan_out))), biases zero, the TensorFlow 1 default
  kOrthogonal,    // orthogonal weights times a gain, biases zero
};

// Numbers U(+-bound). Drawn on the CPU, so that a seed means the same network on every device.
void DrawUniform(const at::Tensor& target, double bound, const at::Generator& random);

// One linear layer of a set, drawn afresh. `weight` is (out x in) or (members x out x in). The gain is used
// by kOrthogonal alone.
void InitialiseLinear(const at::Tensor& weight, const at::Tensor& bias, Initialisation how, double gain,
                      const at::Generator& random);

// The shape of a perceptron: `hidden` layers with activations, then a linear layer. With members > 1 it is an
// ensemble of that many independent networks evaluated as one batched product.
class Mlp {
 public:
  Mlp(int inputs, std::vector<int> hidden, int outputs, Activation activation, int members = 1,
      LayerNorm norm = LayerNorm::kNone, double norm_epsilon = 1e-5);

  // "0.weight", "0.bias", "1.weight", ..., the output layer last; with layer norm "0.norm.weight" and
  // "0.norm.bias" follow "0.bias". Weights are (out x in); an ensemble's are (members x out x in) under names
  // that start with '*' (see ParameterSet::Named).
  std::vector<ParameterShape> Shapes() const;

  // Draws all layers: hidden ones with gain sqrt(2), the last with `output_gain` (orthogonal only).
  void Initialise(const ParameterSet& parameters, Initialisation how, double output_gain,
                  const at::Generator& random) const;

  // x (batch x inputs) -> (batch x outputs), or (members x batch x outputs) for an ensemble, whose members
  // may have inputs of their own, (members x batch x inputs). It is one node of LibTorch's graph (Evaluate in
  // agents/nn/perceptron.h); with layer norm each linear layer is one.
  at::Tensor Forward(const ParameterSet& parameters, const at::Tensor& x) const;

  // Of one member of an ensemble alone, (batch x outputs), with a graph that leads to x and to no parameter.
  // REQUIRES: members > 1, no layer norm.
  at::Tensor ForwardMember(const ParameterSet& parameters, std::int64_t member, const at::Tensor& x) const;

  // Forward for a set's leaves without a graph: outputs[0] is the output. REQUIRES: no layer norm.
  ForwardPass Run(at::TensorList leaves, const at::Tensor& x) const;

  // Of a loss whose gradient by the output, of its shape and contiguous, is given: parameters.flat_grad() is
  // replaced by its gradient.
  void Backward(const ParameterSet& parameters, const ForwardPass& pass, const at::Tensor& gradient) const;

  // And its gradient by the input, (rows x inputs); that by the parameters is left alone.
  at::Tensor InputGradient(at::TensorList leaves, const ForwardPass& pass, const at::Tensor& gradient) const;

  int members() const { return net_.members; }

 private:
  bool normed(std::size_t layer) const { return norm_ != LayerNorm::kNone && layer + 2 < sizes_.size(); }
  // The perceptron's own among a set's leaves or gradients.
  at::TensorList Layers(at::TensorList tensors) const { return tensors.slice(0, 2 * (sizes_.size() - 1)); }
  at::Tensor Normalize(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const;

  std::vector<int> sizes_;  // inputs, hidden..., outputs
  Perceptron net_;
  LayerNorm norm_;
  double norm_epsilon_;
};

}  // namespace strider::nn
