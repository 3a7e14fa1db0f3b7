// Many environments stepped together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/parallel.h"
#include "envs/env.h"

namespace strider {

// `size` environments of one kind, stepped side by side over the pool's threads. An environment that ends is
// reset at once (Gymnasium's SameStep mode); what it ended with stays visible in next_observations(). Results
// do not depend on the number of threads. Stepping allocates no memory.
class VectorEnv {
 public:
  // Throws InputError where size < 1. REQUIRES: `pool` outlives this object.
  VectorEnv(const std::function<std::unique_ptr<Env>()>& make, int size, WorkerPool& pool);

  int size() const { return static_cast<int>(envs_.size()); }
  const EnvSpec& spec() const { return envs_.front()->spec(); }
  const Env& env(int index) const { return *envs_[static_cast<std::size_t>(index)]; }

  // Environment i starts from seed + i, as in Gymnasium.
  void Reset(std::uint64_t seed);

  // One step of every environment. `actions` is (size x action_size); throws InputError where it is not.
  void Step(std::span<const float> actions);

  // Rows valid until the next Reset or Step.
  std::span<const double> observations() const { return observations_; }  // (size x obs) to act on next
  std::span<const double> next_observations() const {
    return next_observations_;
  }                                                                         // (size x obs) what the last
                                                                            // action led to; the final
                                                                            // observation where it ended
  std::span<const double> rewards() const { return rewards_; }              // (size)
  std::span<const std::uint8_t> terminated() const { return terminated_; }  // (size)
  std::span<const std::uint8_t> truncated() const { return truncated_; }    // (size)
  // Undiscounted return and length of the episode so far, or of the one that has just ended.
  std::span<const double> episode_returns() const { return episode_returns_; }  // (size)
  std::span<const int> episode_lengths() const { return episode_lengths_; }     // (size)

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  void StepOne(std::size_t index, std::span<const float> action);

  std::vector<std::unique_ptr<Env>> envs_;
  WorkerPool& pool_;
  std::vector<double> observations_;
  std::vector<double> next_observations_;
  std::vector<double> rewards_;
  std::vector<std::uint8_t> terminated_;
  std::vector<std::uint8_t> truncated_;
  std::vector<double> episode_returns_;
  std::vector<int> episode_lengths_;
};

}  // namespace strider
