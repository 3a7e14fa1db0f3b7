// Forward and backward passes of perceptrons that cost their products and little else: without LibTorch's
// graph, for updates whose gradients are known in closed form, or as one node of it.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "agents/nn/activation.h"

namespace strider::nn {

// Linear layers with an activation between them, ending in one or more linear heads on the last hidden layer.
struct Perceptron {
  Activation activation = Activation::kRelu;
  int members = 1;  // above 1: an ensemble, its weights (members x out x in)
  std::size_t heads = 1;
};

// What a forward pass leaves for the backward one.
struct ForwardPass {
  at::Tensor input;                 // (rows x inputs), or (members x rows x inputs)
  std::vector<at::Tensor> hidden;   // ([members x] rows x width) each, after the activation
  std::vector<at::Tensor> outputs;  // ([members x] rows x out) one a head
};

// x (rows x inputs), or (members x rows x inputs) where an ensemble's members have inputs of their own,
// through (weight, bias) pairs, contiguous and the heads last. Builds no graph.
ForwardPass RunForward(const Perceptron& net, const at::Tensor& x, at::TensorList parameters);

// From d loss / d outputs, contiguous and one a head: d loss / d parameters, which replace what is in `into`,
// one a parameter (undefined, or none at all: not wanted); and d loss / d input, of the input's shape, which
// is the result where it is wanted. A head without a gradient (undefined) has no part in the loss: its own
// entries of `into` are left alone, and where no head has one, so are all, and the result is undefined.
at::Tensor RunBackward(const Perceptron& net, const ForwardPass& pass, at::TensorList parameters,
                       at::TensorList output_gradients, at::TensorList into, bool of_input);

// The outputs in LibTorch's graph, of x as RunForward takes it. Differentiable in x and the parameters, any
// number of times.
std::vector<at::Tensor> Evaluate(const Perceptron& net, const at::Tensor& x, at::TensorList parameters);

}  // namespace strider::nn
