// numpy's random numbers, bit for bit: SeedSequence, PCG64, the ziggurat normal and Lemire's bounded
// integers. Source: numpy 2.x, as restated in the environments sheet, section 9. Every random draw of the
// suite that is not made on a learner's device comes from here.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "core/state.h"

namespace strider {

// Spreads a seed over a pool of four 32-bit words (numpy.random.SeedSequence).
class SeedSequence {
 public:
  // Entropy is one non-negative 64-bit integer, as in Gymnasium's reset(seed=...).
  explicit SeedSequence(std::uint64_t seed) : SeedSequence(seed, {}) {}

  // The child that numpy's SeedSequence(seed, spawn_key=key) is: independent of its siblings and of its
  // parent.
  SeedSequence(std::uint64_t seed, std::initializer_list<std::uint32_t> spawn_key);

  const std::array<std::uint32_t, 4>& pool() const { return pool_; }

  // generate_state(4, uint64).
  std::array<std::uint64_t, 4> GenerateState64() const;

 private:
  std::array<std::uint32_t, 4> pool_{};
};

// numpy.random.Generator over PCG64 (XSL-RR, 128-bit state). Not thread-safe; copying copies the position.
class Pcg64 {
 public:
  explicit Pcg64(std::uint64_t seed) : Pcg64(SeedSequence(seed)) {}
  explicit Pcg64(const SeedSequence& sequence);

  std::uint64_t NextUint64();
  // Takes half of a 64-bit draw and keeps the other half for the next call, as numpy does.
  std::uint32_t NextUint32();

  // Uniform on [0, 1) with 53 bits.
  double Random() { return static_cast<double>(NextUint64() >> 11) * 0x1.0p-53; }

  // Uniform on [low, high): product and sum are rounded separately.
  double Uniform(double low, double high);

  double StandardNormal();

  // Uniform on {low, ..., high - 1}, as Generator.integers with the default 64-bit type. REQUIRES: low <
  // high.
  std::int64_t Integers(std::int64_t low, std::int64_t high);

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

  // High and low words of the state and of the increment, for checks against numpy.
  std::array<std::uint64_t, 2> state_words() const;
  std::array<std::uint64_t, 2> increment_words() const;

 private:
  __extension__ using Uint128 = unsigned __int128;

  Uint128 state_ = 0;
  Uint128 increment_ = 0;
  std::uint32_t saved_half_ = 0;
  bool has_saved_half_ = false;
};

// What a stream of random numbers is for. Each purpose of each run has a stream of its own, so that, say,
// more evaluation episodes do not change what is explored.
enum class Purpose : std::uint32_t {
  kInitialisation = 1,  // network weights
  kExploration = 2,     // actions while training
  kSampling = 3,        // minibatches, shuffles
  kLearning = 4,        // noise inside updates
  kTraining = 5,        // environments that are trained in
  kEvaluation = 6,      // environments that are evaluated in
  kCollection = 7,      // actions while collecting a dataset
  kStatistics = 8,      // bootstrap resampling
};

// The 64-bit seed of stream `index` of a purpose, derived from the run's seed.
std::uint64_t StreamSeed(std::uint64_t run_seed, Purpose purpose, std::uint32_t index = 0);

}  // namespace strider
