// Environments of one kind side by side, in whatever form steps fastest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/random.h"
#include "core/state.h"

namespace strider {

// Where a step of several environments writes: arrays with one row for each of them.
struct BatchRows {
  std::span<double> observations;      // (size x observation)
  std::span<double> rewards;           // (size)
  std::span<std::uint8_t> terminated;  // (size)
  std::span<std::uint8_t> truncated;   // (size)
};

// Environment `index` of a batch does what a single Env with the same options, seed and actions does, to the
// bit. Different environments of a batch may be stepped by different threads at once. Stepping allocates no
// memory.
class EnvBatch {
 public:
  virtual ~EnvBatch() = default;
  EnvBatch(const EnvBatch&) = delete;
  EnvBatch& operator=(const EnvBatch&) = delete;

  // As Env's. `observation` is a row of one environment.
  virtual void Reset(std::size_t index, std::uint64_t seed, std::span<double> observation) = 0;
  virtual void Reset(std::size_t index, std::span<double> observation) = 0;

  // One step of environments [begin, end), whose rows alone are written. `actions` is (size x action). Throws
  // InputError as Env::Step does. REQUIRES: arrays of the right size.
  virtual void Step(std::size_t begin, std::size_t end, std::span<const float> actions,
                    const BatchRows& rows) = 0;

  virtual void Save(StateWriter& out) const = 0;
  virtual void Load(StateReader& in) = 0;

 protected:
  EnvBatch() = default;
};

}  // namespace strider
