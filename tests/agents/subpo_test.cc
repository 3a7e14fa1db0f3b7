// SubPO's credit, baselines and steps (SubPO sheet, sections 2 and 5, V4 and V8).
#include "agents/subpo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/agents/learner_kit.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using ::testing::ThrowsMessage;

constexpr int kStates = 3;
constexpr int kActions = 4;

// Two environments and episodes of three steps.
Task ShortTask() {
  Task task = DiscreteTask(kStates, kActions);
  task.max_episode_steps = 3;
  task.environments = 2;
  return task;
}

SubpoConfig Linear() {
  SubpoConfig config;
  config.batch = 4;
  config.hidden = {};
  return config;
}

// Four whole episodes with the gains given, row t * 2 + i.
Rollout FourEpisodes() {
  Rollout rollout = RandomRollout(kStates, 1, kActions, 6, 2, 3);
  rollout.rewards = {5, 1, 3, 2, 0, 3, /**/ 1, 0, 1, 0, 2, 4};
  rollout.ended = {0, 0, 0, 0, 1, 1, /**/ 0, 0, 0, 0, 1, 1};
  return rollout;
}

// Each row sees one of the states, as a one-hot.
void SeeOneState(Rollout& rollout) {
  std::ranges::fill(rollout.observations, 0.0F);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rollout.rows()); ++row) {
    rollout.observations[row * kStates + row % kStates] = 1;
  }
}

TEST(Subpo, ABatchIsWholeEpisodes) {
  EXPECT_EQ(Subpo(ShortTask(), Linear()).rollout().steps, 6);
  SubpoConfig odd = Linear();
  odd.batch = 5;
  EXPECT_EQ(Subpo(ShortTask(), odd).rollout().steps, 9);
}

TEST(Subpo, CreditsOfTheSheet) {
  const auto weights = [](const char* credit, const char* baseline) {
    SubpoConfig config = Linear();
    config.credit = credit;
    config.baseline = baseline;
    return Subpo(ShortTask(), config).Weights(FourEpisodes());
  };
  EXPECT_THAT(weights("to_go", "none"), ElementsAre(8, 6, 3, 5, 0, 3, 4, 4, 3, 4, 2, 4));
  EXPECT_THAT(weights("prefix", "none"), ElementsAre(5, 1, 8, 3, 8, 6, 1, 0, 2, 0, 4, 4));
  EXPECT_THAT(weights("myopic", "none"), ElementsAre(5, 1, 3, 2, 0, 3, 1, 0, 1, 0, 2, 4));
  // Means over the four episodes at each time: 5.5, 3.75, 2.25.
  EXPECT_THAT(weights("to_go", "time"),
              ElementsAre(2.5, 0.5, -0.75, 1.25, -2.25, 0.75, -1.5, -1.5, -0.75, 0.25, -0.25, 1.75));
}

// The mean at a time is over the episodes that last so long. The first environment's end after two, one and
// three steps, the second one's last two.
TEST(Subpo, EpisodesMayDifferInLength) {
  Rollout rollout = FourEpisodes();
  rollout.ended = {0, 0, 1, 0, 1, 1, /**/ 0, 0, 0, 0, 1, 1};
  SubpoConfig config = Linear();
  // To go: 8 3 | 0 | 4 3 2 and 6 5 3 | 4 4 4. Means: (8 + 6 + 0 + 4 + 4) / 5, (3 + 5 + 3 + 4) / 4, 3.
  config.baseline = "none";
  EXPECT_THAT(Subpo(ShortTask(), config).Weights(rollout), ElementsAre(8, 6, 3, 5, 0, 3, 4, 4, 3, 4, 2, 4));
  config.baseline = "time";
  EXPECT_THAT(Subpo(ShortTask(), config).Weights(rollout),
              Pointwise(FloatEq(),
                        {3.6F, 1.6F, -0.75F, 1.25F, -4.4F, 0.0F, -0.4F, -0.4F, -0.75F, 0.25F, -1.0F, 1.0F}));
}

// What lies beyond the batch's last row counts for nothing, whatever the value says of it.
TEST(Subpo, TheValueEndsWithTheBatch) {
  SubpoConfig config = Linear();
  config.baseline = "value";
  Rollout rollout = FourEpisodes();
  rollout.ended = {0, 0, 0, 0, 1, 1, /**/ 0, 0, 0, 0, 0, 0};
  Subpo first(ShortTask(), config);
  first.Update(rollout, 0, 1);
  for (float& x : rollout.last_observations) x += 5;
  Subpo second(ShortTask(), config);
  second.Update(rollout, 0, 1);
  for (const auto& [name, tensor] : first.State())
    EXPECT_TRUE(at::equal(tensor, State(second, name))) << name;
  rollout.ended.back() = rollout.ended[rollout.ended.size() - 2] = 1;
  Subpo third(ShortTask(), config);
  third.Update(rollout, 0, 1);
  for (const auto& [name, tensor] : first.State()) EXPECT_TRUE(at::equal(tensor, State(third, name))) << name;
}

// V4: where gains do not depend on the past the gradient is REINFORCE's, here in its closed form for a linear
// softmax: mean of (e_a - pi) x^T times the rewards to go.
TEST(Subpo, TheGradientIsReinforces) {
  SubpoConfig config = Linear();
  config.baseline = "none";
  Subpo agent(ShortTask(), config);
  for (const auto& [name, tensor] : agent.State()) {
    if (name == "policy.0.weight") tensor.copy_(Normal(tensor.sizes(), 5));
  }
  const Rollout rollout = FourEpisodes();
  const at::Tensor s = at::tensor(rollout.observations).view({12, kStates});
  const at::Tensor a = at::tensor(rollout.actions).view({12, 1});
  const at::Tensor weights = at::tensor(agent.Weights(rollout));
  agent.FindGradient(s, a, weights);

  const at::Tensor pi = at::softmax(s.mm(State(agent, "policy.0.weight").t()), -1);
  const at::Tensor chosen = at::one_hot(a.squeeze(-1).to(at::kLong), kActions).to(at::kFloat);
  const at::Tensor expected = ((chosen - pi) * weights.unsqueeze(-1)).t().mm(s) / 12;
  EXPECT_LT(LargestDifference(agent.actor().parameters().grad(0), expected), 1e-6);
}

// The gradient in closed form is that of LibTorch's graph, for logits and for a Gaussian, with entropy.
TEST(Subpo, TheGradientIsTheGraphs) {
  for (const bool discrete : {true, false}) {
    SubpoConfig config;
    config.baseline = "none";
    config.entropy_coef = 0.3;
    config.entropy_anneal = false;
    Task task = ShortTask();
    if (!discrete) task.action_space = UniformBox(kActions, -1, 1);
    Subpo agent(task, config);
    const at::Tensor s = Normal({12, kStates}, 5);
    const at::Tensor a = discrete ? at::arange(12).remainder(kActions).unsqueeze(-1).to(at::kFloat)
                                  : Normal({12, kActions}, 6);
    const at::Tensor weights = Normal({12}, 7);
    agent.FindGradient(s, a, weights);
    const Actor& actor = agent.actor();
    const at::Tensor found = actor.parameters().flat_grad().clone();
    const Actor::Outputs outputs = actor.Evaluate(s);
    actor.Backward((actor.LogProb(a, outputs) * weights).mean() + 0.3 * actor.Entropy(outputs).mean());
    EXPECT_LT(LargestDifference(found, actor.parameters().flat_grad()), 1e-6) << discrete;
    EXPECT_GT(found.abs().max().item<float>(), 0.1) << discrete;
  }
}

// V8, sampled: in a table one natural step multiplies each state's probabilities by exp(rate x advantage),
// with one rate for all; a state's advantage is the mean weight of an action less the mean of all.
TEST(Subpo, NaturalStepsAreMultiplicativeWeights) {
  SubpoConfig config = Linear();
  config.step = "natural";
  config.baseline = "none";
  config.credit = "myopic";
  config.cg_damping = 0;
  config.cg_iterations = 50;
  config.max_kl = 1e-3;
  Task task = ShortTask();
  task.action_space = Discrete{2};
  config.batch = 400;
  Subpo agent(task, config);
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("policy.")) tensor.zero_();
  }
  // Every state takes both actions equally often, so that the sample is the uniform policy's own.
  Rollout rollout = RandomRollout(kStates, 1, 2, 600, 2, 3);
  SeeOneState(rollout);
  const double gain[kStates][2] = {{1, 0}, {0, 3}, {2, 2}};
  for (std::size_t row = 0; row < static_cast<std::size_t>(rollout.rows()); ++row) {
    const std::size_t action = row / kStates % 2;
    rollout.actions[row] = static_cast<float>(action);
    rollout.rewards[row] = static_cast<float>(gain[row % kStates][action]);
    rollout.ended[row] = row / 2 % 3 == 2 ? 1 : 0;
  }
  agent.Update(rollout, 0, 1);
  const at::Tensor logits =
      State(agent, "policy.0.weight") + State(agent, "policy.0.bias").unsqueeze(-1);  // (actions x states)
  const auto gap = [&](int state) { return (logits[1][state] - logits[0][state]).item<double>(); };
  EXPECT_NEAR(gap(0) / gap(1), -1.0 / 3, 1e-3);
  EXPECT_NEAR(gap(2), 0, 1e-5);
  EXPECT_GT(gap(1), 0);
  EXPECT_NEAR(Metric(agent, "kl"), 1e-3, 1e-5);
}

TEST(Subpo, WhatDoesNotFitIsNamed) {
  SubpoConfig config = Linear();
  const auto refused = [&](const std::string& why) {
    EXPECT_THAT([&] { Subpo(ShortTask(), config); }, ThrowsMessage<InputError>(HasSubstr(why)));
    config = Linear();
  };
  config.baseline = "value";
  config.credit = "prefix";
  refused("does not fit agent.credit = prefix");
  Task long_task = ShortTask();
  long_task.max_episode_steps = 5000;
  config.batch = 1'000'000;
  EXPECT_THAT([&] { Subpo(long_task, config); },
              ThrowsMessage<InputError>(HasSubstr("whole episodes of 5000")));
  config = Linear();
  config.credit = "prefix";
  config.rollout.discount = 0.9;
  refused("agent.discount = 0.9 has no part in agent.credit = prefix");
  config.rollout.gae_lambda = 0.95;
  refused("agent.gae_lambda = 0.95 has no part in agent.baseline = time");
  config.batch = 1;
  refused("agent.batch = 1 episodes are too few for run.num_envs = 2");
}

TEST(Subpo, SameBitsWhenResumed) {
  for (const char* baseline : {"none", "value"}) {
    SubpoConfig config = Linear();
    config.hidden = {4};
    config.baseline = baseline;
    config.entropy_coef = 0.1;
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) {
          Task task = ShortTask();
          task.seed = seed;
          return std::make_unique<Subpo>(task, config);
        },
        [](Agent& agent, int first, int last) {
          for (int i = first; i < last; ++i) dynamic_cast<Subpo&>(agent).Update(FourEpisodes(), i, 10);
        },
        4);
  }
}

}  // namespace
}  // namespace strider
