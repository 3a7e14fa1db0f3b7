#include "envs/vector_env.h"

#include <algorithm>

#include "core/error.h"

namespace strider {
namespace {

template <class T>
std::span<T> Row(std::vector<T>& rows, std::size_t index, std::size_t width) {
  return std::span(rows).subspan(index * width, width);
}

}  // namespace

VectorEnv::VectorEnv(const std::function<std::unique_ptr<Env>()>& make, int size, WorkerPool& pool)
    : pool_(pool) {
  if (size < 1) throw InputError("number of environments is {}; expected at least 1", size);
  for (int i = 0; i < size; ++i) envs_.push_back(make());
  const auto count = envs_.size();
  const auto width = static_cast<std::size_t>(spec().observation_size());
  observations_.resize(count * width);
  next_observations_.resize(count * width);
  rewards_.resize(count);
  terminated_.resize(count);
  truncated_.resize(count);
  episode_returns_.resize(count);
  episode_lengths_.resize(count);
}

void VectorEnv::Reset(std::uint64_t seed) {
  const std::size_t width = observations_.size() / envs_.size();
  pool_.ParallelFor(size(), [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      envs_[i]->Reset(seed + i, Row(observations_, i, width));
    }
  });
  next_observations_ = observations_;
  std::ranges::fill(rewards_, 0.0);
  std::ranges::fill(terminated_, std::uint8_t{0});
  std::ranges::fill(truncated_, std::uint8_t{0});
  std::ranges::fill(episode_returns_, 0.0);
  std::ranges::fill(episode_lengths_, 0);
}

void VectorEnv::Step(std::span<const float> actions) {
  const auto action_size = static_cast<std::size_t>(spec().action_size());
  if (actions.size() != envs_.size() * action_size) {
    throw InputError("{} action numbers given to {} environments {}; expected {}", actions.size(), size(),
                     spec().id, envs_.size() * action_size);
  }
  pool_.ParallelFor(size(), [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      StepOne(i, actions.subspan(i * action_size, action_size));
    }
  });
}

void VectorEnv::StepOne(std::size_t index, std::span<const float> action) {
  if (terminated_[index] != 0 || truncated_[index] != 0) {
    episode_returns_[index] = 0;
    episode_lengths_[index] = 0;
  }
  const std::size_t width = observations_.size() / envs_.size();
  const std::span<double> next = Row(next_observations_, index, width);
  const std::span<double> current = Row(observations_, index, width);
  const StepResult result = envs_[index]->Step(action, next);
  rewards_[index] = result.reward;
  terminated_[index] = result.terminated ? 1 : 0;
  truncated_[index] = result.truncated ? 1 : 0;
  episode_returns_[index] += result.reward;
  ++episode_lengths_[index];
  if (result.terminated || result.truncated) {
    envs_[index]->Reset(current);
  } else {
    std::ranges::copy(next, current.begin());
  }
}

void VectorEnv::Save(StateWriter& out) const {
  for (const auto& env : envs_) env->Save(out);
  out.PutSpan(observations());
  out.PutSpan(next_observations());
  out.PutSpan(rewards());
  out.PutSpan(terminated());
  out.PutSpan(truncated());
  out.PutSpan(episode_returns());
  out.PutSpan(episode_lengths());
}

void VectorEnv::Load(StateReader& in) {
  for (const auto& env : envs_) env->Load(in);
  in.GetSpan(std::span(observations_));
  in.GetSpan(std::span(next_observations_));
  in.GetSpan(std::span(rewards_));
  in.GetSpan(std::span(terminated_));
  in.GetSpan(std::span(truncated_));
  in.GetSpan(std::span(episode_returns_));
  in.GetSpan(std::span(episode_lengths_));
}

}  // namespace strider
