// The exact cases of the PMOE sheet, section 11, that concern mixtures and routers; by their numbers there.
#include "agents/nn/mixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "agents/nn/distributions.h"
#include "agents/transition_batch.h"
#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

at::Tensor Numbers(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble);
}

// A mixture in one dimension: w = (.3, .7), mu = (-.5, .8), sigma = (.4, .25).
struct Mixture {
  at::Tensor logits = Numbers({0.3, 0.7}).log().requires_grad_(true);
  at::Tensor mean = Numbers({-0.5, 0.8}).requires_grad_(true);
  at::Tensor log_std = Numbers({0.4, 0.25}).log().detach().requires_grad_(true);

  // log pi(u) for u (rows).
  at::Tensor LogProb(const at::Tensor& u) const {
    const at::Tensor each =
        GaussianLogProb(u.view({-1, 1, 1}), mean.view({1, 2, 1}), log_std.view({1, 2, 1}));
    return MixtureLogProb(logits, each);
  }
};

TEST(Mixture, Case1Density) {
  const Mixture mixture;
  EXPECT_NEAR(mixture.LogProb(Numbers({0})).item<double>(), -1.940290, 1e-6);
  const at::Tensor u = Numbers({0.6});
  const double plain = mixture.LogProb(u).item<double>();
  EXPECT_NEAR(plain, -0.200946, 1e-6);
  EXPECT_NEAR(plain - TanhLogJacobian(u).item<double>(), 0.139324, 1e-6);

  constexpr std::int64_t kCells = 200000;
  const at::Tensor a = (at::arange(kCells, at::kDouble) + 0.5) * (2.0 / kCells) - 1;
  const at::Tensor x = at::atanh(a);
  const at::Tensor density = (mixture.LogProb(x) - TanhLogJacobian(x.unsqueeze(1))).exp();
  EXPECT_NEAR(density.mean().item<double>() * 2, 1, 1e-9);
}

TEST(Mixture, Case2IntegratesToOneInTwoDimensions) {
  constexpr std::int64_t kCells = 400;
  const at::Tensor axis = ((at::arange(kCells, at::kDouble) + 0.5) * (2.0 / kCells) - 1).atanh();
  const at::Tensor u = at::stack({axis.repeat_interleave(kCells), axis.repeat({kCells})}, -1);
  const at::Tensor mean = Numbers({-0.5, 0.2, 0.8, -0.3}).view({1, 2, 2});
  const at::Tensor log_std = Numbers({0.4, 0.5, 0.25, 0.3}).log().view({1, 2, 2});
  const at::Tensor log_prob =
      MixtureLogProb(Numbers({0.3, -0.4}), GaussianLogProb(u.unsqueeze(1), mean, log_std));
  const at::Tensor density = (log_prob - TanhLogJacobian(u)).exp();
  EXPECT_NEAR(density.mean().item<double>() * 4, 1, 1e-4);
}

TEST(Mixture, Case3GradientsAreResponsibilitiesLessWeights) {
  const Mixture mixture;
  const at::Tensor u = Numbers({0});
  const at::Tensor gradient =
      FlatGradient(mixture.LogProb(u).sum(), {mixture.logits, mixture.mean, mixture.log_std});
  EXPECT_NEAR(gradient[0].item<double>(), 0.653534, 1e-6);
  EXPECT_NEAR(gradient[1].item<double>(), -0.653534, 1e-6);
  const auto differences = FiniteDifferences(
      {mixture.mean, mixture.log_std}, [&] { return mixture.LogProb(u).sum(); }, 1e-6);
  EXPECT_LT(LargestDifference(gradient.narrow(0, 2, 2), differences[0]), 1e-6);
  EXPECT_LT(LargestDifference(gradient.narrow(0, 4, 2), differences[1]), 1e-6);
}

TEST(Mixture, Case4FarOutStaysFinite) {
  Mixture mixture;
  mixture.log_std = Numbers({0.01, 0.01}).log().requires_grad_(true);
  const at::Tensor log_prob = mixture.LogProb(Numbers({50}));
  EXPECT_TRUE(std::isfinite(log_prob.item<double>()));
  const at::Tensor gradient = FlatGradient(log_prob.sum(), {mixture.logits, mixture.mean, mixture.log_std});
  EXPECT_TRUE(gradient.isfinite().all().item<bool>());
}

TEST(Mixture, Case10EqualExpertsAreOne) {
  const at::Tensor each = Numbers({-1.25, -1.25, -1.25, -1.25}).unsqueeze(0);
  EXPECT_NEAR(MixtureLogProb(at::zeros({1, 4}, at::kDouble), each).item<double>(), -1.25, 1e-12);
}

TEST(Mixture, Case11EntropyBounds) {
  const Mixture mixture;
  constexpr std::int64_t kDraws = 400000;
  at::Generator random = MakeGenerator(at::kCPU, 3);
  const at::Tensor logits = mixture.logits.detach().expand({kDraws, 2});
  const at::Tensor chosen = ChooseExpert(logits, GumbelNoise({kDraws, 2}, random, logits));
  const at::Tensor u =
      mixture.mean.detach().index_select(0, chosen) +
      mixture.log_std.detach().exp().index_select(0, chosen) * Normal({kDraws}, 4).to(at::kDouble);
  const double entropy = -mixture.LogProb(u).mean().item<double>();
  const at::Tensor of_experts = mixture.log_std.detach() + 0.5 * std::log(2 * std::numbers::pi) + 0.5;
  const double conditional = (mixture.logits.detach().exp() * of_experts).sum().item<double>();
  const double choice = RouterEntropy(mixture.logits.detach()).item<double>();
  EXPECT_NEAR(choice, -0.3 * std::log(0.3) - 0.7 * std::log(0.7), 1e-12);
  EXPECT_GT(entropy, conditional);
  EXPECT_LT(entropy, conditional + choice);
}

TEST(Router, Case5FrequencyGradient) {
  const at::Tensor z = Numbers({0.2, -0.1, 0.5}).unsqueeze(0).requires_grad_(true);
  const at::Tensor w = at::softmax(z, -1);
  EXPECT_LT(LargestDifference(w, Numbers({0.323554, 0.239694, 0.436752}).unsqueeze(0)), 1e-6);
  const at::Tensor loss = 3 * FrequencyLoss(z, at::tensor({1}, at::kLong));  // the sum form
  EXPECT_NEAR(loss.item<double>(), 0.873504, 1e-6);
  EXPECT_LT(LargestDifference(FlatGradient(loss, {z}), Numbers({0.136123, -0.418748, 0.282625})), 1e-6);
}

TEST(Router, Case9OneExpertHasNothingToLearn) {
  const at::Tensor z = at::full({5, 1}, 0.3, at::kFloat).requires_grad_(true);
  const at::Tensor loss = FrequencyLoss(z, at::zeros({5}, at::kLong));
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(LargestEntry(z.grad()), 0);
}

// a_1 ~ N(1, 1), a_2 ~ N(0, 1), Q(a) = a: the first wins with probability Phi(1/sqrt 2).
TEST(Router, Case6FrequencyAgainstScoreRatio) {
  constexpr std::int64_t kRows = 512;
  for (const bool frequency : {true, false}) {
    const at::Tensor z = at::zeros({1, 2}, at::kDouble).requires_grad_(true);
    for (int step = 0; step < 600; ++step) {
      const at::Tensor q =
          Normal({kRows, 2}, static_cast<std::uint64_t>(step)).to(at::kDouble) + Numbers({1, 0});
      const at::Tensor logits = z.expand({kRows, 2});
      const at::Tensor loss = frequency ? 2 * FrequencyLoss(logits, q.argmax(1)) : ScoreRatioLoss(logits, q);
      const at::Tensor gradient = FlatGradient(loss, {z});
      const at::NoGradGuard no_grad;
      z.sub_((frequency && step > 200 ? 0.05 : 1.0) * gradient.view({1, 2}));
    }
    const double w = at::softmax(z, -1)[0][0].item<double>();
    if (frequency) {
      EXPECT_NEAR(w, 0.760250, 0.01);
    } else {
      EXPECT_GT(w, 0.98);
    }
  }
}

TEST(Router, Case13GumbelSoftmax) {
  constexpr std::int64_t kDraws = 100000;
  at::Generator random = MakeGenerator(at::kCPU, 5);
  const at::Tensor many = Numbers({0.2, 0.5, 0.3}).log().expand({kDraws, 3});
  const at::Tensor hard = StraightThrough(many, GumbelNoise({kDraws, 3}, random, many), 0.5);
  EXPECT_TRUE(((hard == 0) | (hard == 1)).all().item<bool>());
  EXPECT_TRUE((hard.sum(-1) == 1).all().item<bool>());
  for (const auto& [k, p] : {std::pair{0, 0.2}, std::pair{1, 0.5}, std::pair{2, 0.3}}) {
    EXPECT_NEAR(hard.mean(0)[k].item<double>(), p, 3 * std::sqrt(p * (1 - p) / kDraws));
  }

  const at::Tensor z = Numbers({0.3, 0.7}).log().unsqueeze(0).requires_grad_(true);
  const at::Tensor g = Numbers({0.5, -0.2}).unsqueeze(0);
  EXPECT_TRUE(at::equal(StraightThrough(z, g, 0.5).detach(), Numbers({0, 1}).unsqueeze(0)));
  // Backward it is the soft one, y = (.426879, .573121): dy_0/dz = y_0 y_1 (1, -1) / temperature.
  const at::Tensor gradient = FlatGradient(StraightThrough(z, g, 0.5)[0][0], {z});
  const double slope = 0.426879 * 0.573121 / 0.5;
  EXPECT_LT(LargestDifference(gradient, Numbers({slope, -slope})), 1e-5);
}

TEST(Router, Case14ScoreRatio) {
  const at::Tensor z = Numbers({0.2, -0.1, 0.5}).unsqueeze(0).requires_grad_(true);
  const at::Tensor loss = -ScoreRatioLoss(z, Numbers({1, 2, 0}).unsqueeze(0));
  EXPECT_NEAR(loss.item<double>(), 0.802943, 1e-6);
  EXPECT_LT(LargestDifference(FlatGradient(loss, {z}), Numbers({0.063759, 0.286928, -0.350687})), 1e-6);
}

TEST(Router, NothingIsDrawnForOneExpert) {
  at::Generator random = MakeGenerator(at::kCPU, 5);
  const at::Tensor before = random.get_state();
  EXPECT_EQ(LargestEntry(GumbelNoise({4, 1}, random, at::zeros({1}))), 0);
  EXPECT_TRUE(at::equal(random.get_state(), before));
}

TEST(ExpertMetrics, ByHand) {
  const at::Tensor logits = Numbers({0.25, 0.75, 0.5, 0.5}).log().view({2, 2});
  const at::Tensor means = Numbers({0, 0, 3, 4, 1, 1, 1, 3}).view({2, 2, 2});
  ExpertView view{logits, at::softmax(logits, 1), means, Numbers({-1, 2}), at::tensor({1, 1}, at::kLong)};
  const auto metrics = ExpertMetrics(view);
  EXPECT_NEAR(Named(metrics, "expert_distance").item<double>(), (5 + 2) / 2.0, 1e-12);
  EXPECT_NEAR(Named(metrics, "weight_1").item<double>(), 0.375, 1e-12);
  EXPECT_NEAR(Named(metrics, "win_2").item<double>(), 1, 1e-12);
  EXPECT_NEAR(Named(metrics, "expert_entropy_2").item<double>(), 2, 1e-12);
  const double h = -0.25 * std::log(0.25) - 0.75 * std::log(0.75);
  EXPECT_NEAR(Named(metrics, "router_entropy").item<double>(), (h + std::log(2)) / 2, 1e-12);

  // Weights that are no probabilities and experts among which none wins.
  view.weights = Numbers({0.5, 1, 0.7, 0.2}).view({2, 2});
  view.winner = at::Tensor();
  const auto blended = ExpertMetrics(view);
  EXPECT_NEAR(Named(blended, "weight_1").item<double>(), 0.6, 1e-12);
  std::vector<std::string> names;
  for (const auto& [name, value] : blended) names.push_back(name);
  EXPECT_EQ(names, ExpertMetricNames(2, /*wins=*/false));
  EXPECT_EQ(std::ranges::count(names, "win_1"), 0);
  EXPECT_EQ(metrics.size(), blended.size() + 2);
}

// The bandit of section 11's learning checks: Q(a) = exp(-(a - .6)^2/.08) + second exp(-(a + .6)^2/.08), two
// experts at -+mean before squashing, alpha = .01, 1500 updates of 32 draws.
struct Bandit {
  Bandit(double second, double mean, double sd, std::uint64_t stream = 0) {
    const ParameterSet experts({{"mean", {2, 1}}, {"log_std", {2, 1}}}, at::kCPU);
    const ParameterSet router({{"logits", {1, 2}}}, at::kCPU);
    {
      const at::NoGradGuard no_grad;
      experts[0].copy_(Numbers({-mean, mean}).unsqueeze(1));
      experts[1].fill_(std::log(sd));
    }
    const Adam expert_adam(experts);
    const Adam router_adam(router);
    const auto bump = [](const at::Tensor& a, double centre) {
      return (-(a - centre).square() / 0.08).exp();
    };
    for (std::uint64_t step = 0; step < 1500; ++step) {
      const auto draw = SampleSquashed(experts[0].expand({32, 2, 1}), experts[1].expand({32, 2, 1}),
                                       Normal({32, 2, 1}, 1000 + step + 10000 * stream));
      const at::Tensor a = draw.action.squeeze(-1);
      const at::Tensor q = bump(a, 0.6) + second * bump(a, -0.6);
      const at::Tensor winner = q.detach().argmax(1);
      experts.Backward((OneHot(winner, q) * (0.01 * draw.log_prob - q)).sum(1).mean());
      router.Backward(FrequencyLoss(router[0].expand({32, 2}), winner));
      expert_adam.Step(experts, 1e-2);
      router_adam.Step(router, 1e-2);
    }
    for (std::int64_t k = 0; k < 2; ++k) {
      action[k] = experts[0][k].tanh().item<double>();
      deviation[k] = experts[1][k].exp().item<double>();
      weight[k] = at::softmax(router[0], 1)[0][k].item<double>();
    }
  }

  double action[2];
  double deviation[2];
  double weight[2];
};

TEST(PmoeBandit, ExpertsTakeBothOfTwoEqualModes) {
  const Bandit bandit(1, 0.4, 0.2);
  EXPECT_NEAR(bandit.action[0], -0.6, 0.06);
  EXPECT_NEAR(bandit.action[1], 0.6, 0.06);
  for (const double weight : bandit.weight) EXPECT_GE(weight, 0.1);
}

TEST(PmoeBandit, RouterPrefersTheHigherMode) {
  const Bandit bandit(0.5, 0.4, 0.2);
  EXPECT_LT(bandit.action[0], 0);
  EXPECT_GT(bandit.action[1], 0);
  EXPECT_GT(bandit.weight[1], 0.9);
}

// A known weakness, kept in sight: from a broad start the first sharp expert takes all, mostly, and leaves
// the other broad, in five of these eight streams when they were tried.
TEST(PmoeBandit, WinnerTakesAllFromABroadStart) {
  int taken = 0;
  for (std::uint64_t stream = 0; stream < 8; ++stream) {
    const Bandit bandit(1, 0.2, 0.5, stream);
    const int winner = bandit.weight[0] > bandit.weight[1] ? 0 : 1;
    if (bandit.weight[winner] > 0.9 && bandit.deviation[1 - winner] > 0.5) ++taken;
  }
  EXPECT_GE(taken, 4);
}

// Case 15, and the same experts gated: the weights' logits are those of (.5, 1) under sigmoid and (.3, .7)
// under softmax.
TEST(Mixture, Case15BlendedExperts) {
  const at::Tensor mean = Numbers({-0.5, 0.8}).view({1, 2, 1});
  const at::Tensor log_std = Numbers({0.4, 0.25}).log().view({1, 2, 1});
  const BlendedGaussian product = MultipliedExperts(Numbers({0, 40}).view({1, 2}), mean, log_std);
  EXPECT_NEAR(product.mean.item<double>(), 0.587582, 1e-6);
  EXPECT_NEAR(product.log_std.exp().item<double>(), 0.228665, 1e-6);
  const BlendedGaussian gated =
      GatedExperts(Numbers({std::log(0.3), std::log(0.7)}).view({1, 2}), mean, log_std);
  EXPECT_NEAR(gated.mean.item<double>(), -0.3 * 0.5 + 0.7 * 0.8, 1e-6);
  EXPECT_NEAR(gated.log_std.item<double>(), 0.3 * std::log(0.4) + 0.7 * std::log(0.25), 1e-6);
}

}  // namespace
}  // namespace strider::nn
