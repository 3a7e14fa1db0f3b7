#include "agents/replay_sampler.h"

#include <algorithm>
#include <cmath>

namespace strider {
namespace {

// A row that was learnt to the bit must not be forgotten for ever.
constexpr double kLeastError = 1e-6;

at::Tensor ToDevice(const std::vector<float>& values, at::Device device) {
  return at::tensor(at::ArrayRef<float>(values), at::kFloat).to(device, /*non_blocking=*/true);
}

}  // namespace

ReplaySampler::ReplaySampler(const ReplayBuffer& buffer, int streams, const ReplayDraws& draws,
                             at::Device device, std::uint64_t seed)
    : buffer_(buffer),
      streams_(static_cast<std::size_t>(streams)),
      draws_(draws),
      device_(device),
      random_(seed) {
  if (!by_priority()) return;
  while (leaves_ < buffer.capacity()) leaves_ *= 2;
  sums_.resize(2 * leaves_);
}

void ReplaySampler::SetPriority(std::size_t row, double priority) {
  std::size_t node = leaves_ + row;
  sums_[node] = priority;
  // Sums anew rather than differences, so that rounding does not pile up.
  while (node > 1) {
    node /= 2;
    sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
  }
}

std::size_t ReplaySampler::RowAt(double mass) const {
  std::size_t node = 1;
  while (node < leaves_) {
    node *= 2;
    // The right half may be empty where rounding has left a little too much mass.
    if (mass >= sums_[node] && sums_[node + 1] > 0) mass -= sums_[node++];
  }
  return node - leaves_;
}

void ReplaySampler::Appended(std::int64_t first) {
  if (!by_priority()) return;
  for (std::size_t i = 0; i < streams_; ++i) SetPriority(static_cast<std::size_t>(first) + i, highest_);
}

TransitionBatch ReplaySampler::Sample(const BatchSampler& columns, std::int64_t batch, double done) {
  at::Tensor rows = at::empty({batch}, at::kLong);
  auto* const row = rows.mutable_data_ptr<std::int64_t>();
  std::vector<float> weights(static_cast<std::size_t>(batch));
  const double correction = draws_.priority_correction + (1 - draws_.priority_correction) * done;
  for (std::int64_t i = 0; i < batch; ++i) {
    if (!by_priority()) {
      row[i] = random_.Integers(0, static_cast<std::int64_t>(buffer_.size()));
      continue;
    }
    // One row of each of `batch` equal parts of the mass.
    const double mass = (static_cast<double>(i) + random_.Random()) / static_cast<double>(batch) * sums_[1];
    const std::size_t chosen = RowAt(mass);
    row[i] = static_cast<std::int64_t>(chosen);
    const double probability = sums_[leaves_ + chosen] / sums_[1];
    weights[static_cast<std::size_t>(i)] =
        static_cast<float>(std::pow(static_cast<double>(buffer_.size()) * probability, -correction));
  }

  TransitionBatch drawn = columns.Gather(rows.to(device_, /*non_blocking=*/true));
  if (by_priority()) {
    const float largest = *std::ranges::max_element(weights);
    for (float& weight : weights) weight /= largest;
    drawn.weights = ToDevice(weights, device_);
  }
  drawn.indices = rows;  // on the host, for SetPriorities
  if (draws_.n_step == 1) return drawn;

  std::vector<float> rewards(static_cast<std::size_t>(batch));
  std::vector<float> discounts(rewards.size());
  at::Tensor last = at::empty({batch}, at::kLong);
  const std::size_t head = buffer_.total() % buffer_.capacity();  // overwritten next
  for (std::int64_t i = 0; i < batch; ++i) {
    auto at_row = static_cast<std::size_t>(row[i]);
    double sum = buffer_.rewards()[at_row];
    double discount = draws_.discount;
    for (int k = 1; k < draws_.n_step; ++k) {
      const std::size_t next = (at_row + streams_) % buffer_.capacity();
      const bool ended = buffer_.terminals()[at_row] != 0 || buffer_.timeouts()[at_row] != 0;
      if (ended || next / streams_ == head / streams_) break;
      at_row = next;
      sum += discount * buffer_.rewards()[at_row];
      discount *= draws_.discount;
    }
    rewards[static_cast<std::size_t>(i)] = static_cast<float>(sum);
    discounts[static_cast<std::size_t>(i)] = static_cast<float>(discount);
    last.mutable_data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(at_row);
  }
  const TransitionBatch end = columns.Gather(last.to(device_, /*non_blocking=*/true));
  drawn.rewards = ToDevice(rewards, device_);
  drawn.discounts = ToDevice(discounts, device_);
  drawn.next_observations = end.next_observations;
  drawn.terminals = end.terminals;
  return drawn;
}

void ReplaySampler::SetPriorities(const at::Tensor& indices, const at::Tensor& td_errors) {
  if (!by_priority()) return;
  const at::Tensor errors = td_errors.to(at::kCPU, at::kDouble).contiguous();
  for (std::int64_t i = 0; i < indices.size(0); ++i) {
    const double priority =
        std::pow(errors.const_data_ptr<double>()[i] + kLeastError, draws_.priority_exponent);
    highest_ = std::max(highest_, priority);
    SetPriority(static_cast<std::size_t>(indices.const_data_ptr<std::int64_t>()[i]), priority);
  }
}

void ReplaySampler::Save(StateWriter& out) const {
  random_.Save(out);
  out.Put(highest_);
  out.PutSpan(std::span<const double>(sums_));
}

void ReplaySampler::Load(StateReader& in) {
  random_.Load(in);
  highest_ = in.Get<double>();
  in.GetSpan(std::span<double>(sums_));
}

}  // namespace strider
