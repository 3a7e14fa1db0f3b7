// Draws from a replay buffer that are not uniform over single steps.
#pragma once

#include <vector>

#include "agents/agent.h"
#include "datasets/replay_buffer.h"

namespace strider {

// Returns over n steps, and rows by priority (Schaul et al. 2016, proportional), as ReplayDraws says. The sum
// of a row's rewards ends with its episode, or with the newest row of its environment.
class ReplaySampler {
 public:
  // `buffer` must outlive it; `streams` is its number of environments. Batches are made on `device`.
  ReplaySampler(const ReplayBuffer& buffer, int streams, const ReplayDraws& draws, at::Device device,
                std::uint64_t seed);

  // Rows [first, first + streams) are new: they get the highest priority so far.
  void Appended(std::int64_t first);

  // `batch` rows, gathered by `columns`, a sampler over the same buffer. The weights' exponent grows from
  // priority_correction to 1 with `done`, the part of the run that lies behind.
  TransitionBatch Sample(const BatchSampler& columns, std::int64_t batch, double done);

  // After an update of rows drawn before; on the host.
  void SetPriorities(const at::Tensor& indices, const at::Tensor& td_errors);

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  bool by_priority() const { return draws_.priority_exponent > 0; }
  void SetPriority(std::size_t row, double priority);
  std::size_t RowAt(double mass) const;

  const ReplayBuffer& buffer_;
  std::size_t streams_;
  ReplayDraws draws_;
  at::Device device_;
  Pcg64 random_;
  std::size_t leaves_ = 1;    // rows of the tree's lowest level, a power of two
  std::vector<double> sums_;  // node i is the sum of nodes 2i and 2i + 1; the rows start at node leaves_
  double highest_ = 1;
};

}  // namespace strider
