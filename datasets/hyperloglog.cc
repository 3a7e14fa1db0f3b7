#include "datasets/hyperloglog.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

constexpr double kErrorFactor = 1.04;  // of the standard error, by the root of the number of registers

int IndexBits(double error) {
  constexpr double kSmallest = 0.001;
  constexpr double kLargest = 0.26;
  if (!(error >= kSmallest && error <= kLargest)) {
    throw InputError("error of HyperLogLog: {} is out of range, expected {} to {}", error, kSmallest,
                     kLargest);
  }
  return static_cast<int>(std::ceil(std::log2(std::pow(kErrorFactor / error, 2))));
}

// Ertl's sigma, for the registers that nothing fell into: x + sum of x^(2^k) 2^(k-1) over k >= 1.
double Sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double power = 1.0;
  double sum = x;
  for (double before = -1.0; sum != before;) {
    before = sum;
    x *= x;
    sum += x * power;
    power *= 2;
  }
  return sum;
}

// Ertl's tau, for the registers that can grow no more.
double Tau(double x) {
  if (x == 0.0 || x == 1.0) return 0.0;
  double power = 1.0;
  double sum = 1.0 - x;
  for (double before = -1.0; sum != before;) {
    before = sum;
    x = std::sqrt(x);
    power /= 2;
    sum -= (1.0 - x) * (1.0 - x) * power;
  }
  return sum / 3;
}

}  // namespace

HyperLogLog::HyperLogLog(double error)
    : index_bits_(IndexBits(error)), registers_(std::size_t{1} << index_bits_, 0) {}

void HyperLogLog::Add(std::span<const std::uint64_t> hashes) {
  const std::uint64_t mask = registers_.size() - 1;
  for (const std::uint64_t hash : hashes) {
    // The position of the first set bit among those that do not choose the register.
    const int rank = std::countl_zero(hash >> index_bits_) - index_bits_ + 1;
    std::uint8_t& largest = registers_[hash & mask];
    largest = std::max(largest, static_cast<std::uint8_t>(rank));
  }
}

void HyperLogLog::Unite(const HyperLogLog& other) {
  std::ranges::transform(registers_, other.registers_, registers_.begin(),
                         [](std::uint8_t a, std::uint8_t b) { return std::max(a, b); });
}

double HyperLogLog::Estimate() const {
  std::array<double, 66> counts{};  // of registers by value, 0 to largest
  for (const std::uint8_t value : registers_) ++counts[value];
  const int largest = 64 - index_bits_ + 1;
  const auto registers = static_cast<double>(registers_.size());
  double z = registers * Tau(1.0 - counts[static_cast<std::size_t>(largest)] / registers);
  for (int k = largest - 1; k >= 1; --k) z = (z + counts[static_cast<std::size_t>(k)]) / 2;
  z += registers * Sigma(counts[0] / registers);
  return registers * registers / (2 * std::log(2.0) * z);
}

double HyperLogLog::StandardError() const {
  return kErrorFactor / std::sqrt(static_cast<double>(registers_.size()));
}

}  // namespace strider
