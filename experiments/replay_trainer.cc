#include <algorithm>

#include "datasets/replay_buffer.h"
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
      : envs_([&] { return experiment.MakeEnv(); }, experiment.run().num_envs, pool),
        agent_(experiment.factory().MakeOffPolicy({envs_.spec().observation_size(),
                                                   envs_.spec().action_space,
                                                   ParseDevice(experiment.run().device),
                                                   Seed(experiment),
                                                   {}},
                                                  nullptr)),
        config_(agent_->replay()),
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
    envs_.Reset(StreamSeed(Seed(experiment), Purpose::kTraining));
  }

  void Advance() override {
    Act();
    Remember();
    CountSteps(envs_.size());
    if (step() < std::max(config_.learning_starts, 1)) return;
    for (int k = 0; k < envs_.size() * config_.updates_per_step; ++k) {
      agent_->Update(sampler_.Sample(config_.batch_size, static_cast<std::int64_t>(buffer_.size())));
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
    }
    std::ranges::copy(actions_, environment_actions_.begin());
    policy_.ToEnvironment(environment_actions_);
    envs_.Step(environment_actions_);
  }

  void Remember() {
    const auto first = static_cast<std::int64_t>(buffer_.total() % buffer_.capacity());
    // The time limit's end is no end of the task: a row that both flags mark is terminal.
    buffer_.Append(StepRows<double>{acted_on_, actions_, envs_.rewards(), envs_.next_observations(),
                                    envs_.terminated(), envs_.truncated()});
    sampler_.Upload(first, envs_.size());
    for (std::size_t i = 0; i < static_cast<std::size_t>(envs_.size()); ++i) {
      if (envs_.terminated()[i] != 0 || envs_.truncated()[i] != 0) {
        tally().Add(envs_.episode_returns()[i], envs_.episode_lengths()[i]);
      }
    }
  }

  void DoSave(StateWriter& out) const override {
    envs_.Save(out);
    buffer_.Save(out);
    sampler_.Save(out);
    exploration_.Save(out);
  }

  void DoLoad(StateReader& in) override {
    envs_.Load(in);
    buffer_.Load(in);
    sampler_.Load(in);
    exploration_.Load(in);
    sampler_.Upload(0, static_cast<std::int64_t>(buffer_.size()));
    policy_ = agent_->MakePolicy();
  }

  VectorEnv envs_;
  std::unique_ptr<OffPolicyAgent> agent_;
  ReplayConfig config_;
  ReplayBuffer buffer_;
  BatchSampler sampler_;
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
