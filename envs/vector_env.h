// Many environments stepped together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/parallel.h"
#include "envs/env.h"
#include "envs/env_batch.h"

namespace strider {

// What becomes of an environment whose episode has ended. The names are Gymnasium's.
enum class Autoreset {
  // It is reset at once: observations() shows the new episode's start, next_observations() what the old one
  // ended with.
  kSameStep,
  // observations() shows what the episode ended with. The next step resets the environment instead of
  // stepping it: its action is ignored, its reward 0, both flags are clear, the episode's length is 0. Such a
  // row is no transition.
  kNextStep,
};

// `size` environments of one kind, stepped side by side over the pool's threads, and reset by themselves.
// Results do not depend on the number of threads; environment i gives the bits that a single one gives with
// its seed. Stepping allocates no memory.
class VectorEnv {
 public:
  // Throws InputError where size < 1. REQUIRES: `pool` outlives this object.
  VectorEnv(const std::function<std::unique_ptr<Env>()>& make, int size, WorkerPool& pool,
            Autoreset autoreset = Autoreset::kSameStep);

  int size() const { return static_cast<int>(rewards_.size()); }
  const EnvSpec& spec() const { return spec_; }
  Autoreset autoreset() const { return autoreset_; }

  // Environment i starts from seed + i, as in Gymnasium.
  void Reset(std::uint64_t seed);

  // One step of every environment. `actions` is (size x action_size); throws InputError where it is not.
  void Step(std::span<const float> actions);

  // Rows valid until the next Reset or Step.
  std::span<const double> observations() const { return observations_; }  // (size x obs) to act on next
  // (size x obs) what the last action led to: the final observation where the episode ended. Where an episode
  // is truncated and not terminated, a learner bootstraps from this row.
  std::span<const double> next_observations() const { return next_observations_; }
  std::span<const double> rewards() const { return rewards_; }              // (size)
  std::span<const std::uint8_t> terminated() const { return terminated_; }  // (size)
  std::span<const std::uint8_t> truncated() const { return truncated_; }    // (size)
  // Undiscounted return and length of the episode so far, or of the one that has just ended.
  std::span<const double> episode_returns() const { return episode_returns_; }  // (size)
  std::span<const int> episode_lengths() const { return episode_lengths_; }     // (size)

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  bool Ended(std::size_t index) const { return terminated_[index] != 0 || truncated_[index] != 0; }
  void StepRange(std::size_t begin, std::size_t end, std::span<const float> actions);
  void StepRun(std::size_t begin, std::size_t end, std::span<const float> actions);
  void ResetInstead(std::size_t index);

  EnvSpec spec_;
  WorkerPool& pool_;
  Autoreset autoreset_;
  std::unique_ptr<EnvBatch> batch_;
  std::vector<double> observations_;
  std::vector<double> next_observations_;
  std::vector<double> rewards_;
  std::vector<std::uint8_t> terminated_;
  std::vector<std::uint8_t> truncated_;
  std::vector<double> episode_returns_;
  std::vector<int> episode_lengths_;
  // How long the calling thread takes alone; measured in the first steps, and no matter for the results.
  int steps_timed_ = 0;
  double fastest_step_;  // s
};

}  // namespace strider
