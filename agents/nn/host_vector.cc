#include "agents/nn/host_vector.h"

#include "core/widest.h"

namespace strider::nn {

STRIDER_WIDEST void ReluInPlace(float* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = x[i] < 0 ? 0 : x[i];
}

STRIDER_WIDEST void PassRelu(const float* value, float* gradient, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] = value[i] > 0 ? gradient[i] : 0;
}

// x P(x^2) / Q(x^2): the quotient of these degrees with the least largest relative error up to kFlat, which
// is 2.1e-8; rounding adds more. From there on the nearest float is 1.
STRIDER_WIDEST void TanhInPlace(float* x, std::int64_t count) {
  constexpr float kFlat = 9.02F;
  for (std::int64_t i = 0; i < count; ++i) {
    float v = x[i];
    v = v > kFlat ? kFlat : v;
    v = v < -kFlat ? -kFlat : v;
    const float y = v * v;
    float p = 1.33176862e-8F;
    p = p * y + 2.05824794e-5F;
    p = p * y + 0.00349397452F;
    p = p * y + 0.13379668F;
    p = p * y + 0.999999979F;
    float q = 7.76145039e-7F;
    q = q * y + 0.000328299385F;
    q = q * y + 0.0258708465F;
    q = q * y + 0.467129833F;
    q = q * y + 1;
    v = v * p / q;
    v = v > 1 ? 1 : v;
    x[i] = v < -1 ? -1 : v;
  }
}

STRIDER_WIDEST void PassTanh(const float* value, float* gradient, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] *= 1 - value[i] * value[i];
}

STRIDER_WIDEST void AddRows(const float* rows, std::int64_t count, std::int64_t width, float* sum) {
  for (std::int64_t row = 0; row < count; ++row, rows += width) {
    for (std::int64_t j = 0; j < width; ++j) sum[j] += rows[j];
  }
}

}  // namespace strider::nn
