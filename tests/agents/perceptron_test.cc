#include "agents/nn/perceptron.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <limits>

#include "tests/agents/learner_kit.h"

namespace strider::nn {
namespace {

using torch::autograd::grad;

// (weight, bias) pairs of layers from `widths`, then `heads` of them on the last hidden layer.
std::vector<at::Tensor> DrawnParameters(std::vector<std::int64_t> widths, int members, std::size_t heads,
                                        at::ScalarType type = at::kFloat) {
  std::vector<at::Tensor> parameters;
  const auto draw = [&](std::vector<std::int64_t> shape) {
    if (members > 1) shape.insert(shape.begin(), members);
    parameters.push_back((0.3 * Normal(shape, 10 + parameters.size())).to(type).requires_grad_(true));
  };
  for (std::size_t i = 0; i + 2 < widths.size() + heads; ++i) {
    const std::size_t from = std::min(i, widths.size() - 2);
    draw({widths[from + 1], widths[from]});
    draw({widths[from + 1]});
  }
  return parameters;
}

// The same network by LibTorch, in the parameters' own type.
std::vector<at::Tensor> Reference(const Perceptron& net, const at::Tensor& x,
                                  const std::vector<at::Tensor>& parameters) {
  const auto activation = net.activation == Activation::kRelu ? &at::relu : &at::tanh;
  std::vector<at::Tensor> outputs;
  for (std::size_t head = 0; head < net.heads; ++head) {
    std::vector<at::Tensor> path(parameters.begin(),
                                 parameters.end() - static_cast<std::ptrdiff_t>(2 * net.heads));
    const auto last = parameters.end() - static_cast<std::ptrdiff_t>(2 * (net.heads - head));
    path.insert(path.end(), last, last + 2);
    // (members x 1 x out), so that an ensemble's biases go to all rows.
    if (net.members > 1) {
      for (std::size_t i = 1; i < path.size(); i += 2) path[i] = path[i].unsqueeze(1);
    }
    outputs.push_back(ReferenceMlp(path, x, activation));
  }
  return outputs;
}

std::vector<at::Tensor> InDouble(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> doubles;
  for (const at::Tensor& t : tensors) {
    doubles.push_back(t.detach().to(at::kDouble).requires_grad_(t.requires_grad()));
  }
  return doubles;
}

// A scalar that weighs every output differently.
at::Tensor Weighed(const std::vector<at::Tensor>& outputs) {
  at::Tensor sum = at::zeros({}, outputs[0].options());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    sum = sum + (outputs[i] * Normal(outputs[i].sizes(), 50 + i).to(outputs[i].scalar_type())).sum() +
          outputs[i].square().sum();
  }
  return sum;
}

void ExpectClose(const at::Tensor& ours, const at::Tensor& exact, double tolerance, const std::string& what) {
  EXPECT_LT(LargestDifference(ours, exact), tolerance * (1 + LargestEntry(exact))) << what;
}

struct Case {
  Perceptron net;
  std::vector<std::int64_t> widths;  // inputs, hidden, outputs
  std::int64_t rows;
  at::ScalarType type;  // float goes through the kit's own products, double through LibTorch's
  bool shared = true;   // one input for all members

  at::Tensor Input() const {
    std::vector<std::int64_t> shape = {rows, widths[0]};
    if (!shared) shape.insert(shape.begin(), net.members);
    return Normal(shape, 1).to(type);
  }
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const Activation activation : {Activation::kRelu, Activation::kTanh}) {
      cases.push_back({{activation, 1, 1}, {3, 64, 64, 1}, 100, type});
      cases.push_back({{activation, 1, 2}, {11, 64, 33, 3}, 37, type});
      cases.push_back({{activation, 2, 1}, {4, 64, 64, 1}, 100, type});
      cases.push_back({{activation, 3, 1}, {17, 5, 128, 2}, 9, type});
      cases.push_back({{activation, 1, 1}, {5, 4}, 12, type});
      cases.push_back({{activation, 2, 2}, {5, 4}, 12, type});
      cases.push_back({{activation, 2, 2}, {3, 16, 8, 2}, 1100, type});  // more than go through together
      cases.push_back({{activation, 1, 1}, {7, 300, 5}, 40, type});
      cases.push_back({{activation, 2, 2}, {7, 30, 5}, 40, type, /*shared=*/false});
      cases.push_back({{activation, 3, 1}, {9, 4}, 1100, type, /*shared=*/false});
    }
  }
  return cases;
}

class PerceptronOf : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Case& test() const {
    static const std::vector<Case> kCases = Cases();
    return kCases[GetParam()];
  }
};

TEST_P(PerceptronOf, HasTheValuesAndGradientsOfLibTorch) {
  const Perceptron& net = test().net;
  const auto parameters = DrawnParameters(test().widths, net.members, net.heads, test().type);
  std::vector<at::Tensor> inputs = {test().Input().requires_grad_(true)};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  const auto outputs = Evaluate(net, inputs[0], parameters);
  const auto exact_inputs = InDouble(inputs);
  const auto exact = Reference(net, exact_inputs[0], {exact_inputs.begin() + 1, exact_inputs.end()});
  ASSERT_EQ(outputs.size(), exact.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) ExpectClose(outputs[i], exact[i], 2e-6, "value");

  const auto ours = grad({Weighed(outputs)}, inputs);
  const auto theirs = grad({Weighed(exact)}, exact_inputs);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ExpectClose(ours[i], theirs[i], 1e-5, "gradient " + std::to_string(i));
  }
  // And of the input alone, or of some parameters alone.
  ExpectClose(grad({Weighed(Evaluate(net, inputs[0], parameters))}, {inputs[0]})[0], theirs[0], 1e-5,
              "input");
  ExpectClose(grad({Weighed(Evaluate(net, inputs[0].detach(), parameters))}, {inputs[2]})[0], theirs[2], 1e-5,
              "bias");
}

TEST_P(PerceptronOf, IsTheSameWithoutGradients) {
  const Perceptron& net = test().net;
  const auto parameters = DrawnParameters(test().widths, net.members, net.heads, test().type);
  const at::Tensor x = test().Input();
  const auto outputs = Evaluate(net, x, parameters);
  const at::NoGradGuard no_grad;
  const auto plain = Evaluate(net, x, parameters);
  const auto of_three = Evaluate(net, x.narrow(-2, 3, 3), parameters);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(at::equal(outputs[i], plain[i]));
    EXPECT_FALSE(plain[i].requires_grad());
    // LibTorch's products add up in another order where there are other rows.
    if (test().type == at::kFloat) {
      EXPECT_TRUE(at::equal(plain[i].narrow(-2, 3, 3), of_three[i])) << "a row depends on the others";
    } else {
      ExpectClose(plain[i].narrow(-2, 3, 3), of_three[i], 2e-6, "a row by itself");
    }
  }
}

// What TRPO needs: the gradient of a gradient.
TEST_P(PerceptronOf, CanBeDifferentiatedTwice) {
  const Perceptron& net = test().net;
  const auto parameters = DrawnParameters(test().widths, net.members, net.heads, test().type);
  const at::Tensor x = test().Input();
  const auto curvature = [&](const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& of) {
    const auto first = grad({Weighed(outputs)}, of, {}, /*retain_graph=*/true, /*create_graph=*/true);
    at::Tensor along = at::zeros({}, of[0].options());
    for (std::size_t i = 0; i < first.size(); ++i) {
      along = along + (first[i] * Normal(first[i].sizes(), 70 + i).to(first[i].scalar_type())).sum();
    }
    return grad({along}, of);
  };
  const auto ours = curvature(Evaluate(net, x, parameters), parameters);
  const auto doubles = InDouble(parameters);
  const auto theirs = curvature(Reference(net, x.to(at::kDouble), doubles), doubles);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ExpectClose(ours[i], theirs[i], 3e-5, "second derivative " + std::to_string(i));
  }
}

INSTANTIATE_TEST_SUITE_P(All, PerceptronOf, ::testing::Range(std::size_t{0}, Cases().size()));

class PerceptronIn : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(PerceptronIn, LeavesAnUnusedHeadOut) {
  const Perceptron net{Activation::kRelu, 1, 2};
  const auto parameters = DrawnParameters({3, 8, 2}, 1, 2, GetParam());
  const at::Tensor x = Normal({5, 3}, 1).to(GetParam());
  const auto ours = grad({Evaluate(net, x, parameters)[1].square().sum()}, parameters, {}, std::nullopt,
                         /*create_graph=*/false, /*allow_unused=*/true);
  EXPECT_FALSE(ours[2].defined());
  const auto doubles = InDouble(parameters);
  const auto theirs = grad({Reference(net, x.to(at::kDouble), doubles)[1].square().sum()},
                           {doubles[0], doubles[1], doubles[4], doubles[5]});
  ExpectClose(ours[0], theirs[0], 1e-5, "body");
  ExpectClose(ours[4], theirs[2], 1e-5, "head");
}

TEST_P(PerceptronIn, ReluKeepsNaN) {
  const Perceptron net{Activation::kRelu, 1, 1};
  const auto parameters = DrawnParameters({3, 8, 2}, 1, 1, GetParam());
  at::Tensor x = Normal({5, 3}, 1).to(GetParam());
  x[2][0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(Evaluate(net, x, parameters)[0][2].isnan().all().item<bool>());
}

// No rows: no outputs, and gradients that are zero.
TEST_P(PerceptronIn, TakesAnEmptyBatch) {
  const Perceptron net{Activation::kRelu, 2, 1};
  const auto parameters = DrawnParameters({3, 8, 2}, 2, 1, GetParam());
  const auto outputs = Evaluate(net, at::zeros({0, 3}, at::TensorOptions().dtype(GetParam())), parameters);
  EXPECT_EQ(outputs[0].sizes(), at::IntArrayRef({2, 0, 2}));
  for (const at::Tensor& gradient : grad({outputs[0].sum()}, parameters)) {
    EXPECT_EQ(gradient.abs().sum().item<double>(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(FloatAndDouble, PerceptronIn, ::testing::Values(at::kFloat, at::kDouble));

TEST(Perceptron, ShapesMustFit) {
  const Perceptron net{Activation::kRelu, 1, 1};
  auto parameters = DrawnParameters({3, 8, 2}, 1, 1);
  EXPECT_NO_THROW(Evaluate(net, Normal({5, 3}, 1), parameters));
  EXPECT_THROW(Evaluate(net, Normal({5, 2}, 1), parameters), c10::Error);
  EXPECT_THROW(Evaluate({Activation::kRelu, 2, 1}, Normal({5, 3}, 1), parameters), c10::Error);
  EXPECT_THROW(Evaluate(net, Normal({1, 5, 3}, 1), parameters), c10::Error) << "there is one network";
  const auto pair = DrawnParameters({3, 8, 2}, 2, 1);
  EXPECT_NO_THROW(Evaluate({Activation::kRelu, 2, 1}, Normal({2, 5, 3}, 1), pair));
  EXPECT_THROW(Evaluate({Activation::kRelu, 2, 1}, Normal({3, 5, 3}, 1), pair), c10::Error);
  parameters[0] = Normal({3, 8}, 2).t();
  EXPECT_THROW(Evaluate(net, Normal({5, 3}, 1), parameters), c10::Error);
}

// What would be read or written beyond its end.
TEST(Perceptron, MembersBiasesHeadsAndGradientsMustBeThere) {
  const Perceptron net{Activation::kRelu, 2, 1};
  const at::Tensor x = Normal({5, 3}, 1);
  const auto pair = DrawnParameters({3, 8, 2}, 2, 1);
  auto one_bias = pair;
  one_bias[1] = Normal({8}, 2);
  EXPECT_THROW(RunForward(net, x, one_bias), c10::Error);
  EXPECT_THROW(RunForward({Activation::kRelu, 2, 3}, x, pair), c10::Error);
  EXPECT_THROW(RunForward(net, x, at::TensorList(pair).slice(0, 3)), c10::Error);
  const ForwardPass pass = RunForward(net, x, pair);
  const at::TensorList none;
  EXPECT_NO_THROW(RunBackward(net, pass, pair, {Normal({2, 5, 2}, 3)}, none, /*of_input=*/true));
  EXPECT_THROW(RunBackward(net, pass, pair, {Normal({2, 4, 2}, 3)}, none, true), c10::Error);
  EXPECT_THROW(RunBackward(net, pass, pair, {Normal({5, 2}, 3)}, none, true), c10::Error);
}

// Batches that are worth several threads, of one block and of several: ranges do not come out even.
TEST(Perceptron, ThreadsDoNotChangeABit) {
  const int before = at::get_num_threads();
  for (const auto& [members, shared] : {std::pair{1, true}, {2, true}, {2, false}, {3, true}, {3, false}}) {
    for (const std::int64_t rows : {300, 1100}) {
      const Perceptron net{Activation::kTanh, members, 2};
      const Case test{net, {17, 192, 130, 6}, rows, at::kFloat, shared};
      std::vector<at::Tensor> inputs = {test.Input().requires_grad_(true)};
      const auto parameters = DrawnParameters(test.widths, members, 2);
      inputs.insert(inputs.end(), parameters.begin(), parameters.end());
      std::vector<std::vector<at::Tensor>> results;
      for (const int threads : {1, 2, 5}) {
        at::set_num_threads(threads);
        auto result = Evaluate(net, inputs[0], parameters);
        const auto gradients = grad({Weighed(result)}, inputs);
        result.insert(result.end(), gradients.begin(), gradients.end());
        results.push_back(result);
      }
      at::set_num_threads(before);
      for (std::size_t i = 0; i < results[0].size(); ++i) {
        EXPECT_TRUE(at::equal(results[1][i], results[0][i])) << members << ", " << rows << ", " << i;
        EXPECT_TRUE(at::equal(results[2][i], results[0][i])) << members << ", " << rows << ", " << i;
      }
    }
  }
}

}  // namespace
}  // namespace strider::nn
