// Small tasks that the offline agents must learn: the two-arm bandit of the offline baselines sheet, section
// 13, with the PRDC sheet's two-cluster cases, and the corridor.
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

#include "agents/registry.h"
#include "datasets/preparation.h"
#include "offline/a2pr.h"
#include "offline/awac.h"
#include "offline/bc.h"
#include "offline/bcq.h"
#include "offline/cql.h"
#include "offline/discrete_bcq.h"
#include "offline/discrete_cql.h"
#include "offline/iql.h"
#include "offline/prdc.h"
#include "offline/rebrac.h"
#include "offline/sac_n.h"
#include "offline/td3_bc.h"
#include "tests/offline/offline_kit.h"

namespace strider {
namespace {

// One state; actions -0.5 with reward 0 and +0.5 with reward 1, 500 each, jitter +-0.02; every row terminal.
TransitionBatch TwoArms() {
  TransitionBatch data = RandomBatch(1, 1, 1000, 1);
  const at::Tensor good = (data.indices % 2).to(at::kFloat);
  data.observations = at::ones({1000, 1});
  data.next_observations = data.observations;
  data.actions = good.unsqueeze(1) - 0.5 + 0.02 * data.actions;
  data.rewards = good;
  data.terminals = at::ones({1000});
  return data;
}

Td3Config SmallTd3() {
  Td3Config config;
  config.hidden = {32, 32};
  config.actor_lr = 1e-3;
  config.critic_lr = 3e-3;
  return config;
}

// The policy's mean action in a state.
double Action(const Agent& agent, const std::vector<double>& state) {
  std::vector<float> action(1);
  Pcg64 unused(0);
  agent.MakePolicy().Act(state, /*deterministic=*/true, unused, action);
  return action[0];
}

// Makes the actor's first action `action`, whatever the state.
void StartAt(const Agent& agent, double action) {
  State(agent, "actor.2.weight").zero_();
  State(agent, "actor.2.bias").fill_(std::atanh(action));
}

template <class A>
class Open : public A {
 public:
  using A::A;
  using A::Q;

  // The lesser of the critics at one state and action.
  double Value(const at::Tensor& state, double action) const {
    return A::Q(state.unsqueeze(0), at::full({1, 1}, action, at::kFloat)).min().template item<double>();
  }
};

// What an arm is worth to the least of the critics.
double ArmValue(const Critics& critics, float action) {
  return critics.Online(at::ones({1, 1}), at::full({1, 1}, action)).amin().item<double>();
}

void ExpectArms(const Critics& critics) {
  EXPECT_NEAR(ArmValue(critics, 0.5F), 1, 0.02);
  EXPECT_NEAR(ArmValue(critics, -0.5F), 0, 0.02);
}

template <class A>
void ExpectArms(const Open<A>& agent) {
  EXPECT_NEAR(agent.Value(at::ones({1}), 0.5), 1, 0.02);
  EXPECT_NEAR(agent.Value(at::ones({1}), -0.5), 0, 0.02);
}

TEST(TwoArmBandit, BcClonesTheMean) {
  const TransitionBatch data = TwoArms();
  BcConfig config;
  config.hidden = {32, 32};
  config.actor_lr = 1e-3;
  Bc agent(BoxTask(1, 1), config);
  StartAt(agent, 0.6);
  Train(agent, data, 1500);
  EXPECT_NEAR(Action(agent, {1}), 0, 0.05);
}

// The arms as a file has them, in which every row is an episode.
Dataset FileOf(const TransitionBatch& arms) {
  const TransitionColumns columns = ColumnsOf(arms);
  const auto copy = [](std::span<const float> column) { return std::vector(column.begin(), column.end()); };
  Dataset file;
  file.rows = columns.rewards.size();
  file.observation_size = file.action_size = 1;
  file.observations = copy(columns.observations);
  file.actions = copy(columns.actions);
  file.rewards = copy(columns.rewards);
  file.terminals.assign(file.rows, 1);
  return file;
}

TEST(TwoArmBandit, TenPercentBcTakesTheGoodArm) {
  const auto factory = MakeFactory<Bc>();
  const SettingList settings = factory->Settings();
  settings.Set("agent.best_fraction", "0.1");
  settings.Set("agent.hidden", "32,32");
  settings.Set("agent.actor_lr", "1e-3");
  const Dataset file = FileOf(TwoArms());
  const TransitionBatch best =
      BatchOf(PreparedTransitions(file, {}, factory->DatasetPreparation(), "arms.hdf5"));
  ASSERT_EQ(best.rewards.size(0), 99) << "of 999: a file's last row is no transition";
  EXPECT_EQ(best.rewards.min().item<double>(), 1);
  const auto agent = factory->MakeOffPolicy(BoxTask(1, 1), nullptr);
  StartAt(*agent, -0.6);
  Train(*agent, best, 1500);
  EXPECT_NEAR(Action(*agent, {1}), 0.5, 0.02);
}

// A linear actor on actions so small that its tanh is the identity: ordinary least squares.
TEST(LinearData, BcIsLeastSquares) {
  TransitionBatch data = RandomBatch(3, 1, 1000, 1);
  const at::Tensor truth = at::tensor({0.004F, -0.006F, 0.002F}).unsqueeze(1);
  data.actions = at::matmul(data.observations, truth) + 0.003 + 0.01 * Normal({1000, 1}, 2);
  const at::Tensor inputs = at::cat({data.observations, at::ones({1000, 1})}, 1);
  const at::Tensor squares = at::matmul(inputs.t(), inputs);
  const at::Tensor expected = at::linalg_solve(squares, at::matmul(inputs.t(), data.actions));
  BcConfig config;
  config.hidden = {};
  config.actor_lr = 1e-3;
  Bc agent(BoxTask(3, 1), config);
  for (int i = 0; i < 2000; ++i) agent.Update(data);
  const at::Tensor weight = State(agent, "actor.0.weight").view({3, 1});
  const at::Tensor bias = State(agent, "actor.0.bias").view({1, 1});
  EXPECT_LT(LargestDifference(at::cat({weight, bias}), expected), 1e-5);
}

TEST(TwoArmBandit, Td3BcStandsBetweenCloningAndTheCritic) {
  const TransitionBatch data = TwoArms();
  double before = -0.05;
  for (const double alpha : {0.0, 0.3, 2.5}) {
    Td3BcConfig config;
    config.td3 = SmallTd3();
    config.alpha = alpha;
    Open<Td3Bc> agent(BoxTask(1, 1), config);
    Train(agent, data, 2500);
    ExpectArms(agent);
    const double action = Action(agent, {1});
    if (alpha == 0) {
      EXPECT_NEAR(action, 0, 0.05);
    } else {
      EXPECT_GT(action, before + 0.05) << "the weight of Q counts for nothing at alpha " << alpha;
    }
    before = action;
  }
}

TEST(TwoClusters, PrdcWithoutTheCriticGoesToTheNearEdge) {
  const TransitionBatch data = TwoArms();
  PrdcConfig config;
  config.td3 = SmallTd3();
  config.alpha = 0;  // the constraint alone
  for (const double start : {0.1, -0.1}) {
    Prdc agent(BoxTask(1, 1), config, ColumnsOf(data));
    StartAt(agent, start);
    ASSERT_NEAR(Action(agent, {1}), start, 1e-6);
    Train(agent, data, 3000);
    EXPECT_NEAR(Action(agent, {1}), start > 0 ? 0.48 : -0.48, 0.02);
  }
}

TEST(TwoClusters, PrdcWithTheCriticTakesTheGoodOne) {
  const TransitionBatch data = TwoArms();
  PrdcConfig config;
  config.td3 = SmallTd3();
  Open<Prdc> agent(BoxTask(1, 1), config, ColumnsOf(data));
  Train(agent, data, 3000);
  ExpectArms(agent);
  EXPECT_GE(Action(agent, {1}), 0.45);
}

TEST(TwoArmBandit, A2prLeavesTheBadArm) {
  const TransitionBatch data = TwoArms();
  A2prConfig config;
  config.td3 = SmallTd3();
  config.critic_hidden = {32, 32};
  config.vae_hidden = {64, 64};
  config.mask = 1;
  config.value_lr = 1e-3;
  class OpenA2pr : public Open<A2pr> {
   public:
    using A2pr::Candidate;
    using A2pr::Value;
    using Open::Open;
  };
  OpenA2pr agent(BoxTask(1, 1), config);
  Train(agent, data, 3000);
  EXPECT_GE(Action(agent, {1}), 0.45);
  ExpectArms<A2pr>(agent);
  EXPECT_NEAR(agent.Value(at::ones({1, 1})).item<double>(), 0.5, 0.05) << "what the data do is worth";
  // Masked, the VAE knows the good arm alone: never the mean of both.
  const at::Tensor candidates = agent.Candidate(at::ones({100, 1}), at::full({100, 1}, 0.5F));
  EXPECT_NEAR(candidates.mean().item<double>(), 0.5, 0.05);
  EXPECT_GT(candidates.min().item<double>(), 0.3);
  EXPECT_NEAR(Metric(agent, "vae_mask"), 0.5, 0.15) << "only the good arm is reconstructed";
}

// The A2PR sheet's case 5: of two actions per state, as frequent, the one whose advantage is not positive is
// not reconstructed at all.
TEST(ActionVaeMask, HidesTheActionOfNegativeAdvantage) {
  TransitionBatch data = TwoArms();
  data.actions = at::where(data.rewards.unsqueeze(1) > 0, 0.6F, -0.6F);
  A2prConfig config;
  config.td3.hidden = config.critic_hidden = {2};
  config.td3.critic_lr = config.value_lr = 1e-30;
  config.vae_hidden = {32, 32};
  A2pr agent(BoxTask(1, 1), config);
  // Q(s, a) = a, V(s) = 0.
  for (const std::string critic : {"critic1", "critic2"}) {
    Assign(agent, critic + ".0.weight", {0, 1, 0, -1});
    Assign(agent, critic + ".0.bias", {0, 0});
    Assign(agent, critic + ".1.weight", {1, -1});
    Assign(agent, critic + ".1.bias", {0});
  }
  State(agent, "value.1.weight").zero_();
  State(agent, "value.1.bias").zero_();
  Train(agent, data, 2000);
  EXPECT_NEAR(Metric(agent, "vae_mask"), 0.5, 0.15);
  const ActionVae net(1, 1, config.vae_hidden, 1);
  const at::Tensor decoded = net.Decode(agent.vae(), at::ones({1000, 1}), Normal({1000, 2}, 3));
  EXPECT_NEAR(decoded.mean().item<double>(), 0.6, 0.02);
  EXPECT_LT(LargestDifference(decoded, at::full({1000, 1}, 0.6)), 0.1) << "not even for unlikely codes";
}

// The A2PR sheet's case 4: with weight w of the reconstruction no encoder and decoder can lose less than
// 0.125 (1 + ln(8 w t^2)) on actions N(0, t^2), or than w t^2 where that is below 0.125, and trained ones
// come near it.
TEST(ActionVaeBound, IsReachedAndNotPassed) {
  const struct {
    double deviation, weight, bound;
  } rows[] = {{1, 1, 0.3849},
              {0.5, 1, 0.2116},
              {0.3, 1, 0.0900},
              {0.5, 1.5, 0.125 * (1 + std::log(3.0))},
              {0.3, 0.5, 0.0450}};
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message() << row.deviation << " " << row.weight);
    const ActionVae net(1, 1, {32, 32}, /*max_action=*/10);
    const nn::ParameterSet parameters(net.Shapes(), at::kCPU);
    net.Initialise(parameters, MakeGenerator(at::kCPU, 1));
    const nn::Adam adam(parameters);
    at::Generator random = MakeGenerator(at::kCPU, 2);
    const auto normal = [&random](std::int64_t rows_, std::int64_t width) {
      return at::randn({rows_, width}, random, at::TensorOptions().dtype(at::kFloat));
    };
    const auto loss = [&](std::int64_t batch) {
      const at::Tensor a = row.deviation * normal(batch, 1);
      const at::Tensor noise = normal(batch, net.latent_size());
      // BCQ gives no weights, A2PR does.
      const at::Tensor weights = row.weight == 1 ? at::Tensor() : at::full({batch}, row.weight, at::kFloat);
      return net.Losses(parameters, at::ones({batch, 1}), a, noise, weights).whole;
    };
    for (int i = 0; i < 3000; ++i) {
      parameters.Backward(loss(128));
      adam.Step(parameters, i < 2000 ? 2e-3 : 2e-4);
    }
    const at::NoGradGuard no_grad;
    const double reached = loss(400000).item<double>();
    EXPECT_GT(reached, row.bound - 0.004) << "below the bound: the loss is not what it should be";
    EXPECT_LT(reached, row.bound + 0.02);
  }
}

// The weights of good and bad are in the ratio e^3 whatever the value: the mean is tanh(3/2)/2.
TEST(TwoArmBandit, WeightedCloningEndsAtTheWeightsMean) {
  const TransitionBatch data = TwoArms();
  const double expected = 0.5 * std::tanh(1.5);
  IqlConfig iql_config;
  iql_config.hidden = {32, 32};
  iql_config.actor_lr = 1e-3;
  iql_config.critic_lr = 3e-3;
  iql_config.schedule_steps = 3000;
  class OpenIql : public Iql {
   public:
    using Iql::Iql;
    using Iql::Value;
  };
  OpenIql iql(BoxTask(1, 1), iql_config);
  Train(iql, data, 3000);
  EXPECT_NEAR(Action(iql, {1}), expected, 0.03);
  ExpectArms(iql.critics());
  // The kappa-expectile of what the arms are worth, half each: kappa, of 0 and 1.
  const double expectile = iql_config.expectile * ArmValue(iql.critics(), 0.5F) +
                           (1 - iql_config.expectile) * ArmValue(iql.critics(), -0.5F);
  EXPECT_NEAR(iql.Value(at::ones({1, 1})).item<double>(), expectile, 0.02);

  AwacConfig awac_config;
  awac_config.hidden = {32, 32};
  awac_config.actor_lr = 1e-3;
  awac_config.critic_lr = 3e-3;
  Awac awac(BoxTask(1, 1), awac_config);
  Train(awac, data, 3000);
  EXPECT_NEAR(Action(awac, {1}), expected, 0.06);
  ExpectArms(awac.critics());
}

TEST(TwoArmBandit, ConservativeAndEnsembleCriticsTellTheArmsApart) {
  const TransitionBatch data = TwoArms();
  CqlConfig cql_config;
  cql_config.hidden = cql_config.critic_hidden = {32, 32};
  cql_config.actor_lr = 1e-3;
  cql_config.critic_lr = 3e-3;
  cql_config.cql_alpha = 1;
  cql_config.alpha_lr = 1e-3;
  Cql cql(BoxTask(1, 1), cql_config);
  // Between the arms lies a valley that the penalty digs, and a Gaussian stays on the side of it that it
  // happens on, which need not be the better arm's: only the critics are asked which that is.
  Train(cql, data, 2000);
  EXPECT_NEAR(std::abs(Action(cql, {1})), 0.5, 0.15);
  EXPECT_LT(ArmValue(cql.critics(), 0), ArmValue(cql.critics(), 0.5F));
  EXPECT_GT(ArmValue(cql.critics(), 0.5F), ArmValue(cql.critics(), -0.5F) + 0.5);

  cql_config.cql_alpha = 0;  // the penalty lowers what the data seldom do
  Cql plain(BoxTask(1, 1), cql_config);
  Train(plain, data, 2000);
  ExpectArms(plain.critics());

  for (const double eta : {0.0, 1.0}) {
    SCOPED_TRACE(eta);
    SacNConfig config;
    config.hidden = {32, 32};
    config.critics = 5;
    config.eta = eta;
    config.actor_lr = config.alpha_lr = 1e-3;
    config.critic_lr = 3e-3;
    SacN agent(BoxTask(1, 1), config);
    Train(agent, data, 2000);
    ExpectArms(agent.critics());
  }
}

// From cloning to the critic's best, as the penalty falls.
TEST(TwoArmBandit, RebracStandsBetweenCloningAndTheCritic) {
  const TransitionBatch data = TwoArms();
  double before = -0.05;
  for (const double penalty : {100.0, 2.0, 0.5}) {
    RebracConfig config;
    config.td3 = SmallTd3();
    config.actor_penalty = penalty;
    Open<Rebrac> agent(BoxTask(1, 1), config);
    Train(agent, data, 2500);
    ExpectArms(agent);
    const double action = Action(agent, {1});
    if (penalty == 100) {
      EXPECT_NEAR(action, 0, 0.05);
    } else {
      EXPECT_GT(action, before + 0.05) << "at penalty " << penalty;
    }
    before = action;
  }
}

TEST(TwoArmBandit, BcqTakesTheGoodOneOfTheVaesActions) {
  const TransitionBatch data = TwoArms();
  BcqConfig config;
  config.actor_hidden = config.critic_hidden = {32, 32};
  config.vae_hidden = {64, 64};
  config.critic_lr = 3e-3;
  Bcq agent(BoxTask(1, 1), config);
  Train(agent, data, 3000);
  // The sheet's 0.05 is what the perturbation alone may take. The VAE's own error comes on top: it gives up
  // some of the reconstruction for a smaller divergence, and its codes are clipped to 0.5.
  EXPECT_NEAR(Action(agent, {1}), 0.5, 0.1);
  ExpectArms(agent.critics());
}

// Ten states in a row, any action leads to the next; reward 1 at the end. The first state is worth
// gamma^9 = 0.9135.
TransitionBatch TenStates() {
  constexpr std::int64_t kRows = 1000;
  TransitionBatch data = RandomBatch(1, 1, kRows, 1);
  const at::Tensor place = data.indices % 10;
  data.observations = at::one_hot(place, 10).to(at::kFloat);
  data.next_observations = at::one_hot((place + 1) % 10, 10).to(at::kFloat);
  data.terminals = (place == 9).to(at::kFloat);
  data.rewards = data.terminals;
  return data;
}

TEST(Corridor, IqlBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  IqlConfig config;
  config.hidden = {32, 32};
  config.critic_lr = config.value_lr = 1e-3;
  config.tau = 0.05;
  Iql agent(BoxTask(10, 1), config);
  Train(agent, data, 4000);
  const at::Tensor q = agent.critics().Online(data.observations.narrow(0, 0, 10), at::zeros({10, 1})).amin(0);
  EXPECT_NEAR(q[0].item<double>(), 0.9135, 0.02 * 0.9135);
  EXPECT_NEAR(q[9].item<double>(), 1, 0.02);
}

TEST(Corridor, Td3BcBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  Td3BcConfig config;
  config.td3 = SmallTd3();
  config.td3.critic_lr = 1e-3;
  config.td3.tau = 0.05;
  Open<Td3Bc> agent(BoxTask(10, 1), config);
  Train(agent, data, 4000);
  EXPECT_NEAR(agent.Value(data.observations[0], 0), 0.9135, 0.02 * 0.9135);
  EXPECT_NEAR(agent.Value(data.observations[9], 0), 1, 0.02);
}

constexpr double kFirst = 0.9135;  // gamma^9

// TD3's descendants but TD3+BC, all set up alike.
template <class Config>
Config CorridorConfig() {
  Config config;
  config.td3 = SmallTd3();
  config.td3.critic_lr = 1e-3;
  config.td3.tau = 0.05;
  return config;
}

template <class A>
void ExpectCorridorValues(const Open<A>& agent, const TransitionBatch& data) {
  EXPECT_NEAR(agent.Value(data.observations[0], 0), kFirst, 0.02 * kFirst);
  EXPECT_NEAR(agent.Value(data.observations[9], 0), 1, 0.02);
}

TEST(Corridor, PrdcBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  Open<Prdc> agent(BoxTask(10, 1), CorridorConfig<PrdcConfig>(), ColumnsOf(data));
  Train(agent, data, 4000);
  ExpectCorridorValues(agent, data);
}

TEST(Corridor, A2prBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  auto config = CorridorConfig<A2prConfig>();
  config.critic_hidden = config.vae_hidden = {32, 32};
  Open<A2pr> agent(BoxTask(10, 1), config);
  Train(agent, data, 4000);
  ExpectCorridorValues(agent, data);
}

TEST(Corridor, RebracBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  auto config = CorridorConfig<RebracConfig>();
  config.critic_penalty = 0;  // it lowers values
  Open<Rebrac> agent(BoxTask(10, 1), config);
  Train(agent, data, 4000);
  ExpectCorridorValues(agent, data);
}

// The lesser of the critics in the first state, at an action in the middle.
double FirstValue(const Critics& critics, const TransitionBatch& data) {
  return critics.Online(data.observations.narrow(0, 0, 1), at::zeros({1, 1})).amin().item<double>();
}

TEST(Corridor, AwacBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  AwacConfig config;
  config.hidden = {32, 32};
  config.critic_lr = 1e-3;
  config.tau = 0.05;
  Awac agent(BoxTask(10, 1), config);
  Train(agent, data, 4000);
  EXPECT_NEAR(FirstValue(agent.critics(), data), kFirst, 0.02 * kFirst);
}

TEST(Corridor, BcqBootstrapsThroughTenStates) {
  const TransitionBatch data = TenStates();
  BcqConfig config;
  config.actor_hidden = config.critic_hidden = config.vae_hidden = {32, 32};
  config.tau = 0.05;
  Bcq agent(BoxTask(10, 1), config);
  Train(agent, data, 4000);
  EXPECT_NEAR(FirstValue(agent.critics(), data), kFirst, 0.02 * kFirst);
}

TEST(Corridor, DiscreteLearnersBootstrapThroughTenStates) {
  TransitionBatch data = TenStates();
  data.actions = (data.indices.div(10, "floor") % 2).to(at::kFloat).unsqueeze(1);
  const at::Tensor first = data.observations.narrow(0, 0, 1);
  BcqConfig bcq_config;
  bcq_config.hidden = {32, 32};
  bcq_config.lr = 1e-3;
  bcq_config.tau = 0.05;
  DiscreteBcq bcq(DiscreteTask(10, 2), bcq_config);
  Train(bcq, data, 4000);
  const at::Tensor bcq_values = bcq.Forward(bcq.online(), first).values;
  EXPECT_LT(LargestDifference(bcq_values, at::full({1, 2}, kFirst)), 0.02 * kFirst);

  CqlConfig cql_config;
  cql_config.critic_hidden = {32, 32};
  cql_config.critic_lr = 1e-3;
  cql_config.tau = 0.05;
  cql_config.cql_alpha = 1;  // both actions are as frequent: the penalty moves neither
  DiscreteCql cql(DiscreteTask(10, 2), cql_config);
  Train(cql, data, 4000);
  EXPECT_NEAR(Metric(cql, "q"), (1 - std::pow(0.99, 10)) / 0.01 / 10, 0.02) << "the mean over ten states";
}

// Without entropy. They may come out lower, never higher.
TEST(Corridor, PessimisticCriticsBootstrapThroughTenStates) {
  const TransitionBatch data = TenStates();
  CqlConfig cql_config;
  cql_config.hidden = cql_config.critic_hidden = {32, 32};
  cql_config.critic_lr = cql_config.actor_lr = 1e-3;
  cql_config.tau = 0.05;
  cql_config.alpha = 0;
  cql_config.alpha_auto = false;
  // Without the penalty, which raises the values of actions where the data are denser than its own draws.
  cql_config.cql_alpha = 0;
  Cql cql(BoxTask(10, 1), cql_config);
  Train(cql, data, 4000);
  EXPECT_NEAR(FirstValue(cql.critics(), data), kFirst, 0.02 * kFirst);
  EXPECT_EQ(Metric(cql, "alpha"), 0);

  for (const double eta : {0.0, 0.1}) {
    SCOPED_TRACE(eta);
    SacNConfig config;
    config.hidden = {32, 32};
    config.critics = 5;
    config.eta = eta;
    config.critic_lr = config.actor_lr = 1e-3;
    config.tau = 0.05;
    config.alpha = 0;
    config.alpha_auto = false;
    SacN agent(BoxTask(10, 1), config);
    Train(agent, data, 4000);
    EXPECT_LT(FirstValue(agent.critics(), data), 1.02 * kFirst);
    EXPECT_GT(FirstValue(agent.critics(), data), 0.7);
  }
}

}  // namespace
}  // namespace strider
