// Off-policy MDPO and SAC for discrete actions: the MDPO sheet, sections 3.2, 3.3 and 3.5, and the exact
// cases of its section 10 that a softmax policy can meet; by their numbers there.
#include "agents/discrete_mdpo_off.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr int kStates = 3;
constexpr int kChoices = 4;
constexpr std::int64_t kRows = 24;

at::Tensor Scalar(double value) { return at::scalar_tensor(value, at::kFloat); }

at::Tensor Row(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat);
}

MdpoOffConfig SmallConfig() {
  MdpoOffConfig config;
  config.replay.batch_size = kRows;
  config.hidden = {8};
  return config;
}

TransitionBatch Batch(std::uint64_t seed) {
  TransitionBatch batch = RandomBatch(kStates, 1, kRows, seed);
  batch.actions = ((batch.actions + 1) * (0.5 * kChoices)).floor().clamp(0, kChoices - 1);
  return batch;
}

// Larger weights, and a pi_k apart from pi.
void Disturb(const Agent& agent) {
  std::uint64_t seed = 20;
  for (const auto& [name, tensor] : agent.State()) {
    ++seed;
    if (name.find("adam.") == std::string::npos) tensor.add_(0.3 * Normal(tensor.sizes(), seed));
  }
}

// A problem of one state: networks without hidden layers, which are what their biases are.
MdpoOffConfig OneState(double c, double lambda, double q = 1) {
  MdpoOffConfig config;
  config.hidden = {};
  config.kl_coef = c;
  config.lambda = lambda;
  config.tsallis_q = q;
  config.value_network = false;
  return config;
}

// The sheet's pi_k, and Q of both critics.
constexpr std::initializer_list<double> kOld = {0.5, 0.3, 0.2};
constexpr std::initializer_list<double> kQ = {1, 0, -1};

void SetOneState(const Agent& agent, const at::Tensor& pi, const at::Tensor& old, const at::Tensor& q) {
  for (const auto& [name, tensor] : agent.State()) tensor.zero_();
  State(agent, "policy.0.bias").copy_(pi.log());
  State(agent, "old_policy.0.bias").copy_(old.log());
  State(agent, "critic1.0.bias").copy_(q);
  State(agent, "critic2.0.bias").copy_(q);
}

// pi of the one state where the policy's loss is least, which becomes `least`.
at::Tensor Minimiser(const MdpoOffConfig& config, const at::Tensor& q, double* least = nullptr) {
  DiscreteMdpoOff agent(DiscreteTask(1, 3), config);
  SetOneState(agent, at::full({3}, 1.0 / 3), Row(kOld), q);
  const at::Tensor s = at::zeros({1, 1});
  const nn::Adam adam(agent.policy());
  constexpr int kSteps = 4000;
  at::Tensor loss;
  for (int step = 0; step < kSteps; ++step) {
    loss = agent.PolicyLoss(s, Scalar(config.lambda));
    adam.Step(agent.policy(), 0.05 * (1 - static_cast<double>(step) / kSteps));
  }
  if (least != nullptr) *least = loss.item<double>();
  return at::softmax(State(agent, "policy.0.bias"), 0);
}

// lambda = 0 is the bandit of case 1, with t = 1/c; its objective is the loss turned round.
TEST(DiscreteMdpoOff, Case1HardStep) {
  double least = 0;
  EXPECT_LT(
      LargestDifference(Minimiser(OneState(2, 0), Row(kQ), &least), Row({0.661783, 0.240835, 0.097383})),
      1e-5);
  EXPECT_NEAR(least, -0.439342, 1e-5);
  EXPECT_LT(
      LargestDifference(Minimiser(OneState(1, 0), Row(kQ), &least), Row({0.784399, 0.173139, 0.042463})),
      1e-5);
  EXPECT_NEAR(least, -0.549691, 1e-5);
}

TEST(DiscreteMdpoOff, Case6SoftStepAndSacsFixedPoint) {
  EXPECT_LT(LargestDifference(Minimiser(OneState(1, 0.2), Row(kQ)), Row({0.763655, 0.186691, 0.049654})),
            1e-5);
  // c = lambda: softmax(Q / lambda), whatever pi_k is. Adam is slow where an action is hardly ever taken.
  EXPECT_LT(LargestDifference(Minimiser(OneState(1, 1), Row(kQ)), Row({0.665241, 0.244728, 0.090031})), 1e-5);
  EXPECT_LT(LargestDifference(Minimiser(OneState(0.2, 0.2), Row(kQ)), Row({0.993262, 0.006693, 4.5094e-5})),
            5e-4);
}

// The whole agent from the uniform policy: each update comes to its optimum and then copies it to pi_k. All
// rows end, so that Q is the reward, which the critics know from the start.
TEST(DiscreteMdpoOff, Case6Iterates) {
  MdpoOffConfig config = OneState(1, 0.2);
  config.inner_steps = 4000;
  config.policy_lr = 0.003;
  config.old_policy_interval = 1;
  DiscreteMdpoOff agent(DiscreteTask(1, 3), config);
  SetOneState(agent, at::full({3}, 1.0 / 3), at::full({3}, 1.0 / 3), Row(kQ));
  TransitionBatch batch;
  batch.observations = batch.next_observations = at::zeros({3, 1});
  batch.actions = at::arange(3, at::kFloat).unsqueeze(1);
  batch.rewards = Row(kQ);
  batch.terminals = at::ones({3});
  for (const double expected : {1.0, 1.8, 2.44, 2.952, 3.3616}) {
    agent.Update(batch);
    const at::Tensor logits = State(agent, "policy.0.bias");
    EXPECT_NEAR((logits[0] - logits[1]).item<double>(), expected, 1e-4);
    EXPECT_LT(LargestDifference(State(agent, "critic1.0.bias"), Row(kQ)), 1e-6);
  }
}

// q = 2, lambda = 0: the projection of pi_k + Q/(2c) onto the simplex, whose corner a softmax only nears.
TEST(DiscreteMdpoOff, Case8SparseProjection) {
  EXPECT_LT(LargestDifference(Minimiser(OneState(1, 0, 2), Row(kQ)), Row({0.85, 0.15, 0})), 1e-2);
  // With lambda, that of ((c - lambda) pi_k + Q/2)/c: here (.5, .24, .06), short of a sum of 1 by .2.
  EXPECT_LT(LargestDifference(Minimiser(OneState(1, 0.2, 2), Row({0.2, 0, -0.2})),
                              Row({0.566667, 0.306667, 0.126667})),
            1e-5);
}

// pi = (.6, .3, .1): sum pi (pi - 1) = -.54, sum pi (pi_k - 1) = -.59, sum pi Q = .5.
TEST(DiscreteMdpoOff, LossesByHand) {
  const auto loss = [](const MdpoOffConfig& config) {
    DiscreteMdpoOff agent(DiscreteTask(1, 3), config);
    SetOneState(agent, Row({0.6, 0.3, 0.1}), Row(kOld), Row(kQ));
    State(agent, "critic2.0.bias").sub_(Row({2, 0, 0}));  // the lesser in the first action
    return agent.PolicyLoss(at::zeros({5, 1}), Scalar(config.lambda)).item<double>();
  };
  MdpoOffConfig config = OneState(1, 0.2, 2);
  EXPECT_NEAR(loss(config), -0.54 + 2 * 0.8 * 0.59 - 0.5, 1e-6);
  config.policy_q = "min";
  EXPECT_NEAR(loss(config), -0.54 + 2 * 0.8 * 0.59 - (0.5 - 2 * 0.6), 1e-6);
  // q = 1: sum pi log pi = -.897946, sum pi log pi_k = -.938022, their difference case 7's .040078 but for
  // the last digit.
  const double own = 0.6 * std::log(0.6) + 0.3 * std::log(0.3) + 0.1 * std::log(0.1);
  EXPECT_NEAR(loss(OneState(1, 0.2)), own - 0.8 * (own - 0.040078) - 0.5, 2e-6);
}

// Everything again in double by the plain formulas.
struct Reference {
  explicit Reference(const DiscreteMdpoOff& agent)
      : policy(Doubles(agent.policy())),
        old_policy(Doubles(agent.old_policy())),
        critic(Doubles(agent.critic())) {}

  static at::Tensor Prob(const std::vector<at::Tensor>& parameters, const at::Tensor& s) {
    return at::softmax(ReferenceMlp(parameters, s, &at::relu), 1);
  }

  at::Tensor Q(std::int64_t i, const at::Tensor& s) const {  // (rows x n)
    std::vector<at::Tensor> member;
    for (const at::Tensor& p : critic) member.push_back(p[i]);
    return ReferenceMlp(member, s, &at::relu);
  }

  std::vector<at::Tensor> policy;
  std::vector<at::Tensor> old_policy;
  std::vector<at::Tensor> critic;
};

at::Tensor LogQ(const at::Tensor& p, double q) { return q == 1 ? p.log() : (p.pow(q - 1) - 1) / (q - 1); }

TEST(DiscreteMdpoOff, PolicyGradientEqualsFiniteDifferences) {
  for (const double q : {1.0, 1.5, 2.0}) {
    MdpoOffConfig config = SmallConfig();
    config.lambda = 0.2;
    config.kl_coef = 0.7;
    config.tsallis_q = q;
    config.policy_q = q == 1.5 ? "min" : "q1";
    DiscreteMdpoOff agent(DiscreteTask(kStates, kChoices), config);
    Disturb(agent);
    const at::Tensor states = Normal({kRows, kStates}, 1);
    const at::Tensor loss = agent.PolicyLoss(states, Scalar(config.lambda));

    const Reference net(agent);
    const at::Tensor s = states.to(at::kDouble);
    const at::Tensor values = q == 1.5 ? at::minimum(net.Q(0, s), net.Q(1, s)) : net.Q(0, s);
    const auto reference = [&] {
      const at::Tensor p = Reference::Prob(net.policy, s);
      const at::Tensor old = Reference::Prob(net.old_policy, s);
      return (p * (0.7 * LogQ(p, q) + q * (0.2 - 0.7) * LogQ(old, q) - values)).sum(1).mean();
    };
    EXPECT_NEAR(loss.item<double>(), reference().item<double>(), 1e-6);
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : FiniteDifferences(net.policy, reference, 1e-7)) {
      parts.push_back(part.reshape({-1}));
    }
    const at::Tensor expected = at::cat(parts);
    EXPECT_LT(LargestDifference(agent.policy().flat_grad(), expected), 1e-5 * LargestEntry(expected)) << q;
  }
}

// pi = (.5, .3, .2), whose entropy is 1.029653; the lesser Q are (1, 1, 3), on average 1.4.
class SoftValueByHand : public ::testing::Test {
 protected:
  static constexpr double kEntropy = 1.029653;

  static TransitionBatch TwoRows() {
    TransitionBatch batch;
    batch.observations = batch.next_observations = at::zeros({2, 1});
    batch.actions = Row({2, 0}).unsqueeze(1);
    batch.rewards = Row({0.25, -0.75});
    batch.terminals = Row({0, 1});
    return batch;
  }

  static void SetCritics(const Agent& agent, const std::string& suffix) {
    State(agent, "critic1" + suffix + ".0.bias").copy_(Row({1, 2, 3}));
    State(agent, "critic2" + suffix + ".0.bias").copy_(Row({2, 1, 4}));
  }
};

TEST_F(SoftValueByHand, TwinTargets) {
  for (const double q : {1.0, 2.0}) {
    DiscreteMdpoOff agent(DiscreteTask(1, 3), OneState(0.3, 0.3, q));
    SetOneState(agent, Row(kOld), Row(kOld), Row({0.7, 0, 0.1}));
    SetCritics(agent, "_target");
    // For q = 2 the entropy is sum pi (1 - pi) = .62.
    const double next = 1.4 + 0.3 * (q == 1 ? kEntropy : 0.62);
    EXPECT_LT(LargestDifference(agent.NextValue(TwoRows(), Scalar(0.3)), at::full({2}, next)), 1e-6);
    agent.Update(TwoRows());
    const double error = 0.1 - (0.25 + 0.99 * next);
    const double terminal_error = 0.7 + 0.75;
    EXPECT_NEAR(Metric(agent, "critic1_loss"), (error * error + terminal_error * terminal_error) / 2, 1e-5);
    EXPECT_NEAR(Metric(agent, "entropy"), kEntropy, 1e-6);
    // Half the squares' mean: of action 2's value and of action 0's, no other's.
    EXPECT_LT(LargestDifference(agent.critic().grad(1)[0].squeeze(0), Row({terminal_error, 0, error}) / 2),
              1e-5);
  }
}

TEST_F(SoftValueByHand, ValueNetwork) {
  MdpoOffConfig config = OneState(0.3, 0.3);
  config.value_network = true;
  config.tau = 0.1;
  config.critic_lr = 0.01;
  DiscreteMdpoOff agent(DiscreteTask(1, 3), config);
  SetOneState(agent, Row(kOld), Row(kOld), Row(kQ));
  SetCritics(agent, "");
  State(agent, "value_target.0.bias").fill_(2);
  EXPECT_LT(LargestDifference(agent.NextValue(TwoRows(), Scalar(0.3)), at::full({2}, 2)), 1e-6);
  agent.Update(TwoRows());
  const double value = 1.4 + 0.3 * kEntropy;
  EXPECT_NEAR(Metric(agent, "value_loss"), 0.5 * value * value, 1e-5);
  const double error = 3 - (0.25 + 0.99 * 2);
  EXPECT_NEAR(Metric(agent, "critic1_loss"), (error * error + 1.75 * 1.75) / 2, 1e-5);
  // Adam's first step is as long as its rate; the slow copy follows the value just stepped.
  EXPECT_NEAR(State(agent, "value.0.bias").item<double>(), 0.01, 1e-6);
  EXPECT_NEAR(State(agent, "value_target.0.bias").item<double>(), 0.9 * 2 + 0.1 * 0.01, 1e-6);
}

TEST(DiscreteMdpoOff, CriticsStepDoesWhatTheSheetSays) {
  MdpoOffConfig config = SmallConfig();
  config.value_network = false;
  DiscreteMdpoOff agent(DiscreteTask(kStates, kChoices), config);
  Disturb(agent);
  const TransitionBatch batch = Batch(1);
  const Reference net(agent);
  const at::Tensor next = agent.NextValue(batch, Scalar(config.lambda)).to(at::kDouble);
  agent.Update(batch);
  const at::Tensor y = batch.rewards.to(at::kDouble) + 0.99 * (1 - batch.terminals.to(at::kDouble)) * next;
  const at::Tensor s = batch.observations.to(at::kDouble);
  const auto loss = [&](std::int64_t i) {
    return (net.Q(i, s).gather(1, batch.actions.to(at::kLong)).squeeze(1) - y).square().mean();
  };
  EXPECT_NEAR(Metric(agent, "critic1_loss"), loss(0).item<double>(), 1e-5 * loss(0).item<double>());
  EXPECT_NEAR(Metric(agent, "critic2_loss"), loss(1).item<double>(), 1e-5 * loss(1).item<double>());
  const at::Tensor gradient = FlatGradient(0.5 * (loss(0) + loss(1)), net.critic);
  EXPECT_LT(LargestDifference(agent.critic().flat_grad(), gradient), 1e-5 * LargestEntry(gradient));
}

TEST(DiscreteMdpoOff, TargetsAreOfThePolicyBeforeItsStep) {
  for (const bool value_network : {false, true}) {
    at::Tensor gradients[2];
    double value_losses[2] = {0, 0};
    for (const bool policy_first : {false, true}) {
      MdpoOffConfig config = SmallConfig();
      config.value_network = value_network;
      config.policy_first = policy_first;
      config.policy_lr = 0.1;
      DiscreteMdpoOff agent(DiscreteTask(kStates, kChoices), config);
      agent.Update(Batch(1));
      gradients[policy_first ? 1 : 0] = agent.critic().flat_grad().clone();
      if (value_network) value_losses[policy_first ? 1 : 0] = Metric(agent, "value_loss");
    }
    EXPECT_TRUE(at::equal(gradients[0], gradients[1]));
    EXPECT_GT(LargestEntry(gradients[0]), 0);
    EXPECT_EQ(value_losses[0], value_losses[1]);
  }
}

// Case 13, with the critics that the policy sees.
TEST(DiscreteMdpoOff, Case13OldPolicyIsRefreshedEveryMUpdates) {
  MdpoOffConfig config = SmallConfig();
  config.old_policy_interval = 5;
  config.freeze_q_with_old = true;
  DiscreteMdpoOff agent(DiscreteTask(kStates, kChoices), config);
  at::Tensor old = agent.policy().flat().clone();
  at::Tensor frozen = State(agent, "critic1.0.weight").clone();
  for (int update = 1; update <= 12; ++update) {
    agent.Update(Batch(static_cast<std::uint64_t>(update)));
    if (update % 5 == 0) {
      old = agent.policy().flat().clone();
      frozen = State(agent, "critic1.0.weight").clone();
    }
    EXPECT_TRUE(at::equal(agent.old_policy().flat(), old)) << update;
    EXPECT_TRUE(at::equal(State(agent, "critic1_frozen.0.weight"), frozen)) << update;
    EXPECT_EQ(at::equal(agent.policy().flat(), old), update % 5 == 0) << update;
  }
  const at::Tensor s = Normal({kRows, kStates}, 1);
  const at::Tensor before = agent.PolicyLoss(s, Scalar(config.lambda));
  State(agent, "critic1.1.bias").add_(1);
  EXPECT_TRUE(at::equal(agent.PolicyLoss(s, Scalar(config.lambda)), before));
  State(agent, "critic1_frozen.1.bias").add_(1);
  EXPECT_NEAR((agent.PolicyLoss(s, Scalar(config.lambda)) - before).item<double>(), -1, 1e-5);
}

TEST(DiscreteMdpoOff, GradientsAreClipped) {
  for (const double bound : {0.0, 1e-3}) {
    MdpoOffConfig config = SmallConfig();
    config.max_grad_norm = bound;
    DiscreteMdpoOff agent(DiscreteTask(kStates, kChoices), config);
    Disturb(agent);
    agent.Update(Batch(1));
    for (const auto* set : {&agent.policy(), &agent.critic()}) {
      const double norm = set->flat_grad().norm().item<double>();
      if (bound == 0) {
        EXPECT_GT(norm, 1e-2);
      } else {
        EXPECT_NEAR(norm, bound, 1e-5);
      }
    }
  }
}

SacConfig SmallSac() {
  SacConfig config;
  config.hidden = {8};
  return config;
}

// Case 10: c = lambda is SAC to the bit, and pi_k plays no part.
TEST(DiscreteSac, IsMdpoWhereCEqualsLambda) {
  SacConfig sac_config = SmallSac();
  sac_config.alpha = 0.3;
  sac_config.alpha_auto = false;
  MdpoOffConfig config = SmallConfig();
  config.lambda = 0.3;
  config.kl_coef = 0.3;
  config.policy_q = "min";
  config.value_network = false;
  config.policy_first = false;
  config.old_policy_interval = 1000000;
  DiscreteSac sac(DiscreteTask(kStates, kChoices), sac_config);
  DiscreteMdpoOff mdpo(DiscreteTask(kStates, kChoices), config);
  for (const auto& [name, tensor] : mdpo.State()) {
    if (name.starts_with("old_policy.")) tensor.copy_(Normal(tensor.sizes(), 77));
  }
  for (std::uint64_t update = 0; update < 20; ++update) {
    sac.Update(Batch(update));
    mdpo.Update(Batch(update));
  }
  EXPECT_TRUE(at::equal(sac.policy().flat(), mdpo.policy().flat()));
  EXPECT_TRUE(at::equal(sac.critic().flat(), mdpo.critic().flat()));
  EXPECT_EQ(Metric(sac, "policy_loss"), Metric(mdpo, "policy_loss"));
}

// Christodoulou's losses, written again: alpha log pi - min Q under pi, and the temperature's.
TEST(DiscreteSac, LossesAreChristodoulous) {
  SacConfig config = SmallSac();
  config.alpha = 0.5;
  DiscreteSac agent(DiscreteTask(kStates, kChoices), config);
  Disturb(agent);
  State(agent, "lambda.log_lambda").fill_(std::log(0.5));
  const Reference net(agent);
  const TransitionBatch batch = Batch(1);
  agent.Update(batch);  // critics first: their new values are what the actor sees
  const Reference after(agent);
  const at::Tensor s = batch.observations.to(at::kDouble);
  const at::Tensor p = Reference::Prob(net.policy, s);
  const at::Tensor q = at::minimum(after.Q(0, s), after.Q(1, s));
  EXPECT_NEAR(Metric(agent, "policy_loss"), (p * (0.5 * p.log() - q)).sum(1).mean().item<double>(), 1e-6);
  const double entropy = -(p * p.log()).sum(1).mean().item<double>();
  EXPECT_NEAR(Metric(agent, "lambda_loss"), std::log(0.5) * (entropy - 0.98 * std::log(kChoices)), 1e-6);
}

// Its temperature comes to where softmax(Q / alpha) has the entropy aimed at.
TEST(DiscreteSac, EntropyBecomesTheTarget) {
  for (const double part : {0.98, 0.5}) {
    SacConfig config;
    config.hidden = {};
    config.replay.lr_anneal = true;
    config.actor_lr = 0.03;
    config.alpha_lr = 0.03;
    config.discrete_target_entropy = part;
    DiscreteSac agent(DiscreteTask(1, 3), config);
    SetOneState(agent, at::full({3}, 1.0 / 3), at::full({3}, 1.0 / 3), Row(kQ));
    TransitionBatch batch;
    batch.observations = batch.next_observations = at::zeros({3, 1});
    batch.actions = at::arange(3, at::kFloat).unsqueeze(1);
    batch.rewards = Row(kQ);
    batch.terminals = at::ones({3});
    constexpr int kUpdates = 3000;
    for (int update = 0; update < kUpdates; ++update) {
      agent.SetProgress(static_cast<double>(update) / kUpdates);
      agent.Update(batch);
    }
    EXPECT_NEAR(Metric(agent, "entropy"), part * std::log(3), 1e-3);
    EXPECT_LT(LargestDifference(at::softmax(State(agent, "policy.0.bias"), 0),
                                at::softmax(Row(kQ) / Metric(agent, "lambda"), 0)),
              1e-3);
  }
}

TEST(DiscreteMdpoOff, ActsByItsSnapshot) {
  DiscreteMdpoOff agent(DiscreteTask(kStates, kChoices), SmallConfig());
  Disturb(agent);
  const at::Tensor s = Normal({200, kStates}, 1);
  const at::Tensor p = Reference::Prob(Reference(agent).policy, s.to(at::kDouble));
  const Policy policy = agent.MakePolicy();
  Pcg64 random(1);
  std::vector<float> actions(200);
  std::vector<float> log_probs(200);
  policy.Sample({s.const_data_ptr<float>(), 600}, /*deterministic=*/false, random, actions, log_probs);
  for (std::int64_t i = 0; i < 200; ++i) {
    const auto row = static_cast<std::size_t>(i);
    EXPECT_NEAR(log_probs[row], std::log(p[i][static_cast<std::int64_t>(actions[row])].item<double>()), 1e-5);
  }
  policy.Sample({s.const_data_ptr<float>(), 600}, /*deterministic=*/true, random, actions);
  const at::Tensor best = p.argmax(1);
  for (std::int64_t i = 0; i < 200; ++i) {
    EXPECT_EQ(actions[static_cast<std::size_t>(i)], best[i].item<double>());
  }
}

TEST(DiscreteMdpoOff, RefusesWhatMeansNothingToIt) {
  EXPECT_THAT(MessageOf<InputError>([] { DiscreteMdpoOff(BoxTask(kStates, 2), SmallConfig()); }),
              HasSubstr("needs discrete actions"));
  MdpoOffConfig inverted = SmallConfig();
  inverted.kl_coef = 0.1;
  EXPECT_THAT(MessageOf<InputError>([&] { DiscreteMdpoOff(DiscreteTask(kStates, 2), inverted); }),
              HasSubstr("agent.kl_coef = 0.1 is below agent.lambda = 0.2"));
}

// Case 14 and resume.
TEST(DiscreteMdpoOff, SameSeedSameBitsAndResume) {
  const auto train = [](Agent& agent, int first, int last) {
    for (int k = first; k < last; ++k) {
      dynamic_cast<DiscreteMdpoOff&>(agent).Update(Batch(100 + static_cast<std::uint64_t>(k)));
    }
  };
  MdpoOffConfig config = SmallConfig();
  config.tsallis_q = 1.4;
  config.old_policy_interval = 7;
  config.freeze_q_with_old = true;
  config.lambda_auto = true;
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) {
        return std::make_unique<DiscreteMdpoOff>(DiscreteTask(kStates, kChoices, seed), config);
      },
      train, 100);
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) {
        return std::make_unique<DiscreteSac>(DiscreteTask(kStates, kChoices, seed), SmallSac());
      },
      train, 100);
}

}  // namespace
}  // namespace strider
