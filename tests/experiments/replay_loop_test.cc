// What a learner is shown of a replay buffer beside a dataset.
#include "experiments/replay_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr int kBatch = 16;
constexpr int kEnvs = 3;

// Keeps the batches that it is to learn from; acts by chance.
class Recorder final : public OffPolicyAgent {
 public:
  explicit Recorder(const Task& task) : OffPolicyAgent(task) {
    replay_.batch_size = kBatch;
    replay_.buffer_size = 30;
    replay_.learning_starts = 12;
  }

  const ReplayConfig& replay() const override { return replay_; }
  ReplayDraws draws() const override { return draws_; }
  void Update(const TransitionBatch& batch) override {
    batches.push_back(batch);
    CountUpdate();
  }
  Policy MakePolicy() const override {
    Policy policy = UniformPolicy(task().observation_size, task().action_space);
    policy.transform = task().transform;
    return policy;
  }
  std::vector<nn::NamedTensor> State() const override { return {}; }

  void AskForSeveralSteps() { draws_.n_step = 3; }

  std::vector<TransitionBatch> batches;

 private:
  ReplayConfig replay_;
  ReplayDraws draws_;
};

// Five rows of a dataset whose every number is its row's, for Pendulum, whose episodes are cut after 7 steps.
class Mixing : public ::testing::Test {
 protected:
  Mixing() {
    for (int row = 0; row < 5; ++row) {
      observations_.insert(observations_.end(), 3, static_cast<float>(row));
      column_.push_back(static_cast<float>(row));
    }
    task_.observation_size = 3;
    task_.action_space = UniformBox(1, -2, 2);
    task_.transform.mean = {0.5, -1, 2};
    task_.transform.scale = {2, 4, 0.5};
  }

  Experiment MakeExperiment(const char* online_from, const char* ratio) const {
    return Experiment(TinySettings("td3bc", "Pendulum-v1", "unread.hdf5",
                                   {{"run.num_envs", std::to_string(kEnvs)},
                                    {"run.online_from", online_from},
                                    {"run.offline_ratio", ratio},
                                    {"env.max_episode_steps", "7"}}));
  }

  BatchSampler Data() const {
    return {{5, 3, 1, observations_, column_, column_, observations_, column_, column_}, at::kCPU, 1};
  }

  Task task_;
  std::vector<float> observations_;
  std::vector<float> column_;
  WorkerPool pool_{1};
  EpisodeTally tally_;
};

// The buffer's row that holds an action; every action is another.
std::size_t RowOf(const ReplayBuffer& buffer, float action) {
  const auto found = std::ranges::find(buffer.actions(), action);
  EXPECT_NE(found, buffer.actions().end());
  return static_cast<std::size_t>(found - buffer.actions().begin());
}

TEST_F(Mixing, ShowsReplayedRowsAsTheDatasetsAreShown) {
  const Experiment experiment = MakeExperiment("1", "0.25");
  Recorder agent(task_);
  BatchSampler data = Data();
  ReplayLoop loop(experiment, agent, pool_, DatasetShare{data, 5, {false, 10, -1}, true});
  int unknown = 0;
  for (std::int64_t step = 0; step < 60; step += kEnvs) {
    loop.Advance(step, tally_);
    // From the first step on, though there are learning_starts: the learner comes from a dataset.
    ASSERT_EQ(agent.batches.size(), static_cast<std::size_t>(step + kEnvs));
    const TransitionBatch& batch = agent.batches.back();
    const ReplayBuffer& buffer = loop.buffer();
    ASSERT_EQ(batch.rewards.numel(), kBatch);
    for (int i = 0; i < kBatch; ++i) {
      const auto number = batch.indices[i].item<std::int64_t>();
      const auto reward = batch.rewards[i].item<double>();
      if (i < kBatch / 4) {
        EXPECT_EQ(reward, static_cast<double>(number));
        EXPECT_EQ(batch.next_actions[i][0].item<double>(), static_cast<double>(number));
        continue;
      }
      EXPECT_EQ(number, -1);
      const std::size_t row = RowOf(buffer, batch.actions[i][0].item<float>());
      EXPECT_NEAR(reward, 10 * buffer.rewards()[row] - 1, 1e-4);
      for (std::size_t k = 0; k < 3; ++k) {
        const auto shown = [&](std::span<const float> column) {
          return (static_cast<double>(column[3 * row + k]) - task_.transform.mean[k]) *
                 task_.transform.scale[k];
        };
        const auto component = static_cast<std::int64_t>(k);
        EXPECT_NEAR(batch.observations[i][component].item<double>(), shown(buffer.observations()), 1e-4);
        EXPECT_NEAR(batch.next_observations[i][component].item<double>(), shown(buffer.next_observations()),
                    1e-4);
      }
      const auto next_action = batch.next_actions[i][0].item<double>();
      const std::size_t next = (row + kEnvs) % buffer.capacity();
      const std::size_t newest = (buffer.total() - kEnvs) % buffer.capacity();
      const bool is_newest = row >= newest && row < newest + kEnvs;
      EXPECT_EQ(std::isnan(next_action), buffer.timeouts()[row] != 0 || is_newest);
      if (std::isnan(next_action)) {
        ++unknown;
      } else {
        EXPECT_EQ(next_action, static_cast<double>(buffer.actions()[next]));
      }
    }
  }
  EXPECT_GT(unknown, 0);
  EXPECT_GT(loop.buffer().total(), loop.buffer().capacity());  // it has wrapped
  EXPECT_EQ(tally_.count, 60 / kEnvs / 7 * kEnvs);
}

TEST_F(Mixing, MapsGoalRewards) {
  const Experiment experiment = MakeExperiment("1", "0");
  Recorder agent(task_);
  BatchSampler data = Data();
  ReplayLoop loop(experiment, agent, pool_, DatasetShare{data, 5, {true, 2, 0.5}, true});
  loop.Advance(0, tally_);
  // Pendulum's rewards are never 0, and so count as the goal's.
  EXPECT_TRUE(at::equal(agent.batches[0].rewards, at::full({kBatch}, 0.5)));
}

TEST_F(Mixing, RatiosAreRoundedToRows) {
  for (const auto& [ratio, rows] : {std::pair{"0", 0}, {"0.1", 2}, {"0.5", 8}, {"1", kBatch}}) {
    const Experiment experiment = MakeExperiment("1", ratio);
    Recorder agent(task_);
    BatchSampler data = Data();
    ReplayLoop loop(experiment, agent, pool_, DatasetShare{data, 5, {}, true});
    loop.Advance(0, tally_);
    EXPECT_EQ((agent.batches[0].indices >= 0).sum().item<int>(), rows) << ratio;
  }
}

TEST_F(Mixing, LearnersFromScratchWarmUp) {
  const Experiment experiment = MakeExperiment("0", "0.5");
  Recorder agent(task_);
  BatchSampler data = Data();
  ReplayLoop loop(experiment, agent, pool_, DatasetShare{data, 5, {}, true});
  for (std::int64_t step = 0; step < 12; step += kEnvs) {
    EXPECT_TRUE(agent.batches.empty());
    loop.Advance(step, tally_);
  }
  EXPECT_EQ(agent.batches.size(), kEnvs);
}

TEST_F(Mixing, RefusesDrawsOverSeveralSteps) {
  const Experiment experiment = MakeExperiment("0", "0.5");
  Recorder agent(task_);
  agent.AskForSeveralSteps();
  BatchSampler data = Data();
  EXPECT_THAT(MessageOf<InputError>([&] {
                const ReplayLoop loop(experiment, agent, pool_, DatasetShare{data, 5, {}, true});
              }),
              HasSubstr("expected agent.n_step = 1 and agent.priority_exponent = 0 with run.online_from"));
}

}  // namespace
}  // namespace strider
