// numpy's scalar arithmetic where C++'s own operators round differently.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace strider {

namespace internal {
// The C library's pow(x, 2), not replaced by x * x.
double PowerOfTwo(double x);
float PowerOfTwo(float x);
}  // namespace internal

// numpy's `x ** 2` of a scalar: the C library's pow, whose result is not always the number nearest to the
// square. Its error is so little above half a unit in the last place that the nearest number, which is the
// product, comes out unless the square lies almost in the middle of two. (Where it does not come out, squares
// lie within 0.008 units of the middle, in 6e7 draws, and within 0.002 for float32, of all from 1e-19 to 8.
// The bound that the library states for pow, 0.52 units, puts them within 0.02.)
//
// A number of them side by side, so that the compiler vectorises what they all need.
template <std::size_t W>
std::array<double, W> Squared(const std::array<double, W>& xs) {
  std::array<double, W> squares;
  std::array<double, W> excess;  // of the rest over what is certain; below 0 nearly always
  for (std::size_t i = 0; i < W; ++i) {
    const double x = xs[i];
    const double product = x * x;
    // The square is product + rest, by products of half-words that are exact.
    const double high = std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & 0xFFFFFFFFF8000000U);
    const double low = x - high;
    const double rest = ((high * high - product) + 2 * high * low) + low * low;
    const double power = std::bit_cast<double>(std::bit_cast<std::uint64_t>(product) & 0x7FF0000000000000U);
    squares[i] = product;
    excess[i] = std::abs(rest) - 0.48 * 0x1p-52 * power;
  }
  for (std::size_t i = 0; i < W; ++i) {
    if (!(excess[i] < 0)) squares[i] = internal::PowerOfTwo(xs[i]);
  }
  return squares;
}
template <std::size_t W>
std::array<float, W> Squared(const std::array<float, W>& xs) {
  std::array<float, W> squares;
  std::array<double, W> excess;
  for (std::size_t i = 0; i < W; ++i) {
    const double square = static_cast<double>(xs[i]) * static_cast<double>(xs[i]);
    squares[i] = static_cast<float>(square);
    const double power = std::bit_cast<double>(std::bit_cast<std::uint64_t>(square) & 0x7FF0000000000000U);
    excess[i] = std::abs(square - static_cast<double>(squares[i])) - 0.49 * 0x1p-23 * power;
  }
  for (std::size_t i = 0; i < W; ++i) {
    if (!(excess[i] < 0)) squares[i] = internal::PowerOfTwo(xs[i]);
  }
  return squares;
}

// numpy's sine and cosine of float32 numbers: two polynomials after reduction to [-pi/4, pi/4], in float32
// with fused multiply-adds. They differ from the C library's by a unit in the last place now and then. Exact
// up to 100; above, the reduction may differ.
float NumpySine(float x);
float NumpyCosine(float x);

}  // namespace strider
