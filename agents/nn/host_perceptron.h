// Perceptrons of float32 numbers in the processor's own memory, apart from LibTorch: no dispatch, hardly a
// pass over memory beside the products, and the same bits for any number of threads.
#pragma once

#include <ATen/ATen.h>

#include "agents/nn/perceptron.h"

namespace strider::nn {

// Whether a perceptron with this input is computed here: float32 on the CPU.
bool IsForHost(const at::Tensor& x);

// RunForward and RunBackward (agents/nn/perceptron.h) done here, on LibTorch's threads where there is work
// enough. REQUIRES: IsForHost(x).
ForwardPass RunHostForward(const Perceptron& net, const at::Tensor& x, at::TensorList parameters);
at::Tensor RunHostBackward(const Perceptron& net, const ForwardPass& pass, at::TensorList parameters,
                           at::TensorList output_gradients, at::TensorList into, bool of_input);

}  // namespace strider::nn
