#include "agents/nn/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

using ::testing::ElementsAre;

ParameterSet Small() {
  ParameterSet set({{"weight", {2, 3}}, {"bias", {2}}}, at::kCPU);
  const at::NoGradGuard no_grad;
  set.flat().copy_(Normal({8}, 11));
  return set;
}

std::vector<double> Numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

TEST(ParameterSet, ParametersAreViewsOfOnePiece) {
  const ParameterSet set = Small();
  ASSERT_EQ(set.flat().numel(), 8);
  EXPECT_EQ(set[0].sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(set[1].data_ptr(), set.flat().const_data_ptr<float>() + 6);
  const at::NoGradGuard no_grad;
  set[1].fill_(5);
  EXPECT_THAT(Numbers(set.flat().narrow(0, 6, 2)), ElementsAre(5, 5));
}

TEST(ParameterSet, BackwardFillsOneFlatGradientAndNoOther) {
  const ParameterSet set = Small();
  const ParameterSet other = Small();
  const at::Tensor x = at::tensor({1.0F, -2.0F, 3.0F});
  const auto loss = [&] { return (at::linear(x, set[0], set[1]) * at::linear(x, other[0])).sum(); };
  set.Backward(loss());
  // d/d bias = other(x), d/d weight = other(x) times x.
  const at::Tensor expected = at::linear(x, other[0]).detach();
  EXPECT_LT(LargestDifference(set.grad(1), expected), 1e-6);
  EXPECT_LT(LargestDifference(set.grad(0), at::outer(expected, x)), 1e-5);
  EXPECT_EQ(LargestEntry(other.flat_grad()), 0);
  // The gradient is written anew each time, in place.
  const at::Tensor first = set.flat_grad().clone();
  set.Backward(loss());
  EXPECT_TRUE(at::equal(set.flat_grad(), first));
  EXPECT_EQ(set.grad(0).data_ptr(), set.flat_grad().data_ptr());
}

TEST(ParameterSet, CopiesShareAndClonesDoNot) {
  const ParameterSet set = Small();
  const ParameterSet copy = set;
  const ParameterSet clone = set.FrozenClone();
  EXPECT_TRUE(at::equal(clone.flat(), set.flat()));
  const at::Tensor before = set.flat().clone();
  {
    const at::NoGradGuard no_grad;
    set[0].add_(1);
  }
  EXPECT_TRUE(at::equal(copy.flat(), set.flat()));
  EXPECT_TRUE(at::equal(clone.flat(), before));
  EXPECT_NE(clone.flat().data_ptr(), set.flat().data_ptr());
  EXPECT_FALSE(clone[0].requires_grad());
  EXPECT_FALSE(clone.flat_grad().defined());
  clone.CopyFrom(set);
  EXPECT_TRUE(at::equal(clone.flat(), set.flat()));
  EXPECT_NE(clone.flat().data_ptr(), set.flat().data_ptr());
}

TEST(ParameterSet, MovesByTheRateTowardsTheOnlineSet) {
  const ParameterSet online = Small();
  const ParameterSet target = online.FrozenClone();
  const at::NoGradGuard no_grad;
  target.flat().fill_(1);
  online.flat().fill_(3);
  target.MoveTowards(online, 0.25);  // 0.25 * 3 + 0.75 * 1
  EXPECT_THAT(Numbers(target.flat()), ::testing::Each(1.5));
  EXPECT_THAT(Numbers(online.flat()), ::testing::Each(3));
}

// Online baselines sheet, section 9, test 11.
TEST(ParameterSet, MovesNotAtAllOrAllTheWay) {
  const ParameterSet online = Small();
  const ParameterSet target = online.FrozenClone();
  const at::NoGradGuard no_grad;
  target.flat().copy_(Normal({8}, 12));
  const at::Tensor before = target.flat().clone();
  target.MoveTowards(online, 0);
  EXPECT_TRUE(at::equal(target.flat(), before));
  target.MoveTowards(online, 1);
  EXPECT_TRUE(at::equal(target.flat(), online.flat()));
  EXPECT_FALSE(at::equal(target.flat(), before));
}

TEST(ParameterSet, NamesEachMemberOfAnEnsemble) {
  const ParameterSet pair({{"*0.weight", {2, 1, 3}}, {"*0.bias", {2, 1}}}, at::kCPU);
  const auto named = pair.Named("critic", "_target");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : named) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("critic1_target.0.weight", "critic2_target.0.weight",
                                 "critic1_target.0.bias", "critic2_target.0.bias"));
  named[1].second.fill_(4);  // critic2's weight
  EXPECT_THAT(Numbers(pair.flat()), ElementsAre(0, 0, 0, 4, 4, 4, 0, 0));
  EXPECT_EQ(Small().Named("actor")[1].first, "actor.bias");
}

TEST(ClipGradientNorm, ScalesTheWholeAndOnlyWhereItIsTooLong) {
  const ParameterSet set = Small();
  set.flat_grad().zero_();
  set.grad(0)[0][0] = 3;
  set.grad(1)[1] = -4;
  ClipGradientNorm(set, 10);
  EXPECT_THAT(Numbers(set.flat_grad()), ElementsAre(3, 0, 0, 0, 0, 0, 0, -4));
  ClipGradientNorm(set, 0.5);
  EXPECT_NEAR(set.grad(0)[0][0].item<double>(), 0.3, 1e-6);
  EXPECT_NEAR(set.grad(1)[1].item<double>(), -0.4, 1e-6);
}

TEST(Adam, FollowsTheBookForFiveSteps) {
  for (const double epsilon : {1e-8, 1e-5}) {
    const ParameterSet set = Small();
    const Adam adam(set, epsilon);
    std::vector<double> weights = Numbers(set.flat());
    std::vector<double> m(8, 0.0);
    std::vector<double> v(8, 0.0);
    for (int t = 1; t <= 5; ++t) {
      // Of very different sizes, so that epsilon shows.
      const at::Tensor gradient = Normal({8}, 100 + t) * at::logspace(-6, 1, 8, 10.0, at::kFloat);
      set.flat_grad().copy_(gradient);
      adam.Step(set, 1e-2);
      const std::vector<double> g = Numbers(gradient);
      for (std::size_t i = 0; i < 8; ++i) {
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        const double m_hat = m[i] / (1 - std::pow(0.9, t));
        const double v_hat = v[i] / (1 - std::pow(0.999, t));
        weights[i] -= 1e-2 * m_hat / (std::sqrt(v_hat) + epsilon);
      }
      const std::vector<double> found = Numbers(set.flat());
      for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(found[i], weights[i], 1e-6) << "step " << t;
    }
    EXPECT_EQ(strider::Named(adam.Named("adam"), "adam.step").item<double>(), 5);
  }
}

// Along a constant gradient Adam's step is its rate.
TEST(Adam, CosineFallsToNothingAndStaysThere) {
  const ParameterSet set = Small();
  const Adam adam(set);
  constexpr int kSteps = 4;
  for (int t = 0; t < 2 * kSteps; ++t) {
    set.flat_grad().fill_(1);
    const at::Tensor before = set.flat().clone();
    adam.CosineStep(set, 0.1, kSteps);
    const double rate = t < kSteps ? 0.05 * (1 + std::cos(std::numbers::pi * t / kSteps)) : 0;
    EXPECT_NEAR((before - set.flat()).max().item<double>(), rate, 1e-6) << "step " << t;
  }
}

}  // namespace
}  // namespace strider::nn
