// The exact cases of the MDPO sheet, section 10, that concern the off-policy agent; by their numbers there.
#include "agents/mdpo_off.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "agents/nn/distributions.h"
#include "agents/td3.h"
#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/agents/td3_probe.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr int kStates = 3;
constexpr int kActions = 2;
constexpr std::int64_t kRows = 24;

MdpoOffConfig SmallConfig() {
  MdpoOffConfig config;
  config.replay.batch_size = kRows;
  config.hidden = {8};
  return config;
}

// Larger weights, and a pi_k apart from pi.
void Disturb(const Agent& agent) {
  std::uint64_t seed = 20;
  for (const auto& [name, tensor] : agent.State()) {
    ++seed;
    if (name.find("adam.") == std::string::npos) tensor.add_(0.3 * Normal(tensor.sizes(), seed));
  }
}

at::Tensor Scalar(double value) { return at::scalar_tensor(value, at::kFloat); }

// The squashed Gaussian policy and the critics again, in double and by the plain formulas.
struct Reference {
  explicit Reference(const MdpoOff& agent)
      : policy(Doubles(agent.policy())),
        old_policy(Doubles(agent.old_policy())),
        critic(Doubles(agent.critic())) {}

  // Mean and deviation for parameters body.weight, body.bias, mu.weight, ...
  static std::pair<at::Tensor, at::Tensor> Heads(const std::vector<at::Tensor>& p, const at::Tensor& s) {
    const at::Tensor h = at::relu(at::matmul(s, p[0].t()) + p[1]);
    return {at::matmul(h, p[2].t()) + p[3], (at::matmul(h, p[4].t()) + p[5]).clamp(-20, 2)};
  }

  static at::Tensor LogProb(const at::Tensor& u, const std::pair<at::Tensor, at::Tensor>& heads) {
    const auto& [mean, log_sd] = heads;
    const at::Tensor density =
        -0.5 * ((u - mean) / log_sd.exp()).square() - log_sd - 0.5 * std::log(2 * std::numbers::pi);
    // log(1 - tanh(u)^2) = -2 log cosh(u)
    const at::Tensor log_slope = 2 * (std::numbers::ln2 - at::logaddexp(u, -u));
    return (density - log_slope).sum(-1);
  }

  // Q_i(s, a), (rows).
  at::Tensor Q(std::int64_t i, const at::Tensor& s, const at::Tensor& a) const {
    std::vector<at::Tensor> member;
    for (const at::Tensor& p : critic) member.push_back(p[i]);
    return ReferenceMlp(member, at::cat({s, a}, -1), &at::relu).squeeze(-1);
  }

  std::vector<at::Tensor> policy;
  std::vector<at::Tensor> old_policy;
  std::vector<at::Tensor> critic;
};

// E[c log pi + (lambda - c) log pi_k - Q1] + reg (mean mu^2 + mean log_std^2), section 3.2. With `detach` the
// action is cut off from log pi_k, which is wrong.
at::Tensor ReferenceLoss(const Reference& net, const at::Tensor& states, const at::Tensor& noise, double c,
                         double lambda, double reg, bool detach = false) {
  const at::Tensor s = states.to(at::kDouble);
  const auto heads = Reference::Heads(net.policy, s);
  const at::Tensor u = heads.first + heads.second.exp() * noise.to(at::kDouble);
  const at::Tensor log_old = Reference::LogProb(detach ? u.detach() : u, Reference::Heads(net.old_policy, s));
  return (c * Reference::LogProb(u, heads) + (lambda - c) * log_old - net.Q(0, s, u.tanh())).mean() +
         reg * (heads.first.square().mean() + heads.second.square().mean());
}

TEST(MdpoOff, Case10IsSacWhereCEqualsLambda) {
  constexpr double kAlpha = 0.3;
  for (const bool as_sac : {false, true}) {  // the policy looks at Q1, and at the lesser of both
    MdpoOffConfig config = SmallConfig();
    config.lambda = kAlpha;
    config.kl_coef = kAlpha;
    config.reg_coef = 0;
    config.policy_q = as_sac ? "min" : "q1";
    config.value_network = !as_sac;
    MdpoOff agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    const at::Tensor s = Normal({kRows, kStates}, 1);
    const at::Tensor eps = Normal({kRows, kActions}, 2);
    const at::Tensor loss = agent.PolicyLoss(s, eps, Scalar(kAlpha));
    agent.policy().Backward(loss);
    const at::Tensor gradient = agent.policy().flat_grad().clone();

    // SAC's actor loss, alpha log pi - Q.
    const Reference net(agent);
    const at::Tensor states = s.to(at::kDouble);
    const auto heads = Reference::Heads(net.policy, states);
    const at::Tensor u = heads.first + heads.second.exp() * eps.to(at::kDouble);
    const at::Tensor q1 = net.Q(0, states, u.tanh());
    const at::Tensor q = as_sac ? at::minimum(q1, net.Q(1, states, u.tanh())) : q1;
    const at::Tensor sac = (kAlpha * Reference::LogProb(u, heads) - q).mean();
    const at::Tensor expected = FlatGradient(sac, net.policy);
    EXPECT_NEAR(loss.item<double>(), sac.item<double>(), 1e-6);
    EXPECT_LT(LargestDifference(gradient, expected), 2e-6 * LargestEntry(expected));

    // pi_k plays no part, to the bit.
    for (const auto& [name, tensor] : agent.State()) {
      if (name.starts_with("old_policy.")) tensor.copy_(Normal(tensor.sizes(), 77));
    }
    const at::Tensor again = agent.PolicyLoss(s, eps, Scalar(kAlpha));
    agent.policy().Backward(again);
    EXPECT_TRUE(at::equal(loss, again));
    EXPECT_TRUE(at::equal(agent.policy().flat_grad(), gradient));
  }
}

TEST(MdpoOff, Case11SampledPenaltyVanishesInExpectationOnly) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0;
  config.kl_coef = 1;
  config.reg_coef = 0;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("policy.")) tensor.add_(0.3 * Normal(tensor.sizes(), 5));
    if (name.starts_with("critic")) tensor.zero_();  // Q = 0
  }
  for (const auto& [name, tensor] : agent.State()) {  // theta = theta_k
    if (name.starts_with("policy.")) State(agent, "old_" + name).copy_(tensor);
  }
  const auto mean_square = [&](std::int64_t samples) {
    constexpr int kRepetitions = 40;
    double sum = 0;
    for (int i = 0; i < kRepetitions; ++i) {
      const at::Tensor s = Normal({1, kStates}, 1).expand({samples, kStates});
      const at::Tensor loss = agent.PolicyLoss(s, Normal({samples, kActions}, 100 + i), Scalar(0));
      EXPECT_NEAR(loss.item<double>(), 0, 1e-6);
      agent.policy().Backward(loss);
      sum += agent.policy().flat_grad().square().sum().item<double>();
    }
    return sum / kRepetitions;
  };
  const double few = mean_square(50);
  const double many = mean_square(5000);
  EXPECT_GT(few, 1e-4) << "an exact zero would be wrong";
  EXPECT_NEAR(std::log10(few / many), 2, 0.3) << "the norm shrinks like 1/sqrt N";
}

TEST(MdpoOff, Case12GradientFlowsThroughTheOldPolicy) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0.2;
  config.kl_coef = 0.7;
  config.reg_coef = 0.01;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  Disturb(agent);
  const at::Tensor s = Normal({kRows, kStates}, 1);
  const at::Tensor eps = Normal({kRows, kActions}, 2);
  const at::Tensor loss = agent.PolicyLoss(s, eps, Scalar(config.lambda));
  agent.policy().Backward(loss);

  const Reference net(agent);
  const auto reference = [&] {
    return ReferenceLoss(net, s, eps, config.kl_coef, config.lambda, config.reg_coef);
  };
  EXPECT_NEAR(loss.item<double>(), reference().item<double>(), 1e-6);
  std::vector<at::Tensor> parts;
  // In double a step of 1e-8 still leaves eight digits, and seldom crosses the kink of a ReLU (1e-6 did).
  for (const at::Tensor& part : FiniteDifferences(net.policy, reference, 1e-8)) {
    parts.push_back(part.reshape({-1}));
  }
  const at::Tensor expected = at::cat(parts);
  const at::Tensor autograd = FlatGradient(reference(), net.policy);
  EXPECT_LT(LargestDifference(autograd, expected), 1e-6 * LargestEntry(expected));
  EXPECT_LT(LargestDifference(agent.policy().flat_grad(), expected), 1e-5 * LargestEntry(expected));

  const at::Tensor wrong = FlatGradient(
      ReferenceLoss(net, s, eps, config.kl_coef, config.lambda, config.reg_coef, /*detach=*/true),
      net.policy);
  EXPECT_GT(LargestDifference(wrong, expected), 1e-2 * LargestEntry(expected)) << "this test sees nothing";
}

// Section 3.3 by finite differences, in both modes, floor and cap out of reach.
TEST(MdpoOff, TsallisLossAndItsGradient) {
  for (const bool joint : {false, true}) {
    MdpoOffConfig config = SmallConfig();
    config.lambda = 0.2;
    config.kl_coef = 0.7;
    config.reg_coef = 0;
    config.tsallis_q = 1.5;
    config.tsallis_mode = joint ? "joint" : "per_dim";
    config.density_floor = 1e-30;
    MdpoOff agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    const at::Tensor s = Normal({kRows, kStates}, 1);
    const at::Tensor eps = Normal({kRows, kActions}, 2);
    const at::Tensor loss = agent.PolicyLoss(s, eps, Scalar(config.lambda));
    agent.policy().Backward(loss);

    const Reference net(agent);
    const at::Tensor states = s.to(at::kDouble);
    const auto log_q = [&](const at::Tensor& u, const std::pair<at::Tensor, at::Tensor>& heads) {
      // (p^(q-1) - 1)/(q - 1), of each dimension's density or of their product.
      std::vector<at::Tensor> each;
      for (std::int64_t d = 0; d < kActions; ++d) {
        const auto one = [d](const at::Tensor& x) { return x.narrow(1, d, 1); };
        each.push_back(Reference::LogProb(one(u), {one(heads.first), one(heads.second)}).exp());
      }
      return joint ? 2 * ((each[0] * each[1]).sqrt() - 1) : 2 * (each[0].sqrt() + each[1].sqrt() - 2);
    };
    const auto reference = [&] {
      const auto heads = Reference::Heads(net.policy, states);
      const at::Tensor u = heads.first + heads.second.exp() * eps.to(at::kDouble);
      return (0.7 * log_q(u, heads) + 1.5 * (0.2 - 0.7) * log_q(u, Reference::Heads(net.old_policy, states)) -
              net.Q(0, states, u.tanh()))
          .mean();
    };
    // float32 rounds the logarithms of densities that are large near the action's bounds.
    const auto heads = Reference::Heads(net.policy, states);
    const at::Tensor drawn = heads.first + heads.second.exp() * eps.to(at::kDouble);
    const double largest = std::max(LargestEntry(log_q(drawn, heads)),
                                    LargestEntry(log_q(drawn, Reference::Heads(net.old_policy, states))));
    EXPECT_NEAR(loss.item<double>(), reference().item<double>(), 2e-6 * std::max(1.0, largest));
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : FiniteDifferences(net.policy, reference, 1e-8)) {
      parts.push_back(part.reshape({-1}));
    }
    const at::Tensor expected = at::cat(parts);
    EXPECT_LT(LargestDifference(agent.policy().flat_grad(), expected), 3e-5 * LargestEntry(expected));
  }
}

// Case 9 for the agent: q = 1 is where the others lead, and the twin target critics take log_q too.
TEST(MdpoOff, Case9TsallisIsContinuousAtOne) {
  for (const bool value_network : {true, false}) {
    const auto trained = [&](double q) {
      MdpoOffConfig config = SmallConfig();
      config.tsallis_q = q;
      config.density_floor = 1e-30;
      config.value_network = value_network;
      auto agent = std::make_unique<MdpoOff>(BoxTask(kStates, kActions), config);
      agent->Update(RandomBatch(kStates, kActions, kRows, 1));
      return agent;
    };
    const auto one = trained(1);
    const auto near = trained(1 + 1e-6);
    const auto far = trained(1.8);
    for (const char* metric : {"policy_loss", "critic1_loss"}) {
      EXPECT_NEAR(Metric(*near, metric), Metric(*one, metric), 1e-4);
    }
    EXPECT_GT(std::abs(Metric(*far, "policy_loss") - Metric(*one, "policy_loss")), 1e-3);
    EXPECT_LT(LargestDifference(near->policy().flat_grad(), one->policy().flat_grad()),
              1e-4 * LargestEntry(one->policy().flat_grad()));
  }
}

TEST(MdpoOff, Case13OldPolicyIsRefreshedEveryMUpdates) {
  MdpoOffConfig config = SmallConfig();
  config.old_policy_interval = 5;
  config.freeze_q_with_old = true;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  EXPECT_NE(agent.policy().flat().data_ptr(), agent.old_policy().flat().data_ptr());
  at::Tensor old = agent.old_policy().flat().clone();
  at::Tensor frozen = State(agent, "critic1_frozen.0.weight").clone();
  EXPECT_TRUE(at::equal(old, agent.policy().flat()));
  for (int update = 1; update <= 17; ++update) {
    agent.Update(RandomBatch(kStates, kActions, kRows, static_cast<std::uint64_t>(update)));
    EXPECT_FALSE(at::equal(agent.policy().flat(), old));
    if (update % 5 == 0) {
      EXPECT_TRUE(at::equal(agent.old_policy().flat(), agent.policy().flat())) << update;
      EXPECT_TRUE(at::equal(State(agent, "critic1_frozen.0.weight"), State(agent, "critic1.0.weight")));
      old = agent.old_policy().flat().clone();
      frozen = State(agent, "critic1_frozen.0.weight").clone();
    } else {
      EXPECT_TRUE(at::equal(agent.old_policy().flat(), old)) << update;
      EXPECT_TRUE(at::equal(State(agent, "critic1_frozen.0.weight"), frozen)) << update;
    }
  }
}

// An update writes its gradients out; PolicyLoss says what they are of. For draws few and many, which are
// made in different ways.
TEST(MdpoOff, UpdateStepsAlongTheGradientOfItsLoss) {
  std::vector<MdpoOffConfig> configs(9, SmallConfig());
  configs[1].policy_q = "min";
  configs[2].squash_epsilon = 1e-6;
  configs[3].kl_coef = configs[3].lambda;
  configs[4].reg_coef = 0.1;
  configs[5].freeze_q_with_old = true;
  configs[6].tsallis_q = 1.5;
  configs[7].tsallis_q = 2;
  configs[7].tsallis_mode = "joint";
  configs[8].kl_density_floor = 0.3;  // above some of the densities
  for (std::size_t i = 0; i < configs.size(); ++i) {
    for (const std::int64_t rows : {std::int64_t{12}, std::int64_t{600}}) {
      for (const std::vector<int>& hidden : {std::vector<int>{8, 8}, std::vector<int>{160}}) {
        configs[i].hidden = hidden;
        MdpoOff agent(BoxTask(kStates, kActions), configs[i]);
        Disturb(agent);
        const TransitionBatch batch = RandomBatch(kStates, kActions, rows, 1);
        const at::Tensor eps = Normal({rows, kActions}, 2);
        agent.policy().Backward(agent.PolicyLoss(batch.observations, eps, Scalar(configs[i].lambda)));
        const at::Tensor by_graph = agent.policy().flat_grad().clone();
        agent.Update(batch, {eps, {}});
        const double scale = by_graph.abs().max().item<double>();
        EXPECT_GT(scale, 1e-3);
        EXPECT_LT(LargestDifference(agent.policy().flat_grad(), by_graph), 1e-5 * scale)
            << "config " << i << ", rows " << rows << ", width " << hidden[0];
      }
    }
  }
}

TEST(MdpoOff, GradientsAreClipped) {
  for (const double bound : {0.0, 1e-3}) {
    MdpoOffConfig config = SmallConfig();
    config.max_grad_norm = bound;
    MdpoOff agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    agent.Update(RandomBatch(kStates, kActions, kRows, 1));
    std::vector<double> norms;
    for (const auto* set : {&agent.policy(), &agent.critic()}) {
      norms.push_back(set->flat_grad().norm().item<double>());
    }
    // The value keeps its gradient to itself; after one update Adam's first moment is a tenth of it.
    norms.push_back(10 * State(agent, "value_adam.first_moment").norm().item<double>());
    for (const double norm : norms) {
      if (bound == 0) {
        EXPECT_GT(norm, 1e-2);
      } else {
        EXPECT_NEAR(norm, bound, 1e-5);
      }
    }
  }
}

TEST(MdpoOff, CriticsNeverTouchThePolicy) {
  MdpoOffConfig config = SmallConfig();
  MdpoOff agent(BoxTask(kStates, kActions), config);
  Disturb(agent);
  const TransitionBatch batch = RandomBatch(kStates, kActions, kRows, 1);
  const at::Tensor eps = Normal({kRows, kActions}, 2);
  agent.policy().Backward(agent.PolicyLoss(batch.observations, eps, Scalar(config.lambda)));
  const at::Tensor gradient = agent.policy().flat_grad().clone();
  agent.Update(batch, {eps, {}});
  // The closed form's rounding is its own.
  EXPECT_TRUE(at::allclose(agent.policy().flat_grad(), gradient, /*rtol=*/1e-4, /*atol=*/1e-6));

  // Nor the policy the critics: with the policy's step last, what the critics hold is their own loss's.
  config.policy_first = false;
  MdpoOff last(BoxTask(kStates, kActions), config);
  MdpoOff first(BoxTask(kStates, kActions), SmallConfig());
  last.Update(batch, {eps, {}});
  first.Update(batch, {eps, {}});
  EXPECT_TRUE(at::equal(last.critic().flat_grad(), first.critic().flat_grad()));
}

// The critics' and the value's step, section 3.4, written again in double.
TEST(MdpoOff, CriticAndValueStepsDoWhatTheSheetSays) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0.3;
  config.tau = 0.1;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  Disturb(agent);
  const TransitionBatch batch = RandomBatch(kStates, kActions, kRows, 1);
  const at::Tensor eps = Normal({kRows, kActions}, 2);
  const Reference net(agent);  // everything as it is before the update
  std::vector<at::Tensor> value;
  std::vector<at::Tensor> value_target;
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("value.")) value.push_back(tensor.to(at::kDouble).requires_grad_(true));
    if (name.starts_with("value_target.")) value_target.push_back(tensor.to(at::kDouble));
  }
  ASSERT_EQ(value.size(), 4);
  ASSERT_EQ(value_target.size(), 4);
  agent.Update(batch, {eps, {}});

  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };
  const at::Tensor s = wide(batch.observations);
  const at::Tensor next_v = ReferenceMlp(value_target, wide(batch.next_observations), &at::relu).squeeze(-1);
  const at::Tensor y_q = wide(batch.rewards) + 0.99 * (1 - wide(batch.terminals)) * next_v;
  const at::Tensor loss1 = (net.Q(0, s, wide(batch.actions)) - y_q).square().mean();
  const at::Tensor loss2 = (net.Q(1, s, wide(batch.actions)) - y_q).square().mean();
  EXPECT_NEAR(Metric(agent, "critic1_loss"), loss1.item<double>(), 1e-5 * loss1.item<double>());
  EXPECT_NEAR(Metric(agent, "critic2_loss"), loss2.item<double>(), 1e-5 * loss2.item<double>());
  const at::Tensor critic_gradient = FlatGradient(0.5 * (loss1 + loss2), net.critic);
  EXPECT_LT(LargestDifference(agent.critic().flat_grad(), critic_gradient),
            1e-5 * LargestEntry(critic_gradient));

  const auto heads = Reference::Heads(net.policy, s);
  const at::Tensor u = heads.first + heads.second.exp() * wide(eps);
  const at::Tensor y_v = (at::minimum(net.Q(0, s, u.tanh()), net.Q(1, s, u.tanh())) -
                          config.lambda * Reference::LogProb(u, heads))
                             .detach();
  const at::Tensor value_loss = 0.5 * (ReferenceMlp(value, s, &at::relu).squeeze(-1) - y_v).square().mean();
  EXPECT_NEAR(Metric(agent, "value_loss"), value_loss.item<double>(), 1e-5 * value_loss.item<double>());
  // Adam's first step is the sign of the gradient; the target then follows the value just stepped.
  const at::Tensor gradient = FlatGradient(value_loss, value);
  std::int64_t offset = 0;
  const char* const names[] = {"0.weight", "0.bias", "1.weight", "1.bias"};
  for (std::size_t i = 0; i < value.size(); ++i) {
    const at::Tensor g = gradient.narrow(0, offset, value[i].numel()).view(value[i].sizes());
    offset += value[i].numel();
    const at::Tensor stepped = (value[i] - config.critic_lr * g / (g.abs() + 1e-8)).detach();
    EXPECT_LT(LargestDifference(State(agent, std::string("value.") + names[i]), stepped), 1e-6) << names[i];
    EXPECT_LT(LargestDifference(State(agent, std::string("value_target.") + names[i]),
                                0.1 * stepped + 0.9 * value_target[i]),
              1e-6)
        << names[i];
  }
}

// Section 4, step 2: the critics' step uses the policy as it was before its own, whichever comes first.
TEST(MdpoOff, TwinTargetsAreOfThePolicyBeforeItsStep) {
  const TransitionBatch batch = RandomBatch(kStates, kActions, kRows, 1);
  const MdpoOff::UpdateNoise noise = {Normal({kRows, kActions}, 2), Normal({kRows, kActions}, 3)};
  at::Tensor gradients[2];
  for (const bool policy_first : {false, true}) {
    MdpoOffConfig config = SmallConfig();
    config.value_network = false;
    config.policy_first = policy_first;
    config.policy_lr = 0.1;
    MdpoOff agent(BoxTask(kStates, kActions), config);
    agent.Update(batch, noise);
    gradients[policy_first ? 1 : 0] = agent.critic().flat_grad().clone();
  }
  EXPECT_TRUE(at::equal(gradients[0], gradients[1]));
  EXPECT_GT(LargestEntry(gradients[0]), 0);
}

TEST(MdpoOff, FrozenCriticsAreWhatThePolicySees) {
  MdpoOffConfig config = SmallConfig();
  config.freeze_q_with_old = true;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  const at::Tensor s = Normal({kRows, kStates}, 1);
  const at::Tensor eps = Normal({kRows, kActions}, 2);
  const at::Tensor before = agent.PolicyLoss(s, eps, Scalar(config.lambda));
  State(agent, "critic1.1.bias").add_(1);
  EXPECT_TRUE(at::equal(agent.PolicyLoss(s, eps, Scalar(config.lambda)), before));
  State(agent, "critic1_frozen.1.bias").add_(1);
  const at::Tensor after = agent.PolicyLoss(s, eps, Scalar(config.lambda));
  EXPECT_NEAR((after - before).item<double>(), -1, 1e-5);
}

TEST(MdpoOff, TakesItsInnerSteps) {
  MdpoOffConfig config = SmallConfig();
  config.inner_steps = 4;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  agent.Update(RandomBatch(kStates, kActions, kRows, 1));
  EXPECT_EQ(State(agent, "policy_adam.step").item<double>(), 4);
  EXPECT_EQ(State(agent, "critic_adam.step").item<double>(), 1);
}

// Section 3.3 with log_density_cap: a density above the cap counts as the cap, and has no gradient.
TEST(MdpoOff, DensitiesAreCapped) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0.2;
  config.kl_coef = 0.7;
  config.reg_coef = 0;
  config.tsallis_q = 1.5;
  config.log_density_cap = 1;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  for (const char* head : {"policy.log_std.bias", "old_policy.log_std.bias"}) State(agent, head).fill_(-9);
  const at::Tensor s = Normal({kRows, kStates}, 1);
  const at::Tensor eps = 0.1 * Normal({kRows, kActions}, 2);
  const at::Tensor loss = agent.PolicyLoss(s, eps, Scalar(config.lambda));
  agent.policy().Backward(loss);
  const Reference net(agent);
  const at::Tensor states = s.to(at::kDouble);
  const auto heads = Reference::Heads(net.policy, states);
  const at::Tensor q =
      net.Q(0, states, (heads.first + heads.second.exp() * eps.to(at::kDouble)).tanh()).mean();
  const double log_q = kActions * 2 * (std::exp(0.5) - 1);
  EXPECT_NEAR(loss.item<double>(), 0.7 * log_q - 1.5 * 0.5 * log_q - q.item<double>(), 1e-5);
  EXPECT_LT(LargestDifference(agent.policy().flat_grad(), FlatGradient(-q, net.policy)), 1e-6);
  EXPECT_EQ(Metric(agent, "density_clamped"), 1);
}

// Section 8: the authors' floor at q = 1. A density below it counts as the floor and has no gradient; where
// none is below, it changes nothing.
TEST(MdpoOff, DensitiesHaveAFloorAtOneTooIfAsked) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0.2;
  config.kl_coef = 0.7;
  config.reg_coef = 0;
  const at::Tensor s = Normal({kRows, kStates}, 1);
  const at::Tensor eps = Normal({kRows, kActions}, 2);
  const auto loss_of = [&](double floor, double old_mean) {
    config.kl_density_floor = floor;
    MdpoOff agent(BoxTask(kStates, kActions), config);
    State(agent, "old_policy.mu.bias").fill_(old_mean);
    const at::Tensor loss = agent.PolicyLoss(s, eps, Scalar(config.lambda));
    agent.policy().Backward(loss);
    return std::tuple(loss.item<double>(), agent.policy().flat_grad().clone(), Reference(agent));
  };
  const auto [plain, plain_gradient, plain_net] = loss_of(0, 0.1);
  const auto [floored, floored_gradient, floored_net] = loss_of(1e-6, 0.1);
  EXPECT_NEAR(floored, plain, 1e-5);
  EXPECT_LT(LargestDifference(floored_gradient, plain_gradient), 1e-6);

  const auto [far, far_gradient, far_net] = loss_of(1e-6, 50);
  const at::Tensor states = s.to(at::kDouble);
  const auto heads = Reference::Heads(far_net.policy, states);
  const at::Tensor u = heads.first + heads.second.exp() * eps.to(at::kDouble);
  const at::Tensor expected =
      (0.7 * Reference::LogProb(u, heads) - 0.5 * kActions * std::log(1e-6) - far_net.Q(0, states, u.tanh()))
          .mean();
  EXPECT_NEAR(far, expected.item<double>(), 1e-4);
  EXPECT_LT(LargestDifference(far_gradient, FlatGradient(expected, far_net.policy)), 1e-5);
  EXPECT_GT(std::abs(std::get<0>(loss_of(0, 50)) - far), 100);

  config.kl_density_floor = 0.3;
  MdpoOff agent(BoxTask(kStates, kActions), config);
  agent.Update(RandomBatch(kStates, kActions, kRows, 1));
  EXPECT_GT(Metric(agent, "density_clamped"), 0);
  EXPECT_LT(Metric(agent, "density_clamped"), 1);
}

// Online baselines sheet, section 9, test 6: one state, r = -(kappa/2) a^2, an unsquashed Gaussian. With
// alpha fixed sigma^2 = alpha / kappa; learnt for an entropy of -1, sigma = .089016 and alpha =
// .0079239 kappa. The noise is one of unit variance exactly, so that nothing is left to chance.
TEST(Sac, Test6FixedPoint) {
  const at::Tensor grid = (at::arange(64, at::kDouble) + 0.5) / 32 - 1;
  at::Tensor eps = at::erfinv(grid);
  eps = (eps / eps.square().mean().sqrt()).to(at::kFloat).unsqueeze(1);
  for (const bool learnt : {false, true}) {
    for (const double kappa : {1.0, 10.0}) {
      EntropyWeight alpha("alpha", learnt ? kappa : 0.3 * kappa, learnt, /*target=*/-1, 1e-2, at::kCPU);
      const nn::ParameterSet policy({{"mean", {1}}, {"log_std", {1}}}, at::kCPU);
      {
        const at::NoGradGuard no_grad;
        policy.flat().copy_(at::tensor({0.5F, 0.0F}));
      }
      const nn::Adam adam(policy);
      constexpr int kSteps = 3000;
      for (int step = 0; step < kSteps; ++step) {
        const double anneal = 1 - static_cast<double>(step) / kSteps;
        const at::Tensor value = alpha.Value();
        const at::Tensor a = policy[0] + policy[1].exp() * eps;
        const at::Tensor log_prob = nn::GaussianLogProb(a, policy[0], policy[1]);
        policy.Backward((value * log_prob + 0.5 * kappa * a.square().squeeze(1)).mean());
        adam.Step(policy, 1e-2 * anneal);
        if (learnt) alpha.Step(log_prob.detach(), anneal);
      }
      const double sigma = policy[1].exp().item<double>();
      EXPECT_NEAR(policy[0].item<double>(), 0, 1e-4);
      EXPECT_NEAR(sigma, learnt ? 0.089016 : std::sqrt(0.3), 1e-4);
      EXPECT_NEAR(alpha.Value().item<double>() / kappa, learnt ? 0.0079239 : 0.3, 2e-5);
    }
  }
}

class SacProbe : public Sac {
 public:
  using Sac::NextValue;
  using Sac::Sac;
};

// Test 7: constant networks by hand; a terminal row is worth its reward. (A time limit is no terminal row:
// ReplayLoop's tests.)
TEST(Sac, Test7TargetByHand) {
  SacConfig config;
  config.hidden = {8};
  config.alpha = 0.3;
  config.alpha_auto = false;
  config.squash_epsilon = 0;
  SacProbe agent(BoxTask(kStates, kActions), config);
  for (const auto& [name, tensor] : agent.State()) tensor.zero_();
  State(agent, "policy.mu.bias").fill_(0.2);
  State(agent, "policy.log_std.bias").fill_(std::log(0.5));
  Assign(agent, "critic1_target.1.bias", {2});
  Assign(agent, "critic2_target.1.bias", {1.5});
  Assign(agent, "critic1.1.bias", {0.7F});
  TransitionBatch batch = RandomBatch(kStates, kActions, 2, 1);
  batch.rewards = at::tensor({0.25F, -0.75F});
  batch.terminals = at::tensor({0.0F, 1.0F});
  // u = .2 + .5 * 1 = .7 in both dimensions: log pi = 2 * -.271251 by test 3.
  const double next = 1.5 - 0.3 * 2 * -0.271251;
  const at::Tensor noise = at::ones({2, kActions});
  EXPECT_LT(LargestDifference(agent.NextValue(batch, noise, Scalar(0.3)), at::full({2}, next)), 1e-5);
  agent.Update(batch, {noise, noise});
  const double error = 0.7 - (0.25 + 0.99 * next);
  const double terminal_error = 0.7 + 0.75;
  EXPECT_NEAR(Metric(agent, "critic1_loss"), (error * error + terminal_error * terminal_error) / 2, 1e-5);
}

// Test 7: without entropy and deviation the target is TD3's without noise.
TEST(Sac, Test7WithoutEntropyItIsTd3) {
  SacConfig config;
  config.hidden = {8};
  SacProbe sac(BoxTask(kStates, kActions), config);
  Td3Config td3_config;
  td3_config.hidden = {8};
  Td3Probe<Td3> td3(BoxTask(kStates, kActions), td3_config);
  Disturb(sac);
  State(sac, "policy.log_std.weight").zero_();
  State(sac, "policy.log_std.bias").fill_(-20);
  const auto copy = [&](const std::string& to, const std::string& from) {
    State(td3, to).copy_(State(sac, from));
  };
  for (const std::string part : {"weight", "bias"}) {
    copy("actor_target.0." + part, "policy.0." + part);
    copy("actor_target.1." + part, "policy.mu." + part);
    for (const std::string layer : {"1_target.0.", "2_target.0.", "1_target.1.", "2_target.1."}) {
      copy("critic" + layer + part, "critic" + layer + part);
    }
  }
  const TransitionBatch batch = RandomBatch(kStates, kActions, kRows, 1);
  const at::Tensor expected = td3.TdTarget(batch, td3.NextAction(batch, at::zeros({kRows, kActions})));
  const at::Tensor next = sac.NextValue(batch, Normal({kRows, kActions}, 2), Scalar(0));
  EXPECT_LT(LargestDifference(batch.rewards + 0.99 * (1 - batch.terminals) * next, expected), 1e-5);
}

TEST(MdpoOff, RefusesToBePushedAwayFromTheOldPolicy) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0.4;
  config.kl_coef = 0.3;
  const std::string message = MessageOf<InputError>([&] { MdpoOff(BoxTask(kStates, kActions), config); });
  EXPECT_THAT(message, HasSubstr("agent.kl_coef = 0.3 is below agent.lambda = 0.4"));
  EXPECT_THAT(message, HasSubstr("expected kl_coef >= lambda"));
}

TEST(MdpoOff, RefusesToLearnTheLogarithmOfZero) {
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0;
  config.lambda_auto = true;
  const std::string message = MessageOf<InputError>([&] { MdpoOff(BoxTask(kStates, kActions), config); });
  EXPECT_THAT(message, HasSubstr("agent.lambda = 0 with agent.lambda_auto = true"));
  EXPECT_THAT(message, HasSubstr("expected agent.lambda > 0 or agent.lambda_auto = false"));
  config.lambda_auto = false;  // hard MDPO
  EXPECT_NO_THROW(MdpoOff(BoxTask(kStates, kActions), config));
}

TEST(MdpoOff, RefusesTheFloorOfKlForTsallis) {
  MdpoOffConfig config = SmallConfig();
  config.tsallis_q = 1.5;
  config.kl_density_floor = 1e-6;
  EXPECT_THAT(MessageOf<InputError>([&] { MdpoOff(BoxTask(kStates, kActions), config); }),
              HasSubstr("agent.kl_density_floor = 1e-06 is for agent.tsallis_q = 1, but that is 1.5"));
}

TEST(MdpoOff, RefusesDiscreteActions) {
  EXPECT_THAT(MessageOf<InputError>([] { MdpoOff(DiscreteTask(kStates, 4), SmallConfig()); }),
              HasSubstr("needs continuous actions"));
}

// Case 14 and resume.
TEST(MdpoOff, SameSeedSameBitsAndResume) {
  const auto train = [](Agent& agent, int first, int last) {
    for (int k = first; k < last; ++k) {
      dynamic_cast<MdpoOff&>(agent).Update(
          RandomBatch(kStates, kActions, kRows, 100 + static_cast<std::uint64_t>(k)));
    }
  };
  MdpoOffConfig config = SmallConfig();
  config.tsallis_q = 1.4;
  config.old_policy_interval = 7;
  config.freeze_q_with_old = true;
  config.lambda_auto = true;
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<MdpoOff>(BoxTask(kStates, kActions, seed), config); },
      train, 100);
  SacConfig sac;
  sac.hidden = {8};
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<Sac>(BoxTask(kStates, kActions, seed), sac); }, train,
      100);
}

}  // namespace
}  // namespace strider
