// The exact cases of the online baselines sheet, section 9, test 5.
#include "agents/trpo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "agents/nn/distributions.h"
#include "tests/agents/learner_kit.h"

namespace strider {
namespace {

TrpoConfig SmallConfig() {
  TrpoConfig config;
  config.hidden = {5};
  config.value_batch = 16;
  config.value_epochs = 2;
  return config;
}

void Disturb(const Agent& agent) {
  std::uint64_t seed = 20;
  for (const auto& [name, tensor] : agent.State()) {
    ++seed;
    if (name.starts_with("policy.")) tensor.add_(0.3 * Normal(tensor.sizes(), seed));
  }
}

// The Fisher matrix from its closed forms, in double: J^T M J for the outputs' Jacobian J, M being that of
// the outputs themselves.
at::Tensor ExplicitFisher(const std::vector<at::Tensor>& parameters, const at::Tensor& outputs,
                          const std::function<at::Tensor(std::int64_t row)>& of_outputs) {
  at::Tensor sum;
  for (std::int64_t row = 0; row < outputs.size(0); ++row) {
    std::vector<at::Tensor> jacobian;
    for (std::int64_t i = 0; i < outputs.size(1); ++i) {
      jacobian.push_back(FlatGradient(outputs[row][i], parameters));
    }
    const at::Tensor j = at::stack(jacobian);
    const at::Tensor term = j.t().mm(of_outputs(row)).mm(j);
    sum = sum.defined() ? sum + term : term;
  }
  return (sum / outputs.size(0)).detach();
}

TEST(Trpo, FisherVectorProductsEqualTheExplicitMatrix) {
  for (const bool discrete : {false, true}) {
    Trpo agent(discrete ? DiscreteTask(3, 4) : BoxTask(3, 2), SmallConfig());
    Disturb(agent);
    const at::Tensor s = Normal({12, 3}, 1);
    const std::vector<at::Tensor> parameters = Doubles(agent.actor().parameters());
    const std::vector<at::Tensor> layers(parameters.begin(), parameters.begin() + 4);
    const at::Tensor out = ReferenceMlp(layers, s.to(at::kDouble), &at::tanh);
    at::Tensor fisher = ExplicitFisher(parameters, out, [&](std::int64_t row) -> at::Tensor {
      if (discrete) {
        const at::Tensor p = at::softmax(out[row].detach(), -1);
        return at::diag(p) - at::outer(p, p);
      }
      return at::diag((-2 * parameters.back().detach()).exp());
    });
    const std::int64_t size = fisher.size(0);
    if (!discrete) {
      // Of log sigma: 2, whatever the state.
      for (std::int64_t i = size - 2; i < size; ++i) fisher[i][i] += 2;
    }
    constexpr double kDamping = 0.1;
    const FisherMatrix product(agent.actor(), s, kDamping);
    std::vector<at::Tensor> columns;
    const at::Tensor identity = at::eye(size, at::kFloat);
    for (std::int64_t i = 0; i < size; ++i) columns.push_back(product * identity[i]);
    const at::Tensor found = at::stack(columns, 1);
    EXPECT_LT(LargestDifference(found, fisher + kDamping * at::eye(size, at::kDouble)),
              1e-5 * LargestEntry(fisher));
    EXPECT_LT(LargestDifference(found, found.t()), 1e-5 * LargestEntry(fisher)) << "symmetric";
  }
}

struct Explicit {
  at::Tensor matrix;
  at::Tensor operator*(const at::Tensor& x) const { return matrix.mv(x); }
};

TEST(Trpo, ConjugateGradientsSolveInAsManyStepsAsThereAreUnknowns) {
  constexpr std::int64_t kSize = 7;
  const at::Tensor root = Normal({kSize, kSize}, 1).to(at::kDouble);
  const Explicit matrix{root.mm(root.t()) + 0.5 * at::eye(kSize, at::kDouble)};
  const at::Tensor b = Normal({kSize}, 2).to(at::kDouble);
  EXPECT_LT(LargestEntry(matrix * ConjugateGradient(matrix, b, kSize) - b), 1e-5);
  EXPECT_GT(LargestEntry(matrix * ConjugateGradient(matrix, b, kSize - 3) - b), 1e-4);
  EXPECT_EQ(LargestEntry(ConjugateGradient(matrix, at::zeros({kSize}, at::kDouble), kSize)), 0);
}

// The mean of a Gaussian in one dimension, sigma = .5: the longest step is sigma sqrt(2 delta) = .070711 and
// reaches the divergence of delta exactly; what is accepted lies below.
TEST(Trpo, StepOfAGaussianMean) {
  TrpoConfig config = SmallConfig();
  config.hidden = {};
  config.trust_region.cg_damping = 0;
  Trpo agent(BoxTask(1, 1), config);
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("policy.")) tensor.zero_();
  }
  State(agent, "policy.log_std").fill_(std::log(0.5));
  // Actions at +-sigma with opposite advantages pull the mean alone.
  const at::Tensor s = at::zeros({2, 1});
  const at::Tensor actions = at::tensor({0.5F, -0.5F}).unsqueeze(1);
  ASSERT_TRUE(agent.StepPolicy(s, actions, at::tensor({1.0F, -1.0F})));
  const double step = Metric(agent, "step_fraction");
  const double mean = State(agent, "policy.0.bias").item<double>();
  EXPECT_GE(step, 0.8 - 1e-9);
  EXPECT_NEAR(mean, 0.070711 * step, 1e-5);
  EXPECT_NEAR(Metric(agent, "kl"), 0.01 * step * step, 1e-6);
  EXPECT_LT(Metric(agent, "kl"), config.trust_region.max_kl);
  EXPECT_NEAR(State(agent, "policy.log_std").item<double>(), std::log(0.5), 1e-6);
}

TEST(Trpo, StepKeepsItsConstraintAndImproves) {
  for (const bool discrete : {false, true}) {
    for (const double delta : {0.001, 0.01, 0.05}) {
      TrpoConfig config = SmallConfig();
      config.trust_region.max_kl = delta;
      Trpo agent(discrete ? DiscreteTask(3, 4) : BoxTask(3, 2), config);
      Disturb(agent);
      constexpr std::int64_t kRows = 200;
      const at::Tensor s = Normal({kRows, 3}, 1);
      const at::Tensor actions = discrete ? (at::arange(kRows) % 4).to(at::kFloat).unsqueeze(1)
                                          : agent.actor().Evaluate(s).mean.detach() + Normal({kRows, 2}, 2);
      const at::Tensor advantages = Normal({kRows}, 3);
      const Actor::Outputs old = Frozen(agent.actor().Evaluate(s));
      const at::Tensor old_log_prob = agent.actor().LogProb(actions, old);
      const at::Tensor before = agent.actor().parameters().flat().clone();
      ASSERT_TRUE(agent.StepPolicy(s, actions, advantages));
      // The longest step has 1/2 x^T F x = delta, damping included.
      const at::Tensor moved = agent.actor().parameters().flat() - before;
      const double fraction = Metric(agent, "step_fraction");
      Trpo unmoved(discrete ? DiscreteTask(3, 4) : BoxTask(3, 2), config);
      Disturb(unmoved);
      const FisherMatrix matrix(unmoved.actor(), s, config.trust_region.cg_damping);
      EXPECT_NEAR(0.5 * moved.dot(matrix * moved).item<double>(), fraction * fraction * delta, 1e-4 * delta);
      const Actor::Outputs now = agent.actor().Evaluate(s);
      const double kl = agent.actor().Kl(now, old).mean().item<double>();
      EXPECT_LT(kl, delta);
      EXPECT_GT(kl, 0.3 * delta) << "the step is far too short";
      const at::Tensor gain =
          (((agent.actor().LogProb(actions, now) - old_log_prob).exp() - 1) * advantages).mean();
      EXPECT_GT(gain.item<double>(), 0);
      EXPECT_NEAR(Metric(agent, "kl"), kl, 1e-6);
    }
  }
}

TEST(Trpo, FailedSearchLeavesEveryBit) {
  const at::Tensor s = at::zeros({2, 1});
  const at::Tensor actions = at::tensor({0.5F, -0.5F}).unsqueeze(1);
  // Steps so long that both actions become impossible: the surrogate is 0 for each of them, and gains
  // nothing.
  TrpoConfig config = SmallConfig();
  config.trust_region.max_kl = 1e6;
  config.trust_region.line_search_steps = 3;
  // And no direction at all where there is no advantage.
  for (const float advantage : {1.0F, 0.0F}) {
    Trpo agent(BoxTask(1, 1), config);
    Disturb(agent);
    const at::Tensor before = agent.actor().parameters().flat().clone();
    EXPECT_FALSE(agent.StepPolicy(s, actions, at::tensor({advantage, -advantage})));
    EXPECT_TRUE(at::equal(agent.actor().parameters().flat(), before));
    EXPECT_EQ(Metric(agent, "step_fraction"), 0);
    EXPECT_EQ(Metric(agent, "kl"), 0);
  }
}

// Half-way through the run the value's steps are half as long, and its gradient is bounded where asked.
TEST(Trpo, ValueStepsFallAndAreBounded) {
  const Rollout rollout = RandomRollout(3, 2, 0, 20, 2, 1);
  const auto updated = [&](const TrpoConfig& config, std::int64_t iteration) {
    auto agent = std::make_unique<Trpo>(BoxTask(3, 2), config);
    agent->Update(rollout, iteration, 4);
    return agent;
  };
  TrpoConfig config = SmallConfig();
  config.lr_anneal = true;
  const auto annealed = updated(config, 2);
  config.lr_anneal = false;
  config.value_lr /= 2;
  const auto shorter = updated(config, 2);
  EXPECT_TRUE(at::equal(State(*annealed, "value.0.weight"), State(*shorter, "value.0.weight")));
  config.value_lr *= 2;
  const auto plain = updated(config, 2);
  EXPECT_FALSE(at::equal(State(*annealed, "value.0.weight"), State(*plain, "value.0.weight")));

  config.max_grad_norm = 1e-3;
  const auto bounded = updated(config, 0);
  EXPECT_LE(bounded->value().parameters().flat_grad().norm().item<double>(), 1.001e-3);
  EXPECT_GT(plain->value().parameters().flat_grad().norm().item<double>(), 2e-3);
}

// An advantage, a state or a weight that is no number: nothing moves, and the learner says that it diverged.
TEST(Trpo, NumbersThatAreNotFiniteAreADivergence) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor actions = at::tensor({0.5F, -0.5F}).unsqueeze(1);
  for (const char* where : {"advantage", "state", "weight"}) {
    Trpo agent(BoxTask(1, 1), SmallConfig());
    Disturb(agent);
    at::Tensor s = at::zeros({2, 1});
    at::Tensor advantages = at::tensor({1.0F, -1.0F});
    if (where == std::string("advantage")) advantages[0] = nan;
    if (where == std::string("state")) s[1][0] = nan;
    if (where == std::string("weight")) State(agent, "policy.0.bias")[0] = nan;
    const at::Tensor before = agent.actor().parameters().flat().clone();
    EXPECT_FALSE(agent.StepPolicy(s, actions, advantages));
    EXPECT_TRUE(at::equal(agent.actor().parameters().flat().nan_to_num(), before.nan_to_num())) << where;
    const auto divergence = agent.Divergence();
    ASSERT_TRUE(divergence.has_value()) << where;
    EXPECT_EQ(divergence->first, "surrogate");
  }
}

TEST(Trpo, SameSeedSameBitsAndResume) {
  for (const int choices : {0, 3}) {
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) {
          return std::make_unique<Trpo>(choices > 0 ? DiscreteTask(3, choices, seed) : BoxTask(3, 2, seed),
                                        SmallConfig());
        },
        [&](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) {
            dynamic_cast<Trpo&>(agent).Update(
                RandomRollout(3, choices > 0 ? 1 : 2, choices, 20, 2, 100 + static_cast<std::uint64_t>(k)), k,
                /*iterations=*/40);
          }
        },
        20);
  }
}

}  // namespace
}  // namespace strider
