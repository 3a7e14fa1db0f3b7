// What lies between two linear layers.
#pragma once

#include <ATen/ATen.h>

namespace strider::nn {

enum class Activation { kRelu, kTanh };

inline at::Tensor Activate(const at::Tensor& x, Activation activation) {
  return activation == Activation::kRelu ? at::relu(x) : at::tanh(x);
}

}  // namespace strider::nn
