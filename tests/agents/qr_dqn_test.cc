// QR-DQN: targets by hand, what its policy is, and continuation.
#include "agents/qr_dqn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

// A network of biases alone: a table.
QrDqnConfig Table(int quantiles) {
  QrDqnConfig config;
  config.hidden = {};
  config.replay.update_interval = 1;
  config.target_interval = 1;
  config.draws.discount = 0.5;
  config.quantile.quantiles = quantiles;
  return config;
}

// The mean decides: of the target's actions {0, 10} and {4, 4} the first, whose quantiles go on.
TEST(QrDqn, TargetsByHand) {
  QrDqnConfig config = Table(2);
  TransitionBatch batch;
  batch.next_observations = at::zeros({2, 1});
  batch.rewards = Row({1, 1});
  batch.terminals = Row({0, 1});
  for (const bool double_q : {false, true}) {
    config.double_q = double_q;
    QrDqn agent(DiscreteTask(1, 2), config);
    for (const auto& [name, tensor] : agent.State()) tensor.zero_();
    Assign(agent, "q.0.bias", {0, 0, 1, 1});
    Assign(agent, "q_target.0.bias", {0, 10, 4, 4});
    const at::Tensor after = double_q ? Row({3, 3}) : Row({1, 6});
    EXPECT_LT(LargestDifference(agent.Targets(batch), at::stack({after, Row({1, 1})})), 1e-6);
  }
}

// A fair coin of 0 or 8, learnt as a law.
TEST(QrDqn, LearnsTheLawAndNotOnlyTheMean) {
  QrDqnConfig config = Table(4);
  config.lr = 0.02;
  QrDqn agent(DiscreteTask(1, 1), config);
  TransitionBatch batch;
  batch.observations = at::zeros({2, 1});
  batch.next_observations = at::zeros({2, 1});
  batch.actions = at::zeros({2, 1});
  batch.rewards = Row({0, 8});
  batch.terminals = Row({1, 1});
  for (int k = 0; k < 3000; ++k) agent.Update(batch);
  EXPECT_LT(LargestDifference(agent.Outputs(agent.online(), batch.observations.narrow(0, 0, 1))[0][0],
                              Row({0, 0, 8, 8})),
            0.7);  // Huber's bound of 1 draws both sides in
  EXPECT_NEAR(Metric(agent, "q"), 4, 0.1);
}

TEST(QrDqn, ItsPolicyTakesTheLargestMean) {
  for (const bool dueling : {false, true}) {
    QrDqnConfig config;
    config.hidden = {8};
    config.dueling = dueling;
    config.quantile.quantiles = 5;
    const QrDqn agent(DiscreteTask(3, 4), config);
    const at::Tensor s = Normal({40, 3}, 1);
    const at::Tensor theta = agent.Outputs(agent.online(), s);
    ASSERT_EQ(theta.sizes(), at::IntArrayRef({40, 4, 5}));
    const at::Tensor best = theta.mean(2).argmax(1);
    const Policy policy = agent.MakePolicy();
    EXPECT_EQ(policy.mean.weight.rows(), 4);
    Pcg64 random(1);
    std::vector<float> actions(40);
    policy.Sample({s.const_data_ptr<float>(), 120}, /*deterministic=*/false, random, actions);
    for (std::int64_t i = 0; i < 40; ++i) {
      EXPECT_EQ(actions[static_cast<std::size_t>(i)], best[i].item<double>());
    }
  }
}

TEST(QrDqn, SameSeedSameBitsAndResume) {
  QrDqnConfig config;
  config.hidden = {8};
  config.target_interval = 30;
  config.quantile.quantiles = 5;
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<QrDqn>(DiscreteTask(3, 2, seed), config); },
      [](Agent& agent, int first, int last) {
        for (int k = first; k < last; ++k) {
          TransitionBatch batch = RandomBatch(3, 1, 16, 100 + static_cast<std::uint64_t>(k));
          batch.actions = (batch.actions > 0).to(at::kFloat);
          dynamic_cast<QrDqn&>(agent).Update(batch);
        }
      },
      40);
}

TEST(QrDqn, RefusesContinuousActions) {
  EXPECT_THAT(MessageOf<InputError>([] { QrDqn(BoxTask(3, 2), QrDqnConfig()); }),
              HasSubstr("needs discrete actions"));
}

}  // namespace
}  // namespace strider
