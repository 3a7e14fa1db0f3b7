// What an agent has lived through lately, and uniform draws from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"
#include "core/state.h"
#include "datasets/dataset.h"

namespace strider {

// One step of several environments: row i belongs to environment i. Real is float or double.
template <class Real>
struct StepRows {
  std::span<const Real> observations;       // (rows x observation_size) acted on
  std::span<const float> actions;           // (rows x action_size)
  std::span<const Real> rewards;            // (rows)
  std::span<const Real> next_observations;  // (rows x observation_size) led to, before any reset
  std::span<const std::uint8_t> terminals;  // (rows)
  std::span<const std::uint8_t> timeouts;   // (rows)
};

// A ring of transitions in columns: once full, the oldest rows are overwritten. Rows [0, size()) are valid,
// in no useful order once it has wrapped. Memory is taken at construction. Not thread-safe.
class ReplayBuffer {
 public:
  // `streams` is the number of environments that every Append brings a row of. The capacity is in rows and is
  // rounded up to a multiple of it. REQUIRES: all >= 1.
  ReplayBuffer(std::size_t capacity, std::size_t observation_size, std::size_t action_size,
               std::size_t streams = 1);

  // Appends `streams` rows. REQUIRES: spans of exactly that many rows.
  template <class Real>
  void Append(const StepRows<Real>& rows);

  std::size_t capacity() const { return capacity_; }
  std::size_t size() const { return size_; }
  std::uint64_t total() const { return total_; }  // rows ever appended
  std::size_t observation_size() const { return observation_size_; }
  std::size_t action_size() const { return action_size_; }

  // Columns of the valid rows. The memory stays in place for the buffer's lifetime.
  std::span<const float> observations() const;       // (size x observation_size)
  std::span<const float> actions() const;            // (size x action_size)
  std::span<const float> rewards() const;            // (size)
  std::span<const float> next_observations() const;  // (size x observation_size)
  std::span<const float> terminals() const;          // (size) 0 or 1
  std::span<const std::uint8_t> timeouts() const;    // (size) 0 or 1

  // The complete state; Load needs a buffer of the same sizes (InputError otherwise).
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

  // The rows from the oldest to the newest, one environment after the other, as a medium-replay file holds
  // them. Where an environment's rows stop in mid-episode and another's follow, the last one is marked as a
  // time-out, so that nobody connects the two.
  Dataset ToDataset() const;

 private:
  std::size_t capacity_;
  std::size_t observation_size_;
  std::size_t action_size_;
  std::size_t streams_;
  std::size_t size_ = 0;
  std::size_t head_ = 0;  // row that is written next
  std::uint64_t total_ = 0;
  std::vector<float> observations_;
  std::vector<float> actions_;
  std::vector<float> rewards_;
  std::vector<float> next_observations_;
  std::vector<float> terminals_;
  std::vector<std::uint8_t> timeouts_;
};

// Draws row numbers uniformly, with replacement.
class UniformSampler {
 public:
  explicit UniformSampler(Pcg64 random) : random_(random) {}

  // Fills `rows` with numbers in [0, size). REQUIRES: size >= 1.
  void Sample(std::size_t size, std::span<std::int64_t> rows);

  void Save(StateWriter& out) const { random_.Save(out); }
  void Load(StateReader& in) { random_.Load(in); }

 private:
  Pcg64 random_;
};

}  // namespace strider
