#include "agents/nn/distributions.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <initializer_list>

#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).unsqueeze(0);
}

at::Tensor Logits(std::initializer_list<double> probabilities) { return Row(probabilities).log(); }

TEST(Gaussian, LogDensityByHand) {
  // -(0.25)^2 / 2 - ln 2 - ln(2 pi) / 2, and the standard normal at 0.
  const double first = -0.03125 - 0.6931471805599453 - 0.9189385332046727;
  const at::Tensor log_std = at::tensor({std::log(2.0), 0.0}, at::kDouble);  // one row for all states
  const at::Tensor x = at::cat({Row({1, 3}), Row({0.5, 3})});
  const at::Tensor found = GaussianLogProb(x, Row({0.5, 3}), log_std);
  ASSERT_EQ(found.sizes(), at::IntArrayRef({2}));
  EXPECT_NEAR(found[0].item<double>(), first - 0.9189385332046727, 1e-12);
  EXPECT_NEAR(found[1].item<double>(), first + 0.03125 - 0.9189385332046727, 1e-12);
}

// MDPO sheet, section 10, test 5.
TEST(Gaussian, KlHasADirection) {
  const at::Tensor a = at::full({1, 1}, 0.1, at::kDouble);
  const at::Tensor b = at::full({1, 1}, -0.2, at::kDouble);
  const at::Tensor log_a = at::full({1}, 0.6, at::kDouble).log();
  const at::Tensor log_b = at::full({1}, 0.5, at::kDouble).log();
  EXPECT_NEAR(GaussianKl(a, log_a, b, log_b).item<double>(), 0.217678, 1e-6);
  EXPECT_NEAR(GaussianKl(b, log_b, a, log_a).item<double>(), 0.154544, 1e-6);
  EXPECT_EQ(GaussianKl(a, log_a, a, log_a).item<double>(), 0);
}

TEST(Gaussian, EntropyByHand) {
  const at::Tensor log_std = at::tensor({0.0, std::log(3.0)}, at::kDouble);
  EXPECT_NEAR(GaussianEntropy(log_std).item<double>(), 2 * 1.4189385332046727 + std::log(3.0), 1e-12);
}

TEST(Categorical, LogProbabilityAndKlByHand) {
  // Logits may be shifted by any constant.
  const at::Tensor logits = at::cat({Logits({0.6, 0.3, 0.1}) + 7, Logits({0.5, 0.3, 0.2})});
  const at::Tensor log_prob = CategoricalLogProb(at::tensor({2, 0}, at::kLong), logits);
  EXPECT_NEAR(log_prob[0].item<double>(), std::log(0.1), 1e-12);
  EXPECT_NEAR(log_prob[1].item<double>(), std::log(0.5), 1e-12);
  // The sheet's test 7 with q = 1.
  const double kl = CategoricalKl(Logits({0.6, 0.3, 0.1}), Logits({0.5, 0.3, 0.2})).item<double>();
  EXPECT_NEAR(kl, 0.040078, 1e-6);
}

TEST(Squashing, JacobianByHand) {
  EXPECT_NEAR(TanhLogJacobian(Row({0})).item<double>(), 0, 1e-15);
  const double slope = 1 - std::tanh(1.0) * std::tanh(1.0);
  EXPECT_NEAR(TanhLogJacobian(Row({1, -1})).item<double>(), 2 * std::log(slope), 1e-12);
  // The authors' form, where the 1e-6 matters and where it does not.
  EXPECT_NEAR(TanhLogJacobian(Row({1}), 1e-6).item<double>(), std::log(slope + 1e-6), 1e-12);
  EXPECT_NEAR(TanhLogJacobian(at::full({1, 1}, 20.0F), 1e-6).item<double>(), std::log(1e-6), 1e-5);
}

TEST(Squashing, JacobianStaysFiniteFarOut) {
  for (const float far : {-50.0F, 50.0F}) {
    const at::Tensor x = at::full({1, 1}, far).requires_grad_(true);
    const at::Tensor log_slope = TanhLogJacobian(x);
    // log(4 e^{-2|x|}) to first order.
    EXPECT_NEAR(log_slope.item<double>(), 2 * std::log(2.0) - 100, 1e-4);
    log_slope.sum().backward();
    EXPECT_NEAR(x.grad().item<double>(), far > 0 ? -2 : 2, 1e-6);
  }
}

TEST(Squashing, SampleKnowsItsDensity) {
  const at::Tensor mean = Normal({50, 3}, 1).to(at::kDouble);
  const at::Tensor log_std = 0.5 * Normal({50, 3}, 2).to(at::kDouble);
  const at::Tensor noise = Normal({50, 3}, 3).to(at::kDouble);
  for (const double epsilon : {0.0, 1e-6}) {
    const SquashedSample sample = SampleSquashed(mean, log_std, noise, epsilon);
    EXPECT_LT(LargestDifference(sample.pre_tanh, mean + log_std.exp() * noise), 1e-15);
    EXPECT_LT(LargestDifference(sample.action, at::tanh(sample.pre_tanh)), 1e-15);
    const at::Tensor density = SquashedLogProb(sample.pre_tanh, mean, log_std, epsilon);
    EXPECT_LT(LargestDifference(sample.log_prob, density), 1e-12);
  }
}

TEST(Squashing, DensityIntegratesToOne) {
  constexpr std::int64_t kCells = 200000;
  const at::Tensor a = (at::arange(kCells, at::kDouble) + 0.5) * (2.0 / kCells) - 1;
  const at::Tensor density = SquashedLogProb(at::atanh(a).unsqueeze(1), Row({0.4}), Row({-0.3})).exp();
  EXPECT_NEAR(density.mean().item<double>() * 2, 1, 1e-6);
}

// Few draws are computed by hand: their values, gradients and second derivatives are those of the same
// formulas in double.
TEST(SampleSquashed, FewDrawsAreThoseOfLibTorch) {
  using torch::autograd::grad;
  for (const double epsilon : {0.0, 1e-6}) {
    const at::Tensor noise = Normal({7, 2, 3}, 3);
    const auto inputs_of = [&](at::ScalarType type) {
      return std::vector<at::Tensor>{Normal({7, 2, 3}, 1).to(type).requires_grad_(true),
                                     (0.3 * Normal({7, 2, 3}, 2)).to(type).requires_grad_(true)};
    };
    const auto ours = inputs_of(at::kFloat);
    const auto exact = inputs_of(at::kDouble);
    const auto scalar = [&](const std::vector<at::Tensor>& inputs) {
      const auto sample = SampleSquashed(inputs[0], inputs[1], noise.to(inputs[0].scalar_type()), epsilon);
      return (sample.action.square() + 0.3 * sample.pre_tanh.sin()).sum() + sample.log_prob.square().sum();
    };
    EXPECT_NEAR(scalar(ours).item<double>(), scalar(exact).item<double>(), 1e-3);
    {
      const at::NoGradGuard no_grad;
      EXPECT_NEAR(scalar(ours).item<double>(), scalar(exact).item<double>(), 1e-3);
    }
    const auto first = grad({scalar(ours)}, ours, {}, true, /*create_graph=*/true);
    const auto first_exact = grad({scalar(exact)}, exact, {}, true, /*create_graph=*/true);
    const auto plain = grad({scalar(ours)}, ours);
    for (const std::size_t i : {0, 1}) {
      EXPECT_LT(LargestDifference(plain[i], first_exact[i]), 1e-4 * (1 + LargestEntry(first_exact[i]))) << i;
      EXPECT_LT(LargestDifference(first[i], first_exact[i]), 1e-4 * (1 + LargestEntry(first_exact[i]))) << i;
      const auto second = grad({first[i].square().sum()}, ours, {}, true);
      const auto second_exact = grad({first_exact[i].square().sum()}, exact, {}, true);
      for (const std::size_t j : {0, 1}) {
        EXPECT_LT(LargestDifference(second[j], second_exact[j]), 1e-3 * (1 + LargestEntry(second_exact[j])));
      }
    }
  }
}

}  // namespace
}  // namespace strider::nn
