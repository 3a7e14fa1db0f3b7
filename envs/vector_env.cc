#include "envs/vector_env.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

// A step shorter than this (s) is done by the calling thread alone: waking the others would cost more.
constexpr double kWorthWaking = 30e-6;
constexpr int kTimedSteps = 8;

template <class T>
std::span<T> Row(std::span<T> rows, std::size_t index, std::size_t width) {
  return rows.subspan(index * width, width);
}

// Environments that have no faster form: as many objects.
class SingleEnvs final : public EnvBatch {
 public:
  SingleEnvs(std::unique_ptr<Env> first, const std::function<std::unique_ptr<Env>()>& make, std::size_t size)
      : observation_size_(static_cast<std::size_t>(first->spec().observation_size())),
        action_size_(static_cast<std::size_t>(first->spec().action_size())) {
    envs_.push_back(std::move(first));
    while (envs_.size() < size) envs_.push_back(make());
  }

  void Reset(std::size_t index, std::uint64_t seed, std::span<double> observation) override {
    envs_[index]->Reset(seed, observation);
  }
  void Reset(std::size_t index, std::span<double> observation) override { envs_[index]->Reset(observation); }

  void Step(std::size_t begin, std::size_t end, std::span<const float> actions,
            const BatchRows& rows) override {
    for (std::size_t i = begin; i < end; ++i) {
      const StepResult result =
          envs_[i]->Step(Row(actions, i, action_size_), Row(rows.observations, i, observation_size_));
      rows.rewards[i] = result.reward;
      rows.terminated[i] = result.terminated ? 1 : 0;
      rows.truncated[i] = result.truncated ? 1 : 0;
    }
  }

  void Save(StateWriter& out) const override {
    for (const auto& env : envs_) env->Save(out);
  }
  void Load(StateReader& in) override {
    for (const auto& env : envs_) env->Load(in);
  }

 private:
  std::vector<std::unique_ptr<Env>> envs_;
  std::size_t observation_size_;
  std::size_t action_size_;
};

}  // namespace

VectorEnv::VectorEnv(const std::function<std::unique_ptr<Env>()>& make, int size, WorkerPool& pool,
                     Autoreset autoreset)
    : pool_(pool), autoreset_(autoreset), fastest_step_(std::numeric_limits<double>::infinity()) {
  if (size < 1) throw InputError("number of environments is {}; expected at least 1", size);
  const auto count = static_cast<std::size_t>(size);
  std::unique_ptr<Env> first = make();
  spec_ = first->spec();
  batch_ = first->MakeBatch(count);
  if (batch_ == nullptr) batch_ = std::make_unique<SingleEnvs>(std::move(first), make, count);
  const auto width = static_cast<std::size_t>(spec_.observation_size());
  observations_.resize(count * width);
  next_observations_.resize(count * width);
  rewards_.resize(count);
  terminated_.resize(count);
  truncated_.resize(count);
  episode_returns_.resize(count);
  episode_lengths_.resize(count);
}

void VectorEnv::Reset(std::uint64_t seed) {
  const std::size_t width = observations_.size() / rewards_.size();
  pool_.ParallelFor(size(), [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      batch_->Reset(i, seed + i, Row(std::span(observations_), i, width));
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
  const auto action_size = static_cast<std::size_t>(spec_.action_size());
  if (actions.size() != rewards_.size() * action_size) {
    throw InputError("{} action numbers given to {} environments {}; expected {}", actions.size(), size(),
                     spec_.id, rewards_.size() * action_size);
  }
  if (steps_timed_ < kTimedSteps) {
    const auto start = std::chrono::steady_clock::now();
    StepRange(0, rewards_.size(), actions);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    fastest_step_ = std::min(fastest_step_, taken.count());
    ++steps_timed_;
  } else if (fastest_step_ < kWorthWaking) {
    StepRange(0, rewards_.size(), actions);
  } else {
    pool_.ParallelFor(size(), [&](std::int64_t begin, std::int64_t end) {
      StepRange(static_cast<std::size_t>(begin), static_cast<std::size_t>(end), actions);
    });
  }
}

// Everything that a step does to environments [begin, end): runs of them are stepped, between those that are
// reset instead.
void VectorEnv::StepRange(std::size_t begin, std::size_t end, std::span<const float> actions) {
  std::size_t run = begin;
  for (std::size_t i = begin; i < end; ++i) {
    if (!Ended(i)) continue;
    episode_returns_[i] = 0;
    episode_lengths_[i] = 0;
    if (autoreset_ == Autoreset::kSameStep) continue;
    StepRun(run, i, actions);
    ResetInstead(i);
    run = i + 1;
  }
  StepRun(run, end, actions);
}

void VectorEnv::StepRun(std::size_t begin, std::size_t end, std::span<const float> actions) {
  batch_->Step(begin, end, actions, {next_observations_, rewards_, terminated_, truncated_});
  const std::size_t width = observations_.size() / rewards_.size();
  std::copy(next_observations_.begin() + static_cast<std::ptrdiff_t>(begin * width),
            next_observations_.begin() + static_cast<std::ptrdiff_t>(end * width),
            observations_.begin() + static_cast<std::ptrdiff_t>(begin * width));
  for (std::size_t i = begin; i < end; ++i) {
    episode_returns_[i] += rewards_[i];
    ++episode_lengths_[i];
    if (autoreset_ == Autoreset::kSameStep && Ended(i)) {
      batch_->Reset(i, Row(std::span(observations_), i, width));
    }
  }
}

void VectorEnv::ResetInstead(std::size_t index) {
  const std::size_t width = observations_.size() / rewards_.size();
  const std::span<double> start = Row(std::span(observations_), index, width);
  batch_->Reset(index, start);
  std::ranges::copy(start, Row(std::span(next_observations_), index, width).begin());
  rewards_[index] = 0;
  terminated_[index] = 0;
  truncated_[index] = 0;
}

void VectorEnv::Save(StateWriter& out) const {
  batch_->Save(out);
  out.PutSpan(observations());
  out.PutSpan(next_observations());
  out.PutSpan(rewards());
  out.PutSpan(terminated());
  out.PutSpan(truncated());
  out.PutSpan(episode_returns());
  out.PutSpan(episode_lengths());
}

void VectorEnv::Load(StateReader& in) {
  batch_->Load(in);
  in.GetSpan(std::span(observations_));
  in.GetSpan(std::span(next_observations_));
  in.GetSpan(std::span(rewards_));
  in.GetSpan(std::span(terminated_));
  in.GetSpan(std::span(truncated_));
  in.GetSpan(std::span(episode_returns_));
  in.GetSpan(std::span(episode_lengths_));
}

}  // namespace strider
