// Transitions on the learner's device.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <string>

#include "datasets/replay_buffer.h"

namespace strider {

// Some transitions, drawn for one update. float32 unless said.
struct TransitionBatch {
  at::Tensor indices;            // (batch) int64: rows of the source they were drawn from; -1: see Mix
  at::Tensor observations;       // (batch x observations), transformed as the policy's are
  at::Tensor actions;            // (batch x actions); boxes in the [-1, 1] frame
  at::Tensor rewards;            // (batch)
  at::Tensor next_observations;  // (batch x observations)
  at::Tensor terminals;          // (batch) 1 where the task ended; a time-out is 0
  // (batch x actions) logged at s', NaN where none was; undefined where the source has none. At terminals it
  // means nothing.
  at::Tensor next_actions = {};
  // Where rewards are sums over several steps: (batch) the discount of the state that follows them.
  at::Tensor discounts = {};
  // Where rows are drawn by priority: (batch) weights that make up for it.
  at::Tensor weights = {};
};

// The rows of a dataset, then those of a replay buffer, whose indices become -1. Discounts and weights are
// left out. REQUIRES: both have next actions, or neither has.
TransitionBatch Mix(const TransitionBatch& logged, const TransitionBatch& replayed);

// Columns in host memory, `capacity` rows each.
struct TransitionColumns {
  std::int64_t capacity = 0;
  int observation_size = 0;
  int action_size = 0;
  std::span<const float> observations;
  std::span<const float> actions;
  std::span<const float> rewards;
  std::span<const float> next_observations;
  std::span<const float> terminals;
  std::span<const float> next_actions = {};  // empty where nobody needs them
};

// Numbers of rows, uniform with replacement, drawn where they are needed: on the CPU from a PCG64, elsewhere
// on the device, whose generator gets a seed of the PCG64's for each draw. Nothing travels there, and what a
// checkpoint keeps is the same on every device.
class RowDraws {
 public:
  RowDraws(at::Device device, std::uint64_t seed);

  // (batch) int64 in [0, rows), on the device.
  at::Tensor Next(std::int64_t batch, std::int64_t rows);

  // The random stream, for checkpoints.
  void Save(StateWriter& out) const { numbers_.Save(out); }
  void Load(StateReader& in) { numbers_.Load(in); }

 private:
  UniformSampler numbers_;
  at::Generator on_device_;  // undefined on the CPU
};

// Draws minibatches uniformly with replacement from columns that it keeps on the learner's device: on the CPU
// it reads the caller's memory in place, elsewhere it holds a copy that Upload keeps up to date. The columns
// must outlive the sampler.
class BatchSampler {
 public:
  BatchSampler(const TransitionColumns& columns, at::Device device, std::uint64_t seed);

  // Brings rows [first, first + count) to the device after the host changed them; nothing to do on the CPU.
  void Upload(std::int64_t first, std::int64_t count);

  // `batch` rows out of the first `rows`.
  TransitionBatch Sample(std::int64_t batch, std::int64_t rows);

  // Their numbers alone, on the device; the next call draws on.
  at::Tensor Draw(std::int64_t batch, std::int64_t rows) { return rows_.Next(batch, rows); }

  // The named rows; on the device. REQUIRES: indices (rows) int64, contiguous, each within the capacity.
  TransitionBatch Gather(const at::Tensor& indices) const;

  // The random stream, for checkpoints.
  void Save(StateWriter& out) const { rows_.Save(out); }
  void Load(StateReader& in) { rows_.Load(in); }

 private:
  TransitionBatch host_;  // the columns, as tensors over the caller's memory; indices unused
  TransitionBatch all_;   // the columns on the device; the same tensors on the CPU
  RowDraws rows_;
};

// A stream of device random numbers of its own. Throws InputError where the device is not to be had.
at::Generator MakeGenerator(at::Device device, std::uint64_t seed);

// Its state, for checkpoints. Devices keep different ones: loading that of another kind leaves the generator
// as it is, so that a run which goes on elsewhere begins its noise anew.
void SaveGenerator(StateWriter& out, const at::Generator& generator);
void LoadGenerator(StateReader& in, at::Generator& generator);

// "cpu", "cuda" or "cuda:1"; throws InputError that says what is missing.
at::Device ParseDevice(const std::string& text);

}  // namespace strider
