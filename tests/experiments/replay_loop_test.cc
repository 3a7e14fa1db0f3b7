// What a learner is shown of a replay buffer beside a dataset.
#include "experiments/replay_loop.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

constexpr int kBatch = 16;
constexpr int kEnvs = 3;

constexpr float kConstant = 0.3F;

// Keeps the batches that it is to learn from; acts by chance unless told otherwise.
class Recorder final : public OffPolicyAgent {
 public:
  explicit Recorder(const Task& task) : OffPolicyAgent(task) {
    replay_.batch_size = kBatch;
    replay_.buffer_size = 30;
    replay_.learning_starts = 12;
  }

  const ReplayConfig& replay() const override { return replay_; }
  double exploration_noise() const override { return noise; }
  bool act_deterministic() const override { return deterministic; }
  ReplayDraws draws() const override { return special; }
  at::Tensor td_errors() const override { return (batches.back().indices == favourite) + kLeastError; }
  double exploration_epsilon(std::int64_t step, std::int64_t steps) const override {
    return epsilon_start - epsilon_fall * static_cast<double>(step) / static_cast<double>(steps);
  }
  void Update(const TransitionBatch& batch) override {
    batches.push_back(batch);
    CountUpdate();
  }
  Policy MakePolicy() const override {
    Policy policy = UniformPolicy(task().observation_size, task().action_space);
    policy.transform = task().transform;
    if (!acts_constantly) return policy;
    policy.distribution = wide ? ActionDistribution::kTanhGaussian : ActionDistribution::kTanh;
    policy.mean = {Eigen::MatrixXf::Zero(task().action_size(), task().observation_size),
                   Eigen::VectorXf::Constant(task().action_size(), std::atanh(kConstant))};
    if (wide) policy.log_std = {policy.mean.weight, Eigen::VectorXf::Zero(task().action_size())};
    return policy;
  }
  std::vector<nn::NamedTensor> State() const override { return {}; }

  void RememberAll() {
    replay_.buffer_size = 4000;
    replay_.learning_starts = 0;
    replay_.update_interval = 4000;
  }

  ReplayConfig& replay() { return replay_; }

  static constexpr double kLeastError = 1e-6;

  std::vector<TransitionBatch> batches;
  bool acts_constantly = false;  // kConstant in every dimension
  bool wide = false;             // that is the mean, with a deviation of 1 before squashing
  bool deterministic = false;
  ReplayDraws special;
  std::int64_t favourite = -1;  // the row whose error is 1, and not kLeastError
  double noise = 0;
  double epsilon_start = 0;  // falls linearly over the run
  double epsilon_fall = 0;

 private:
  ReplayConfig replay_;
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

// Poles that start far from upright: some fall at once, whose reward is 0, others stand a while, which is 1.
TEST_F(Mixing, MapsGoalRewards) {
  const Experiment experiment(TinySettings("td3bc", "InvertedPendulum-v5", "unread.hdf5",
                                           {{"run.num_envs", std::to_string(kEnvs)},
                                            {"run.online_from", "1"},
                                            {"run.offline_ratio", "0"},
                                            {"env.reset_noise_scale", "0.3"}}));
  Task task;
  task.observation_size = 4;
  task.action_space = UniformBox(1, -3, 3);
  Recorder agent(task);
  const std::vector<float> observations(20);
  BatchSampler data({5, 4, 1, observations, column_, column_, observations, column_, column_}, at::kCPU, 1);
  ReplayLoop loop(experiment, agent, pool_, DatasetShare{data, 5, {true, 2, 0.5}, true});
  int short_of_goal = 0;
  int at_goal = 0;
  for (std::int64_t step = 0; step < 20; step += kEnvs) {
    loop.Advance(step, tally_);
    const TransitionBatch& batch = agent.batches.back();
    for (int i = 0; i < kBatch; ++i) {
      const std::size_t row = RowOf(loop.buffer(), batch.actions[i][0].item<float>());
      const bool zero = loop.buffer().rewards()[row] == 0;
      EXPECT_EQ(batch.rewards[i].item<double>(), zero ? 2 * -3 + 0.5 : 0.5);
      ++(zero ? short_of_goal : at_goal);
    }
  }
  EXPECT_GT(short_of_goal, 0);
  EXPECT_GT(at_goal, 0);
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

// A learner from scratch in Pendulum, whose episodes are cut after 7 steps.
class FromScratch : public ::testing::Test {
 protected:
  FromScratch() {
    task_.observation_size = 3;
    task_.action_space = UniformBox(1, -2, 2);
  }

  static Experiment MakeExperiment(int envs, int steps) {
    return Experiment(TinySettings("td3", "Pendulum-v1", {},
                                   {{"run.num_envs", std::to_string(envs)},
                                    {"run.steps", std::to_string(steps)},
                                    {"env.max_episode_steps", "7"}}));
  }

  // The loop's actions, in the learner's frame.
  std::vector<float> Actions(Recorder& agent, int steps) {
    constexpr int kWide = 4;
    agent.RememberAll();
    const Experiment experiment = MakeExperiment(kWide, steps);
    ReplayLoop loop(experiment, agent, pool_);
    for (std::int64_t step = 0; step < steps; step += kWide) loop.Advance(step, tally_);
    const auto actions = loop.buffer().actions();
    return {actions.begin(), actions.end()};
  }

  Task task_;
  WorkerPool pool_{1};
  EpisodeTally tally_;
};

// Online baselines sheet, section 9, tests 7 and 10: the time limit ends no episode, and what follows its row
// is the true final observation, not that of the next episode. Pendulum's equations say which that is.
TEST_F(FromScratch, TimeLimitIsNoTerminalAndKeepsTheFinalObservation) {
  const Experiment experiment = MakeExperiment(1, 28);
  Recorder agent(task_);
  agent.RememberAll();
  ReplayLoop loop(experiment, agent, pool_);
  for (std::int64_t step = 0; step < 28; ++step) loop.Advance(step, tally_);
  const ReplayBuffer& buffer = loop.buffer();
  ASSERT_EQ(buffer.size(), 28);
  const auto row_of = [](std::span<const float> column, std::size_t row) {
    return column.subspan(3 * row, 3);
  };
  for (std::size_t row = 0; row < 28; ++row) {
    EXPECT_EQ(buffer.terminals()[row], 0) << row;
    EXPECT_EQ(buffer.timeouts()[row], (row + 1) % 7 == 0 ? 1 : 0) << row;
    const auto now = row_of(buffer.observations(), row);  // cos, sin, speed
    const double torque = 2 * static_cast<double>(buffer.actions()[row]);
    const double speed = std::clamp(
        static_cast<double>(now[2]) + (15 * static_cast<double>(now[1]) + 3 * torque) * 0.05, -8.0, 8.0);
    const double angle = std::atan2(now[1], now[0]) + 0.05 * speed;
    const auto next = row_of(buffer.next_observations(), row);
    EXPECT_NEAR(next[0], std::cos(angle), 1e-5) << row;
    EXPECT_NEAR(next[1], std::sin(angle), 1e-5) << row;
    EXPECT_NEAR(next[2], speed, 1e-5) << row;
    if (row + 1 == 28) continue;
    const auto after = row_of(buffer.observations(), row + 1);
    EXPECT_EQ(std::ranges::equal(next, after), (row + 1) % 7 != 0) << row;
  }
}

TEST_F(FromScratch, ActsByChanceUntilLearningStarts) {
  Recorder agent(task_);
  agent.acts_constantly = true;
  agent.replay().buffer_size = 100;
  const Experiment experiment = MakeExperiment(kEnvs, 60);
  ReplayLoop loop(experiment, agent, pool_);
  for (std::int64_t step = 0; step < 60; step += kEnvs) loop.Advance(step, tally_);
  const auto actions = loop.buffer().actions();
  for (int i = 0; i < 60; ++i) {
    const bool constant = std::abs(actions[static_cast<std::size_t>(i)] - kConstant) < 1e-6F;
    EXPECT_EQ(constant, i >= agent.replay().learning_starts) << i;
  }
}

// update_interval steps between rounds of updates_per_step updates, also where environments step over them.
TEST_F(FromScratch, UpdatesKeepTheirRatioToSteps) {
  for (const auto& [interval, updates] : {std::pair{1, 1}, {1, 3}, {4, 2}, {10, 5}}) {
    Recorder agent(task_);
    agent.replay().update_interval = interval;
    agent.replay().updates_per_step = updates;
    const Experiment experiment = MakeExperiment(kEnvs, 60);
    ReplayLoop loop(experiment, agent, pool_);
    std::int64_t expected = 0;
    for (std::int64_t step = 0; step < 60; step += kEnvs) {
      loop.Advance(step, tally_);
      if (step + kEnvs >= agent.replay().learning_starts) {
        expected += updates * ((step + kEnvs) / interval - step / interval);
      }
      EXPECT_EQ(static_cast<std::int64_t>(agent.batches.size()), expected) << interval << " " << step;
    }
  }
}

TEST_F(FromScratch, MeansActWhereTheAgentSaysSo) {
  for (const bool deterministic : {true, false}) {
    Recorder agent(task_);
    agent.acts_constantly = agent.wide = true;
    agent.deterministic = deterministic;
    const std::vector<float> actions = Actions(agent, 200);
    const auto away = std::ranges::count_if(actions, [](float a) { return std::abs(a - kConstant) > 0.05F; });
    // P(|tanh(atanh(0.3) + z) - 0.3| > 0.05) is above 0.9.
    if (deterministic) {
      EXPECT_EQ(away, 0);
    } else {
      EXPECT_GT(away, 150);
    }
  }
}

// Rows are drawn by the errors of the updates before: of 30 rows one has nearly all of the priority, once the
// others have been drawn and found to be of none.
TEST_F(FromScratch, PrioritiesFollowTheErrors) {
  Recorder agent(task_);
  agent.special.priority_exponent = 1;
  agent.favourite = 7;
  agent.replay().learning_starts = 30;
  agent.replay().updates_per_step = 200;
  const Experiment experiment = MakeExperiment(1, 30);
  ReplayLoop loop(experiment, agent, pool_);
  for (std::int64_t step = 0; step < 30; ++step) loop.Advance(step, tally_);
  ASSERT_EQ(agent.batches.size(), 200);
  EXPECT_TRUE((agent.batches.back().indices == 7).all().item<bool>());
  EXPECT_LT((agent.batches.front().indices == 7).sum().item<int>(), kBatch / 2);

  // A new row, in the oldest one's place, has the highest priority so far.
  agent.batches.clear();
  loop.Advance(30, tally_);
  EXPECT_GT((agent.batches.front().indices == 0).sum().item<int>(), 0);
}

TEST_F(FromScratch, RewardsAddUpOverSteps) {
  Recorder agent(task_);
  agent.special = {.n_step = 3, .discount = 0.5};
  const Experiment experiment = MakeExperiment(1, 28);
  ReplayLoop loop(experiment, agent, pool_);
  for (std::int64_t step = 0; step < 28; ++step) loop.Advance(step, tally_);
  const ReplayBuffer& buffer = loop.buffer();
  const TransitionBatch& batch = agent.batches.back();
  for (int i = 0; i < kBatch; ++i) {
    const auto row = static_cast<std::size_t>(batch.indices[i].item<std::int64_t>());
    double sum = 0;
    double weight = 1;
    for (std::size_t k = row; k < std::min<std::size_t>(row + 3, 28); ++k, weight *= 0.5) {
      sum += weight * static_cast<double>(buffer.rewards()[k]);
      if (buffer.timeouts()[k] != 0) break;
    }
    EXPECT_NEAR(batch.rewards[i].item<double>(), sum, 1e-4) << row;
  }
}

TEST_F(FromScratch, ExplorationNoiseIsGaussianAndKeepsToTheBox) {
  constexpr int kSteps = 4000;
  Recorder agent(task_);
  agent.acts_constantly = true;
  agent.noise = 0.1;
  double sum = 0;
  double squares = 0;
  for (const float a : Actions(agent, kSteps)) {
    sum += a - kConstant;
    squares += (a - kConstant) * (a - kConstant);
  }
  EXPECT_NEAR(sum / kSteps, 0, 4 * 0.1 / std::sqrt(kSteps));
  EXPECT_NEAR(std::sqrt(squares / kSteps), 0.1, 4 * 0.1 / std::sqrt(2.0 * kSteps));

  agent.noise = 2;  // beyond the box more often than not
  int at_edges = 0;
  for (const float a : Actions(agent, kSteps)) {
    EXPECT_LE(std::abs(a), 1);
    at_edges += std::abs(a) == 1 ? 1 : 0;
  }
  // P(0.3 + 2 z >= 1) + P(0.3 + 2 z <= -1) = 0.3632 + 0.2578.
  EXPECT_NEAR(at_edges / static_cast<double>(kSteps), 0.6210, 4 * 0.5 / std::sqrt(kSteps));
}

TEST_F(FromScratch, SomeActionsAreDrawnByChance) {
  constexpr int kSteps = 4000;
  Recorder agent(task_);
  agent.acts_constantly = true;
  agent.epsilon_start = 0.8;
  agent.epsilon_fall = 0.8;
  const std::vector<float> actions = Actions(agent, kSteps);
  double by_chance[2] = {0, 0};
  double sum = 0;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (std::abs(actions[i] - kConstant) < 1e-6F) continue;
    by_chance[i < kSteps / 2 ? 0 : 1] += 1;
    sum += actions[i];
  }
  // 0.6 on the average of the first half and 0.2 of the second; those are uniform on [-1, 1].
  EXPECT_NEAR(by_chance[0] / (kSteps / 2.0), 0.6, 4 * 0.5 / std::sqrt(kSteps / 2.0));
  EXPECT_NEAR(by_chance[1] / (kSteps / 2.0), 0.2, 4 * 0.4 / std::sqrt(kSteps / 2.0));
  EXPECT_NEAR(sum / (by_chance[0] + by_chance[1]), 0, 4 * 0.58 / std::sqrt(0.4 * kSteps));
}

}  // namespace
}  // namespace strider
