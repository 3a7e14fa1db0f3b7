// Small perceptrons on the CPU as one node of LibTorch's graph: where layers are up to 128 wide, sending them
// one by one through the dispatcher costs more than the arithmetic.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "agents/nn/activation.h"

namespace strider::nn {

// Linear layers with an activation between them, ending in one or more linear heads on the last hidden layer.
struct SmallPerceptron {
  Activation activation = Activation::kRelu;
  int members = 1;  // above 1: an ensemble, its weights (members x out x in)
  std::size_t heads = 1;
};

// Whether layers of these widths, the input's first, are computed here: where it was measured to be faster.
bool IsSmall(const std::vector<int>& widths);

// Whether this input is: float32 rows on the CPU.
bool IsForSmall(const at::Tensor& x);

// The heads' outputs, (rows x out) or (members x rows x out) each, for x (rows x inputs) and (weight, bias)
// pairs, the heads last. Differentiable in x and the parameters, any number of times. REQUIRES:
// IsForSmall(x).
std::vector<at::Tensor> Evaluate(const SmallPerceptron& net, const at::Tensor& x, at::TensorList parameters);

}  // namespace strider::nn
