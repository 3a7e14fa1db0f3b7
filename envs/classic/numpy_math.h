// numpy's scalar arithmetic where C++'s own operators round differently.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace strider {

namespace internal {
// The C library's pow(x, 2), not replaced by x * x.
double PowerOfTwo(double x);
}  // namespace internal

// numpy's `x ** 2` of a scalar: the C library's pow, whose result is not always the double nearest to the
// square.
float Squared(float x);
inline double Squared(double x) {
  // pow errs by less than 0.54 units in the last place. So it gives the nearest double, which is the product,
  // unless the square lies close to the middle of two. The exact square is product + rest.
  const double product = x * x;
  const double rest = std::fma(x, x, -product);
  const auto exponent = std::bit_cast<std::uint64_t>(product) & 0x7FF0000000000000U;
  const double unit = std::bit_cast<double>(exponent) * 0x1p-52;  // in the last place
  return std::abs(rest) < 0.45 * unit ? product : internal::PowerOfTwo(x);
}

// numpy's sine and cosine of float32 numbers: two polynomials after reduction to [-pi/4, pi/4], in float32
// with fused multiply-adds. They differ from the C library's by a unit in the last place now and then. Exact
// up to 100; above, the reduction may differ.
float NumpySine(float x);
float NumpyCosine(float x);

}  // namespace strider
