// Loops over float32 arrays with the processor's widest vectors. They give the same bits everywhere: an
// entry goes through the same roundings whatever the width of the vectors.
#pragma once

#include <cstdint>

namespace strider::nn {

// x <- max(x, 0); NaN stays NaN, as in at::relu.
void ReluInPlace(float* x, std::int64_t count);

// gradient <- gradient where value > 0, elsewhere 0.
void PassRelu(const float* value, float* gradient, std::int64_t count);

// x <- tanh(x) to 6 units in the last place, within [-1, 1]; NaN stays NaN.
void TanhInPlace(float* x, std::int64_t count);

// gradient <- gradient (1 - value^2), value being a tanh.
void PassTanh(const float* value, float* gradient, std::int64_t count);

// sum (width) <- sum + the rows (count x width), first row first.
void AddRows(const float* rows, std::int64_t count, std::int64_t width, float* sum);

}  // namespace strider::nn
