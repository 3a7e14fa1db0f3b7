#include <algorithm>
#include <optional>

#include "agents/replay_sampler.h"
#include "datasets/replay_buffer.h"
#include "envs/augmented_env.h"
#include "envs/vector_env.h"
#include "experiments/trainer.h"

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

// Acts, remembers, and updates from what it remembers; over and over.
class ReplayTrainer final : public Trainer {
 public:
  ReplayTrainer(const Experiment& experiment, WorkerPool& pool)
      : augmentation_(experiment.factory().ObservationAugmentation()),
        envs_([&] { return Augmented(experiment.MakeEnv(), augmentation_); }, experiment.run().num_envs,
              pool),
        agent_(experiment.factory().MakeOffPolicy({envs_.spec().observation_size(),
                                                   envs_.spec().action_space,
                                                   ParseDevice(experiment.run().device),
                                                   Seed(experiment),
                                                   {},
                                                   augmentation_,
                                                   envs_.spec().max_episode_steps},
                                                  nullptr)),
        config_(agent_->replay()),
        steps_(experiment.run().steps),
        buffer_(static_cast<std::size_t>(config_.buffer_size),
                static_cast<std::size_t>(envs_.spec().observation_size()),
                static_cast<std::size_t>(envs_.spec().action_size()), static_cast<std::size_t>(envs_.size())),
        sampler_(ColumnsOf(buffer_), agent_->task().device, StreamSeed(Seed(experiment), Purpose::kSampling)),
        exploration_(StreamSeed(Seed(experiment), Purpose::kExploration)),
        warm_up_(UniformPolicy(envs_.spec().observation_size(), envs_.spec().action_space)),
        policy_(agent_->MakePolicy()),
        acted_on_(envs_.observations().size()),
        transformed_(acted_on_.size()),
        actions_(static_cast<std::size_t>(envs_.size() * envs_.spec().action_size())),
        environment_actions_(actions_.size()) {
    if (config_.batch_size > config_.buffer_size) {
      throw InputError(
          "agent.batch_size = {} is larger than agent.buffer_size = {}; expected a batch that the buffer can "
          "hold",
          config_.batch_size, config_.buffer_size);
    }
    if (const ReplayDraws draws = agent_->draws(); !draws.plain()) {
      special_draws_.emplace(buffer_, envs_.size(), draws, agent_->task().device,
                             StreamSeed(Seed(experiment), Purpose::kSampling, /*index=*/1));
    }
    envs_.Reset(StreamSeed(Seed(experiment), Purpose::kTraining));
  }

  void Advance() override {
    Act();
    Remember();
    const std::int64_t before = step();
    CountSteps(envs_.size());
    if (step() < std::max(config_.learning_starts, 1)) return;
    const std::int64_t rounds = step() / config_.update_interval - before / config_.update_interval;
    if (rounds == 0) return;
    for (std::int64_t k = 0; k < rounds * config_.updates_per_step; ++k) {
      const TransitionBatch batch = Draw();
      agent_->Update(batch);
      if (special_draws_) special_draws_->SetPriorities(batch.indices, agent_->td_errors());
    }
    policy_ = agent_->MakePolicy();
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return policy_; }
  const ReplayBuffer* replay() const override { return &buffer_; }

 private:
  static std::uint64_t Seed(const Experiment& experiment) {
    return static_cast<std::uint64_t>(experiment.run().seed);
  }

  void Act() {
    std::ranges::copy(envs_.observations(), acted_on_.begin());
    if (step() < config_.learning_starts) {
      warm_up_.Sample({}, /*deterministic=*/false, exploration_, actions_);
    } else {
      policy_.transform.Apply(acted_on_, transformed_);
      policy_.Sample(transformed_, agent_->act_deterministic(), exploration_, actions_);
      if (const double noise = agent_->exploration_noise(); noise > 0) {
        for (float& a : actions_) {
          a = std::clamp(a + static_cast<float>(noise * exploration_.StandardNormal()), -1.0F, 1.0F);
        }
      }
      if (const double epsilon = agent_->exploration_epsilon(step(), steps_); epsilon > 0) Err(epsilon);
    }
    std::ranges::copy(actions_, environment_actions_.begin());
    policy_.ToEnvironment(environment_actions_);
    envs_.Step(environment_actions_);
  }

  // Replaces the action of each environment, with a probability, by a uniform one.
  void Err(double epsilon) {
    const auto size = static_cast<std::size_t>(envs_.spec().action_size());
    for (std::size_t i = 0; i < actions_.size(); i += size) {
      if (exploration_.Random() >= epsilon) continue;
      warm_up_.Sample({}, /*deterministic=*/false, exploration_, std::span(actions_).subspan(i, size));
    }
  }

  void Remember() {
    const auto first = static_cast<std::int64_t>(buffer_.total() % buffer_.capacity());
    // The time limit's end is no end of the task: a row that both flags mark is terminal.
    buffer_.Append(StepRows<double>{acted_on_, actions_, envs_.rewards(), envs_.next_observations(),
                                    envs_.terminated(), envs_.truncated()});
    sampler_.Upload(first, envs_.size());
    if (special_draws_) special_draws_->Appended(first);
    for (std::size_t i = 0; i < static_cast<std::size_t>(envs_.size()); ++i) {
      if (envs_.terminated()[i] != 0 || envs_.truncated()[i] != 0) {
        tally().Add(envs_.episode_returns()[i], envs_.episode_lengths()[i]);
      }
    }
  }

  TransitionBatch Draw() {
    if (!special_draws_) {
      return sampler_.Sample(config_.batch_size, static_cast<std::int64_t>(buffer_.size()));
    }
    const double done = std::min(1.0, static_cast<double>(step()) / static_cast<double>(steps_));
    return special_draws_->Sample(sampler_, config_.batch_size, done);
  }

  void DoSave(StateWriter& out) const override {
    envs_.Save(out);
    buffer_.Save(out);
    sampler_.Save(out);
    exploration_.Save(out);
    if (special_draws_) special_draws_->Save(out);
  }

  void DoLoad(StateReader& in) override {
    envs_.Load(in);
    buffer_.Load(in);
    sampler_.Load(in);
    exploration_.Load(in);
    if (special_draws_) special_draws_->Load(in);
    sampler_.Upload(0, static_cast<std::int64_t>(buffer_.size()));
    policy_ = agent_->MakePolicy();
  }

  Augmentation augmentation_;
  VectorEnv envs_;
  std::unique_ptr<OffPolicyAgent> agent_;
  ReplayConfig config_;
  std::int64_t steps_;  // of the whole run
  ReplayBuffer buffer_;
  BatchSampler sampler_;
  std::optional<ReplaySampler> special_draws_;  // where the agent wants other draws than the sampler's
  Pcg64 exploration_;
  Policy warm_up_;
  Policy policy_;
  std::vector<double> acted_on_;            // (environments x observations)
  std::vector<float> transformed_;          // the same, as the policy's network sees them
  std::vector<float> actions_;              // (environments x actions), the learner's frame
  std::vector<float> environment_actions_;  // the same, the environment's frame
};

}  // namespace

std::unique_ptr<Trainer> MakeReplayTrainer(const Experiment& experiment, WorkerPool& pool) {
  return std::make_unique<ReplayTrainer>(experiment, pool);
}

}  // namespace strider
