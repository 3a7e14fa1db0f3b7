// Small perceptrons on the CPU, apart from LibTorch: where layers are up to 128 wide, sending them one by one
// through the dispatcher costs more than the arithmetic.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "agents/nn/perceptron.h"

namespace strider::nn {

// Whether layers of these widths, the input's first, are computed here: where it was measured to be faster.
bool IsSmall(const std::vector<int>& widths);

// Whether this input is: float32 rows on the CPU.
bool IsForSmall(const at::Tensor& x);

// RunForward and RunBackward (agents/nn/perceptron.h) done here. REQUIRES: IsForSmall(x).
ForwardPass RunSmallForward(const Perceptron& net, const at::Tensor& x, at::TensorList parameters);
at::Tensor RunSmallBackward(const Perceptron& net, const ForwardPass& pass, at::TensorList parameters,
                            at::TensorList output_gradients, at::TensorList into, bool of_input);

}  // namespace strider::nn
