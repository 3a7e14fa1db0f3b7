#include "core/random_state.h"

#include <bit>
#include <limits>

#include "core/random.h"

namespace strider {
namespace {

std::uint32_t SeedOf32Bits(std::uint64_t seed) {
  if (seed <= std::numeric_limits<std::uint32_t>::max()) return static_cast<std::uint32_t>(seed);
  return static_cast<std::uint32_t>(SeedSequence(seed).GenerateState64()[0]);
}

}  // namespace

RandomState::RandomState(std::uint64_t seed) : twister_(SeedOf32Bits(seed)) {}

double RandomState::Random() {
  const std::uint32_t high = NextUint32() >> 5;  // 27 bits
  const std::uint32_t low = NextUint32() >> 6;   // 26 bits
  return (high * 0x1.0p26 + low) * 0x1.0p-53;
}

std::uint32_t RandomState::Integers(std::uint32_t n) {
  const std::uint32_t largest = n - 1;
  if (largest == 0) return 0;
  const std::uint32_t mask = std::numeric_limits<std::uint32_t>::max() >> std::countl_zero(largest);
  while (true) {
    const std::uint32_t value = NextUint32() & mask;
    if (value <= largest) return value;
  }
}

}  // namespace strider
