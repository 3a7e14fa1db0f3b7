#include "agents/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "agents/mdpo_off.h"
#include "agents/mdpo_on.h"
#include "agents/nn/heads.h"
#include "agents/nn/mixture.h"
#include "agents/pmoe_sac.h"
#include "agents/td3.h"
#include "tests/agents/learner_kit.h"

namespace strider {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr int kObservations = 5;
constexpr int kActions = 3;
constexpr std::int64_t kRows = 33;

std::span<const float> Numbers(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// Moves every weight away from its special start (small mean heads, zero biases, equal deviations).
void Disturb(const Agent& agent) {
  std::uint64_t seed = 50;
  for (const auto& [name, tensor] : agent.State()) tensor.add_(0.3 * Normal(tensor.sizes(), ++seed));
}

struct Drawn {
  at::Tensor actions;    // (rows x actions)
  at::Tensor log_probs;  // (rows)
};

Drawn Sample(const Policy& policy, const at::Tensor& observations, bool deterministic, Pcg64 random) {
  Drawn drawn;
  drawn.actions = at::empty({observations.size(0), RowSize(policy.action_space)}, at::kFloat);
  drawn.log_probs = at::empty({observations.size(0)}, at::kFloat);
  policy.Sample(Numbers(observations), deterministic, random,
                {drawn.actions.mutable_data_ptr<float>(), static_cast<std::size_t>(drawn.actions.numel())},
                {drawn.log_probs.mutable_data_ptr<float>(), static_cast<std::size_t>(observations.size(0))});
  return drawn;
}

// The noise that a policy draws from this stream, row by row.
at::Tensor NoiseOf(Pcg64 random) {
  at::Tensor noise = at::empty({kRows, kActions}, at::kFloat);
  float* entries = noise.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < noise.numel(); ++i) entries[i] = static_cast<float>(random.StandardNormal());
  return noise;
}

constexpr double kFloatRounding = 2e-5;

TEST(Snapshot, GaussianOfOnPolicyMdpo) {
  const MdpoOnConfig config;
  const MdpoOn agent(BoxTask(kObservations, kActions), config);
  Disturb(agent);
  const at::Tensor s = Normal({kRows, kObservations}, 1);
  const auto outputs = agent.actor().Evaluate(s);
  const Policy policy = agent.MakePolicy();
  EXPECT_LT(LargestDifference(Sample(policy, s, true, Pcg64(1)).actions, outputs.mean), kFloatRounding);

  const Drawn drawn = Sample(policy, s, false, Pcg64(1));
  const at::Tensor expected = outputs.mean + outputs.log_std.exp() * NoiseOf(Pcg64(1));
  EXPECT_LT(LargestDifference(drawn.actions, expected), kFloatRounding);
  EXPECT_LT(LargestDifference(drawn.log_probs, agent.actor().LogProb(drawn.actions, outputs)), 1e-4);
}

TEST(Snapshot, CategoricalOfOnPolicyMdpo) {
  const MdpoOnConfig config;
  const MdpoOn agent(DiscreteTask(kObservations, 4), config);
  Disturb(agent);
  const at::Tensor s = Normal({kRows, kObservations}, 1);
  const auto outputs = agent.actor().Evaluate(s);
  const Drawn best = Sample(agent.MakePolicy(), s, true, Pcg64(1));
  EXPECT_TRUE(at::equal(best.actions.squeeze(-1).to(at::kLong), outputs.mean.argmax(-1)));
  const Drawn drawn = Sample(agent.MakePolicy(), s, false, Pcg64(1));
  EXPECT_LT(LargestDifference(drawn.log_probs, agent.actor().LogProb(drawn.actions, outputs)),
            kFloatRounding);
  EXPECT_FALSE(at::equal(drawn.actions, best.actions));
}

TEST(Snapshot, SquashedGaussianOfOffPolicyMdpo) {
  MdpoOffConfig config;
  config.hidden = {16, 8};
  config.log_std_min = -1;  // narrow enough to act
  config.log_std_max = 0.1;
  const MdpoOff agent(BoxTask(kObservations, kActions), config);
  Disturb(agent);
  const nn::GaussianHeads net(kObservations, config.hidden, kActions, nn::Activation::kRelu,
                              config.log_std_min, config.log_std_max);
  const at::Tensor s = Normal({kRows, kObservations}, 1);
  const auto heads = net.Forward(agent.policy(), s);
  EXPECT_TRUE((heads.log_std == 0.1F).any().item<bool>() && (heads.log_std == -1).any().item<bool>());
  const Policy policy = agent.MakePolicy();
  EXPECT_LT(LargestDifference(Sample(policy, s, true, Pcg64(1)).actions, heads.mean.tanh()), kFloatRounding);

  const Drawn drawn = Sample(policy, s, false, Pcg64(1));
  const nn::SquashedSample expected = nn::SampleSquashed(heads.mean, heads.log_std, NoiseOf(Pcg64(1)));
  EXPECT_LT(LargestDifference(drawn.actions, expected.action), kFloatRounding);
  EXPECT_LT(LargestDifference(drawn.log_probs, expected.log_prob), 1e-4);
}

TEST(Snapshot, MixtureOfPmoeSac) {
  PmoeSacConfig config;
  config.sac.hidden = {16, 8};
  config.sac.log_std_min = -1;
  config.sac.log_std_max = 0.1;
  config.experts = 3;
  const PmoeSac agent(BoxTask(kObservations, kActions), config);
  Disturb(agent);
  const at::Tensor s = Normal({kRows, kObservations}, 1);
  const auto experts = agent.DrawActions(s, at::zeros({kRows, 3, kActions}));
  Policy policy = agent.MakePolicy();

  policy.acting_expert = ActingExpert::kMostProbable;
  const at::Tensor best = experts.logits.argmax(1);
  const at::Tensor rows = at::arange(kRows, at::kLong);
  EXPECT_LT(
      LargestDifference(Sample(policy, s, true, Pcg64(1)).actions, experts.mean.tanh().index({rows, best})),
      kFloatRounding);

  // The density is the whole mixture's, whichever expert has acted.
  const Drawn drawn = Sample(policy, s, false, Pcg64(1));
  const at::Tensor u = drawn.actions.atanh();
  const at::Tensor each = nn::GaussianLogProb(u.unsqueeze(1), experts.mean, experts.log_std);
  const at::Tensor expected = nn::MixtureLogProb(experts.logits, each) - nn::TanhLogJacobian(u);
  EXPECT_LT(LargestDifference(drawn.log_probs, expected), 1e-2) << "atanh near 1 is rough";
}

// PMOE sheet, section 11, case 2: what is drawn has the density that is said.
TEST(Policy, MixtureDrawsByItsDensity) {
  Policy policy = UniformPolicy(1, UniformBox(1, -1, 1));
  policy.distribution = ActionDistribution::kTanhGaussian;
  const auto layer = [](std::initializer_list<float> bias) {
    Policy::Layer made;
    made.bias = Eigen::Map<const Eigen::VectorXf>(bias.begin(), static_cast<Eigen::Index>(bias.size()));
    made.weight = Eigen::MatrixXf::Zero(made.bias.size(), 1);
    return made;
  };
  policy.mean = layer({-0.5F, 0.8F});
  policy.log_std = layer({std::log(0.4F), std::log(0.25F)});
  policy.router = {layer({std::log(0.3F), std::log(0.7F)})};
  constexpr std::int64_t kDraws = 100000;
  constexpr std::int64_t kBins = 40;
  const Drawn drawn = Sample(policy, at::zeros({kDraws, 1}), false, Pcg64(8));
  const at::Tensor counts =
      at::bincount(((drawn.actions.squeeze(-1) + 1) * (kBins / 2.0)).floor().to(at::kLong), {}, kBins);
  // Probability of each bin by the midpoint rule on the density of the PMOE sheet's case 1.
  constexpr std::int64_t kFine = 500;
  const at::Tensor u =
      (((at::arange(kBins * kFine, at::kDouble) + 0.5) * (2.0 / (kBins * kFine))) - 1).atanh();
  const auto normal = [&](double mean, double sd) {
    return (-0.5 * ((u - mean) / sd).square()).exp() / (sd * 2.5066282746310002);
  };
  const at::Tensor density = (0.3 * normal(-0.5, 0.4) + 0.7 * normal(0.8, 0.25)) * u.cosh().square();
  const at::Tensor expected = density.view({kBins, kFine}).mean(1) * (2.0 / kBins) * kDraws;
  const at::Tensor used = expected > 5;
  const double chi_square =
      ((counts - expected).square() / expected).masked_select(used).sum().item<double>();
  // 99.9 % quantile for 39 degrees of freedom.
  EXPECT_LT(chi_square, 72.1);
  const at::Tensor said = drawn.log_probs.to(at::kDouble);
  const at::Tensor at_draw = drawn.actions.squeeze(-1).to(at::kDouble).atanh();
  const auto of = [&](double mean, double sd) {
    return (-0.5 * ((at_draw - mean) / sd).square()).exp() / (sd * 2.5066282746310002);
  };
  const at::Tensor exact = (0.3 * of(-0.5, 0.4) + 0.7 * of(0.8, 0.25)) * at_draw.cosh().square();
  EXPECT_LT(LargestDifference(said, exact.log()), 1e-3);

  // Deterministic: the mean of an expert, drawn or the most probable.
  const at::Tensor sampled = Sample(policy, at::zeros({kDraws, 1}), true, Pcg64(8)).actions;
  const double share = (sampled < 0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(share, 0.3, 5 * std::sqrt(0.21 / kDraws));
  policy.acting_expert = ActingExpert::kMostProbable;
  const at::Tensor fixed = Sample(policy, at::zeros({9, 1}), true, Pcg64(8)).actions;
  EXPECT_LT(LargestEntry(fixed - std::tanh(0.8)), 1e-6);
}

TEST(Policy, GreedyTakesTheBest) {
  Policy policy = UniformPolicy(1, Discrete{3});
  policy.distribution = ActionDistribution::kGreedy;
  policy.mean.weight = Eigen::MatrixXf::Zero(3, 1);
  policy.mean.bias = Eigen::VectorXf(3);
  policy.mean.bias << 0.1F, 0.3F, 0.2F;
  EXPECT_EQ(LargestEntry(Sample(policy, at::zeros({20, 1}), false, Pcg64(8)).actions - 1), 0);
}

// The three states of the distributional DP sheet, V2, at s1: safe gives 1, risky -1 or 4; the row is the
// stock.
TEST(Policy, GreedyUtilityFollowsTheStock) {
  Policy policy = UniformPolicy(kStockColumns, Discrete{2});
  policy.distribution = ActionDistribution::kGreedyUtility;
  policy.augmentation.stock = StockRule{.discount = 0.5, .bound = 8};
  policy.weight_below = 2;
  policy.weight_above = 0;
  policy.mean.weight = Eigen::MatrixXf::Zero(4, kStockColumns);
  policy.mean.bias = Eigen::VectorXf(4);
  policy.mean.bias << 1, 1, -1, 4;
  const auto act = [&](double stock) {
    const at::Tensor row = at::tensor({stock / 8, 0.0}, at::kFloat).unsqueeze(0);
    return Sample(policy, row, false, Pcg64(8)).actions[0].item<double>();
  };
  EXPECT_EQ(act(-4), 1);
  EXPECT_EQ(act(0), 0);
  EXPECT_EQ(act(3), 1);  // no return falls short: the larger mean decides
}

TEST(Snapshot, DeterministicActorOfTd3) {
  Td3Config config;
  config.hidden = {16, 8};
  const Td3 agent(BoxTask(kObservations, kActions), config);
  Disturb(agent);
  const nn::Mlp net(kObservations, config.hidden, kActions, nn::Activation::kRelu);
  const at::Tensor s = Normal({kRows, kObservations}, 1);
  for (const bool deterministic : {true, false}) {
    EXPECT_LT(LargestDifference(Sample(agent.MakePolicy(), s, deterministic, Pcg64(1)).actions,
                                net.Forward(agent.actor(), s).tanh()),
              kFloatRounding);
  }
}

TEST(Policy, RowsAreIndependentAndEqualCallsGiveEqualBits) {
  const MdpoOff agent(BoxTask(kObservations, kActions), {});
  Disturb(agent);
  const Policy policy = agent.MakePolicy();
  const at::Tensor s = Normal({kRows, kObservations}, 1);
  const at::Tensor together = Sample(policy, s, true, Pcg64(1)).actions;
  EXPECT_TRUE(at::equal(together, Sample(policy, s, true, Pcg64(1)).actions));
  for (std::int64_t row = 0; row < kRows; ++row) {
    const at::Tensor alone = Sample(policy, s.narrow(0, row, 1), true, Pcg64(1)).actions;
    EXPECT_LT(LargestDifference(alone[0], together[row]), kFloatRounding);
  }
}

TEST(Policy, CategoricalFrequencies) {
  Policy policy = UniformPolicy(1, Discrete{3});
  policy.distribution = ActionDistribution::kCategorical;
  policy.mean.weight = Eigen::MatrixXf::Zero(3, 1);
  // Far from zero, so that the largest has to be taken off first.
  policy.mean.bias = Eigen::VectorXf(3);
  policy.mean.bias << 200 + std::log(0.5F), 200 + std::log(0.3F), 200 + std::log(0.2F);
  constexpr std::int64_t kDraws = 40000;
  const Drawn drawn = Sample(policy, at::zeros({kDraws, 1}), false, Pcg64(8));
  const at::Tensor chosen = drawn.actions.squeeze(-1).to(at::kLong);
  const at::Tensor counts = at::bincount(chosen, {}, 3);
  const std::vector<double> probabilities = {0.5, 0.3, 0.2};
  for (std::size_t a = 0; a < 3; ++a) {
    const double p = probabilities[a];
    EXPECT_NEAR(counts[static_cast<std::int64_t>(a)].item<double>(), kDraws * p,
                5 * std::sqrt(kDraws * p * (1 - p)));
  }
  const at::Tensor expected = at::tensor(probabilities).log().index_select(0, chosen);
  EXPECT_LT(LargestDifference(drawn.log_probs, expected), 1e-4);
}

TEST(Policy, UniformOverBoxAndNumbers) {
  constexpr std::int64_t kDraws = 20000;
  const Policy box = UniformPolicy(1, UniformBox(2, -3, 5));
  const Drawn drawn = Sample(box, at::zeros({kDraws, 1}), false, Pcg64(8));
  EXPECT_LE(LargestEntry(drawn.actions), 1) << "the learner's frame";
  const double five_sigma = 5 / std::sqrt(3.0 * kDraws);
  EXPECT_LT(LargestEntry(drawn.actions.mean(0)), five_sigma);
  EXPECT_LT(LargestEntry(drawn.actions.square().mean(0) - 1.0 / 3), five_sigma);
  EXPECT_LT(LargestEntry(drawn.log_probs + 2 * std::log(2.0)), 1e-6);

  const Policy numbers = UniformPolicy(1, Discrete{4});
  const Drawn chosen = Sample(numbers, at::zeros({kDraws, 1}), false, Pcg64(8));
  const at::Tensor counts = at::bincount(chosen.actions.squeeze(-1).to(at::kLong), {}, 4);
  ASSERT_EQ(counts.size(0), 4);
  EXPECT_LT(LargestEntry(counts - kDraws / 4), 5 * std::sqrt(kDraws * 0.25 * 0.75));
  EXPECT_LT(LargestEntry(chosen.log_probs + std::log(4.0)), 1e-6);
}

TEST(Policy, ToEnvironmentScalesOrClips) {
  Policy policy = UniformPolicy(1, Box{{-2, 0}, {2, 1}});
  const std::vector<float> learner = {-1, -1, 0, 0, 1, 0.5};
  for (const auto kind :
       {ActionDistribution::kUniform, ActionDistribution::kTanh, ActionDistribution::kTanhGaussian}) {
    policy.distribution = kind;
    std::vector<float> actions = learner;
    policy.ToEnvironment(actions);
    EXPECT_THAT(actions, ElementsAre(-2, 0, 0, 0.5F, 2, 0.75F));
    ScaleFromBox(std::get<Box>(policy.action_space), actions);
    EXPECT_EQ(actions, learner);
  }
  policy.distribution = ActionDistribution::kGaussian;
  std::vector<float> actions = {3, -1, 0.5F, 0.25F, -3, 7};
  policy.ToEnvironment(actions);
  EXPECT_THAT(actions, ElementsAre(2, 0, 0.5F, 0.25F, -2, 1));

  policy = UniformPolicy(1, Discrete{9});
  std::vector<float> number = {8};
  policy.ToEnvironment(number);
  EXPECT_THAT(number, ElementsAre(8));
}

// action = tanh(w clip((o - mean) scale)) scaled to the box, by hand.
TEST(Policy, ActTransformsRunsAndScales) {
  Policy policy = UniformPolicy(1, UniformBox(1, -10, 10));
  policy.distribution = ActionDistribution::kTanh;
  policy.mean.weight = Eigen::MatrixXf::Constant(1, 1, 0.25F);
  policy.mean.bias = Eigen::VectorXf::Constant(1, 0.5F);
  policy.transform = {{100}, {0.1}, 4};
  Pcg64 random(1);
  std::vector<float> actions(3);
  std::vector<float> log_probs(3);
  policy.Act(std::vector<double>{100, 110, 1e6}, true, random, actions, log_probs);
  EXPECT_NEAR(actions[0], 10 * std::tanh(0.5), 1e-5);
  EXPECT_NEAR(actions[1], 10 * std::tanh(0.75), 1e-5);
  EXPECT_NEAR(actions[2], 10 * std::tanh(1.5), 1e-5) << "the transform clips";

  const Policy uniform = UniformPolicy(1, UniformBox(1, 20, 30));
  uniform.Act(std::vector<double>{1, 2, 3}, false, random, actions, log_probs);
  EXPECT_THAT(actions, Each(::testing::AllOf(::testing::Ge(20), ::testing::Le(30))));
  EXPECT_NE(actions[0], actions[1]);
}

}  // namespace
}  // namespace strider
