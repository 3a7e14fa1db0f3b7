#include "experiments/replay_loop.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "agents/nn/learner_threads.h"
#include "core/memory.h"
#include "envs/augmented_env.h"

namespace strider {
namespace {

TransitionColumns ColumnsOf(const ReplayBuffer& buffer) {
  const std::size_t rows = buffer.capacity();
  TransitionColumns columns;
  columns.capacity = static_cast<std::int64_t>(rows);
  columns.observation_size = static_cast<int>(buffer.observation_size());
  columns.action_size = static_cast<int>(buffer.action_size());
  // The whole memory, not only the rows that are valid by now.
  columns.observations = {buffer.observations().data(), rows * buffer.observation_size()};
  columns.actions = {buffer.actions().data(), rows * buffer.action_size()};
  columns.rewards = {buffer.rewards().data(), rows};
  columns.next_observations = {buffer.next_observations().data(), rows * buffer.observation_size()};
  columns.terminals = {buffer.terminals().data(), rows};
  return columns;
}

at::Tensor ToDevice(const std::vector<double>& values, at::Device device) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(device, at::kFloat);
}

std::uint64_t Seed(const Experiment& experiment) { return static_cast<std::uint64_t>(experiment.run().seed); }

// The dataset's draws have stream 0 of the sampler's purpose where there is one.
std::uint32_t SamplingStream(bool with_dataset) { return with_dataset ? 2 : 0; }

}  // namespace

void CheckReplay(const OffPolicyAgent& agent, const EnvSpec& spec, int environments) {
  const ReplayConfig& replay = agent.replay();
  if (replay.batch_size > replay.buffer_size) {
    throw InputError(
        "agent.batch_size = {} is larger than agent.buffer_size = {}; expected a batch that the buffer can "
        "hold",
        replay.batch_size, replay.buffer_size);
  }
  const int n_step = agent.draws().n_step;
  const int kept = (replay.buffer_size - 1) / environments + 1;  // of each environment
  if (n_step > kept) {
    throw InputError(
        "agent.buffer_size = {} keeps {} steps of each of run.num_envs = {} environments, fewer than "
        "agent.n_step = {}; expected at least {}",
        replay.buffer_size, kept, environments, n_step, std::int64_t{n_step - 1} * environments + 1);
  }
  const double row = 2.0 * spec.observation_size() + spec.action_size() + 2;
  const double bytes = replay.buffer_size * row * sizeof(float);
  const auto memory = static_cast<double>(MachineMemory());
  if (bytes > memory) {
    throw InputError(
        "agent.buffer_size = {} takes {:.0f} GB, more than the machine's {:.0f}; expected a smaller one",
        replay.buffer_size, bytes * 1e-9, memory * 1e-9);
  }
}

ReplayLoop::ReplayLoop(const Experiment& experiment, OffPolicyAgent& agent, WorkerPool& pool,
                       std::optional<DatasetShare> dataset)
    : envs_([&] { return Augmented(experiment.MakeEnv(), agent.task().augmentation); },
            experiment.run().num_envs, pool),
      agent_(agent),
      config_(agent.replay()),
      dataset_(dataset),
      offline_ratio_(experiment.run().offline_ratio),
      run_steps_(experiment.run().steps),
      steps_(run_steps_ - std::max<std::int64_t>(experiment.run().online_from, 0)),
      // A learner that comes from a dataset knows better than chance from the start.
      warm_up_steps_(experiment.run().online_from > 0 ? 0 : config_.learning_starts),
      buffer_([&] {
        CheckReplay(agent, envs_.spec(), envs_.size());
        return ReplayBuffer(static_cast<std::size_t>(config_.buffer_size),
                            static_cast<std::size_t>(envs_.spec().observation_size()),
                            static_cast<std::size_t>(envs_.spec().action_size()),
                            static_cast<std::size_t>(envs_.size()));
      }()),
      sampler_(ColumnsOf(buffer_), agent.task().device,
               StreamSeed(Seed(experiment), Purpose::kSampling, SamplingStream(dataset.has_value()))),
      exploration_(StreamSeed(Seed(experiment), Purpose::kExploration)),
      warm_up_(UniformPolicy(envs_.spec().observation_size(), envs_.spec().action_space)),
      policy_(agent.MakePolicy()),
      acted_on_(envs_.observations().size()),
      transformed_(acted_on_.size()),
      actions_(static_cast<std::size_t>(envs_.size() * envs_.spec().action_size())),
      environment_actions_(actions_.size()) {
  if (const ReplayDraws draws = agent.draws(); !draws.plain()) {
    special_draws_.emplace(buffer_, envs_.size(), draws, agent.task().device,
                           StreamSeed(Seed(experiment), Purpose::kSampling, /*index=*/1));
  }
  if (const ObservationTransform& transform = agent.task().transform; !transform.identity()) {
    observation_mean_ = ToDevice(transform.mean, agent.task().device);
    observation_scale_ = ToDevice(transform.scale, agent.task().device);
  }
  envs_.Reset(StreamSeed(Seed(experiment), Purpose::kTraining));
}

void ReplayLoop::Advance(std::int64_t step, EpisodeTally& tally) {
  Act(step);
  Remember(tally);
  const std::int64_t now = step + envs_.size();
  if (now < std::max<std::int64_t>(warm_up_steps_, 1)) return;
  const std::int64_t rounds = now / config_.update_interval - step / config_.update_interval;
  if (rounds == 0) return;
  agent_.SetProgress(
      std::min(1.0, static_cast<double>(run_steps_ - steps_ + step) / static_cast<double>(run_steps_)));
  const FlushDenormals flush;
  for (std::int64_t k = 0; k < rounds * config_.updates_per_step; ++k) {
    const TransitionBatch batch = Draw(now);
    agent_.Update(batch);
    if (special_draws_) special_draws_->SetPriorities(batch.indices, agent_.td_errors());
  }
  policy_ = agent_.MakePolicy();
}

void ReplayLoop::Act(std::int64_t step) {
  std::ranges::copy(envs_.observations(), acted_on_.begin());
  if (step < warm_up_steps_) {
    warm_up_.Sample({}, /*deterministic=*/false, exploration_, actions_);
  } else {
    policy_.transform.Apply(acted_on_, transformed_);
    policy_.Sample(transformed_, agent_.act_deterministic(), exploration_, actions_);
    if (const double noise = agent_.exploration_noise(); noise > 0) {
      for (float& a : actions_) {
        a = std::clamp(a + static_cast<float>(noise * exploration_.StandardNormal()), -1.0F, 1.0F);
      }
    }
    if (const double epsilon = agent_.exploration_epsilon(step, steps_); epsilon > 0) Err(epsilon);
  }
  std::ranges::copy(actions_, environment_actions_.begin());
  policy_.ToEnvironment(environment_actions_);
  envs_.Step(environment_actions_);
}

// Replaces the action of each environment, with a probability, by a uniform one.
void ReplayLoop::Err(double epsilon) {
  const auto size = static_cast<std::size_t>(envs_.spec().action_size());
  for (std::size_t i = 0; i < actions_.size(); i += size) {
    if (exploration_.Random() >= epsilon) continue;
    warm_up_.Sample({}, /*deterministic=*/false, exploration_, std::span(actions_).subspan(i, size));
  }
}

void ReplayLoop::Remember(EpisodeTally& tally) {
  const auto first = static_cast<std::int64_t>(buffer_.total() % buffer_.capacity());
  // The time limit's end is no end of the task: a row that both flags mark is terminal.
  buffer_.Append(StepRows<double>{acted_on_, actions_, envs_.rewards(), envs_.next_observations(),
                                  envs_.terminated(), envs_.truncated()});
  sampler_.Upload(first, envs_.size());
  if (special_draws_) special_draws_->Appended(first);
  for (std::size_t i = 0; i < static_cast<std::size_t>(envs_.size()); ++i) {
    if (envs_.terminated()[i] != 0 || envs_.truncated()[i] != 0) {
      tally.Add(envs_.episode_returns()[i], envs_.episode_lengths()[i]);
    }
  }
}

TransitionBatch ReplayLoop::Draw(std::int64_t step) {
  if (dataset_) return DrawMixed();
  if (!special_draws_) {
    return sampler_.Sample(config_.batch_size, static_cast<std::int64_t>(buffer_.size()));
  }
  const double done = std::min(1.0, static_cast<double>(step) / static_cast<double>(steps_));
  return special_draws_->Sample(sampler_, config_.batch_size, done);
}

TransitionBatch ReplayLoop::DrawMixed() {
  const std::int64_t offline = std::lround(offline_ratio_ * config_.batch_size);
  const TransitionBatch logged = dataset_->sampler.Sample(offline, dataset_->rows);
  return Mix(logged, DrawReplayed(config_.batch_size - offline));
}

// Rows of the replay buffer as the dataset's look.
TransitionBatch ReplayLoop::DrawReplayed(std::int64_t rows) {
  const at::Tensor indices = sampler_.Draw(rows, static_cast<std::int64_t>(buffer_.size()));
  TransitionBatch batch = sampler_.Gather(indices);
  if (observation_mean_.defined()) {
    batch.observations = (batch.observations - observation_mean_) * observation_scale_;
    batch.next_observations = (batch.next_observations - observation_mean_) * observation_scale_;
  }
  const RewardTransform& map = dataset_->rewards;
  if (map.goal) batch.rewards = RewardTransform::kShortOfGoal * (batch.rewards == 0).to(at::kFloat);
  batch.rewards = map.factor * batch.rewards + map.shift;
  if (dataset_->next_actions) batch.next_actions = NextActions(indices.cpu());
  return batch;
}

// What was done in the step after each of the rows; NaN where its episode ended there, or where the row is
// the newest of its environment.
at::Tensor ReplayLoop::NextActions(const at::Tensor& rows) const {
  const auto capacity = static_cast<std::int64_t>(buffer_.capacity());
  const auto newest = static_cast<std::int64_t>((buffer_.total() - static_cast<std::size_t>(envs_.size())) %
                                                buffer_.capacity());
  at::Tensor next = at::empty_like(rows);
  at::Tensor unknown = at::empty({rows.numel()}, at::kBool);
  for (std::int64_t i = 0; i < rows.numel(); ++i) {
    const std::int64_t row = rows.const_data_ptr<std::int64_t>()[i];
    const auto at = static_cast<std::size_t>(row);
    const bool ended = buffer_.terminals()[at] != 0.0F || buffer_.timeouts()[at] != 0;
    next.mutable_data_ptr<std::int64_t>()[i] = (row + envs_.size()) % capacity;
    unknown.mutable_data_ptr<bool>()[i] = ended || (row >= newest && row < newest + envs_.size());
  }
  const at::Device device = agent_.task().device;
  return sampler_.Gather(next.to(device))
      .actions.masked_fill(unknown.to(device).unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
}

void ReplayLoop::Save(StateWriter& out) const {
  envs_.Save(out);
  buffer_.Save(out);
  sampler_.Save(out);
  exploration_.Save(out);
  if (special_draws_) special_draws_->Save(out);
}

void ReplayLoop::Load(StateReader& in) {
  envs_.Load(in);
  buffer_.Load(in);
  sampler_.Load(in);
  exploration_.Load(in);
  if (special_draws_) special_draws_->Load(in);
  sampler_.Upload(0, static_cast<std::int64_t>(buffer_.size()));
  policy_ = agent_.MakePolicy();
}

}  // namespace strider
