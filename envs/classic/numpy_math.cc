#include "envs/classic/numpy_math.h"

namespace strider {
namespace {

// Read at run time, as the compiler replaces pow(x, 2) by x * x.
const volatile double kTwo = 2;
const volatile float kTwoF = 2;

// x less the multiple of pi/2 nearest to it, taken off in three parts.
struct Reduced {
  explicit Reduced(float x) {
    const float multiple = std::nearbyint(x * 0x1.45f306p-1F);
    rest = std::fma(multiple, -0x1.921fb0p+00F, x);
    rest = std::fma(multiple, -0x1.5110b4p-22F, rest);
    rest = std::fma(multiple, -0x1.846988p-48F, rest);
    quadrant = static_cast<int>(multiple);
  }

  float rest;
  int quadrant;
};

float SinePolynomial(float x) {
  const float square = x * x;
  float r = std::fma(0x1.7d3bbcp-19F, square, -0x1.a06bbap-13F);
  r = std::fma(r, square, 0x1.11119ap-07F);
  r = std::fma(r, square, -0x1.555556p-03F);
  r *= square;
  return std::fma(r, x, x);
}

float CosinePolynomial(float x) {
  const float square = x * x;
  float r = std::fma(0x1.98e616p-16F, square, -0x1.6c06dcp-10F);
  r = std::fma(r, square, 0x1.55553cp-05F);
  r = std::fma(r, square, -0.5F);
  return std::fma(r, square, 1.0F);
}

// The sine of rest + quadrant * pi/2.
float SineInQuadrant(float rest, int quadrant) {
  const float value = quadrant % 2 != 0 ? CosinePolynomial(rest) : SinePolynomial(rest);
  return (quadrant & 2) != 0 ? -value : value;
}

}  // namespace

namespace internal {
double PowerOfTwo(double x) { return std::pow(x, kTwo); }
float PowerOfTwo(float x) { return std::pow(x, kTwoF); }
}  // namespace internal

float NumpySine(float x) {
  const Reduced reduced(x);
  return SineInQuadrant(reduced.rest, reduced.quadrant);
}

float NumpyCosine(float x) {
  const Reduced reduced(x);
  return SineInQuadrant(reduced.rest, reduced.quadrant + 1);
}

}  // namespace strider
