// The exact cases of the MDPO sheet, section 10, that concern Tsallis logarithms; by their numbers there.
#include "agents/nn/tsallis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "agents/nn/distributions.h"
#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

at::Tensor Numbers(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble);
}

// B_q(pi, pi_k), section 3.3.
double Divergence(const at::Tensor& pi, const at::Tensor& old, double q) {
  const at::Tensor log_new = TsallisLog(pi.log(), q);
  const at::Tensor log_old = TsallisLog(old.log(), q);
  return ((pi * (log_new - q * log_old)).sum() + (q - 1) * (old * log_old).sum()).item<double>();
}

TEST(Tsallis, Case7) {
  const at::Tensor found = TsallisLog(Numbers({0.1, 0.5, 2}).log(), 1.4);
  EXPECT_LT(LargestDifference(found, Numbers({-1.504732, -0.605354, 0.798770})), 1e-6);
  const at::Tensor pi = Numbers({0.6, 0.3, 0.1});
  const at::Tensor old = Numbers({0.5, 0.3, 0.2});
  EXPECT_NEAR(Divergence(pi, old, 1), 0.040078, 1e-6);
  EXPECT_NEAR(Divergence(pi, old, 1.5), 0.028801, 1e-6);
  EXPECT_NEAR(Divergence(pi, old, 2), 0.020000, 1e-6);
  EXPECT_NEAR(Divergence(old, old, 1.5), 0, 1e-15);
}

// With q = 2 and lambda = 0 the optimum of E[c log_q pi - q c log_q pi_k - Q] is the Euclidean projection of
// pi_k + Q / (2c) onto the simplex.
TEST(Tsallis, Case8SparseProjection) {
  const at::Tensor old = Numbers({0.5, 0.3, 0.2});
  const at::Tensor q_values = Numbers({1, 0, -1});
  // Projected gradient on pi itself.
  at::Tensor pi = old.clone().requires_grad_(true);
  for (int step = 0; step < 1000; ++step) {
    const at::Tensor loss =
        (pi * (TsallisLog(pi.clamp_min(1e-12).log(), 2) - 2 * TsallisLog(old.log(), 2) - q_values)).sum();
    at::Tensor gradient = FlatGradient(loss, {pi});
    at::Tensor moved = pi.detach() - 0.1 * gradient;
    // Onto the simplex by bisection on the threshold.
    double low = -2;
    double high = 2;
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      ((moved - middle).clamp_min(0).sum().item<double>() > 1 ? low : high) = middle;
    }
    pi = (moved - low).clamp_min(0).requires_grad_(true);
  }
  EXPECT_LT(LargestDifference(pi, Numbers({0.85, 0.15, 0})), 1e-6);
}

TEST(Tsallis, Case9ContinuousAtOne) {
  const at::Tensor log_p = Numbers({-3, -0.2, 0, 1.5}).requires_grad_(true);
  EXPECT_LT(LargestDifference(TsallisLog(log_p, 1 + 1e-7), log_p), 1e-5);
  EXPECT_LT(LargestDifference(FlatGradient(TsallisLog(log_p, 1 + 1e-7).sum(), {log_p}), at::ones({4})), 1e-5);
}

TEST(Tsallis, SumsOverDimensionsOrTakesThemTogether) {
  const at::Tensor u = Normal({20, 3}, 1).to(at::kDouble);
  const at::Tensor mean = Normal({20, 3}, 2).to(at::kDouble);
  const at::Tensor log_std = (0.3 * Normal({20, 3}, 3)).to(at::kDouble);
  const at::Tensor whole = SquashedLogProb(u, mean, log_std);
  TsallisOptions options;
  options.log_floor = -1e9;
  EXPECT_LT(LargestDifference(SquashedTsallisLog(u, mean, log_std, options), whole), 1e-12) << "q = 1";
  options.q = 1.5;
  options.joint = true;
  EXPECT_LT(LargestDifference(SquashedTsallisLog(u, mean, log_std, options), 2 * ((0.5 * whole).exp() - 1)),
            1e-9);
  options.joint = false;
  at::Tensor sum = at::zeros({20}, at::kDouble);
  for (std::int64_t d = 0; d < 3; ++d) {
    const auto one = [&](const at::Tensor& x) { return x.narrow(1, d, 1); };
    sum = sum + 2 * ((0.5 * SquashedLogProb(one(u), one(mean), one(log_std))).exp() - 1);
  }
  EXPECT_LT(LargestDifference(SquashedTsallisLog(u, mean, log_std, options), sum), 1e-9);
  EXPECT_GT(LargestDifference(sum, 2 * ((0.5 * whole).exp() - 1)), 1e-2) << "the two are not the same";
}

TEST(Tsallis, FloorAndCapStopTheGradient) {
  const at::Tensor mean = at::zeros({3, 1}, at::kDouble).requires_grad_(true);
  const at::Tensor u = Numbers({0.1, 8, 0}).unsqueeze(1);
  const at::Tensor log_std = Numbers({0, 0, -5}).unsqueeze(1);
  TsallisOptions options;
  options.q = 1.5;
  options.log_cap = 3;
  const at::Tensor found = SquashedTsallisLog(u, mean, log_std, options);
  EXPECT_NEAR(found[1].item<double>(), 2 * (std::sqrt(1e-6) - 1), 1e-9);
  EXPECT_NEAR(found[2].item<double>(), 2 * (std::exp(1.5) - 1), 1e-9);
  const at::Tensor gradient = FlatGradient(found.sum(), {mean});
  EXPECT_NE(gradient[0].item<double>(), 0);
  EXPECT_EQ(gradient[1].item<double>(), 0);
  EXPECT_EQ(gradient[2].item<double>(), 0);
  EXPECT_NEAR(TsallisClamped(u, mean, log_std, options).item<double>(), 2.0 / 3, 1e-6);
}

}  // namespace
}  // namespace strider::nn
