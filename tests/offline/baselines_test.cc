// IQL, AWAC and CQL against updates recorded from CORL, and the cases of the offline baselines sheet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "offline/awac.h"
#include "offline/bc.h"
#include "offline/bcq.h"
#include "offline/cql.h"
#include "offline/iql.h"
#include "offline/td3_bc.h"
#include "tests/agents/golden_updates.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/offline/offline_kit.h"

namespace strider {
namespace {

std::map<std::string, double> Losses(const Agent& agent) {
  std::map<std::string, double> losses;
  for (const auto& [name, value] : agent.metrics()) losses[name] = value;
  return losses;
}

template <class Config>
Config Small() {
  Config config;
  config.hidden = {8};
  if constexpr (requires { config.critic_hidden; }) config.critic_hidden = {8};
  return config;
}

class IqlProbe : public Iql {
 public:
  using Iql::CloningError;
  using Iql::Iql;
  using Iql::Value;
  using Iql::Weight;
};

TEST(GoldenUpdates, Iql) {
  const GoldenUpdates golden("IQL");
  IqlConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.expectile = golden.Hyper("expectile");
  config.beta = golden.Hyper("beta");
  config.weight_max = golden.Hyper("weight_max");
  config.schedule_steps = golden.HyperInt("max_steps");
  config.actor_lr = golden.Hyper("actor_lr");
  config.critic_lr = golden.Hyper("critic_lr");
  config.value_lr = golden.Hyper("value_lr");
  config.log_std_min = golden.Hyper("log_std_min");
  config.log_std_max = golden.Hyper("log_std_max");
  IqlProbe agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, /*max_action=*/1);
    GoldenUpdates::Checks checks;
    if (golden.HasChecks(k)) {
      const at::NoGradGuard no_grad;
      const at::Tensor next_v = agent.Value(batch.next_observations);
      const at::Tensor v = agent.Value(batch.observations);
      const at::Tensor target_q = agent.critics().Target(batch.observations, batch.actions).amin(0);
      const at::Tensor q = agent.critics().Online(batch.observations, batch.actions);
      checks = {{"next_v", next_v},
                {"v", v},
                {"target_q", target_q},
                {"advantage", target_q - v},
                {"weight", agent.Weight(target_q - v)},
                {"q1", q[0]},
                {"q2", q[1]},
                {"td_target", batch.rewards + config.discount * (1 - batch.terminals) * next_v},
                {"negative_log_prob", agent.CloningError(batch)}};
    }
    agent.Update(batch);
    std::map<std::string, double> losses = Losses(agent);
    losses["critic_loss"] = (losses["critic1_loss"] + losses["critic2_loss"]) / 2;
    golden.CompareLosses(k, losses);
    golden.CompareGradients(
        k, nn::Concatenate({NamedGradients(agent.actor(), "actor"), NamedGradients(agent.value(), "value"),
                            NamedGradients(agent.critics().online(), "critic")}));
    golden.CompareWeights(k, agent);
    // The step length shows in how far the weights move.
    if (golden.HasChecks(k)) golden.CompareChecks(k, checks, {"actor_lr"});
  }
}

class AwacProbe : public Awac {
 public:
  using Awac::Advantage;
  using Awac::Awac;
  using Awac::LogProb;
  using Awac::Sample;
  using Awac::TdTarget;
  using Awac::Weight;
};

TEST(GoldenUpdates, Awac) {
  const GoldenUpdates golden("AWAC");
  AwacConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.lambda = golden.Hyper("awac_lambda");
  config.weight_max = golden.Hyper("weight_max");
  config.actor_lr = golden.Hyper("actor_lr");
  config.critic_lr = golden.Hyper("critic_lr");
  config.log_std_min = golden.Hyper("log_std_min");
  config.log_std_max = golden.Hyper("log_std_max");
  const double max_action = golden.Hyper("max_action");
  ASSERT_EQ(max_action, 1) << "samples are clipped to the box's frame";
  AwacProbe agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, max_action);
    const Awac::UpdateNoise noise{golden.Noise(k, "next_action_noise"), golden.Noise(k, "actor_noise")};
    const at::Tensor next_action = agent.Sample(batch.next_observations, noise.next_action);
    const at::Tensor action = agent.Sample(batch.observations, noise.action);
    const at::Tensor q = agent.critics().Online(batch.observations, batch.actions).detach().clone();
    GoldenUpdates::Checks checks = {
        {"next_action", next_action},
        {"next_q", agent.critics().Target(batch.next_observations, next_action).amin(0)},
        {"td_target", agent.TdTarget(batch, next_action)},
        {"q1", q[0]},
        {"q2", q[1]},
        {"pi_action", action},
        {"log_prob", agent.LogProb(batch).detach().clone()}};
    agent.Update(batch, noise);
    std::map<std::string, double> losses = Losses(agent);
    losses["critic_loss"] = losses["critic1_loss"] + losses["critic2_loss"];
    golden.CompareLosses(k, losses);
    golden.CompareGradients(k, nn::Concatenate({NamedGradients(agent.actor(), "actor"),
                                                NamedGradients(agent.critics().online(), "critic")}));
    golden.CompareWeights(k, agent);
    if (!golden.HasChecks(k)) continue;
    // By the critics that are updated by now, as they are for the actor's loss.
    const at::NoGradGuard no_grad;
    checks["q"] = agent.critics().Online(batch.observations, batch.actions).amin(0);
    checks["v"] = agent.critics().Online(batch.observations, action).amin(0);
    checks["advantage"] = agent.Advantage(batch, action);
    checks["weight"] = agent.Weight(checks["advantage"]);
    golden.CompareChecks(k, checks, {});
  }
}

class CqlProbe : public Cql {
 public:
  using Cql::Cql;
  using Cql::Next;
  using Cql::QOfMany;
  using Cql::Sample;
  using Cql::SoftMaximum;
};

// CQL's names are the file's, but for the lone scalars.
std::string InCql(const std::string& name) {
  if (name == "log_alpha") return "alpha.log_alpha";
  return name == "log_alpha_prime" ? "alpha_prime.log_alpha_prime" : name;
}

CqlConfig CqlConfigOf(const GoldenUpdates& golden) {
  EXPECT_EQ(golden.Hyper("max_action"), 1);
  EXPECT_EQ(golden.Hyper("alpha_multiplier"), 1);
  CqlConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.critic_hidden = golden.Hidden("critic1");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.actor_lr = golden.Hyper("actor_lr");
  config.critic_lr = golden.Hyper("critic_lr");
  config.alpha_lr = golden.Hyper("alpha_lr");
  config.alpha_prime_lr = golden.Hyper("alpha_prime_lr");
  config.target_entropy = golden.Hyper("target_entropy") / golden.action_size();
  config.backup_entropy = golden.HyperInt("backup_entropy") != 0;
  config.cql_alpha = golden.Hyper("cql_alpha");
  config.cql_actions = golden.HyperInt("cql_n_actions");
  config.cql_temperature = golden.Hyper("cql_temp");
  config.max_target_backup = golden.HyperInt("cql_max_target_backup") != 0;
  config.lagrange = golden.HyperInt("cql_lagrange") != 0;
  config.target_action_gap = golden.Hyper("cql_target_action_gap");
  config.log_std_min = golden.Hyper("log_std_min");
  config.log_std_max = golden.Hyper("log_std_max");
  return config;
}

void CompareCqlUpdates(const std::string& algorithm) {
  const GoldenUpdates golden(algorithm, &InCql);
  const CqlConfig config = CqlConfigOf(golden);
  CqlProbe agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, /*max_action=*/1);
    const Cql::UpdateNoise noise{golden.Noise(k, "actor_noise"), golden.Noise(k, "next_action_noise"),
                                 golden.Noise(k, "cql_random_actions"), golden.Noise(k, "cql_current_noise"),
                                 golden.Noise(k, "cql_next_noise")};
    GoldenUpdates::Checks checks;
    if (golden.HasChecks(k)) {
      const at::NoGradGuard no_grad;
      const auto sample = agent.Sample(batch.observations, noise.action);
      const auto current = agent.Sample(batch.observations, noise.current_actions);
      const auto next = agent.Sample(batch.next_observations, noise.next_actions);
      const auto backup = agent.Next(batch, noise.next_action, agent.log_alpha()[0].exp());
      const at::Tensor q = agent.critics().Online(batch.observations, batch.actions);
      const at::Tensor soft = agent.SoftMaximum(batch, noise);
      const auto first = [&](const at::Tensor& actions) {
        return agent.QOfMany(batch.observations, actions, /*target=*/false)[0];
      };
      checks = {{"pi", sample.action},
                {"log_pi", sample.log_prob},
                {"q_pi_min", agent.critics().Online(batch.observations, sample.action).amin(0)},
                {"next_action", agent.Sample(batch.next_observations, noise.next_action).action},
                {"next_log_pi", backup.log_prob},
                {"target_q", backup.value},
                {"td_target", batch.rewards + config.discount * (1 - batch.terminals) * backup.value},
                {"q1", q[0]},
                {"q2", q[1]},
                {"cql_current_actions", current.action},
                {"cql_current_log_pi", current.log_prob},
                {"cql_next_actions", next.action},
                {"cql_next_log_pi", next.log_prob},
                {"q1_random", first(noise.uniform_actions)},
                {"q1_current", first(current.action)},
                {"q1_next", first(next.action)},
                {"logsumexp1", soft[0]},
                {"logsumexp2", soft[1]}};
    }
    agent.Update(batch, noise);
    golden.CompareLosses(k, Losses(agent));
    golden.CompareGradients(k, nn::Concatenate({NamedGradients(agent.actor(), "actor"),
                                                NamedGradients(agent.log_alpha(), "alpha"),
                                                NamedGradients(agent.log_alpha_prime(), "alpha_prime"),
                                                NamedGradients(agent.critics().online(), "critic")}));
    golden.CompareWeights(k, agent);
    if (golden.HasChecks(k)) golden.CompareChecks(k, checks, {});
  }
}

TEST(GoldenUpdates, Cql) { CompareCqlUpdates("CQL"); }
TEST(GoldenUpdates, CqlLagrange) { CompareCqlUpdates("CQL_lagrange"); }

TEST(IqlCases, ExpectileOfTwoPoints) {
  // The minimiser over {0, 1} with P(1) = p is kp / (kp + (1 - k)(1 - p)); k = 1/2 is half the mean square.
  const at::Tensor u = Normal({100}, 1);
  EXPECT_NEAR(ExpectileLoss(u, 0.5).item<double>(), 0.5 * u.square().mean().item<double>(), 1e-6);
  for (const double p : {0.25, 0.5, 0.75}) {
    for (const double k : {0.5, 0.7, 0.9}) {
      const at::Tensor values = (at::arange(100, at::kDouble) < 100 * p).to(at::kDouble);
      const at::Tensor v = at::zeros({}, at::kDouble).requires_grad_(true);
      for (int i = 0; i < 400; ++i) {
        const at::Tensor slope = FlatGradient(ExpectileLoss(values - v, k), {v});
        const at::NoGradGuard no_grad;
        v.sub_(0.5 * slope.squeeze());
      }
      EXPECT_NEAR(v.item<double>(), k * p / (k * p + (1 - k) * (1 - p)), 1e-6) << p << " " << k;
    }
  }
}

TEST(IqlCases, WeightIsBoundedAt100) {
  const IqlProbe agent(BoxTask(3, 2), Small<IqlConfig>());
  const at::Tensor weight = agent.Weight(at::tensor({-1.0, 0.0, 1.0, 1.53, 1.54, 40.0}));
  EXPECT_NEAR(weight[0].item<double>(), std::exp(-3.0), 1e-12);
  EXPECT_EQ(weight[1].item<double>(), 1);
  EXPECT_NEAR(weight[3].item<double>(), std::exp(4.59), 1e-9);
  EXPECT_EQ(weight[4].item<double>(), 100);
  EXPECT_EQ(weight[5].item<double>(), 100);
}

// Nothing in an update depends on what the policy would do: other actors, same values and critics.
TEST(IqlCases, NeverAsksAboutActionsOutsideTheBatch) {
  Iql one(BoxTask(3, 2), Small<IqlConfig>());
  Iql other(BoxTask(3, 2), Small<IqlConfig>());
  State(other, "actor.1.bias").add_(1);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    one.Update(RandomBatch(3, 2, 32, seed));
    other.Update(RandomBatch(3, 2, 32, seed));
  }
  EXPECT_TRUE(SameBits(one.critics().State(), other.critics().State()));
  EXPECT_TRUE(SameBits(one.value().Named("value"), other.value().Named("value")));
  EXPECT_FALSE(SameBits(one.actor().Named("actor"), other.actor().Named("actor")));
}

// Hopper's form in CORL: a squared error summed over dimensions, and no deviation.
TEST(IqlCases, DeterministicPolicyClonesBySquaredError) {
  IqlConfig config = Small<IqlConfig>();
  config.deterministic = true;
  IqlProbe agent(BoxTask(3, 2), config);
  const TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  const Policy policy = agent.MakePolicy();
  EXPECT_EQ(policy.distribution, ActionDistribution::kTanh);
  at::Tensor pi = at::empty({32, 2});
  Pcg64 unused(0);
  policy.Sample({batch.observations.const_data_ptr<float>(), 96}, true, unused,
                {pi.mutable_data_ptr<float>(), 64});
  EXPECT_LT(LargestDifference(agent.CloningError(batch), (pi - batch.actions).square().sum(-1)), 1e-5);
  agent.Update(batch);
  EXPECT_EQ(LargestEntry(State(agent, "actor.log_std")), 0);
}

// With equal values everywhere the weights are 1: behaviour cloning.
TEST(AwacCases, ConstantCriticsGiveCloning) {
  AwacConfig config = Small<AwacConfig>();
  config.critic_lr = 0;
  AwacProbe agent(BoxTask(3, 2), config);
  for (const char* critic : {"critic1", "critic2"}) State(agent, std::string(critic) + ".1.weight").zero_();
  const TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  agent.actor().Backward(-agent.LogProb(batch).mean());
  const at::Tensor cloning = agent.actor().flat_grad().clone();
  agent.Update(batch);
  EXPECT_EQ(Metric(agent, "weight"), 1);
  EXPECT_LT(LargestDifference(agent.actor().flat_grad(), cloning), 1e-7);
}

// What is handed out acts as the learner does: the mean, squashed or not, plus the deviation times noise,
// clipped, and scaled to the box for the environment.
TEST(ClippedPolicies, ActLikeTheirLearners) {
  const at::Tensor states = Normal({40, 3}, 1);
  const auto draw = [&](const Policy& policy, bool deterministic, bool environment) {
    at::Tensor actions = at::empty({40, 2});
    const std::span<float> span{actions.mutable_data_ptr<float>(), 80};
    Pcg64 random(3);
    policy.Sample({states.const_data_ptr<float>(), 120}, deterministic, random, span);
    if (environment) policy.ToEnvironment(span);
    return actions;
  };
  at::Tensor noise = at::empty({40, 2});
  Pcg64 random(3);
  for (std::int64_t i = 0; i < 80; ++i) {
    noise.mutable_data_ptr<float>()[i] = static_cast<float>(random.StandardNormal());
  }
  Task task = BoxTask(3, 2);
  task.action_space = UniformBox(2, -2, 2);
  AwacConfig awac_config = Small<AwacConfig>();
  AwacProbe awac(task, awac_config);
  State(awac, "actor.1.bias").add_(0.8);
  State(awac, "actor.log_std").copy_(at::tensor({-0.5F, 3.0F}));  // the second beyond its clamp
  const at::Tensor expected = awac.Sample(states, noise);
  EXPECT_EQ(LargestEntry(expected), 1) << "nothing is clipped";
  EXPECT_LT(LargestDifference(draw(awac.MakePolicy(), false, false), expected), 1e-5);
  EXPECT_LT(LargestDifference(draw(awac.MakePolicy(), false, true), 2 * expected), 2e-5);
  EXPECT_LT(LargestDifference(draw(awac.MakePolicy(), true, false), awac.Sample(states, 0 * noise)), 1e-5);

  const Iql iql(task, Small<IqlConfig>());
  const at::Tensor mean = draw(iql.MakePolicy(), true, false);
  EXPECT_LT(LargestDifference(draw(iql.MakePolicy(), false, false), (mean + noise).clamp(-1, 1)), 1e-5);
  Policy plain = iql.MakePolicy();
  plain.distribution = ActionDistribution::kTanh;
  EXPECT_LT(LargestDifference(draw(plain, true, false), mean), 1e-6);
}

// Q constant in the action and a policy of density 2^-A: the penalty is A ln 2 + ln 30.
TEST(CqlCases, PenaltyOfConstantCritics) {
  for (const int actions : {3, 6}) {
    CqlProbe agent(BoxTask(4, actions), Small<CqlConfig>());
    for (const char* critic : {"critic1", "critic2"}) State(agent, std::string(critic) + ".1.weight").zero_();
    TransitionBatch batch = RandomBatch(4, actions, 16, 1);
    const at::Tensor q = agent.critics().Online(batch.observations, batch.actions).detach();
    Cql::UpdateNoise noise;
    noise.uniform_actions = Normal({16, 10, actions}, 2).tanh();
    noise.current_actions = Normal({16, 10, actions}, 3);
    noise.next_actions = Normal({16, 10, actions}, 4);
    // The soft maximum of the policy's 20 entries comes from their log-densities; set those of a uniform
    // policy.
    const at::Tensor log_probs = at::cat({agent.Sample(batch.observations, noise.current_actions).log_prob,
                                          agent.Sample(batch.next_observations, noise.next_actions).log_prob},
                                         1);
    const at::Tensor others = at::logsumexp(-log_probs, -1);
    const at::Tensor uniform = std::log(10.0) + actions * std::log(2.0) + at::zeros({16});
    const at::Tensor expected = at::logaddexp(others, uniform);
    const at::Tensor found = agent.SoftMaximum(batch, noise) - q;
    EXPECT_LT(LargestDifference(found, expected.expand({2, 16})), 2e-5);
  }
}

// The sheet's numbers: every draw of the policy has the density 2^-A of a uniform one. tanh(x) of x ~ N(0, 1)
// has it where x^2 / 2 + ln sqrt(2 pi) - 2 ln cosh x = ln 2.
TEST(CqlCases, PenaltyOfConstantCriticsAndAUniformPolicy) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double x = (low + high) / 2;
    const double surprise = x * x / 2 + 0.9189385332 - 2 * std::log(std::cosh(x));
    (surprise > std::log(2.0) ? low : high) = x;
  }
  for (const auto& [actions, sheet] : {std::pair{3, 5.4806}, {6, 7.5601}}) {
    CqlProbe agent(BoxTask(4, actions), Small<CqlConfig>());
    for (const char* critic : {"critic1", "critic2"}) State(agent, std::string(critic) + ".1.weight").zero_();
    State(agent, "actor.1.weight").zero_();
    State(agent, "actor.1.bias").zero_();
    State(agent, "actor.log_std_offset").zero_();
    const TransitionBatch batch = RandomBatch(4, actions, 16, 1);
    Cql::UpdateNoise noise;
    noise.action = noise.next_action = at::zeros({16, actions});
    noise.uniform_actions = Normal({16, 10, actions}, 2).tanh();
    noise.current_actions = low * Normal({16, 10, actions}, 3).sign();
    noise.next_actions = low * Normal({16, 10, actions}, 4).sign();
    agent.Update(batch, noise);
    for (const char* penalty : {"cql1_diff", "cql2_diff"}) EXPECT_NEAR(Metric(agent, penalty), sheet, 2e-4);
  }
}

// With no penalty it is SAC, whatever the penalty's draws are.
TEST(CqlCases, WithoutThePenaltyItIsSac) {
  CqlConfig config = Small<CqlConfig>();
  config.cql_alpha = 0;
  config.backup_entropy = true;
  config.alpha = 0.3;
  const TransitionBatch batch = RandomBatch(4, 2, 16, 1);
  std::vector<at::Tensor> weights;
  for (const std::uint64_t seed : {1, 2}) {
    CqlProbe agent(BoxTask(4, 2), config);
    const Cql::UpdateNoise noise{Normal({16, 2}, 7), Normal({16, 2}, 8), Normal({16, 10, 2}, seed).tanh(),
                                 Normal({16, 10, 2}, seed + 10), Normal({16, 10, 2}, seed + 20)};
    const auto sample = agent.Sample(batch.observations, noise.action);
    const at::Tensor q_pi = agent.critics().Online(batch.observations, sample.action).amin(0);
    const auto next = agent.Sample(batch.next_observations, noise.next_action);
    const at::Tensor next_q = agent.critics().Target(batch.next_observations, next.action.detach()).amin(0);
    const at::Tensor y =
        batch.rewards + 0.99 * (1 - batch.terminals) * (next_q - 0.3 * next.log_prob.detach());
    const at::Tensor td = (agent.critics().Online(batch.observations, batch.actions) - y).square().mean(1);
    const double actor_loss = (0.3 * sample.log_prob - q_pi).mean().item<double>();
    const double alpha_loss = -std::log(0.3) * (sample.log_prob.mean().item<double>() - 2);
    agent.critics().online().Backward(td.sum());
    const at::Tensor critic_gradient = agent.critics().online().flat_grad().clone();
    agent.Update(batch, noise);
    EXPECT_NEAR(Metric(agent, "critic_loss"), td.sum().item<double>(), 1e-5);
    EXPECT_NEAR(Metric(agent, "actor_loss"), actor_loss, 1e-5);
    EXPECT_NEAR(Metric(agent, "alpha_loss"), alpha_loss, 1e-5);
    EXPECT_LT(LargestDifference(agent.critics().online().flat_grad(), critic_gradient), 1e-6);
    weights.push_back(agent.critics().online().flat().clone());
  }
  EXPECT_LT(LargestDifference(weights[0], weights[1]), 1e-6);
}

TEST(CqlCases, EntropyWeightThatIsFixedStays) {
  CqlConfig config = Small<CqlConfig>();
  config.alpha = 0;
  EXPECT_THAT(MessageOf<InputError>([&] { Cql(BoxTask(4, 2), config); }),
              ::testing::HasSubstr("agent.alpha = 0 with agent.alpha_auto = true"));
  config.alpha_auto = false;
  Cql agent(BoxTask(4, 2), config);
  for (int i = 0; i < 3; ++i) agent.Update(RandomBatch(4, 2, 16, 1));
  EXPECT_EQ(Metric(agent, "alpha"), 0);
  EXPECT_TRUE(std::isnan(Metric(agent, "alpha_loss"))) << "never reported";
}

// At alpha = 0 the actor of TD3+BC does what BC's does.
TEST(Td3BcCases, WithoutTheCriticItIsBc) {
  Td3BcConfig config;
  config.td3.hidden = {8};
  config.td3.policy_delay = 1;
  config.alpha = 0;
  Td3Bc agent(BoxTask(3, 2), config);
  BcConfig bc_config;
  bc_config.hidden = {8};
  Bc bc(BoxTask(3, 2), bc_config);
  for (const auto& [name, tensor] : agent.actor().Named("actor")) State(bc, name).copy_(tensor);
  const TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  agent.Update(batch);
  bc.Update(batch);
  EXPECT_LT(LargestDifference(agent.actor().flat_grad(), bc.actor().flat_grad()), 1e-8);
  EXPECT_GT(LargestEntry(bc.actor().flat_grad()), 1e-3);
}

// A VAE that gives one action and a perturbation of nothing: that action.
TEST(BcqCases, OneActionIsReturned) {
  BcqConfig config;
  config.actor_hidden = config.critic_hidden = config.vae_hidden = {8};
  config.reach = 0;
  Bcq agent(BoxTask(3, 2), config);
  State(agent, "vae.decoder.1.weight").zero_();
  Assign(agent, "vae.decoder.1.bias", {0.5, -1});
  const std::vector<double> states = {0.1, -2, 3, 1, 1, 1};
  std::vector<float> actions(4);
  Pcg64 random(1);
  agent.MakePolicy().Act(states, /*deterministic=*/true, random, actions);
  for (const std::size_t row : {0, 1}) {
    EXPECT_NEAR(actions[2 * row], std::tanh(0.5), 1e-6);
    EXPECT_NEAR(actions[2 * row + 1], std::tanh(-1.0), 1e-6);
  }
}

class BcqProbe : public Bcq {
 public:
  using Bcq::actor;
  using Bcq::Bcq;
  using Bcq::Decoded;
  using Bcq::Perturbed;
  using Bcq::Target;
};

TEST(BcqCases, TargetMixesTheCriticsAndTakesTheBestCandidate) {
  EXPECT_NEAR(MixedValue(at::tensor({1.0F, 3.0F}).unsqueeze(1), 0.75).item<double>(), 1.5, 1e-6);
  EXPECT_NEAR(MixedValue(at::tensor({3.0F, 1.0F}).unsqueeze(1), 0.75).item<double>(), 1.5, 1e-6);
  BcqConfig config;
  config.actor_hidden = config.critic_hidden = config.vae_hidden = {8};
  BcqProbe agent(BoxTask(3, 2), config);
  for (const std::string critic : {"critic1_target", "critic2_target"}) {
    State(agent, critic + ".1.weight").zero_();
    State(agent, critic + ".1.bias").fill_(critic.starts_with("critic1") ? 1 : 3);
  }
  const TransitionBatch batch = RandomBatch(3, 2, 16, 1);
  const at::Tensor codes = Normal({160, 4}, 2);
  const at::Tensor expected = batch.rewards + 0.99 * 1.5 * (1 - batch.terminals);
  EXPECT_LT(LargestDifference(agent.Target(batch, codes), expected), 1e-5);
  // The policy's choice, worked out by LibTorch for the same draws.
  const Policy policy = agent.MakePolicy();
  Pcg64 random(3);
  at::Tensor noise = at::empty({100, 4});
  for (std::int64_t i = 0; i < 400; ++i)
    noise.mutable_data_ptr<float>()[i] = static_cast<float>(random.StandardNormal());
  const at::Tensor states = batch.observations.narrow(0, 0, 1).expand({100, 3});
  const at::Tensor actions = agent.Perturbed(agent.actor(), states, agent.Decoded(states, noise)).detach();
  const at::Tensor best = ReferenceMlp({State(agent, "critic1.0.weight"), State(agent, "critic1.0.bias"),
                                        State(agent, "critic1.1.weight"), State(agent, "critic1.1.bias")},
                                       at::cat({states, actions}, -1), &at::relu)
                              .squeeze(-1)
                              .argmax();
  at::Tensor found = at::empty({2});
  Pcg64 again(3);
  policy.Sample({batch.observations.const_data_ptr<float>(), 3}, true, again,
                {found.mutable_data_ptr<float>(), 2});
  EXPECT_LT(LargestDifference(found, actions[best.item<std::int64_t>()]), 1e-5);
}

// Codes are clipped to 0.5 and actions moved by 0.05 at most.
TEST(BcqCases, ActionsStayNearTheVaes) {
  BcqConfig config;
  config.actor_hidden = config.critic_hidden = config.vae_hidden = {8};
  BcqProbe agent(BoxTask(3, 2), config);
  State(agent, "actor.1.bias").fill_(100);
  const at::Tensor states = Normal({50, 3}, 1);
  const at::Tensor plain = agent.Decoded(states, 10 * Normal({50, 4}, 2).sign());
  EXPECT_TRUE(at::equal(plain, agent.Decoded(states, 0.5 * Normal({50, 4}, 2).sign())));
  EXPECT_LT(LargestDifference(agent.Perturbed(agent.actor(), states, plain), (plain + 0.05).clamp(-1, 1)),
            1e-6);
}

TEST(BcqCases, SameBitsAndResume) {
  BcqConfig config;
  config.actor_hidden = config.critic_hidden = config.vae_hidden = {8};
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<Bcq>(BoxTask(3, 2, seed), config); },
      [](Agent& agent, int first, int last) {
        for (int i = first; i < last; ++i) {
          dynamic_cast<Bcq&>(agent).Update(RandomBatch(3, 2, 16, static_cast<std::uint64_t>(i)));
        }
      },
      6);
}

// Up at the logged action, down at the others, and the sum of the weights is zero.
TEST(CqlCases, PenaltyMovesNoConstant) {
  CqlProbe agent(BoxTask(4, 2), Small<CqlConfig>());
  const TransitionBatch batch = RandomBatch(4, 2, 16, 1);
  Cql::UpdateNoise noise;
  noise.uniform_actions = Normal({16, 10, 2}, 2).tanh();
  noise.current_actions = Normal({16, 10, 2}, 3);
  noise.next_actions = Normal({16, 10, 2}, 4);
  const auto penalty = [&] {
    return (agent.SoftMaximum(batch, noise) - agent.critics().Online(batch.observations, batch.actions))
        .mean();
  };
  agent.critics().online().Backward(penalty());
  // A constant added to Q is the output layer's bias.
  for (const auto& [name, gradient] : NamedGradients(agent.critics().online(), "critic")) {
    if (name.ends_with(".1.bias")) {
      EXPECT_LT(LargestEntry(gradient), 1e-6) << name;
    } else if (name.ends_with(".1.weight")) {
      EXPECT_GT(LargestEntry(gradient), 1e-4) << name;
    }
  }
  const double before = penalty().item<double>();
  {
    const at::NoGradGuard no_grad;
    agent.critics().online().flat().sub_(0.1 * agent.critics().online().flat_grad());
  }
  EXPECT_LT(penalty().item<double>(), before);
}

// The better of ten next actions is never worse than one of them.
TEST(CqlCases, MaximumTargetTakesTheBestOfTheLeast) {
  CqlConfig config = Small<CqlConfig>();
  config.max_target_backup = true;
  const CqlProbe agent(BoxTask(4, 2), config);
  const TransitionBatch batch = RandomBatch(4, 2, 16, 1);
  const at::Tensor noise = Normal({16, 10, 2}, 2);
  const auto best = agent.Next(batch, noise, at::ones({}));
  at::Tensor largest = at::full({16}, -1e9);
  for (std::int64_t j = 0; j < 10; ++j) {
    const auto one = agent.Sample(batch.next_observations, noise.select(1, j).contiguous());
    largest =
        at::maximum(largest, agent.critics().Target(batch.next_observations, one.action.detach()).amin(0));
  }
  EXPECT_LT(LargestDifference(best.value, largest), 1e-6);
}

}  // namespace
}  // namespace strider
