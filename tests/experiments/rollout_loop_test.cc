// What an on-policy learner is shown of what its policy did.
#include "experiments/rollout_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::ElementsAre;

constexpr int kSteps = 10;
constexpr float kPush = 5;  // beyond Pendulum's box, which ends at 2

// Keeps the rollouts that it is to learn from; always pushes alike.
class Recorder final : public OnPolicyAgent {
 public:
  explicit Recorder(const Task& task) : OnPolicyAgent(task) {
    config.steps = kSteps;
    config.normalize_observations = config.normalize_rewards = false;
  }

  const RolloutConfig& rollout() const override { return config; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override {
    rollouts.push_back(rollout);
    places.emplace_back(iteration, iterations);
    CountUpdate();
  }
  Policy MakePolicy() const override {
    Policy policy = UniformPolicy(task().observation_size, task().action_space);
    policy.distribution = ActionDistribution::kGaussian;
    policy.mean = {Eigen::MatrixXf::Zero(1, task().observation_size), Eigen::VectorXf::Constant(1, kPush)};
    policy.log_std = {policy.mean.weight, Eigen::VectorXf::Constant(1, -20)};
    return policy;
  }
  std::vector<nn::NamedTensor> State() const override { return {}; }

  RolloutConfig config;
  std::vector<Rollout> rollouts;
  std::vector<std::pair<std::int64_t, std::int64_t>> places;  // iteration and iterations
};

// Pendulum, whose episodes are cut after 7 steps.
class Rolling : public ::testing::Test {
 protected:
  Rolling() {
    task_.observation_size = 3;
    task_.action_space = UniformBox(1, -2, 2);
  }

  // Three rollouts.
  void Roll(Recorder& agent, int envs) {
    const Experiment experiment(TinySettings("ppo", "Pendulum-v1", {},
                                             {{"run.num_envs", std::to_string(envs)},
                                              {"run.steps", std::to_string(3 * kSteps * envs - 1)},
                                              {"env.max_episode_steps", "7"}}));
    RolloutLoop loop(experiment, agent, pool_);
    EXPECT_EQ(loop.rows(), kSteps * envs);
    for (int k = 0; k < 3; ++k) loop.Advance(tally_, [](std::int64_t) {});
  }

  // Where Pendulum's equations lead from an observation under the push that its box leaves: cos, sin, speed.
  static std::array<double, 3> Next(std::span<const float> observation) {
    const double speed = std::clamp(
        static_cast<double>(observation[2]) + (15 * static_cast<double>(observation[1]) + 3 * 2.0) * 0.05,
        -8.0, 8.0);
    const double angle = std::atan2(observation[1], observation[0]) + 0.05 * speed;
    return {std::cos(angle), std::sin(angle), speed};
  }

  static std::span<const float> Row(const std::vector<float>& column, std::int64_t row) {
    return std::span(column).subspan(static_cast<std::size_t>(3 * row), 3);
  }

  static void ExpectNear(std::span<const float> found, const std::array<double, 3>& expected,
                         std::int64_t row) {
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(found[k], expected[k], 1e-5) << row;
  }

  Task task_;
  WorkerPool pool_{1};
  EpisodeTally tally_;
};

// MDPO sheet, section 4, and online baselines sheet, section 10: actions are stored as drawn and clipped for
// the environment alone; what a cut episode ended with is kept, and not taken from the next one.
TEST_F(Rolling, ActionsStayUnclippedAndEpisodesKeepTheirEnds) {
  constexpr int kEnvs = 2;
  Recorder agent(task_);
  Roll(agent, kEnvs);
  std::int64_t step = 0;  // of the run, of each environment
  for (std::size_t k = 0; k < agent.rollouts.size(); ++k) {
    const Rollout& rollout = agent.rollouts[k];
    std::vector<std::int64_t> cut;
    for (std::int64_t row = 0; row < rollout.rows(); ++row) {
      const bool ends = (step + row / kEnvs + 1) % 7 == 0;
      EXPECT_NEAR(rollout.actions[static_cast<std::size_t>(row)], kPush, 1e-5);
      EXPECT_EQ(rollout.ended[static_cast<std::size_t>(row)], ends ? 1 : 0) << row;
      const auto next = Next(Row(rollout.observations, row));
      const auto after = row + kEnvs < rollout.rows()
                             ? Row(rollout.observations, row + kEnvs)
                             : Row(rollout.last_observations, row + kEnvs - rollout.rows());
      if (ends) {
        const auto at = static_cast<std::int64_t>(cut.size());
        ASSERT_LT(at, static_cast<std::int64_t>(rollout.truncated_rows.size()));
        ExpectNear(Row(rollout.truncated_observations, at), next, row);
        EXPECT_GT(std::abs(static_cast<double>(after[2]) - next[2]), 1e-3) << "the next episode's";
        cut.push_back(row);
      } else {
        ExpectNear(after, next, row);
      }
    }
    EXPECT_EQ(rollout.truncated_rows, cut);
    if (k + 1 < agent.rollouts.size()) {
      const std::vector<float>& following = agent.rollouts[k + 1].observations;
      EXPECT_TRUE(std::ranges::equal(rollout.last_observations, std::span(following).first(3 * kEnvs)));
    }
    step += kSteps;
  }
  EXPECT_EQ(tally_.count, 3 * kSteps / 7 * kEnvs);
  EXPECT_EQ(tally_.length_sum, 3 * kSteps / 7 * kEnvs * 7);
}

// t_k falls from 1 at k = 0 to 1/K at k = K - 1 (MDPO sheet, section 4): K rollouts cover the run's steps.
TEST_F(Rolling, TellsWhichRolloutOfHowMany) {
  Recorder agent(task_);
  Roll(agent, 3);
  EXPECT_THAT(agent.places, ElementsAre(std::pair{0, 3}, std::pair{1, 3}, std::pair{2, 3}));
}

// Rewards are scaled by a return that forgets at each episode's end, or at terminal states alone, of which
// there are none here.
TEST_F(Rolling, ScalesRewardsByReturnsThatForgetAsAsked) {
  Recorder plain(task_);
  Roll(plain, 1);
  std::vector<std::vector<double>> found;
  for (const char* reset : {"episode", "termination"}) {
    Recorder scaled(task_);
    scaled.config.normalize_rewards = true;
    scaled.config.reward_reset = reset;
    Roll(scaled, 1);
    const bool at_ends = std::string_view(reset) == "episode";
    RewardScaler scaler(1, scaled.config.discount, scaled.config.clip_normalized,
                        at_ends ? ReturnReset::kAfterEpisode : ReturnReset::kAtTermination);
    for (std::size_t k = 0; k < 3; ++k) {
      for (std::size_t row = 0; row < kSteps; ++row) {
        std::array<double, 1> reward = {plain.rollouts[k].rewards[row]};
        const std::array<std::uint8_t, 1> ended = {at_ends ? plain.rollouts[k].ended[row] : std::uint8_t{0}};
        scaler.Scale(reward, ended);
        EXPECT_NEAR(scaled.rollouts[k].rewards[row], reward[0], 1e-5) << reset << " " << row;
        found.resize(found.size() + (row == 0 && k == 0 ? 1 : 0));
        found.back().push_back(reward[0]);
      }
    }
  }
  EXPECT_NE(found[0], found[1]) << "this test sees nothing";
}

}  // namespace
}  // namespace strider
