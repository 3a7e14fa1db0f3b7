// Whether the combination lock is opened: HNPG sheet, section 7, V10 and V11, and section 3.4.
#include <ATen/core/grad_mode.h>

#include "agents/actor_critic.h"
#include "agents/nn/distributions.h"
#include "envs/lock/embedding_lock.h"
#include "tests/experiments/lock_kit.h"

namespace strider {
namespace {

// V10: tables on the chain, 100 episodes an update.
TEST_F(LockLearning, HacOpensTheChainAndRolloutsAloneDoNot) {
  for (const auto& [horizon, updates] : {std::pair{5, 10}, {10, 20}, {20, 40}}) {
    const std::string data = Data("LockChain-v0", horizon, 20'000);
    for (const std::string seed : {"0", "1", "2"}) {
      const auto settings = [&](int count) -> Assignments {
        return {{"run.steps", std::to_string(100 * horizon * count)},
                {"run.seed", seed},
                {"agent.rollout_steps", std::to_string(100 * horizon)}};
      };
      EXPECT_GE(Success("hac", "LockChain-v0", horizon, data, settings(updates)), 0.99) << horizon;
      if (horizon == 20) {
        EXPECT_LE(Success("hac", "LockChain-v0", horizon, data, settings(10)), 0.05);
      }
      // The dataset alone, with the on-policy term left out: tables are complete for it.
      Assignments offline = settings(updates);
      offline.emplace_back("agent.on_policy_weight", "0");
      EXPECT_GE(Success("hac", "LockChain-v0", horizon, data, offline), 0.99) << horizon;
      // Five steps are opened by luck now and then.
      if (horizon > 5) {
        EXPECT_EQ(Success("hac", "LockChain-v0", horizon, "", settings(60)), 0) << horizon;
      }
    }
  }
}

// V11 at H = 5.
TEST_F(LockLearning, HnpgOpensTheLockAndTrpoDoesNot) {
  const std::string data = Data("CombinationLock-v0", 5, 20'000);
  const Assignments settings = {
      {"run.steps", "150000"}, {"run.eval_interval", "10000"}, {"run.target_return", "0.8"}};
  EXPECT_GT(Success("hnpg", "CombinationLock-v0", 5, data, settings), 0.5);
  ExpectShutOut(5, "50000");
}

// All pictures of the classes that a lock of 32 steps shows, and their classes.
struct Pictures {
  at::Tensor rows;     // (pictures x 512)
  at::Tensor classes;  // (pictures)
};

Pictures AllPictures(const std::string& split) {
  EmbeddingLockConfig config;
  config.horizon = 32;
  config.split = split;
  const EmbeddingLock lock("EmbeddingLock-v0", config);
  constexpr std::int64_t kShown = 99;
  Pictures all;
  at::Tensor rows = at::empty({kShown * lock.pictures(), EmbeddingLock::kSize}, at::kDouble);
  all.classes = at::arange(kShown).repeat_interleave(lock.pictures());
  auto* row = rows.mutable_data_ptr<double>();
  for (int k = 0; k < kShown; ++k) {
    for (int j = 0; j < lock.pictures(); ++j, row += EmbeddingLock::kSize) {
      lock.Show(k, j, {row, static_cast<std::size_t>(EmbeddingLock::kSize)});
    }
  }
  all.rows = rows.to(at::kFloat);
  return all;
}

// Section 3.4: what a net of two tanh layers makes of the pictures, so that the state can be told as badly as
// in the paper: 77.7 % of the pictures trained on, 72.1 % of others.
TEST(EmbeddingStandIn, IsAsHardToTellAsThePapersPictures) {
  const Pictures train = AllPictures("train");
  const Pictures test = AllPictures("test");
  const nn::Mlp net(EmbeddingLock::kSize, {64, 64}, 99, nn::Activation::kTanh);
  const nn::ParameterSet weights(net.Shapes(), at::kCPU);
  at::Generator random = MakeGenerator(at::kCPU, 3);
  net.Initialise(weights, nn::Initialisation::kUniformFanIn, 1, random);
  const nn::Adam adam(weights);
  for (int epoch = 0; epoch < 5; ++epoch) {
    for (const at::Tensor& rows : Minibatches(train.rows.size(0), 250, random, at::kCPU)) {
      const at::Tensor logits = net.Forward(weights, train.rows.index_select(0, rows));
      weights.Backward(-nn::CategoricalLogProb(train.classes.index_select(0, rows), logits).mean());
      adam.Step(weights, 1e-3);
    }
  }
  const auto told = [&](const Pictures& pictures) {
    const at::NoGradGuard no_grad;
    const at::Tensor guesses = net.Forward(weights, pictures.rows).argmax(-1);
    return 100 * (guesses == pictures.classes).to(at::kDouble).mean().item<double>();
  };
  EXPECT_NEAR(told(train), 77.7, 3);
  EXPECT_NEAR(told(test), 72.1, 3);
}

}  // namespace
}  // namespace strider
