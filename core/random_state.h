// numpy's older generator, numpy.random.RandomState over the Mersenne twister MT19937, as far as the suite
// needs it: environments older than Gymnasium draw from it.
#pragma once

#include <cstdint>
#include <random>

#include "core/state.h"

namespace strider {

// Not thread-safe; copying copies the position.
class RandomState {
 public:
  // As RandomState(seed). numpy refuses seeds of 2^32 and more; here they are mixed down to 32 bits first.
  explicit RandomState(std::uint64_t seed);

  // Uniform on [0, 1) with 53 bits, as rand().
  double Random();

  // Uniform on {0, ..., n - 1}, as randint(n). REQUIRES: n >= 1.
  std::uint32_t Integers(std::uint32_t n);

  void Save(StateWriter& out) const { out.Put(twister_); }
  void Load(StateReader& in) { twister_ = in.Get<std::mt19937>(); }

 private:
  std::uint32_t NextUint32() { return static_cast<std::uint32_t>(twister_()); }

  // The standard's generator is seeded as numpy's is and gives the same numbers.
  std::mt19937 twister_;
};

}  // namespace strider
