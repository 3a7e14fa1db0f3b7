// HNPG sheet, section 7: V1, V6, V7, V8, V9, and a whole update against one written out by hand.
#include "agents/hnpg.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/agents/learner_kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr int kHorizon = 2;
constexpr int kEnvironments = 3;

HnpgConfig SmallConfig() {
  HnpgConfig config;
  config.hidden = {5};
  config.critic_hidden = {7};
  config.rollout_steps = 2 * kHorizon;
  config.critic_steps = 4;
  config.critic_rounds = 2;
  config.critic_lr = 1e-2;
  config.value_actions = 3;
  return config;
}

Task LockTask(std::uint64_t seed = 1) {
  Task task = BoxTask(3, 2, seed);
  task.action_space = UniformBox(2, -10, 10);
  task.fixed_length = kHorizon;
  return task;
}

// Whole episodes of kHorizon steps, in which nothing is cut.
Rollout Episodes(std::uint64_t seed) {
  Rollout rollout = RandomRollout(3, 2, 0, 2 * kHorizon, kEnvironments, seed);
  rollout.truncated_rows.clear();
  rollout.truncated_observations.clear();
  for (std::size_t row = 0; row < rollout.ended.size(); ++row) {
    rollout.ended[row] = row / kEnvironments % kHorizon == kHorizon - 1 ? 1 : 0;
  }
  return rollout;
}

// A dataset of episodes of kHorizon steps.
class Logged {
 public:
  explicit Logged(std::int64_t episodes) : batch_(RandomBatch(3, 2, episodes * kHorizon, 77)) {
    for (std::int64_t i = 0; i < batch_.terminals.size(0); ++i) {
      batch_.terminals[i].fill_(i % kHorizon == kHorizon - 1 ? 1.0 : 0.0);
    }
    const auto span = [](const at::Tensor& column) {
      return std::span(column.const_data_ptr<float>(), static_cast<std::size_t>(column.numel()));
    };
    columns_ = {batch_.rewards.size(0),
                3,
                2,
                span(batch_.observations),
                span(batch_.actions),
                span(batch_.rewards),
                span(batch_.next_observations),
                span(batch_.terminals)};
  }
  const TransitionColumns* columns() const { return &columns_; }
  at::Tensor& terminals() { return batch_.terminals; }

 private:
  TransitionBatch batch_;
  TransitionColumns columns_;
};

// V1. One state, pi = (.5, .3, .2), A = (.1, -.9, 1.1): the minimum-norm natural gradient is (0, -1, 1),
// which multiplies pi by exp(Q).
TEST(Hnpg, NaturalGradientOfASoftmaxIsMultiplicativeWeights) {
  Actor actor(DiscreteTask(1, 3), {});
  const at::NoGradGuard no_grad;
  actor.parameters().flat().zero_();
  const at::Tensor pi = at::tensor({0.5F, 0.3F, 0.2F});
  actor.parameters()[1].copy_(pi.log());
  const at::Tensor states = at::zeros({10, 1});
  const at::Tensor actions = at::tensor({0.F, 0.F, 0.F, 0.F, 0.F, 1.F, 1.F, 1.F, 2.F, 2.F}).unsqueeze(1);
  const at::Tensor advantage = at::tensor({0.1F, -0.9F, 1.1F});
  at::AutoGradMode grad(true);
  const at::Tensor log_prob = actor.LogProb(actions, actor.Evaluate(states));
  actor.Backward((log_prob * advantage.index_select(0, actions.squeeze(1).to(at::kLong))).mean());
  const at::Tensor gradient = actor.parameters().flat_grad().clone();
  const at::Tensor w = ConjugateGradient(FisherMatrix(actor, states, /*damping=*/0), gradient, 10);
  const at::Tensor logits = w.narrow(0, 3, 3);  // of the biases: the state is zero
  EXPECT_LT(LargestDifference(logits, at::tensor({0.0F, -1.0F, 1.0F})), 1e-5);
  EXPECT_LT(LargestEntry(w.narrow(0, 0, 3)), 1e-7);
  const at::Tensor now = at::softmax(pi.log() + logits, 0);
  EXPECT_LT(LargestDifference(now, at::tensor({0.433268F, 0.095634F, 0.471098F})), 2e-6);
}

// V6.
TEST(Hnpg, AdvantagesOfTheSheet) {
  Rollout rollout = MakeRollout(3, 1, 1, 1);
  rollout.rewards = {0, 0, 1};
  rollout.ended = {0, 0, 1};
  const std::vector<float> values = {0.2F, 0.5F, 0.4F};
  const std::vector<float> last = {100};
  for (const auto& [tau, expected] : {std::pair<double, std::vector<float>>{0.97, {0.76754F, 0.482F, 0.6F}},
                                      {1, {0.8F, 0.5F, 0.6F}},
                                      {0, {0.3F, -0.1F, 0.6F}}}) {
    std::vector<float> advantages(3);
    std::vector<float> returns(3);
    EstimateAdvantages(rollout, values, last, {}, /*discount=*/1, tau, advantages, returns);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(advantages[i], expected[i], 1e-6) << tau;
  }
}

// V7 of one matrix is in trpo_test.cc. Weights of 2/3 and 1/3 are a row twice and a row once.
TEST(TrustRegion, WeightsAreRepetitions) {
  Actor actor(BoxTask(3, 2), {5});
  actor.Initialise(-0.3, MakeGenerator(at::kCPU, 4), nn::Initialisation::kUniformFanIn);
  const at::Tensor s = Normal({2, 3}, 1);
  const FisherMatrix weighted(actor, s, 0.1, at::tensor({2.0F / 3, 1.0F / 3}));
  const FisherMatrix repeated(actor, at::cat({s, s.narrow(0, 0, 1)}), 0.1);
  const at::Tensor v = Normal({actor.parameters().flat().numel()}, 2);
  EXPECT_LT(LargestDifference(weighted * v, repeated * v), 1e-5);
}

struct Walk {
  Actor actor;
  PolicyRows rows;
};

Walk MakeWalk() {
  Walk walk{Actor(BoxTask(3, 2), {5}), {}};
  walk.actor.Initialise(-0.3, MakeGenerator(at::kCPU, 4), nn::Initialisation::kUniformFanIn);
  walk.rows.observations = Normal({300, 3}, 1);
  walk.rows.actions = walk.actor.Evaluate(walk.rows.observations).mean.detach() + Normal({300, 2}, 2);
  walk.rows.advantages = Normal({300}, 3);
  return walk;
}

// V8. The longest step has x (H + 0.1 I) x / 2 = max_kl, damping included, so that the divergence that is
// measured lacks the damping's share, 0.05 |step|^2, to second order.
TEST(TrustRegion, LongestStepReachesTheBoundDampingIncluded) {
  TrustRegionConfig config = HnpgConfig().trust_region;
  config.max_kl = 1e-4;  // so small that the second order tells it all
  config.cg_iterations = 30;
  const Walk walk = MakeWalk();
  const Walk untouched = MakeWalk();
  const at::Tensor before = walk.actor.parameters().flat().clone();
  const TrustRegionStep step = StepInTrustRegion(walk.actor, walk.rows, config);
  ASSERT_EQ(step.fraction, 1);
  const at::Tensor x = walk.actor.parameters().flat() - before;
  const FisherMatrix damped(untouched.actor, walk.rows.observations, 0.1);
  EXPECT_NEAR(x.dot(damped * x).item<double>() / 2, config.max_kl, 1e-3 * config.max_kl);
  const double share = 0.05 * x.dot(x).item<double>();
  EXPECT_GT(share, 0.1 * config.max_kl);
  EXPECT_NEAR(step.kl, config.max_kl - share, 0.02 * config.max_kl);
}

TEST(TrustRegion, NoAdvantageNoStep) {
  Walk walk = MakeWalk();
  walk.rows.advantages.zero_();
  const at::Tensor before = walk.actor.parameters().flat().clone();
  EXPECT_EQ(StepInTrustRegion(walk.actor, walk.rows, HnpgConfig().trust_region).fraction, 0);
  EXPECT_TRUE(at::equal(walk.actor.parameters().flat(), before));
}

// A gain that is a small part of the promised one is no good where accept_ratio asks for more.
TEST(TrustRegion, AcceptsWhatKeepsItsPromise) {
  TrustRegionConfig config = HnpgConfig().trust_region;
  config.max_kl = 5;
  config.line_search_shrinkage = 0.9;
  config.line_search_steps = 40;
  std::vector<double> fractions;
  for (const double ratio : {0.0, 0.5, 0.95}) {
    config.accept_ratio = ratio;
    const Walk walk = MakeWalk();
    fractions.push_back(StepInTrustRegion(walk.actor, walk.rows, config).fraction);
  }
  EXPECT_GE(fractions[0], fractions[1]);
  EXPECT_GT(fractions[1], fractions[2]);
  EXPECT_GT(fractions[2], 0);
}

// One update written out for networks of each step, with or without a dataset: draws come from the learner's
// stream in the order of the algorithm.
class ByHand {
 public:
  ByHand(const HnpgConfig& config, std::uint64_t seed, const TransitionColumns* data)
      : config_(config),
        agent_(LockTask(seed), config, nullptr),
        random_(MakeGenerator(at::kCPU, StreamSeed(seed, Purpose::kLearning))) {
    if (data == nullptr) return;
    offline_ = OfflineRows(*data, LockTask(seed), kHorizon).Draw(2 * kEnvironments);
  }

  void Update(const Rollout& rollout) {
    for (int h = 0; h < kHorizon; ++h) Take(rollout, h);
    for (int h = kHorizon - 1; h >= 0; --h) Fit(h);
    std::vector<at::Tensor> values;
    for (int h = 0; h < kHorizon; ++h) values.push_back(Value(h, s_[Index(h)]));
    const at::Tensor last = r_[1] - values[1];
    const at::Tensor first = r_[0] + values[1] - values[0] + config_.gae_lambda * last;
    Step(0, first);
    Step(1, last);
  }

  const Hnpg& agent() const { return agent_; }

 private:
  static std::size_t Index(int h) { return static_cast<std::size_t>(h); }
  const Hnpg::Stage& stage(int h) const { return agent_.stages()[Index(h)]; }

  void Take(const Rollout& rollout, int h) {
    std::vector<at::Tensor> s;
    std::vector<at::Tensor> a;
    std::vector<float> r;
    for (int t = h; t < rollout.steps; t += kHorizon) {
      for (int i = 0; i < kEnvironments; ++i) {
        const auto row = static_cast<std::size_t>(t * kEnvironments + i);
        s.push_back(at::tensor(at::ArrayRef<float>(rollout.observations).slice(row * 3, 3)));
        a.push_back(at::tensor(at::ArrayRef<float>(rollout.actions).slice(row * 2, 2)));
        r.push_back(rollout.rewards[row]);
      }
    }
    s_.push_back(at::stack(s));
    a_.push_back(at::stack(a));
    r_.push_back(at::tensor(r));
  }

  at::Tensor Noise(at::IntArrayRef shape) {
    return at::randn(shape, random_, at::TensorOptions().dtype(at::kFloat));
  }

  at::Tensor Draw(int h, const at::Tensor& s) {
    const Actor::Outputs policy = stage(h).actor.Evaluate(s);
    return (policy.mean + policy.log_std.exp() * Noise({1, s.size(0), 2})[0]).detach();
  }

  at::Tensor Value(int h, const at::Tensor& s) {
    const at::NoGradGuard no_grad;
    const Actor::Outputs policy = stage(h).actor.Evaluate(s);
    const at::Tensor noise = Noise({config_.value_actions, s.size(0), 2});
    at::Tensor sum = at::zeros({s.size(0)});
    for (int k = 0; k < config_.value_actions; ++k) {
      sum = sum + agent_.Q(stage(h), s, policy.mean + policy.log_std.exp() * noise[k]);
    }
    return sum / config_.value_actions;
  }

  void Fit(int h) {
    const at::Tensor y = h == 1 ? r_[1] : r_[0] + r_[1];
    const at::Tensor& s = s_[Index(h)];
    const at::Tensor& a = a_[Index(h)];
    at::Tensor target;
    if (!offline_.empty()) {
      const TransitionBatch& logged = offline_[Index(h)];
      const int next = std::min(h + 1, kHorizon - 1);
      const at::Tensor drawn = Draw(next, logged.next_observations);
      target = logged.rewards;
      if (h == 0) target = target + agent_.Q(stage(1), logged.next_observations, drawn).detach();
    }
    const nn::Adam adam(stage(h).critic);
    for (int i = 0; i < config_.critic_steps; ++i) {
      at::Tensor loss = config_.on_policy_weight * (agent_.Q(stage(h), s, a) - y).square().mean();
      if (!offline_.empty()) {
        const TransitionBatch& logged = offline_[Index(h)];
        loss = loss + (agent_.Q(stage(h), logged.observations, logged.actions) - target).square().mean();
      }
      stage(h).critic.Backward(loss);
      adam.Step(stage(h).critic, config_.critic_lr);
    }
  }

  void Step(int h, const at::Tensor& advantages) {
    PolicyRows rows{s_[Index(h)], a_[Index(h)], advantages};
    if (!offline_.empty()) {
      const at::Tensor& s = offline_[Index(h)].observations;
      const at::Tensor a = Draw(h, s);
      const at::Tensor q = agent_.Q(stage(h), s, a).detach();
      rows = {at::cat({rows.observations, s}), at::cat({rows.actions, a}),
              at::cat({advantages, q - Value(h, s)})};
      const double lambda = config_.on_policy_weight;
      const at::Tensor ones = at::ones_like(advantages);
      rows.weights = at::cat({lambda * ones, ones});
      rows.weights = rows.weights / rows.weights.sum();
    }
    StepInTrustRegion(stage(h).actor, rows, config_.trust_region);
  }

  HnpgConfig config_;
  Hnpg agent_;  // holds the networks
  at::Generator random_;
  std::vector<TransitionBatch> offline_;
  std::vector<at::Tensor> s_;
  std::vector<at::Tensor> a_;
  std::vector<at::Tensor> r_;
};

double StateDistance(const Agent& a, const Agent& b) {
  const auto from = b.State();
  double largest = 0;
  for (const auto& [name, tensor] : a.State()) {
    largest = std::max(largest, LargestDifference(tensor, Named(from, name)));
  }
  return largest;
}

TEST(Hnpg, UpdateIsTheOneWrittenOut) {
  const Logged logged(40);
  for (const bool hybrid : {false, true}) {
    for (const double lambda : {1.0, 0.3}) {
      HnpgConfig config = SmallConfig();
      config.on_policy_weight = lambda;
      const TransitionColumns* data = hybrid ? logged.columns() : nullptr;
      Hnpg agent(LockTask(), config, data);
      const Hnpg start(LockTask(), config, data);
      ByHand by_hand(config, 1, data);
      agent.Update(Episodes(5), 0, 1);
      by_hand.Update(Episodes(5));
      EXPECT_GT(StateDistance(agent, start), 1e-2);
      EXPECT_LT(StateDistance(agent, by_hand.agent()), 1e-4) << hybrid << " " << lambda;
    }
  }
}

// One update of shared networks written out, with cuts, time limits, a discount, several rounds and the
// critic's penalty. A critic of its own is fitted beside the agent's policy, which is stepped last.
class SharedByHand {
 public:
  SharedByHand(const HnpgConfig& config, const TransitionColumns* data)
      : config_(config),
        agent_(BoxTask(3, 2), config, nullptr),
        random_(MakeGenerator(at::kCPU, StreamSeed(1, Purpose::kLearning))) {
    if (data != nullptr) offline_ = OfflineRows(*data, BoxTask(3, 2), 1).Draw(kSteps * kEnvironments)[0];
  }

  void Update(const Rollout& rollout) {
    const at::Tensor s = Rows(rollout.observations, 3);
    const at::Tensor a = Rows(rollout.actions, 2);
    // Before the fit the critic's word ends what was collected; with values of 0 and lambda = 1 that is y.
    const at::Tensor y = Advantages(rollout, at::zeros({s.size(0)}), /*lambda=*/1);
    for (int round = 0; round < config_.critic_rounds; ++round) Fit(s, a, y);
    const at::Tensor values = Value(s);
    PolicyRows rows{s, a, Advantages(rollout, values, config_.gae_lambda)};
    if (offline_.observations.defined()) {
      const at::Tensor& logged = offline_.observations;
      const at::Tensor drawn = Draw(logged);
      const at::Tensor q = Q(logged, drawn).detach();
      rows = {at::cat({s, logged}), at::cat({a, drawn}), at::cat({rows.advantages, q - Value(logged)})};
    }
    StepInTrustRegion(stage().actor, rows, config_.trust_region);
  }

  const Hnpg& agent() const { return agent_; }

  static constexpr int kSteps = 20;

 private:
  const Hnpg::Stage& stage() const { return agent_.stages()[0]; }
  at::Tensor Q(const at::Tensor& s, const at::Tensor& a) const { return agent_.Q(stage(), s, a); }

  static at::Tensor Rows(const std::vector<float>& numbers, std::int64_t width) {
    return at::tensor(at::ArrayRef<float>(numbers)).view({-1, width});
  }

  at::Tensor Noise(at::IntArrayRef shape) {
    return at::randn(shape, random_, at::TensorOptions().dtype(at::kFloat));
  }

  at::Tensor Draw(const at::Tensor& s) {
    const Actor::Outputs policy = stage().actor.Evaluate(s);
    return (policy.mean + policy.log_std.exp() * Noise({1, s.size(0), 2})[0]).detach();
  }

  at::Tensor Value(const at::Tensor& s) {
    const at::NoGradGuard no_grad;
    const Actor::Outputs policy = stage().actor.Evaluate(s);
    const at::Tensor noise = Noise({config_.value_actions, s.size(0), 2});
    at::Tensor sum = at::zeros({s.size(0)});
    for (int k = 0; k < config_.value_actions; ++k) {
      sum = sum + Q(s, policy.mean + policy.log_std.exp() * noise[k]);
    }
    return sum / config_.value_actions;
  }

  // Backwards through each environment: where the time limit cuts an episode its state's value is still to
  // come, where it ends nothing is, and after the last step the last observation's value.
  at::Tensor Advantages(const Rollout& rollout, const at::Tensor& values, double lambda) {
    const at::Tensor last = Value(Rows(rollout.last_observations, 3));
    at::Tensor cut;
    if (!rollout.truncated_rows.empty()) cut = Value(Rows(rollout.truncated_observations, 3));
    at::Tensor advantages = at::zeros({values.size(0)});
    for (int i = 0; i < kEnvironments; ++i) {
      double next = last[i].item<double>();
      double ahead = 0;
      for (int t = kSteps - 1; t >= 0; --t) {
        const std::int64_t row = t * kEnvironments + i;
        double reward = rollout.rewards[static_cast<std::size_t>(row)];
        if (rollout.ended[static_cast<std::size_t>(row)] != 0) {
          const auto found = std::ranges::find(rollout.truncated_rows, row);
          next = found == rollout.truncated_rows.end()
                     ? 0
                     : cut[found - rollout.truncated_rows.begin()].item<double>();
          ahead = 0;
        }
        const auto value = values[row].item<double>();
        ahead = reward + config_.discount * next - value + config_.discount * lambda * ahead;
        advantages[row] = ahead;
        next = value;
      }
    }
    return advantages;
  }

  void Fit(const at::Tensor& s, const at::Tensor& a, const at::Tensor& y) {
    at::Tensor target;
    if (offline_.observations.defined()) {
      const at::Tensor& next = offline_.next_observations;
      const at::Tensor ahead = Q(next, Draw(next)).detach();
      target = offline_.rewards + config_.discount * (1 - offline_.terminals) * ahead;
    }
    const nn::Adam adam(stage().critic);
    for (int i = 0; i < config_.critic_steps; ++i) {
      at::Tensor loss = (Q(s, a) - y).square().mean();
      if (target.defined()) {
        loss = loss + (Q(offline_.observations, offline_.actions) - target).square().mean();
      }
      for (const at::Tensor& leaf : stage().critic.leaves()) {
        loss = loss + config_.critic_l2 * leaf.square().sum();
      }
      stage().critic.Backward(loss);
      adam.Step(stage().critic, config_.critic_lr);
    }
  }

  HnpgConfig config_;
  Hnpg agent_;  // holds the networks
  at::Generator random_;
  TransitionBatch offline_;
};

TEST(Hnpg, UpdateOfSharedNetworksIsTheOneWrittenOut) {
  const Logged logged(40);
  const Rollout rollout = RandomRollout(3, 2, 0, SharedByHand::kSteps, kEnvironments, 4);
  ASSERT_FALSE(rollout.truncated_rows.empty());
  ASSERT_LT(static_cast<std::int64_t>(rollout.truncated_rows.size()),
            std::ranges::count(rollout.ended, std::uint8_t{1}));
  for (const bool hybrid : {false, true}) {
    HnpgConfig config = SmallConfig();
    config.discount = 0.9;
    config.gae_lambda = 0.8;
    config.critic_l2 = 0.02;
    const TransitionColumns* data = hybrid ? logged.columns() : nullptr;
    Hnpg agent(BoxTask(3, 2), config, data);
    const Hnpg start(BoxTask(3, 2), config, data);
    SharedByHand by_hand(config, data);
    // A critic that knows something: cuts are worth more than nothing.
    for (const Hnpg* one : {static_cast<const Hnpg*>(&agent), &by_hand.agent()}) {
      State(*one, "step0.critic.1.weight").mul_(100);
      State(*one, "step0.critic.1.bias").fill_(2);
    }
    agent.Update(rollout, 0, 1);
    by_hand.Update(rollout);
    EXPECT_GT(StateDistance(agent, start), 1e-2);
    EXPECT_LT(StateDistance(agent, by_hand.agent()), 1e-4) << hybrid;
  }
}

// V9. Without the offline terms it is TRPO: the policy's step is that of agents/trpo.cc, bit for bit, and the
// dataset is drawn from by a stream of its own.
TEST(Hnpg, WithoutADatasetThePolicyStepIsTrposToTheBit) {
  HnpgConfig config = SmallConfig();
  Hnpg agent(LockTask(), config, nullptr);
  const Hnpg start(LockTask(), config, nullptr);
  const Rollout rollout = Episodes(5);
  agent.Update(rollout, 0, 1);
  // Values by the critics as fitted, the policies as they were.
  at::Generator random = MakeGenerator(at::kCPU, StreamSeed(1, Purpose::kLearning));
  std::vector<float> values(static_cast<std::size_t>(rollout.rows()));
  std::vector<std::vector<std::int64_t>> rows(kHorizon);
  for (std::int64_t row = 0; row < rollout.rows(); ++row) {
    rows[static_cast<std::size_t>(row / kEnvironments % kHorizon)].push_back(row);
  }
  const at::NoGradGuard no_grad;
  const at::Tensor s = at::tensor(rollout.observations).view({-1, 3});
  const at::Tensor a = at::tensor(rollout.actions).view({-1, 2});
  for (std::size_t h = 0; h < kHorizon; ++h) {
    const at::Tensor states = s.index_select(0, at::tensor(rows[h]));
    const Actor::Outputs policy = start.stages()[h].actor.Evaluate(states);
    const at::Tensor noise =
        at::randn({config.value_actions, states.size(0), 2}, random, at::TensorOptions().dtype(at::kFloat));
    const at::Tensor drawn = (policy.mean + policy.log_std.exp() * noise).view({-1, 2});
    const at::Tensor value = agent.Q(agent.stages()[h], states.repeat({config.value_actions, 1}), drawn)
                                 .view({config.value_actions, -1})
                                 .mean(0);
    for (std::size_t k = 0; k < rows[h].size(); ++k) {
      values[static_cast<std::size_t>(rows[h][k])] = value[static_cast<std::int64_t>(k)].item<float>();
    }
  }
  std::vector<float> advantages(values.size());
  std::vector<float> returns(values.size());
  EstimateAdvantages(rollout, values, std::vector<float>(kEnvironments), {}, 1, config.gae_lambda, advantages,
                     returns);
  at::AutoGradMode grad(true);
  for (std::size_t h = 0; h < kHorizon; ++h) {
    const at::Tensor chosen = at::tensor(rows[h]);
    EXPECT_GT(StepInTrustRegion(start.stages()[h].actor,
                                {s.index_select(0, chosen), a.index_select(0, chosen),
                                 at::tensor(advantages).index_select(0, chosen)},
                                config.trust_region)
                  .fraction,
              0);
    EXPECT_TRUE(
        at::equal(start.stages()[h].actor.parameters().flat(), agent.stages()[h].actor.parameters().flat()));
  }
}

TEST(OfflineRowsTest, DrawsEachStepFromItsOwnRows) {
  const Logged logged(50);
  OfflineRows rows(*logged.columns(), LockTask(3), kHorizon);
  OfflineRows again(*logged.columns(), LockTask(3), kHorizon);
  const auto first = rows.Draw(400);
  ASSERT_EQ(first.size(), 2);
  for (std::int64_t h = 0; h < kHorizon; ++h) {
    const at::Tensor& indices = first[static_cast<std::size_t>(h)].indices;
    EXPECT_EQ(LargestEntry(indices % kHorizon - h), 0);
    EXPECT_EQ(indices.min().item<std::int64_t>(), h);
    EXPECT_EQ(indices.max().item<std::int64_t>(), 98 + h);
    EXPECT_EQ(LargestEntry(first[static_cast<std::size_t>(h)].terminals - static_cast<double>(h)), 0);
  }
  EXPECT_TRUE(at::equal(again.Draw(400)[1].indices, first[1].indices));
  EXPECT_FALSE(at::equal(again.Draw(400)[1].indices, first[1].indices));
}

template <class Work>
std::string Complaint(const Work& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Hnpg, RefusesWhatDoesNotFit) {
  const auto make = [](const Task& task, const std::string& networks, const TransitionColumns* data) {
    return Complaint([&] {
      HnpgConfig config = SmallConfig();
      config.networks = networks;
      Hnpg(task, config, data);
    });
  };
  EXPECT_THAT(make(DiscreteTask(3, 2), "auto", nullptr), HasSubstr("continuous actions"));
  EXPECT_THAT(make(BoxTask(3, 2), "step", nullptr), HasSubstr("one length"));
  EXPECT_EQ(make(BoxTask(3, 2), "auto", nullptr), "");
  Logged logged(10);
  EXPECT_EQ(make(LockTask(), "auto", logged.columns()), "");
  Task longer = LockTask();
  longer.fixed_length = 4;
  EXPECT_THAT(make(longer, "auto", logged.columns()),
              HasSubstr("transition 1 is step 2 of its episode and ends it; expected episodes of exactly 4"));
  logged.terminals()[5].fill_(0);
  EXPECT_THAT(make(LockTask(), "auto", logged.columns()),
              HasSubstr("transition 5 is step 2 of its episode and does not end it"));
  EXPECT_EQ(make(LockTask(), "shared", logged.columns()), "");
  longer.fixed_length = 21;
  EXPECT_THAT(make(longer, "auto", logged.columns()), HasSubstr("one whole episode of 21 steps"));
}

TEST(Hnpg, RolloutsAreWholeEpisodes) {
  HnpgConfig config;
  Task task = LockTask();
  task.fixed_length = 15;
  EXPECT_EQ(Hnpg(task, config, nullptr).rollout().steps, 1005);
  EXPECT_EQ(Hnpg(task, config, nullptr).rollout().discount, 1);
  EXPECT_EQ(Hnpg(task, config, nullptr).stages().size(), 15);
  config.networks = "shared";
  EXPECT_EQ(Hnpg(task, config, nullptr).rollout().steps, 1000);
  EXPECT_EQ(Hnpg(task, config, nullptr).rollout().discount, 0.99);
  EXPECT_EQ(Hnpg(task, config, nullptr).stages().size(), 1);
}

// The authors' start: a head that says next to nothing, and a deviation of 1.
TEST(Hnpg, StartsAlmostIndifferent) {
  const Hnpg agent(LockTask(), HnpgConfig(), nullptr);
  for (const Hnpg::Stage& stage : agent.stages()) {
    const at::Tensor mean = stage.actor.Evaluate(Normal({200, 3}, 3)).mean;
    EXPECT_LT(LargestEntry(mean), 0.2);
    EXPECT_GT(LargestEntry(mean), 1e-4);
    EXPECT_EQ(LargestEntry(stage.actor.parameters().leaves().back()), 0);
    EXPECT_LT(LargestEntry(agent.Q(stage, Normal({200, 3}, 3), Normal({200, 2}, 4))), 0.2);
  }
}

// The policy that is written down acts as each step's network does.
TEST(Hnpg, PolicyOfEachStep) {
  Hnpg agent(LockTask(), SmallConfig(), nullptr);
  agent.Update(Episodes(5), 0, 1);
  const Policy policy = agent.MakePolicy();
  const at::Tensor s = Normal({1, 3}, 8);
  for (int h = 0; h < kHorizon; ++h) {
    std::vector<float> action(2);
    Pcg64 unused(0);
    policy.Sample({s.const_data_ptr<float>(), 3}, /*deterministic=*/true, unused, action, {}, h);
    const at::Tensor mean = agent.stages()[static_cast<std::size_t>(h)].actor.Evaluate(s).mean;
    EXPECT_LT(LargestDifference(at::tensor(action), mean[0]), 1e-6);
  }
}

TEST(Hnpg, SharedNetworksSameSeedSameBitsAndResume) {
  const Logged logged(40);
  for (const TransitionColumns* data : {static_cast<const TransitionColumns*>(nullptr), logged.columns()}) {
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) { return std::make_unique<Hnpg>(BoxTask(3, 2, seed), SmallConfig(), data); },
        [&](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) {
            dynamic_cast<Hnpg&>(agent).Update(RandomRollout(3, 2, 0, 20, 2, static_cast<std::uint64_t>(k)), k,
                                              40);
          }
        },
        8);
  }
}

TEST(Hnpg, SameSeedSameBitsAndResume) {
  const Logged logged(40);
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) {
        return std::make_unique<Hnpg>(LockTask(seed), SmallConfig(), logged.columns());
      },
      [&](Agent& agent, int first, int last) {
        for (int k = first; k < last; ++k) {
          dynamic_cast<Hnpg&>(agent).Update(Episodes(100 + static_cast<std::uint64_t>(k)), k, 40);
        }
      },
      8);
}

}  // namespace
}  // namespace strider
