// Products of float32 matrices on one core: no dispatch, no threads, the processor's widest vectors.
#pragma once

#include <cstddef>
#include <cstdint>

namespace strider::nn {

// A matrix in somebody else's memory: entry (i, j) is data[i * row + j * column].
struct StridedMatrix {
  const float* data = nullptr;
  std::ptrdiff_t row = 0;
  std::ptrdiff_t column = 1;
};

// out = start + a b with a (rows x inner) and b (inner x columns). `out` lies row by row without gaps; row i
// of `start` is at start + i * start_row, so that a start_row of 0 adds one row to all; null adds nothing.
// `start` may be `out` itself.
struct Product {
  std::int64_t rows = 0;
  std::int64_t inner = 0;
  std::int64_t columns = 0;
  StridedMatrix a;
  StridedMatrix b;
  const float* start = nullptr;
  std::ptrdiff_t start_row = 0;
  float* out = nullptr;
};

// An entry of the result is summed over `inner` in order, so that it depends on its own row and column alone:
// not on the number of rows, nor of threads. Other processors round otherwise (fused multiply-add or not).
void Multiply(const Product& product);

}  // namespace strider::nn
