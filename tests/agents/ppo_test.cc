// The exact cases of the online baselines sheet, section 9, that concern PPO, and PMOE-PPO's of the PMOE
// sheet, section 11; by their numbers there.
#include "agents/ppo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "agents/clipped_losses.h"
#include "agents/nn/distributions.h"
#include "agents/nn/host_memory.h"
#include "agents/pmoe_ppo.h"
#include "agents/registry.h"
#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

PpoConfig SmallConfig() {
  PpoConfig config;
  config.hidden = {8};
  config.minibatch = 16;
  config.epochs = 2;
  return config;
}

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

// One row of one state whose probability ratio is r and whose advantage is A.
struct OneRow {
  OneRow(double ratio, double advantage) : agent(BoxTask(1, 1), Config()) {
    batch.data.observations = at::zeros({1, 1});
    batch.data.actions = at::full({1, 1}, 0.3);
    batch.data.advantages = at::full({1}, advantage);
    const Actor::Outputs now = agent.actor().Evaluate(batch.data.observations);
    batch.old_log_prob = agent.actor().LogProb(batch.data.actions, now).detach() - std::log(ratio);
  }

  static PpoConfig Config() {
    PpoConfig config;
    config.hidden = {};
    return config;
  }

  double Objective() {
    const at::Tensor loss =
        agent.PolicyLoss(batch, agent.actor().Evaluate(batch.data.observations), /*clip=*/0.2);
    agent.actor().Backward(loss);
    return -loss.item<double>();
  }

  at::Tensor gradient() const { return agent.actor().parameters().flat_grad(); }

  Ppo agent;
  Ppo::Minibatch batch;
};

TEST(Ppo, Case4Clip) {
  const struct {
    double ratio;
    double advantage;
    double objective;
    bool learns;
  } cases[] = {{1.3, 1, 1.2, false}, {1.3, -1, -1.3, true}, {0.7, 1, 0.7, true}, {0.7, -1, -0.8, false}};
  for (const auto& expected : cases) {
    OneRow row(expected.ratio, expected.advantage);
    EXPECT_NEAR(row.Objective(), expected.objective, 1e-6);
    if (expected.learns) {
      EXPECT_GT(LargestEntry(row.gradient()), 0.1) << expected.ratio << " " << expected.advantage;
    } else {
      EXPECT_EQ(LargestEntry(row.gradient()), 0) << expected.ratio << " " << expected.advantage;
    }
  }
}

TEST(Ppo, Case4AtRatioOneItIsThePlainPolicyGradient) {
  OneRow row(1, 0.7);
  row.Objective();
  const at::Tensor gradient = row.gradient().clone();
  const Actor::Outputs outputs = row.agent.actor().Evaluate(row.batch.data.observations);
  row.agent.actor().Backward(-(row.agent.actor().LogProb(row.batch.data.actions, outputs) * 0.7).mean());
  EXPECT_LT(LargestDifference(gradient, row.gradient()), 1e-6);
}

// V_old 0, V .5, R 1: max(.5^2, .8^2) = .64, without gradient.
TEST(ValueFunction, Case4Clip) {
  ValueFunction value(BoxTask(1, 1), {}, 1e-5);
  for (const auto& [name, tensor] : value.State()) {
    if (name == "value.0.bias") tensor.fill_(0.5);
  }
  const Experience row{at::zeros({1, 1}), {}, Row({0}), {}, Row({1})};
  const at::Tensor clipped = value.Loss(row, 0.2);
  EXPECT_NEAR(clipped.item<double>(), 0.64, 1e-6);
  value.parameters().Backward(clipped);
  EXPECT_EQ(LargestEntry(value.parameters().flat_grad()), 0);
  const at::Tensor plain = value.Loss(row, 0);
  EXPECT_NEAR(plain.item<double>(), 0.25, 1e-6);
  value.parameters().Backward(plain);
  EXPECT_NEAR(LargestEntry(value.parameters().flat_grad()), 1, 1e-6);
}

TEST(Minibatches, EachRowOnceAndNoIncompleteOne) {
  at::Generator random = MakeGenerator(at::kCPU, 1);
  const auto batches = Minibatches(10, 4, random, at::kCPU);
  ASSERT_EQ(batches.size(), 2);
  EXPECT_EQ(std::get<0>(at::_unique(at::cat(batches))).size(0), 8);
  const auto all = Minibatches(3, 4, random, at::kCPU);
  ASSERT_EQ(all.size(), 1);
  EXPECT_EQ(all[0].size(0), 3);
}

TEST(ClipJointGradientNorm, IsThatOfAllTogether) {
  const nn::ParameterSet a({{"a", {3}}}, at::kCPU);
  const nn::ParameterSet b({{"b", {2}}}, at::kCPU);
  a.flat_grad().copy_(Row({1, 2, 2}));
  b.flat_grad().copy_(Row({4, 0}));
  ClipJointGradientNorm({&a, &b}, 10);
  EXPECT_EQ(LargestDifference(a.flat_grad(), Row({1, 2, 2})), 0) << "5 is below the bound";
  ClipJointGradientNorm({&a, &b}, 0.5);
  EXPECT_LT(LargestDifference(a.flat_grad(), Row({0.1, 0.2, 0.2})), 1e-6);
  EXPECT_LT(LargestDifference(b.flat_grad(), Row({0.4, 0})), 1e-6);
}

// A whole update of one minibatch, written again from the sheet in double.
TEST(Ppo, UpdateDoesWhatTheSheetSays) {
  for (const int choices : {0, 3}) {
    PpoConfig config = SmallConfig();
    config.minibatch = 1000;  // all rows at once: no order
    config.epochs = 1;
    config.entropy_coef = 0.03;
    config.max_grad_norm = 0.05;
    config.lr = 1e-2;
    Ppo agent(choices > 0 ? DiscreteTask(4, choices) : BoxTask(4, 2), config);
    State(agent, "policy.1.weight").mul_(100);
    const std::vector<at::Tensor> policy = Doubles(agent.actor().parameters());
    const std::vector<at::Tensor> value = Doubles(agent.value().parameters());
    const Rollout rollout = RandomRollout(4, choices > 0 ? 1 : 2, choices, 20, 3, 7);
    const Experience data = agent.value().Judge(rollout, config.rollout);
    agent.Update(rollout, 1, 4);

    const at::Tensor s = data.observations.to(at::kDouble);
    const at::Tensor a = data.actions.to(at::kDouble);
    const std::vector<at::Tensor> layers(policy.begin(), choices > 0 ? policy.end() : policy.end() - 1);
    const at::Tensor out = ReferenceMlp(layers, s, &at::tanh);
    const at::Tensor log_p = at::log_softmax(out, -1);
    const at::Tensor log_prob = choices > 0 ? log_p.gather(1, a.to(at::kLong)).squeeze(1)
                                            : nn::GaussianLogProb(a, out, policy.back());
    const at::Tensor entropy =
        choices > 0 ? -(log_p.exp() * log_p).sum(-1).mean() : nn::GaussianEntropy(policy.back());
    at::Tensor advantages = data.advantages.to(at::kDouble);
    advantages = (advantages - advantages.mean()) / advantages.std(/*unbiased=*/false);
    // At the old policy the ratio is 1 and nothing is clipped.
    const at::Tensor ratio = (log_prob - log_prob.detach()).exp();
    const at::Tensor policy_gradient =
        FlatGradient(-(ratio * advantages).mean() - config.entropy_coef * entropy, policy);
    const at::Tensor v = ReferenceMlp(value, s, &at::tanh).squeeze(-1);
    const at::Tensor value_gradient =
        FlatGradient(0.5 * config.value_coef * (v - data.returns.to(at::kDouble)).square().mean(), value);
    const double norm = std::sqrt(policy_gradient.square().sum().item<double>() +
                                  value_gradient.square().sum().item<double>());
    const double factor = std::min(1.0, config.max_grad_norm / norm);
    EXPECT_LT(factor, 1) << "the bound does not act";
    EXPECT_LT(LargestDifference(agent.actor().parameters().flat_grad(), factor * policy_gradient), 1e-5);
    EXPECT_LT(LargestDifference(agent.value().parameters().flat_grad(), factor * value_gradient), 1e-5);
    // Adam's first step, the second iteration of four: three quarters of the step length.
    const at::Tensor g = factor * policy_gradient;
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : policy) parts.push_back(part.detach().reshape({-1}));
    EXPECT_LT(
        LargestDifference(agent.actor().parameters().flat(), at::cat(parts) - 0.0075 * g / (g.abs() + 1e-5)),
        1e-4);
  }
}

TEST(Ppo, StopsItsPassesAtTheTarget) {
  PpoConfig config = SmallConfig();
  config.lr = 0.05;
  config.epochs = 8;
  config.target_kl = 1e-4;
  Ppo agent(BoxTask(3, 2), config);
  agent.Update(RandomRollout(3, 2, 0, 32, 1, 1), 0, 1);
  EXPECT_EQ(State(agent, "policy_adam.step").item<double>(), 2) << "one pass of two minibatches";
  EXPECT_GT(Metric(agent, "kl"), 1e-4);
}

// In the second of two iterations epsilon is half of what it was.
TEST(Ppo, ClipFallsLinearly) {
  const auto updated = [](double clip, bool anneal) {
    PpoConfig config = SmallConfig();
    config.lr = 0.05;
    config.lr_anneal = false;
    config.clip = clip;
    config.clip_anneal = anneal;
    Ppo agent(BoxTask(3, 2), config);
    agent.Update(RandomRollout(3, 2, 0, 32, 1, 1), /*iteration=*/1, /*iterations=*/2);
    return agent.actor().parameters().flat().clone();
  };
  EXPECT_TRUE(at::equal(updated(0.2, true), updated(0.1, false)));
  EXPECT_FALSE(at::equal(updated(0.2, true), updated(0.2, false)));
}

// Stable-Baselines3's rule (section 3): before each step, and 1.5 times as far.
TEST(Ppo, StopsBeforeTheMinibatchThatIsTooFar) {
  PpoConfig config = SmallConfig();
  config.lr = 0.05;
  config.epochs = 8;
  const Rollout rollout = RandomRollout(3, 2, 0, 32, 1, 1);
  const auto steps_and_kl = [&](double target) {
    config.target_kl = target;
    config.kl_stop = "minibatch";
    Ppo agent(BoxTask(3, 2), config);
    agent.Update(rollout, 0, 1);
    return std::pair(State(agent, "policy_adam.step").item<double>(), Metric(agent, "kl"));
  };
  // The first minibatch is the old policy's own, and the second has moved by one step.
  const auto [steps, kl] = steps_and_kl(1e-6);
  EXPECT_EQ(steps, 1);
  EXPECT_GT(kl, 1.5e-6);
  // A target of which it is just less, or just more, than one and a half.
  EXPECT_GT(steps_and_kl(kl / 1.49).first, 1);
  EXPECT_EQ(steps_and_kl(kl / 1.51).first, 1);
  EXPECT_EQ(steps_and_kl(0).first, 16) << "all steps";
}

TEST(Ppo, SameSeedSameBitsAndResume) {
  for (const int choices : {0, 3}) {
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) {
          return std::make_unique<Ppo>(choices > 0 ? DiscreteTask(3, choices, seed) : BoxTask(3, 2, seed),
                                       SmallConfig());
        },
        [&](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) {
            dynamic_cast<Ppo&>(agent).Update(
                RandomRollout(3, choices > 0 ? 1 : 2, choices, 20, 2, 100 + static_cast<std::uint64_t>(k)), k,
                /*iterations=*/40);
          }
        },
        20);
  }
}

PmoePpoConfig SmallMixture(int experts) {
  PmoePpoConfig config;
  config.ppo = SmallConfig();
  config.experts = experts;
  config.q_hidden = {8};
  return config;
}

// The same as one Gaussian: without Q.
PmoePpoConfig SmallBlend(int experts, const std::string& blend) {
  PmoePpoConfig config = SmallMixture(experts);
  config.blend = blend;
  config.q_hidden = PmoePpoConfig().q_hidden;
  return config;
}

// What the minibatches of PPO on the CPU take instead of LibTorch's graph.
TEST(ClippedLosses, AreTheGraphsWithItsGradients) {
  constexpr std::int64_t kRows = 40;
  for (const double entropy_coef : {0.0, 0.03}) {
    PpoConfig config = SmallConfig();
    config.entropy_coef = entropy_coef;
    Ppo agent(BoxTask(3, 2), config);
    State(agent, "policy.1.weight").mul_(100);
    State(agent, "policy.log_std").copy_(Row({-0.4, 0.3}));
    const at::Tensor s = Normal({kRows, 3}, 1);
    const auto outputs = agent.actor().Evaluate(s);
    const at::Tensor actions = (outputs.mean + 0.7 * Normal({kRows, 2}, 2)).detach();
    const at::Tensor old = agent.actor().LogProb(actions, outputs).detach() + 0.3 * Normal({kRows}, 3);
    const Experience data{s, actions, 0.2 * Normal({kRows}, 4), Normal({kRows}, 5), Normal({kRows}, 6)};

    const at::Tensor loss = agent.PolicyLoss({data, old}, outputs, 0.2);
    agent.actor().Backward(loss);
    const at::Tensor by_graph = agent.actor().parameters().flat_grad().clone();
    const auto pass = agent.actor().Run(s);
    const auto surrogate =
        GaussianSurrogate(data, old, pass.outputs[0], outputs.log_std.detach(), 0.2, entropy_coef);
    agent.actor().Backward(pass, surrogate.of_mean, surrogate.of_log_std);
    EXPECT_GT(by_graph.abs().max().item<double>(), 0.01);
    EXPECT_LT(LargestDifference(agent.actor().parameters().flat_grad(), by_graph), 1e-6);
    EXPECT_NEAR((surrogate.losses.mean() - entropy_coef * agent.actor().Entropy(outputs)).item<double>(),
                loss.item<double>(), 1e-6);
    for (const double clip : {0.0, 0.2}) {
      const at::Tensor value_loss = agent.value().Loss(data, clip);
      agent.value().parameters().Backward(0.7 * value_loss);
      const at::Tensor of_value = agent.value().parameters().flat_grad().clone();
      const auto value = agent.value().Run(s);
      const auto error = ValueError(data, value.outputs[0].squeeze(-1), clip, 0.7);
      agent.value().Backward(value, error.of_value);
      EXPECT_LT(LargestDifference(agent.value().parameters().flat_grad(), of_value), 1e-6) << clip;
      EXPECT_NEAR(error.losses.mean().item<double>(), value_loss.item<double>(), 1e-6);
    }
  }
}

TEST(PmoePpo, Case9OneExpertIsPpoToTheBit) {
  PmoePpo pmoe(BoxTask(3, 2), SmallMixture(1));
  Ppo ppo(BoxTask(3, 2), SmallConfig());
  const at::Tensor router = pmoe.actor().router().flat().clone();
  const at::Tensor start = ppo.actor().parameters().flat().clone();
  for (int k = 0; k < 25; ++k) {
    const Rollout rollout = RandomRollout(3, 2, 0, 32, 2, static_cast<std::uint64_t>(k));
    pmoe.Update(rollout, k, 30);
    ppo.Update(rollout, k, 30);
    EXPECT_EQ(Metric(pmoe, "router_loss"), 0);
    EXPECT_EQ(Metric(pmoe, "policy_loss"), Metric(ppo, "policy_loss"));
    EXPECT_EQ(Metric(pmoe, "value_loss"), Metric(ppo, "value_loss"));
  }
  EXPECT_TRUE(at::equal(pmoe.actor().parameters().flat(), ppo.actor().parameters().flat()));
  EXPECT_TRUE(at::equal(pmoe.value().parameters().flat(), ppo.value().parameters().flat()));
  EXPECT_TRUE(at::equal(pmoe.actor().router().flat(), router));
  EXPECT_FALSE(at::equal(ppo.actor().parameters().flat(), start));
}

// The router takes gradient from the mixture's ratio and from the frequency loss; the latter alone where the
// advantages are zero, and then nothing reaches the experts (case 8).
TEST(PmoePpo, Case8FrequencyLossReachesTheRouterAlone) {
  PmoePpo agent(BoxTask(3, 2), SmallMixture(3));
  const at::Tensor s = Normal({16, 3}, 1);
  Ppo::Minibatch batch;
  batch.data = {s, Normal({16, 2}, 2), at::zeros({16}), at::zeros({16}), at::zeros({16})};
  const Actor::Outputs outputs = agent.actor().Evaluate(s);
  batch.old_log_prob = agent.actor().LogProb(batch.data.actions, outputs).detach();
  agent.actor().Backward(agent.PolicyLoss(batch, agent.actor().Evaluate(s), 0.2));
  EXPECT_EQ(LargestEntry(agent.actor().parameters().flat_grad()), 0);
  EXPECT_GT(LargestEntry(agent.actor().router().flat_grad()), 0);
  double wins = 0;
  for (const char* name : {"win_1", "win_2", "win_3"}) wins += Metric(agent, name);
  EXPECT_NEAR(wins, 1, 1e-6);
}

// With advantages of zero the router's loss is all there is, and router_coef its weight.
TEST(PmoePpo, RouterCoefWeighsTheFrequencyLoss) {
  at::Tensor gradients[2];
  for (const double coef : {1.0, 2.5}) {
    PmoePpoConfig config = SmallMixture(3);
    config.router_coef = coef;
    PmoePpo agent(BoxTask(3, 2), config);
    const at::Tensor s = Normal({16, 3}, 1);
    Ppo::Minibatch batch;
    batch.data = {s, Normal({16, 2}, 2), at::zeros({16}), at::zeros({16}), at::zeros({16})};
    batch.old_log_prob = at::zeros({16});
    const at::Tensor loss = agent.PolicyLoss(batch, agent.actor().Evaluate(s), 0.2);
    EXPECT_NEAR(loss.item<double>(), coef * Metric(agent, "router_loss"), 1e-6);
    agent.actor().Backward(loss);
    gradients[coef == 1 ? 0 : 1] = agent.actor().router().flat_grad().clone();
  }
  EXPECT_LT(LargestDifference(gradients[1], 2.5 * gradients[0]), 1e-6);
  EXPECT_GT(LargestEntry(gradients[0]), 1e-3);
}

// The first step of Q by hand, for a linear one: Adam's on the gradient of mean (Q - R)^2, under a bound of
// its own on the norm or under the one that policy, router and value share.
TEST(PmoePpo, QIsFittedToTheReturns) {
  class Probe : public PmoePpo {
   public:
    using PmoePpo::PmoePpo;
    using PmoePpo::Step;
  };
  constexpr double kRate = 1e-2;
  for (const bool joint : {false, true}) {
    PmoePpoConfig config = SmallMixture(3);
    config.q_hidden = {};
    config.joint_clip = joint;
    config.ppo.max_grad_norm =
        1e-4;  // Adam's first step is the rate times the sign, but for numbers this small
    Probe agent(BoxTask(3, 2), config);
    const at::Tensor s = Normal({16, 3}, 1);
    const at::Tensor a = Normal({16, 2}, 2);
    const at::Tensor returns = Normal({16}, 3);
    Ppo::Minibatch batch;
    batch.data = {s, a, /*values=*/at::zeros({16}), /*advantages=*/20 * Normal({16}, 4), returns};
    batch.old_log_prob = agent.actor().LogProb(a, agent.actor().Evaluate(s)).detach();
    const at::Tensor weight = State(agent, "q.0.weight").flatten().clone();
    const at::Tensor bias = State(agent, "q.0.bias").clone();
    const at::Tensor inputs = at::cat({s, a, at::ones({16, 1})}, 1);
    const at::Tensor errors = inputs.mv(at::cat({weight, bias})) - returns;
    const at::Tensor gradient = 2.0 / 16 * inputs.t().mv(errors);
    ASSERT_TRUE(agent.Step(batch, 0.2, kRate));

    double norm = config.ppo.max_grad_norm;
    if (joint) {
      double others = 0;
      for (const nn::ParameterSet* set :
           {&agent.actor().parameters(), &agent.actor().router(), &agent.value().parameters()}) {
        others += set->flat_grad().square().sum().item<double>();
      }
      ASSERT_LT(others, norm * norm);
      norm = std::sqrt(norm * norm - others);
      ASSERT_LT(norm, 0.9 * config.ppo.max_grad_norm) << "this test sees nothing";
    }
    const at::Tensor clipped = norm / gradient.norm().item<double>() * gradient;
    const at::Tensor expected = at::cat({weight, bias}) - kRate * clipped / (clipped.abs() + kPpoAdamEpsilon);
    const at::Tensor found = at::cat({State(agent, "q.0.weight").flatten(), State(agent, "q.0.bias")});
    EXPECT_LT(LargestDifference(found, expected), 1e-3 * kRate) << joint;
    EXPECT_NEAR(Metric(agent, "q_loss"), errors.square().mean().item<double>(), 1e-5);
  }
}

TEST(PmoePpo, QStartsAsSmallAsAsked) {
  PmoePpoConfig config = SmallMixture(2);
  config.q_head_bound = 3e-3;
  const PmoePpo agent(BoxTask(3, 2), config);
  for (const char* name : {"q.1.weight", "q.1.bias"}) {
    EXPECT_LE(LargestEntry(State(agent, name)), 3e-3) << name;
    EXPECT_GT(LargestEntry(State(agent, name)), 0) << name;
  }
  EXPECT_GT(LargestEntry(State(agent, "q.0.weight")), 3e-2);
}

// The expert that Q ranks first wins: Q(s, a) = a_1, and one expert's mean lies far above the others'.
TEST(PmoePpo, QRanksTheExperts) {
  PmoePpoConfig config = SmallMixture(3);
  config.q_hidden = {};
  PmoePpo agent(BoxTask(3, 2), config);
  State(agent, "q.0.weight").zero_();
  State(agent, "q.0.weight")[0][3] = 1;
  State(agent, "policy.1.bias")[2] = 50;  // first action of the second expert
  const at::Tensor s = Normal({16, 3}, 1);
  const at::Tensor actions = agent.actor().Evaluate(s).mean.detach();
  EXPECT_LT(LargestDifference(agent.Q(s, actions), actions.select(2, 0) + State(agent, "q.0.bias")), 1e-5);
  Ppo::Minibatch batch;
  batch.data = {s, Normal({16, 2}, 2), at::zeros({16}), at::zeros({16}), at::zeros({16})};
  batch.old_log_prob = at::zeros({16});
  agent.PolicyLoss(batch, agent.actor().Evaluate(s), 0.2);
  EXPECT_EQ(Metric(agent, "win_2"), 1);
}

// One draw shared by the experts would make win frequencies wrong: of two equal experts each wins half of the
// rows, while of equal actions the first would win them all.
TEST(PmoePpo, ExpertsDrawApart) {
  PmoePpo agent(BoxTask(3, 2), SmallMixture(2));
  for (const char* name : {"policy.1.weight", "policy.1.bias"}) {
    State(agent, name).narrow(0, 2, 2).copy_(State(agent, name).narrow(0, 0, 2));
  }
  constexpr std::int64_t kMany = 4000;
  const at::Tensor s = Normal({kMany, 3}, 1);
  Ppo::Minibatch batch;
  batch.data = {s, Normal({kMany, 2}, 2), at::zeros({kMany}), at::zeros({kMany}), at::zeros({kMany})};
  batch.old_log_prob = at::zeros({kMany});
  agent.PolicyLoss(batch, agent.actor().Evaluate(s), 0.2);
  EXPECT_NEAR(Metric(agent, "win_1"), 0.5, 4 * 0.5 / std::sqrt(kMany));
}

TEST(PmoePpo, MixtureDensityAndItsSnapshot) {
  PmoePpo agent(BoxTask(3, 2), SmallMixture(3));
  std::uint64_t seed = 5;
  for (const auto& [name, tensor] : agent.State()) tensor.add_(0.3 * Normal(tensor.sizes(), ++seed));
  const at::Tensor s = Normal({40, 3}, 1);
  const Policy policy = agent.MakePolicy();
  std::vector<float> actions(80);
  std::vector<float> log_probs(40);
  Pcg64 random(3);
  policy.Sample({s.const_data_ptr<float>(), 120}, /*deterministic=*/false, random, actions, log_probs);
  const at::Tensor a = nn::OverHostMemory(actions, {40, 2});
  const at::Tensor said = nn::OverHostMemory(log_probs, {40});
  EXPECT_LT(LargestDifference(agent.actor().LogProb(a, agent.actor().Evaluate(s)), said), 1e-4);
}

// PMOE sheet, section 8: the density of one Gaussian made of all experts, by its formula in double, and what
// acts by it; with one expert that is gated, PPO.
TEST(PmoePpo, BlendedExpertsAreOneGaussian) {
  for (const std::string blend : {"gated", "multiplied"}) {
    PmoePpoConfig config = SmallBlend(3, blend);
    config.ppo.entropy_coef = 0.1;
    PmoePpo agent(BoxTask(3, 2), config);
    std::uint64_t seed = 5;
    for (const auto& [name, tensor] : agent.State()) {
      if (name.find("adam") == std::string::npos) tensor.add_(0.3 * Normal(tensor.sizes(), ++seed));
    }
    const at::Tensor s = Normal({40, 3}, 1);
    const at::Tensor a = Normal({40, 2}, 2);
    const Actor::Outputs outputs = agent.actor().Evaluate(s);
    const at::Tensor z = outputs.router.to(at::kDouble);
    const at::Tensor mu = outputs.mean.to(at::kDouble);
    const at::Tensor sd = outputs.log_std.to(at::kDouble).exp();
    const at::Tensor w = (blend == "gated" ? at::softmax(z, 1) : at::sigmoid(z)).unsqueeze(2);
    const at::Tensor deviation =
        blend == "gated" ? (w * sd.log()).sum(1).exp() : (w / sd.square()).sum(1).rsqrt();
    const at::Tensor mean =
        blend == "gated" ? (w * mu).sum(1) : deviation.square() * (w * mu / sd.square()).sum(1);
    const at::Tensor expected =
        (-0.5 * ((a - mean) / deviation).square() - deviation.log() - 0.5 * std::log(2 * std::numbers::pi))
            .sum(1);
    EXPECT_LT(LargestDifference(agent.actor().LogProb(a, outputs), expected), 1e-4) << blend;
    const at::Tensor entropy =
        (deviation.log() + 0.5 * std::log(2 * std::numbers::pi * std::numbers::e)).sum(1);
    EXPECT_LT(LargestDifference(agent.actor().Entropy(outputs), entropy), 1e-5) << blend;

    std::vector<float> actions(80);
    Pcg64 random(3);
    agent.MakePolicy().Sample({s.const_data_ptr<float>(), 120}, /*deterministic=*/true, random, actions);
    EXPECT_LT(LargestDifference(nn::OverHostMemory(actions, {40, 2}), mean), 1e-5) << blend;

    const at::Tensor before = agent.actor().router().flat().clone();
    agent.Update(RandomRollout(3, 2, 0, 32, 2, 1), 0, 30);
    EXPECT_FALSE(at::equal(agent.actor().router().flat(), before));
    EXPECT_FALSE(std::isnan(Metric(agent, "weight_3")));
    for (const auto& [name, value] : agent.metrics()) {
      EXPECT_TRUE(!name.starts_with("win_") && name != "q_loss" && name != "router_loss") << name;
    }
  }
  PmoePpo one(BoxTask(3, 2), SmallBlend(1, "gated"));
  Ppo ppo(BoxTask(3, 2), SmallConfig());
  for (int k = 0; k < 5; ++k) {
    const Rollout rollout = RandomRollout(3, 2, 0, 32, 2, static_cast<std::uint64_t>(k));
    one.Update(rollout, k, 30);
    ppo.Update(rollout, k, 30);
  }
  EXPECT_LT(LargestDifference(one.actor().parameters().flat(), ppo.actor().parameters().flat()), 1e-6);
}

TEST(PmoePpo, TheExpertOfTheHighestQActs) {
  PmoePpoConfig config = SmallMixture(3);
  config.acting_expert = "best_q";
  PmoePpo agent(BoxTask(3, 2), config);
  std::uint64_t seed = 5;
  for (const auto& [name, tensor] : agent.State()) tensor.add_(0.3 * Normal(tensor.sizes(), ++seed));
  const at::Tensor s = Normal({40, 3}, 1);
  const at::Tensor mean = agent.actor().Evaluate(s).mean.detach();
  const at::Tensor best = agent.Q(s, mean).argmax(1);
  EXPECT_GT(std::get<0>(at::_unique(best)).numel(), 1) << "this test sees nothing";
  std::vector<float> actions(80);
  Pcg64 random(3);
  agent.MakePolicy().Sample({s.const_data_ptr<float>(), 120}, /*deterministic=*/true, random, actions);
  EXPECT_LT(
      LargestDifference(nn::OverHostMemory(actions, {40, 2}), mean.index({at::arange(40, at::kLong), best})),
      1e-5);
}

TEST(PmoePpo, SameSeedSameBitsAndResume) {
  for (const std::string variant : {"own clip", "joint clip", "gated"}) {
    PmoePpoConfig config = variant == "gated" ? SmallBlend(3, "gated") : SmallMixture(3);
    config.joint_clip = variant == "joint clip";
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) { return std::make_unique<PmoePpo>(BoxTask(3, 2, seed), config); },
        [&](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) {
            dynamic_cast<PmoePpo&>(agent).Update(
                RandomRollout(3, 2, 0, 20, 2, 100 + static_cast<std::uint64_t>(k)), k, /*iterations=*/40);
          }
        },
        20);
  }
}

TEST(PmoePpo, RefusesWhatItCannotDo) {
  EXPECT_THAT(MessageOf<InputError>([] { PmoePpo(DiscreteTask(3, 4), SmallMixture(2)); }),
              HasSubstr("needs continuous actions"));
  PmoePpoConfig odd = SmallBlend(2, "gated");
  odd.router_coef = 2;
  EXPECT_THAT(MessageOf<InputError>([&] { PmoePpo(BoxTask(3, 2), odd); }),
              HasSubstr("agent.blend = gated: one Gaussian of all experts has no best one"));
  const auto factory = MakeFactory<PmoePpo>();
  EXPECT_THAT(MessageOf<InputError>([&] { factory->Settings().Set("agent.experts", "0"); }),
              HasSubstr("agent.experts"));
}

// The zoo's networks: what acts is what learns.
TEST(Ppo, ActsWithReluNetworksToo) {
  PpoConfig config;
  config.hidden = {8, 6};
  config.activation = "relu";
  config.orthogonal = false;
  const Ppo agent(BoxTask(3, 2), config);
  const at::Tensor s = Normal({5, 3}, 1);
  const at::Tensor mean = agent.actor().Evaluate(s).mean.detach();
  std::vector<at::Tensor> layers = Doubles(agent.actor().parameters());
  layers.pop_back();  // the log deviation
  EXPECT_LT(LargestDifference(mean, ReferenceMlp(layers, s.to(at::kDouble), &at::relu)), 1e-5);
  std::vector<float> actions(10);
  Pcg64 random(1);
  agent.MakePolicy().Sample({s.const_data_ptr<float>(), 15}, /*deterministic=*/true, random, actions);
  EXPECT_LT(LargestDifference(mean, at::tensor(at::ArrayRef<float>(actions)).view({5, 2})), 1e-5);
}

}  // namespace
}  // namespace strider
