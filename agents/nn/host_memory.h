// Memory of the host as tensors.
#pragma once

#include <ATen/ATen.h>

#include <span>

namespace strider::nn {

// A float32 tensor of `shape` over `values`, without a copy. REQUIRES: `values` outlives it, holds as many
// numbers as `shape`, and nobody writes through the tensor (LibTorch has no read-only ones).
inline at::Tensor OverHostMemory(std::span<const float> values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);  // NOLINT(*-const-cast)
}

}  // namespace strider::nn
