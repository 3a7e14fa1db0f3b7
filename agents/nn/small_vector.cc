#include "agents/nn/small_vector.h"

#include <algorithm>

// One body for each width of vectors; which one runs is decided when the program starts.
#if defined(__x86_64__)
#define STRIDER_WIDEST [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define STRIDER_WIDEST
#endif

namespace strider::nn {

STRIDER_WIDEST void ReluInPlace(float* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = x[i] < 0 ? 0 : x[i];
}

STRIDER_WIDEST void PassRelu(const float* value, float* gradient, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] = value[i] > 0 ? gradient[i] : 0;
}

STRIDER_WIDEST void SumRows(const float* rows, std::int64_t count, std::int64_t width, float* sum) {
  std::fill_n(sum, width, 0.0F);
  for (std::int64_t row = 0; row < count; ++row, rows += width) {
    for (std::int64_t j = 0; j < width; ++j) sum[j] += rows[j];
  }
}

}  // namespace strider::nn
