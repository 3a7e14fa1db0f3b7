// What lies between two linear layers.
#pragma once

#include <ATen/ATen.h>

#include <string_view>

namespace strider::nn {

enum class Activation { kRelu, kTanh };

// REQUIRES: relu or tanh, as settings spell them.
inline Activation ParseActivation(std::string_view name) {
  return name == "relu" ? Activation::kRelu : Activation::kTanh;
}

inline at::Tensor Activate(const at::Tensor& x, Activation activation) {
  return activation == Activation::kRelu ? at::relu(x) : at::tanh(x);
}

}  // namespace strider::nn
