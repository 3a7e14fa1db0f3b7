#include "agents/nn/mlp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "agents/nn/heads.h"
#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

ParameterSet Drawn(const Mlp& net, Initialisation how, double output_gain = 1, std::uint64_t seed = 3) {
  ParameterSet set(net.Shapes(), at::kCPU);
  net.Initialise(set, how, output_gain, MakeGenerator(at::kCPU, seed));
  return set;
}

TEST(Mlp, ComputesWhatItSays) {
  const at::Tensor x = Normal({7, 4}, 1);
  for (const auto& [activation, reference] :
       {std::pair{Activation::kRelu, &at::relu}, std::pair{Activation::kTanh, &at::tanh}}) {
    const Mlp net(4, {6, 5}, 2, activation);
    const ParameterSet set = Drawn(net, Initialisation::kUniformFanIn);
    const at::Tensor expected = ReferenceMlp(Doubles(set), x.to(at::kDouble), reference);
    ASSERT_EQ(net.Forward(set, x).sizes(), at::IntArrayRef({7, 2}));
    EXPECT_LT(LargestDifference(net.Forward(set, x), expected), 1e-6);
  }
}

// Normalised layers, values and gradients, beside LibTorch's in double; an ensemble's members have inputs of
// their own.
TEST(Mlp, NormalisesLayers) {
  for (const LayerNorm norm : {LayerNorm::kBeforeActivation, LayerNorm::kAfterActivation}) {
    for (const int members : {1, 2}) {
      const Mlp net(4, {6, 5}, 2, Activation::kRelu, members, norm);
      ParameterSet set(net.Shapes(), at::kCPU);
      for (std::size_t i = 0; i < set.leaves().size(); ++i) {
        const at::NoGradGuard no_grad;
        set[i].copy_(0.5 * Normal(set[i].sizes(), 20 + i));
      }
      const at::Tensor x = members == 1 ? Normal({7, 4}, 1) : Normal({2, 7, 4}, 1);
      const at::Tensor ours = net.Forward(set, x);
      set.Backward(ours.square().sum());

      std::vector<at::Tensor> exact;  // leaves in double
      for (const at::Tensor& leaf : set.leaves()) {
        exact.push_back(leaf.detach().to(at::kDouble).requires_grad_(true));
      }
      const auto row = [&](const at::Tensor& b) { return members == 1 ? b : b.unsqueeze(1); };
      at::Tensor h = x.to(at::kDouble);
      std::size_t i = 0;
      const auto linear = [&] {
        h = at::matmul(h, exact[i].transpose(-2, -1)) + row(exact[i + 1]);
        i += 2;
      };
      const auto normalise = [&] {
        h = at::layer_norm(h, {h.size(-1)}, {}, {}, 1e-5) * row(exact[i]) + row(exact[i + 1]);
        i += 2;
      };
      for (int layer = 0; layer < 2; ++layer) {
        linear();
        if (norm == LayerNorm::kBeforeActivation) normalise();
        h = at::relu(h);
        if (norm == LayerNorm::kAfterActivation) normalise();
      }
      linear();
      EXPECT_LT(LargestDifference(ours, h), 1e-5);
      EXPECT_LT(LargestDifference(set.flat_grad(), FlatGradient(h.square().sum(), exact)), 1e-4);
    }
  }
}

TEST(Mlp, EnsembleIsItsMembersSideBySide) {
  const Mlp pair(4, {6, 5}, 1, Activation::kRelu, 2);
  const Mlp one(4, {6, 5}, 1, Activation::kRelu);
  const ParameterSet both = Drawn(pair, Initialisation::kUniformFanIn);
  const at::Tensor x = Normal({7, 4}, 1);
  const at::Tensor out = pair.Forward(both, x);
  ASSERT_EQ(out.sizes(), at::IntArrayRef({2, 7, 1}));
  both.Backward((out.square() * at::tensor({1.0F, 3.0F}).view({2, 1, 1})).sum());
  const auto weights = both.Named("net");
  const auto gradients = NamedGradients(both, "net");
  for (const int member : {1, 2}) {
    const ParameterSet single(one.Shapes(), at::kCPU);
    const std::string prefix = "net" + std::to_string(member);
    for (const auto& [name, tensor] : single.Named(prefix)) tensor.copy_(Named(weights, name));
    const at::Tensor alone = one.Forward(single, x);
    EXPECT_LT(LargestDifference(out[member - 1], alone), 1e-6);
    single.Backward((alone.square() * (member == 1 ? 1 : 3)).sum());
    for (const auto& [name, gradient] : NamedGradients(single, prefix)) {
      EXPECT_LT(LargestDifference(gradient, Named(gradients, name)), 1e-5) << name;
    }
  }
  EXPECT_GT(LargestDifference(out[0], out[1]), 1e-3) << "the members are one network";
}

TEST(Mlp, AMemberAloneIsThatOfTheEnsemble) {
  for (const int width : {6, 200}) {
    const Mlp pair(4, {width, width}, 1, Activation::kRelu, 2);
    const ParameterSet both = Drawn(pair, Initialisation::kUniformFanIn);
    for (const std::int64_t member : {0, 1}) {
      const at::Tensor x = Normal({300, 4}, 1).requires_grad_();
      const at::Tensor out = pair.Forward(both, x)[member];
      const at::Tensor alone = pair.ForwardMember(both, member, x);
      ASSERT_EQ(alone.sizes(), at::IntArrayRef({300, 1}));
      EXPECT_LT(LargestDifference(alone, out), 1e-6);
      out.square().sum().backward();
      const at::Tensor slope = x.grad().clone();
      x.mutable_grad().zero_();
      both.flat_grad().fill_(7);
      alone.square().sum().backward();
      EXPECT_LT(LargestDifference(x.grad(), slope), 1e-5);
      EXPECT_TRUE((both.flat_grad() == 7).all().item<bool>()) << "no gradient for the parameters";
    }
  }
}

TEST(Initialise, OrthogonalTimesTheGain) {
  const auto expect_orthogonal = [](const at::Tensor& weight, double gain) {
    const at::Tensor w = (weight.size(0) <= weight.size(1) ? weight : weight.t()).detach().to(at::kDouble);
    const at::Tensor identity = at::eye(w.size(0), at::kDouble);
    EXPECT_LT(LargestDifference(at::matmul(w, w.t()), gain * gain * identity), 1e-5 * gain * gain);
  };
  const Mlp net(4, {9, 6}, 2, Activation::kTanh);  // tall, wide, wide
  const ParameterSet set = Drawn(net, Initialisation::kOrthogonal, 0.01);
  expect_orthogonal(set[0], std::numbers::sqrt2);
  expect_orthogonal(set[2], std::numbers::sqrt2);
  expect_orthogonal(set[4], 0.01);
  for (const std::size_t bias : {1, 3, 5}) EXPECT_EQ(LargestEntry(set[bias]), 0);
  // Each member of an ensemble is drawn for itself.
  const ParameterSet pair = Drawn(Mlp(4, {9}, 1, Activation::kTanh, 2), Initialisation::kOrthogonal);
  expect_orthogonal(pair[0][0], std::numbers::sqrt2);
  expect_orthogonal(pair[0][1], std::numbers::sqrt2);
  EXPECT_GT(LargestDifference(pair[0][0], pair[0][1]), 0.1);
}

TEST(Initialise, UniformFillsItsBounds) {
  const Mlp net(100, {300}, 50, Activation::kRelu);
  const auto expect_uniform = [](const at::Tensor& drawn, double bound) {
    const double count = static_cast<double>(drawn.numel());
    EXPECT_LE(LargestEntry(drawn), bound);
    EXPECT_NEAR(drawn.mean().item<double>(), 0, 5 * bound / std::sqrt(3 * count));
    EXPECT_NEAR(drawn.square().mean().item<double>(), bound * bound / 3,
                5 * bound * bound * std::sqrt(4.0 / 45 / count));
  };
  const ParameterSet fan_in = Drawn(net, Initialisation::kUniformFanIn);
  expect_uniform(fan_in[0], 0.1);
  expect_uniform(fan_in[1], 0.1);
  expect_uniform(fan_in[2], 1 / std::sqrt(300.0));
  const ParameterSet glorot = Drawn(net, Initialisation::kGlorot);
  expect_uniform(glorot[0], std::sqrt(6.0 / 400));
  expect_uniform(glorot[2], std::sqrt(6.0 / 350));
  EXPECT_EQ(LargestEntry(glorot[1]), 0);
  EXPECT_EQ(LargestEntry(glorot[3]), 0);
}

TEST(Initialise, FollowsItsSeed) {
  const Mlp net(4, {6}, 2, Activation::kRelu);
  for (const auto how :
       {Initialisation::kUniformFanIn, Initialisation::kGlorot, Initialisation::kOrthogonal}) {
    EXPECT_TRUE(at::equal(Drawn(net, how).flat(), Drawn(net, how).flat()));
    EXPECT_FALSE(at::equal(Drawn(net, how).flat(), Drawn(net, how, 1, 4).flat()));
  }
}

TEST(GaussianHeads, MeanAndClampedDeviation) {
  const GaussianHeads net(4, {6, 5}, 2, Activation::kRelu, -0.1, 0.2);
  const ParameterSet set(net.Shapes(), at::kCPU);
  net.Initialise(set, Initialisation::kUniformFanIn, MakeGenerator(at::kCPU, 3));
  {
    const at::NoGradGuard no_grad;
    set[6].mul_(10);  // log_std.weight: far enough to be clamped
  }
  const at::Tensor x = Normal({40, 4}, 1);
  const auto out = net.Forward(set, x);
  // Body with one head and with the other.
  std::vector<at::Tensor> weights = Doubles(set);
  const std::vector<at::Tensor> mean(weights.begin(), weights.begin() + 6);
  std::vector<at::Tensor> deviation(weights.begin(), weights.begin() + 4);
  deviation.insert(deviation.end(), weights.begin() + 6, weights.end());
  const at::Tensor doubles = x.to(at::kDouble);
  EXPECT_LT(LargestDifference(out.mean, ReferenceMlp(mean, doubles, &at::relu)), 1e-6);
  const at::Tensor raw = ReferenceMlp(deviation, doubles, &at::relu);
  EXPECT_LT(LargestDifference(out.log_std, raw.clamp(-0.1, 0.2)), 1e-6);
  EXPECT_TRUE((raw > 0.2).any().item<bool>() && (raw < -0.1).any().item<bool>()) << "the clamp never acts";
  const auto named = set.Named("policy");
  EXPECT_EQ(named[4].first, "policy.mu.weight");
  EXPECT_EQ(named[7].first, "policy.log_std.bias");
}

}  // namespace
}  // namespace strider::nn
