// The exact cases of the online baselines sheet, section 9, that concern DQN, and its options.
#include "agents/dqn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "agents/replay_sampler.h"
#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

// A network of biases and one weight a state: a table.
DqnConfig Table() {
  DqnConfig config;
  config.hidden = {};
  config.replay.update_interval = 1;
  config.target_interval = 1;
  config.draws.discount = 0.9;
  return config;
}

// Test 9: three states in a row; action 0 goes on, action 1 stays; 1 for the last move, which ends.
TEST(Dqn, Test9Chain) {
  TransitionBatch batch;
  const at::Tensor states = at::eye(3, at::kFloat);
  const at::Tensor from = at::tensor({0, 1, 2, 0, 1, 2}, at::kLong);
  const at::Tensor to = at::tensor({1, 2, 2, 0, 1, 2}, at::kLong);
  batch.observations = states.index_select(0, from);
  batch.next_observations = states.index_select(0, to);
  batch.actions = Row({0, 0, 0, 1, 1, 1}).unsqueeze(1);
  batch.rewards = Row({0, 0, 1, 0, 0, 0});
  batch.terminals = Row({0, 0, 1, 0, 0, 0});
  for (const bool variants : {false, true}) {
    DqnConfig config = Table();
    config.lr = 0.003;
    config.double_q = variants;
    config.dueling = variants;
    config.loss = variants ? "huber" : "squares";
    Dqn agent(DiscreteTask(3, 2), config);
    for (int k = 0; k < 10000; ++k) agent.Update(batch);
    const at::Tensor expected = Row({0.81, 0.729, 0.9, 0.81, 1, 0.9}).view({3, 2});
    EXPECT_LT(LargestDifference(agent.Q(agent.online(), states), expected), 1e-4);
  }
}

TEST(Dqn, Test9EpsilonFallsLinearly) {
  DqnConfig config;
  config.epsilon_start = 1;
  config.epsilon_end = 0.05;
  config.epsilon_fraction = 0.5;
  const Dqn agent(DiscreteTask(3, 2), config);
  EXPECT_EQ(agent.exploration_epsilon(0, 500000), 1);
  EXPECT_NEAR(agent.exploration_epsilon(125000, 500000), 0.525, 1e-12);
  EXPECT_NEAR(agent.exploration_epsilon(250000, 500000), 0.05, 1e-12);
  EXPECT_NEAR(agent.exploration_epsilon(499999, 500000), 0.05, 1e-12);
}

// One state; the online values are (1, 2, 3), the target's (30, 20, 10).
TEST(Dqn, TargetsByHand) {
  DqnConfig config = Table();
  const auto target = [&](const TransitionBatch& batch) {
    Dqn agent(DiscreteTask(1, 3), config);
    for (const auto& [name, tensor] : agent.State()) tensor.zero_();
    Assign(agent, "q.0.bias", {1, 2, 3});
    Assign(agent, "q_target.0.bias", {30, 20, 10});
    return agent.Target(batch);
  };
  TransitionBatch batch;
  batch.next_observations = at::zeros({2, 1});
  batch.rewards = Row({5, 5});
  batch.terminals = Row({0, 1});
  EXPECT_LT(LargestDifference(target(batch), Row({5 + 0.9 * 30, 5})), 1e-5) << "the target's own maximum";
  config.double_q = true;
  EXPECT_LT(LargestDifference(target(batch), Row({5 + 0.9 * 10, 5})), 1e-5) << "the online network chooses";
  batch.discounts = Row({0.729, 0.729});
  EXPECT_LT(LargestDifference(target(batch), Row({5 + 0.729 * 10, 5})), 1e-5) << "three steps on";
}

TEST(Dqn, WeightsScaleTheLossesOfTheirRows) {
  DqnConfig config = Table();
  config.draws.discount = 0;
  Dqn agent(DiscreteTask(1, 2), config);
  for (const auto& [name, tensor] : agent.State()) tensor.zero_();
  TransitionBatch batch;
  batch.observations = at::zeros({2, 1});
  batch.next_observations = at::zeros({2, 1});
  batch.actions = Row({0, 1}).unsqueeze(1);
  batch.rewards = Row({1, 2});
  batch.terminals = Row({0, 0});
  batch.weights = Row({1, 0.25});
  agent.Update(batch);
  EXPECT_NEAR(Metric(agent, "loss"), (1 + 0.25 * 4) / 2.0, 1e-6);
  EXPECT_LT(LargestDifference(agent.td_errors(), Row({1, 2})), 1e-6);
}

TEST(Dqn, DuelingHeadsAndTheirSnapshot) {
  DqnConfig config;
  config.hidden = {8};
  config.dueling = true;
  Dqn agent(DiscreteTask(3, 4), config);
  const at::Tensor s = Normal({20, 3}, 1);
  const at::Tensor q = agent.Q(agent.online(), s).detach();
  ASSERT_EQ(q.size(1), 4);
  const Policy policy = agent.MakePolicy();
  Pcg64 random(1);
  std::vector<float> actions(20);
  policy.Sample({s.const_data_ptr<float>(), 60}, /*deterministic=*/false, random, actions);
  const at::Tensor best = q.argmax(1);
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(actions[static_cast<std::size_t>(i)], best[i].item<double>());
  }
  // The snapshot's one layer gives the same values.
  Eigen::VectorXf body =
      policy.hidden[0].weight * Eigen::Map<const Eigen::VectorXf>(s.const_data_ptr<float>(), 3) +
      policy.hidden[0].bias;
  body = body.cwiseMax(0.0F).eval();
  const Eigen::VectorXf values = policy.mean.weight * body + policy.mean.bias;
  for (std::int64_t a = 0; a < 4; ++a) EXPECT_NEAR(values[a], q[0][a].item<double>(), 1e-5);
  // What all advantages have in common does not count; the value does.
  State(agent, "q.1.bias").narrow(0, 1, 4).add_(7);
  EXPECT_LT(LargestDifference(agent.Q(agent.online(), s), q), 1e-5);
  State(agent, "q.1.bias").narrow(0, 0, 1).add_(7);
  EXPECT_LT(LargestDifference(agent.Q(agent.online(), s), q + 7), 1e-5);
}

TransitionBatch Batch(std::uint64_t seed) {
  TransitionBatch batch = RandomBatch(3, 1, 16, seed);
  batch.actions = (batch.actions > 0).to(at::kFloat);
  return batch;
}

// Copies are counted in environment steps.
TEST(Dqn, TargetMovesAtItsInterval) {
  const struct {
    int update_interval;
    int updates_per_step;
    int target_interval;
    int updates_between;
  } cases[] = {{10, 1, 50, 5}, {1, 1, 3, 3}, {4, 2, 8, 4}, {16, 8, 5, 8}};
  for (const auto& expected : cases) {
    DqnConfig config;
    config.hidden = {4};
    config.replay.update_interval = expected.update_interval;
    config.replay.updates_per_step = expected.updates_per_step;
    config.target_interval = expected.target_interval;
    Dqn agent(DiscreteTask(3, 2), config);
    for (int k = 1; k <= 24; ++k) {
      const at::Tensor before = agent.target().flat().clone();
      agent.Update(Batch(static_cast<std::uint64_t>(k)));
      const bool moves = k % expected.updates_between == 0;
      EXPECT_EQ(at::equal(agent.target().flat(), agent.online().flat()), moves) << k;
      EXPECT_EQ(at::equal(agent.target().flat(), before), !moves) << k;
    }
  }
}

TEST(Dqn, SameSeedSameBitsAndResume) {
  for (const bool variants : {false, true}) {
    DqnConfig config;
    config.hidden = {8};
    config.target_interval = 30;
    config.max_grad_norm = variants ? 0.1 : 0;
    config.double_q = variants;
    config.dueling = variants;
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) { return std::make_unique<Dqn>(DiscreteTask(3, 2, seed), config); },
        [](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) dynamic_cast<Dqn&>(agent).Update(Batch(100 + k));
        },
        40);
  }
}

TEST(Dqn, RefusesContinuousActions) {
  EXPECT_THAT(MessageOf<InputError>([] { Dqn(BoxTask(3, 2), DqnConfig()); }),
              HasSubstr("needs discrete actions"));
}

// A buffer of two environments in which row i has reward i and observation i, and leads to observation i +
// 100.
class Sampler : public ::testing::Test {
 protected:
  static constexpr std::size_t kCapacity = 16;

  void Append(std::uint8_t terminal = 0, std::uint8_t timeout = 0) {
    const auto row = static_cast<float>(buffer_.total() % kCapacity);
    const std::vector<float> numbers = {row, row + 1};
    const std::vector<float> actions = {0, 1};
    const std::vector<float> next = {row + 100, row + 101};
    const std::vector<std::uint8_t> terminals = {terminal, 0};
    const std::vector<std::uint8_t> timeouts = {timeout, 0};
    buffer_.Append(StepRows<float>{numbers, actions, numbers, next, terminals, timeouts});
  }

  BatchSampler Columns() const {
    TransitionColumns columns;
    columns.capacity = kCapacity;
    columns.observation_size = 1;
    columns.action_size = 1;
    columns.observations = {buffer_.observations().data(), kCapacity};
    columns.actions = {buffer_.actions().data(), kCapacity};
    columns.rewards = {buffer_.rewards().data(), kCapacity};
    columns.next_observations = {buffer_.next_observations().data(), kCapacity};
    columns.terminals = {buffer_.terminals().data(), kCapacity};
    return {columns, at::kCPU, 1};
  }

  ReplayBuffer buffer_{kCapacity, 1, 1, 2};
};

TEST_F(Sampler, ReturnsOverThreeSteps) {
  ReplayDraws draws;
  draws.n_step = 3;
  draws.discount = 0.5;
  ReplaySampler sampler(buffer_, 2, draws, at::kCPU, 1);
  Append();                              // rows 0, 1
  Append(1);                             // rows 2, 3; the first environment's episode ends
  Append(0, 1);                          // rows 4, 5; its next is cut
  for (int i = 0; i < 3; ++i) Append();  // rows 6 to 11
  const TransitionBatch batch = sampler.Sample(Columns(), 400, 0);
  std::set<std::int64_t> seen;
  for (std::int64_t i = 0; i < 400; ++i) {
    const auto row = batch.indices[i].item<std::int64_t>();
    seen.insert(row);
    // Rows of the first environment up to the ends of its episodes, of the second up to the newest.
    std::vector<std::int64_t> chain = {row};
    while (chain.size() < 3 && chain.back() != 2 && chain.back() != 4 && chain.back() + 2 < 12) {
      chain.push_back(chain.back() + 2);
    }
    double sum = 0;
    double discount = 1;
    for (const std::int64_t at : chain) {
      sum += discount * static_cast<double>(at);
      discount *= 0.5;
    }
    EXPECT_NEAR(batch.rewards[i].item<double>(), sum, 1e-5) << row;
    EXPECT_NEAR(batch.discounts[i].item<double>(), discount, 1e-6) << row;
    EXPECT_EQ(batch.observations[i].item<double>(), static_cast<double>(row));
    EXPECT_EQ(batch.next_observations[i].item<double>(), static_cast<double>(chain.back() + 100));
    EXPECT_EQ(batch.terminals[i].item<double>(), chain.back() == 2 ? 1 : 0);
  }
  EXPECT_EQ(seen.size(), 12);
}

// Once the ring has wrapped, the newest row's successor in memory is the oldest, and no successor at all.
TEST_F(Sampler, ReturnsEndAtTheNewestRow) {
  ReplayDraws draws;
  draws.n_step = 4;
  draws.discount = 1;
  ReplaySampler sampler(buffer_, 2, draws, at::kCPU, 1);
  for (int i = 0; i < 11; ++i) Append();  // 22 rows: the head is at 6, the newest are 4 and 5
  const TransitionBatch batch = sampler.Sample(Columns(), 400, 0);
  for (std::int64_t i = 0; i < 400; ++i) {
    std::int64_t at = batch.indices[i].item<std::int64_t>();
    double sum = static_cast<double>(at);
    for (int k = 1; k < 4 && at != 4 && at != 5; ++k) {
      at = (at + 2) % 16;
      sum += static_cast<double>(at);
    }
    EXPECT_NEAR(batch.rewards[i].item<double>(), sum, 1e-5);
  }
}

TEST_F(Sampler, DrawsByPriorityAndWeighsAgainstIt) {
  ReplayDraws draws;
  draws.priority_exponent = 0.5;
  draws.priority_correction = 0.4;
  ReplaySampler sampler(buffer_, 2, draws, at::kCPU, 1);
  for (std::int64_t first = 0; first < 6; first += 2) {
    Append();
    sampler.Appended(first);
  }
  // New rows are alike.
  EXPECT_LT(LargestEntry(sampler.Sample(Columns(), 32, 0).weights - 1), 1e-6);
  const at::Tensor errors = Row({0.25, 1, 4, 9, 16, 0});
  sampler.SetPriorities(at::arange(6, at::kLong), errors);
  constexpr std::int64_t kDraws = 60000;
  const TransitionBatch batch = sampler.Sample(Columns(), kDraws, 0);
  const double total = 0.5 + 1 + 2 + 3 + 4;
  const at::Tensor counts = at::bincount(batch.indices, {}, 6);
  for (std::int64_t row = 0; row < 5; ++row) {
    const double p = std::sqrt(errors[row].item<double>()) / total;
    EXPECT_NEAR(counts[row].item<double>(), kDraws * p, 5 * std::sqrt(kDraws * p)) << row;
  }
  EXPECT_GT(counts[5].item<double>(), 0) << "1e-3 of a draw in 10.5: not never";
  // (N P)^-0.4 relative to the largest among the drawn, that of the rarest row.
  for (std::int64_t i = 0; i < 50; ++i) {
    const double p = std::sqrt(errors[batch.indices[i]].item<double>() + 1e-6) / total;
    EXPECT_NEAR(batch.weights[i].item<double>(), std::pow(p / (1e-3 / total), -0.4), 1e-4);
  }
  const TransitionBatch late = sampler.Sample(Columns(), kDraws, 1);
  const double p = std::sqrt(errors[late.indices[0]].item<double>() + 1e-6) / total;
  EXPECT_NEAR(late.weights[0].item<double>(), (1e-3 / total) / p, 1e-4) << "whole at the end";

  // A saved sampler draws on as if nothing had happened.
  StateWriter out;
  sampler.Save(out);
  ReplaySampler other(buffer_, 2, draws, at::kCPU, 99);
  StateReader in(out.bytes());
  other.Load(in);
  EXPECT_TRUE(at::equal(other.Sample(Columns(), 64, 0).indices, sampler.Sample(Columns(), 64, 0).indices));
}

}  // namespace
}  // namespace strider
