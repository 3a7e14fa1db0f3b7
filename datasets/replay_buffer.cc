#include "datasets/replay_buffer.h"

#include <algorithm>

#include "core/error.h"

namespace strider {

ReplayBuffer::ReplayBuffer(std::size_t capacity, std::size_t observation_size, std::size_t action_size,
                           std::size_t streams)
    : capacity_((capacity + streams - 1) / streams * streams),
      observation_size_(observation_size),
      action_size_(action_size),
      streams_(streams),
      observations_(capacity_ * observation_size),
      actions_(capacity_ * action_size),
      rewards_(capacity_),
      next_observations_(capacity_ * observation_size),
      terminals_(capacity_),
      timeouts_(capacity_) {}

template <class Real>
void ReplayBuffer::Append(const StepRows<Real>& rows) {
  // The capacity is a multiple of `streams_`: a block never straddles the ring's end.
  const auto to_float = [](Real value) { return static_cast<float>(value); };
  const auto at = [this](std::vector<float>& column, std::size_t width) {
    return column.data() + head_ * width;
  };
  std::transform(rows.observations.begin(), rows.observations.end(), at(observations_, observation_size_),
                 to_float);
  std::copy(rows.actions.begin(), rows.actions.end(), at(actions_, action_size_));
  std::transform(rows.rewards.begin(), rows.rewards.end(), at(rewards_, 1), to_float);
  std::transform(rows.next_observations.begin(), rows.next_observations.end(),
                 at(next_observations_, observation_size_), to_float);
  std::transform(rows.terminals.begin(), rows.terminals.end(), at(terminals_, 1),
                 [](std::uint8_t flag) { return flag != 0 ? 1.0F : 0.0F; });
  std::transform(rows.timeouts.begin(), rows.timeouts.end(), timeouts_.data() + head_,
                 [](std::uint8_t flag) { return static_cast<std::uint8_t>(flag != 0); });
  head_ = (head_ + streams_) % capacity_;
  size_ = std::min(size_ + streams_, capacity_);
  total_ += streams_;
}

template void ReplayBuffer::Append(const StepRows<float>&);
template void ReplayBuffer::Append(const StepRows<double>&);

std::span<const float> ReplayBuffer::observations() const {
  return {observations_.data(), size_ * observation_size_};
}
std::span<const float> ReplayBuffer::actions() const { return {actions_.data(), size_ * action_size_}; }
std::span<const float> ReplayBuffer::rewards() const { return {rewards_.data(), size_}; }
std::span<const float> ReplayBuffer::next_observations() const {
  return {next_observations_.data(), size_ * observation_size_};
}
std::span<const float> ReplayBuffer::terminals() const { return {terminals_.data(), size_}; }
std::span<const std::uint8_t> ReplayBuffer::timeouts() const { return {timeouts_.data(), size_}; }

void ReplayBuffer::Save(StateWriter& out) const {
  for (const std::size_t value : {capacity_, observation_size_, action_size_, streams_, size_, head_}) {
    out.Put<std::uint64_t>(value);
  }
  out.Put(total_);
  out.PutSpan(observations());
  out.PutSpan(actions());
  out.PutSpan(rewards());
  out.PutSpan(next_observations());
  out.PutSpan(terminals());
  out.PutSpan(timeouts());
}

void ReplayBuffer::Load(StateReader& in) {
  for (const std::size_t expected : {capacity_, observation_size_, action_size_, streams_}) {
    const auto saved = in.Get<std::uint64_t>();
    if (saved != expected) {
      throw InputError("saved replay buffer has a size of {} where this run's has {}", saved, expected);
    }
  }
  const auto size = in.Get<std::uint64_t>();
  const auto head = in.Get<std::uint64_t>();
  if (size > capacity_ || head >= capacity_) throw InputError("saved replay buffer is damaged");
  size_ = size;
  head_ = head;
  total_ = in.Get<std::uint64_t>();
  in.GetSpan(std::span(observations_.data(), size_ * observation_size_));
  in.GetSpan(std::span(actions_.data(), size_ * action_size_));
  in.GetSpan(std::span(rewards_.data(), size_));
  in.GetSpan(std::span(next_observations_.data(), size_ * observation_size_));
  in.GetSpan(std::span(terminals_.data(), size_));
  in.GetSpan(std::span(timeouts_.data(), size_));
}

Dataset ReplayBuffer::ToDataset() const {
  Dataset dataset;
  dataset.rows = size_;
  dataset.observation_size = observation_size_;
  dataset.action_size = action_size_;
  const std::size_t oldest = size_ < capacity_ ? 0 : head_;
  const auto append = [](std::vector<float>& to, const std::vector<float>& from, std::size_t row,
                         std::size_t width) {
    to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(row * width),
              from.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
  };
  for (std::size_t stream = 0; stream < streams_; ++stream) {
    for (std::size_t age = stream; age < size_; age += streams_) {
      const std::size_t row = (oldest + age) % capacity_;
      append(dataset.observations, observations_, row, observation_size_);
      append(dataset.actions, actions_, row, action_size_);
      append(dataset.rewards, rewards_, row, 1);
      append(dataset.next_observations, next_observations_, row, observation_size_);
      dataset.terminals.push_back(terminals_[row] != 0.0F ? 1 : 0);
      dataset.timeouts.push_back(timeouts_[row]);
    }
    const bool followed = stream + 1 < streams_ && !dataset.timeouts.empty();
    if (followed && dataset.terminals.back() == 0) dataset.timeouts.back() = 1;
  }
  return dataset;
}

void UniformSampler::Sample(std::size_t size, std::span<std::int64_t> rows) {
  for (std::int64_t& row : rows) row = random_.Integers(0, static_cast<std::int64_t>(size));
}

}  // namespace strider
