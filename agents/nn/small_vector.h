// Loops over small float32 arrays with the processor's widest vectors. None of them rounds more than once, so
// that they give the same bits everywhere.
#pragma once

#include <cstdint>

namespace strider::nn {

// x <- max(x, 0); NaN stays NaN, as in at::relu.
void ReluInPlace(float* x, std::int64_t count);

// gradient <- gradient where value > 0, elsewhere 0.
void PassRelu(const float* value, float* gradient, std::int64_t count);

// sum (width) <- the sum of rows (rows x width), first row first.
void SumRows(const float* rows, std::int64_t count, std::int64_t width, float* sum);

}  // namespace strider::nn
