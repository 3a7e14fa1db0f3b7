// O-DICE against updates recorded from its authors' program, and the O-DICE sheet's section 10 by its numbers
// there.
#include "offline/odice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "agents/registry.h"
#include "datasets/preparation.h"
#include "tests/agents/golden_updates.h"
#include "tests/offline/offline_kit.h"

namespace strider {
namespace {

class OdiceProbe : public Odice {
 public:
  using Odice::Gradients;
  using Odice::NegativeLogProb;
  using Odice::Odice;
  using Odice::TargetValue;
  using Odice::TermGradients;
  using Odice::Terms;
  using Odice::Value;
  using Odice::Weight;
};

// A flat gradient of V in pieces, under the names of the golden files.
void AddPieces(const OdiceProbe& agent, const at::Tensor& flat, const std::string& group,
               const std::string& prefix, GoldenUpdates::Checks& checks) {
  agent.value().flat_grad().copy_(flat);
  for (const auto& [name, gradient] : NamedGradients(agent.value(), prefix)) {
    checks[group + "/" + name] = gradient.clone();
  }
}

void CompareOdiceUpdates(const std::string& algorithm) {
  // The names of a single V are those of the first of two.
  const GoldenUpdates twin_names(algorithm);
  const bool twin = twin_names.HyperInt("use_twin_v") != 0;
  const GoldenUpdates golden(algorithm, [twin](const std::string& name) {
    return !twin && name.starts_with("v1") ? "v" + name.substr(2) : name;
  });
  const std::string prefix = twin ? "v" : "v1";
  OdiceConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("v1");
  config.policy_hidden = golden.Hidden("policy");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.lambda = golden.Hyper("lambda");
  config.eta = golden.Hyper("eta");
  const std::string type = golden.HyperText("type");
  config.gradient = type == "true_g" ? "true" : type == "semi_g" ? "semi" : "orthogonal";
  config.divergence = golden.HyperText("f_name") == "Reverse_KL" ? "reverse_kl" : "pearson";
  config.twin = twin;
  config.layer_norm = golden.HyperInt("layer_norm") != 0;
  config.squash_mean = golden.HyperInt("use_tanh") != 0;
  config.weight_max = golden.Hyper("weight_max");
  config.value_lr = golden.Hyper("value_lr");
  config.policy_lr = golden.Hyper("policy_lr");
  config.policy_weight_decay = golden.Hyper("policy_weight_decay");
  OdiceProbe agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    TransitionBatch batch = golden.Batch(k, /*max_action=*/1);
    if (golden.HyperInt("zero_rewards") != 0) batch.rewards.zero_();
    GoldenUpdates::Checks checks;
    if (golden.HasChecks(k)) {
      const OdiceTerms terms = agent.Terms(batch);
      checks["v"] = agent.Value(batch.observations).detach().clone();
      checks["v_next"] = agent.Value(batch.next_observations).detach().clone();
      checks["target_v"] = agent.TargetValue(batch.observations).clone();
      checks["target_v_next"] = agent.TargetValue(batch.next_observations).clone();
      checks["residual"] = terms.residual.detach();
      checks["weight_before_cap"] = agent.Weight(terms.residual.detach());
      checks["weight"] = checks["weight_before_cap"].clamp_max(config.weight_max);
      checks["negative_log_prob"] = agent.NegativeLogProb(batch).detach();
      if (terms.backward.defined()) {
        checks["forward_residual"] = terms.residual.detach();
        checks["backward_residual"] = terms.backward_residual.detach();
        const auto [g_0, g_f, g_b] = agent.TermGradients(terms);
        const OdiceDirection merged = OrthogonalDirection(g_0, g_f, g_b);
        AddPieces(agent, g_f, "forward_gradient", prefix, checks);
        AddPieces(agent, g_b, "backward_gradient", prefix, checks);
        AddPieces(agent, merged.direction - g_0, "merged_gradient", prefix, checks);
        const at::Tensor projected = g_b - merged.coefficient * g_f;
        checks["parallel_coefficient"] = merged.coefficient;
        checks["forward_gradient_norm"] = g_f.norm();
        checks["backward_gradient_norm"] = g_b.norm();
        checks["projected_gradient_norm"] = projected.norm();
        checks["inner_product_before"] = at::dot(g_f, g_b);
        // Zero but for rounding, in the file as here.
        EXPECT_LE(at::dot(g_f, projected).abs().item<double>(),
                  1e-5 * (g_f.norm() * g_b.norm()).item<double>());
      }
    }
    agent.Update(batch);
    std::map<std::string, double> losses;
    for (const auto& [name, value] : agent.metrics()) losses[name] = value;
    golden.CompareLosses(k, losses);
    golden.CompareGradients(
        k, nn::Concatenate({NamedGradients(agent.value(), "v"), NamedGradients(agent.policy(), "policy")}));
    golden.CompareWeights(k, agent);
    if (golden.HasChecks(k)) golden.CompareChecks(k, checks, {"inner_product_after"});
  }
}

TEST(GoldenUpdates, Odice) { CompareOdiceUpdates("ODICE"); }
TEST(GoldenUpdates, OdiceTrueGradient) { CompareOdiceUpdates("ODICE_true_g"); }
TEST(GoldenUpdates, OdiceSemiGradient) { CompareOdiceUpdates("ODICE_semi_g"); }
TEST(GoldenUpdates, OdiceImitation) { CompareOdiceUpdates("ODICE_il"); }
TEST(GoldenUpdates, OdiceSingleReverseKl) { CompareOdiceUpdates("ODICE_single"); }

OdiceConfig SmallConfig(bool twin = true) {
  OdiceConfig config;
  config.hidden = {16, 16};
  config.policy_hidden = {16};
  config.twin = twin;
  return config;
}

TEST(OdiceCases, Cases1And2OrthogonalityAndPythagoras) {
  for (const bool twin : {false, true}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const OdiceProbe agent(BoxTask(3, 2, seed), SmallConfig(twin));
      const auto [g_0, g_f, g_b] = agent.TermGradients(agent.Terms(RandomBatch(3, 2, 32, seed)));
      const at::Tensor f = g_f.to(at::kDouble);
      const at::Tensor b = g_b.to(at::kDouble);
      const OdiceDirection merged = OrthogonalDirection(g_0.to(at::kDouble), f, b);
      const at::Tensor projected = merged.direction - g_0.to(at::kDouble) - f;
      const auto norm = [](const at::Tensor& x) { return x.norm().item<double>(); };
      EXPECT_GT(norm(f) * norm(b), 0);
      EXPECT_LE(std::abs(at::dot(projected, f).item<double>()), 1e-12 * norm(b) * norm(f));
      const double c = merged.coefficient.item<double>();
      EXPECT_NEAR(norm(b) * norm(b), norm(projected) * norm(projected) + c * c * norm(f) * norm(f),
                  1e-12 * norm(b) * norm(b));
      EXPECT_LE(LargestDifference(merged.direction, g_0.to(at::kDouble) + (1 - c) * f + b), 1e-12);
      const at::Tensor single = OrthogonalDirection(g_0, g_f, g_b).direction - g_0 - g_f;
      EXPECT_LE(std::abs(at::dot(single, g_f).item<double>()), 1e-6 * norm(b) * norm(f));
    }
  }
}

// All forward residuals below -2: no forward gradient, and nothing to project onto.
TEST(OdiceCases, Case1NoForwardGradient) {
  const OdiceProbe agent(BoxTask(3, 2), SmallConfig());
  TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  batch.rewards.fill_(-50);
  State(agent, "v1_target.2.bias").fill_(-100);
  State(agent, "v2_target.2.bias").fill_(-100);
  const auto [g_0, g_f, g_b] = agent.TermGradients(agent.Terms(batch));
  ASSERT_EQ(LargestEntry(g_f), 0);
  ASSERT_GT(LargestEntry(g_b), 0);
  const OdiceDirection merged = OrthogonalDirection(g_0, g_f, g_b);
  EXPECT_EQ(merged.coefficient.item<double>(), 0);
  EXPECT_TRUE(at::equal(merged.direction, g_0 + g_b));
}

// V as a table, in double: what a plain gradient step of each mode does to it on the whole of the data.
class Table {
 public:
  Table(const std::vector<double>& rewards, std::vector<std::int64_t> states,
        std::vector<std::int64_t> next_states, const std::vector<double>& terminals, std::int64_t size)
      : rewards_(at::tensor(rewards)),
        terminals_(at::tensor(terminals)),
        states_(at::tensor(states)),
        next_states_(at::tensor(next_states)),
        value(at::zeros({size}, at::kDouble).requires_grad_(true)),
        target(at::zeros({size}, at::kDouble)) {
    config.divergence = "pearson";
  }

  struct Gradients {
    at::Tensor linear, forward, backward;
  };
  Gradients TermGradients() const {
    const OdiceTerms terms = Terms();
    return {FlatGradient(terms.linear, {value}), FlatGradient(terms.forward, {value}),
            FlatGradient(terms.backward, {value})};
  }

  at::Tensor Direction() const {
    const OdiceTerms terms = Terms();
    if (!terms.backward.defined()) return FlatGradient(terms.linear + terms.forward, {value});
    const Gradients g = TermGradients();
    return OrthogonalDirection(g.linear, g.forward, g.backward).direction;
  }

  void Descend(int steps, double rate) {
    for (int i = 0; i < steps; ++i) {
      const at::Tensor direction = Direction();
      const at::NoGradGuard no_grad;
      value.sub_(rate * direction);
      target.lerp_(value, 0.5);
    }
  }

  std::vector<double> Values() const {
    return {value.const_data_ptr<double>(), value.const_data_ptr<double>() + value.numel()};
  }

  OdiceTerms Terms() const {
    const at::Tensor v = value.index_select(0, states_);
    const at::Tensor next_v = value.index_select(0, next_states_);
    return OdiceLoss(config, rewards_, terminals_, v, next_v, target.index_select(0, states_),
                     target.index_select(0, next_states_));
  }

 private:
  at::Tensor rewards_, terminals_, states_, next_states_;

 public:
  OdiceConfig config;
  at::Tensor value;
  at::Tensor target;
};

void ExpectNear(const at::Tensor& found, const std::vector<double>& expected, double tolerance) {
  EXPECT_LE(LargestDifference(found, at::tensor(expected)), tolerance) << found;
}

Table Chain(const std::vector<double>& rewards) {
  const auto n = static_cast<std::int64_t>(rewards.size());
  std::vector<std::int64_t> states;
  std::vector<std::int64_t> next_states;
  std::vector<double> terminals(rewards.size(), 0.0);
  for (std::int64_t i = 0; i < n; ++i) {
    states.push_back(i);
    next_states.push_back((i + 1) % n);
  }
  terminals.back() = 1;
  Table table(rewards, states, next_states, terminals, n);
  table.config.discount = 0.9;
  return table;
}

// Per sample the projection would give G = (0, 0.15, 0.15).
TEST(OdiceCases, Case3OneStepOfTheChain) {
  Table chain = Chain({0, 0, 0});
  chain.config.lambda = 0.5;
  chain.config.eta = 1;
  const Table::Gradients g = chain.TermGradients();
  const double sixth = 1.0 / 6;
  ExpectNear(g.forward, {-sixth, -sixth, -sixth}, 1e-15);
  ExpectNear(g.backward, {0, 0.15, 0.15}, 1e-15);
  ExpectNear(g.linear, {sixth, sixth, sixth}, 1e-15);
  const OdiceDirection merged = OrthogonalDirection(g.linear, g.forward, g.backward);
  EXPECT_NEAR(merged.coefficient.item<double>(), -0.6, 1e-15);
  ExpectNear(merged.direction - g.linear - g.forward, {-0.1, 0.05, 0.05}, 1e-15);
  ExpectNear(merged.direction, {-0.1, 0.05, 0.05}, 1e-15);
}

Table Ring(double lambda, double eta, double reward = 1, std::int64_t n = 3) {
  std::vector<std::int64_t> states;
  std::vector<std::int64_t> next_states;
  for (std::int64_t i = 0; i < n; ++i) {
    states.push_back(i);
    next_states.push_back((i + 1) % n);
  }
  const auto size = static_cast<std::size_t>(n);
  Table ring(std::vector<double>(size, reward), states, next_states, std::vector<double>(size, 0.0), n);
  ring.config.discount = 0.9;
  ring.config.lambda = lambda;
  ring.config.eta = eta;
  return ring;
}

// Where each mode comes to rest, and that a descent gets nearer to it. V of the true gradient drifts far
// away.
TEST(OdiceCases, Case4Ring) {
  const struct {
    double lambda, orthogonal, true_gradient;
  } rows[] = {{0.4, 0, -270}, {0.5, 10, -170}, {0.6, 50.0 / 3, -310.0 / 3}, {0.8, 25, -20}};
  for (const auto& row : rows) {
    for (const std::string gradient : {"orthogonal", "semi", "true"}) {
      for (const double eta : {0.0, 0.5, 1.0}) {
        SCOPED_TRACE(testing::Message() << row.lambda << " " << gradient << " " << eta);
        Table ring = Ring(row.lambda, eta);
        ring.config.gradient = gradient;
        const double rest = gradient == "true" ? row.true_gradient : row.orthogonal;
        const at::NoGradGuard no_grad;
        const auto away = [&](double distance) {
          for (const at::Tensor& v : {ring.value, ring.target}) v.fill_(rest + distance);
          const at::AutoGradMode with_gradients(true);
          return ring.Direction();
        };
        EXPECT_LT(LargestEntry(away(0)), 1e-13);
        for (const double distance : {-1.0, 1.0}) {
          const at::Tensor direction = away(distance);
          EXPECT_GT((direction * distance).min().item<double>(), 1e-4);
        }
      }
    }
  }
}

TEST(OdiceCases, Case5FiniteChain) {
  const struct {
    double lambda, eta;
    std::vector<double> values;
  } rows[] = {{0.5, 0, {0.7290, 0.8100, 0.9000, 1.0000}},   {0.5, 0.2, {0.8087, 0.6300, 0.7406, 0.9124}},
              {0.5, 1, {1.2680, 0.5137, 0.3888, 0.6334}},   {0.6, 0, {3.0217, 2.6167, 2.1667, 1.6667}},
              {0.6, 0.2, {3.0748, 2.4967, 2.0604, 1.6083}}, {0.6, 1, {3.3810, 2.4191, 1.8259, 1.4223}}};
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message() << row.lambda << " " << row.eta);
    Table chain = Chain({0, 0, 0, 1});
    chain.config.lambda = row.lambda;
    chain.config.eta = row.eta;
    chain.Descend(400, 4);
    ASSERT_LT(LargestEntry(chain.Direction()), 1e-12);
    ExpectNear(chain.value, row.values, 6e-5);  // the sheet's four digits are up to 5e-6 off beyond rounding
    if (row.eta > 0) continue;
    chain.config.gradient = "semi";
    EXPECT_LT(LargestEntry(chain.Direction()), 1e-12) << "eta = 0 is the semi-gradient";
  }
}

// Two arms of one state, each with probability 1/2 and terminal: V and the weights of good and bad.
TEST(OdiceCases, Case6Bandit) {
  const struct {
    double lambda, value, good, bad;
  } rows[] = {{0.4, -0.5, 1.5, 0.5},
              {0.5, 0.5, 0.5, 0},
              {0.55, 0.5 + 4.0 / 11, 0.5 - 4.0 / 11, 0},
              {0.6, 0.5 + 2.0 / 3, 0, 0}};
  OdiceConfig config = SmallConfig();
  const OdiceProbe code(BoxTask(1, 1), config);
  config.weight = "ratio";
  const OdiceProbe theory(BoxTask(1, 1), config);
  for (const auto& row : rows) {
    Table bandit({1, 0}, {0, 0}, {0, 0}, {1, 1}, 1);
    bandit.config.lambda = row.lambda;
    bandit.Descend(200, 1);
    ExpectNear(bandit.value, {row.value}, 1e-9);
    const at::Tensor residual = bandit.Terms().residual.detach();
    ExpectNear(code.Weight(residual), {row.good, row.bad}, 1e-9);
    if (row.lambda == 0.5) ExpectNear(theory.Weight(residual), {1.25, 0.75}, 1e-9);
  }
}

// Case 7: what the policy's mean goes to on that bandit, with actions +-1/2.
TEST(OdiceCases, Case7PolicyExtraction) {
  const struct {
    double lambda;
    const char* weight;
    double mean;
  } rows[] = {{0.5, "residual", 0.5}, {0.4, "residual", 0.25}, {0.5, "ratio", 0.125}};
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message() << row.lambda << " " << row.weight);
    TransitionBatch batch = RandomBatch(1, 1, 2, 1);
    batch.observations.fill_(1);
    batch.next_observations.fill_(1);
    batch.actions = at::tensor({0.5F, -0.5F}).unsqueeze(1);
    batch.rewards = at::tensor({1.0F, 0.0F});
    batch.terminals = at::ones({2});
    OdiceConfig config = SmallConfig();
    config.lambda = row.lambda;
    config.weight = row.weight;
    config.layer_norm = false;
    config.value_lr = 1e-2;
    config.policy_lr = 3e-3;
    config.policy_weight_decay = 0;
    Odice agent(BoxTask(1, 1), config);
    for (int i = 0; i < 1500; ++i) agent.Update(batch);
    std::vector<float> action(1);
    Pcg64 unused(0);
    agent.MakePolicy().Act(std::vector<double>{1}, /*deterministic=*/true, unused, action);
    EXPECT_NEAR(action[0], row.mean, 0.03);
  }
}

TEST(OdiceCases, Case8Conjugates) {
  const at::Tensor y = at::linspace(-6, 6, 121, at::kDouble).requires_grad_(true);
  for (const std::string divergence : {"pearson", "reverse_kl"}) {
    const at::Tensor slope = FlatGradient(OdiceConjugate(divergence, y).sum(), {y});
    EXPECT_LE(LargestDifference(slope, OdiceRatio(divergence, y)), 1e-12);
    EXPECT_GE((slope.slice(0, 1) - slope.slice(0, 0, -1)).min().item<double>(), 0) << "convex";
    // f*(y) = max over w of w y - f(w), found on a grid.
    const at::Tensor w = at::linspace(0, 200, 400001, at::kDouble);
    const at::Tensor f = divergence == "pearson" ? (w - 1).square() : at::xlogy(w, w);
    for (const std::int64_t i : {0, 20, 40, 60, 80, 100}) {
      const at::Tensor here = y.detach()[i];
      EXPECT_NEAR((w * here - f).max().item<double>(), OdiceConjugate(divergence, here).item<double>(), 1e-4);
    }
  }
  const at::Tensor known = at::tensor({0.0, 2.0, -2.0, -5.0});
  ExpectNear(OdiceConjugate("pearson", known), {0, 3, -1, -1}, 0);
  ExpectNear(OdiceRatio("pearson", known), {1, 2, 0, 0}, 0);
}

TEST(OdiceCases, Case9TwinsOfEqualWeights) {
  const OdiceProbe single(BoxTask(3, 2), SmallConfig(false));
  const OdiceProbe twins(BoxTask(3, 2), SmallConfig(true));
  for (const auto& [name, tensor] : single.value().Named("v")) {
    for (const char* suffix : {"", "_target"}) {
      State(single, "v" + std::string(suffix) + name.substr(1)).copy_(tensor);
      for (const char* member : {"v1", "v2"})
        State(twins, member + std::string(suffix) + name.substr(1)).copy_(tensor);
    }
  }
  const TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  const auto direction = [&batch](const OdiceProbe& agent) {
    const auto [g_0, g_f, g_b] = agent.TermGradients(agent.Terms(batch));
    return OrthogonalDirection(g_0, g_f, g_b);
  };
  const OdiceDirection one = direction(single);
  const OdiceDirection two = direction(twins);
  EXPECT_NEAR(two.coefficient.item<double>(), one.coefficient.item<double>(), 1e-5);
  twins.value().flat_grad().copy_(two.direction);
  single.value().flat_grad().copy_(one.direction);
  for (std::size_t i = 0; i < single.value().leaves().size(); ++i) {
    for (const std::int64_t member : {0, 1}) {
      EXPECT_LE(LargestDifference(2 * twins.value().grad(i)[member], single.value().grad(i)), 1e-6);
    }
  }
}

TEST(OdiceCases, Case10TargetsFollow) {
  OdiceConfig config = SmallConfig();
  config.value_lr = 0;
  Odice agent(BoxTask(3, 2), config);
  State(agent, "v1_target.2.bias").add_(1);
  const TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  for (int i = 0; i < 100; ++i) agent.Update(batch);
  const at::Tensor gap = State(agent, "v1_target.2.bias") - State(agent, "v1.2.bias");
  EXPECT_NEAR(gap.item<double>(), std::pow(0.995, 100), 1e-5);
}

// Case 11: with zero rewards V of the ring comes to rest at -1 / (1 - discount), wherever it starts.
TEST(OdiceCases, Case11ImitationOnTheRing) {
  for (const double distance : {-1.0, 0.0, 1.0}) {
    Table ring = Ring(0.4, 1, /*reward=*/0, 4);
    {
      const at::NoGradGuard no_grad;
      for (const at::Tensor& v : {ring.value, ring.target}) v.fill_(-10 + distance);
    }
    const at::Tensor direction = ring.Direction();
    if (distance == 0) {
      EXPECT_LT(LargestEntry(direction), 1e-14);
    } else {
      EXPECT_GT((direction * distance).min().item<double>(), 1e-4) << "descent leads back";
    }
  }
}

// There every weight is 1, and the policy's gradient that of plain cloning.
TEST(OdiceCases, Case11PolicyIsClonedPlainly) {
  OdiceConfig config = SmallConfig();
  config.discount = 0.9;
  config.lambda = 0.4;
  config.value_lr = 0;
  OdiceProbe agent(BoxTask(3, 2), config);
  for (const std::string v : {"v1", "v2", "v1_target", "v2_target"}) {
    State(agent, v + ".2.weight").zero_();
    State(agent, v + ".2.bias").fill_(-10);
  }
  TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  batch.rewards.zero_();
  batch.terminals.zero_();
  agent.policy().Backward(agent.NegativeLogProb(batch).mean());
  const at::Tensor cloning = agent.policy().flat_grad().clone();
  agent.Update(batch);
  EXPECT_NEAR(Metric(agent, "residual_min"), 1, 1e-5);
  EXPECT_NEAR(Metric(agent, "residual_max"), 1, 1e-5);
  EXPECT_EQ(Metric(agent, "positive_weights"), 1);
  EXPECT_LT(LargestDifference(agent.policy().flat_grad(), cloning), 1e-5);
  batch.terminals[0] = 1;
  agent.Update(batch);
  EXPECT_NEAR(Metric(agent, "residual_max"), 10, 1e-5) << "the terminal row's";
}

// Four episodes of five steps, the second and the fourth ended by the step limit, and a first step of
// another. A state is the row's number and the episode's; no reward is zero.
Dataset FourEpisodes() {
  Dataset dataset;
  dataset.rows = 21;
  dataset.observation_size = 2;
  dataset.action_size = 1;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    const auto number = static_cast<float>(row);
    const std::size_t episode = row / 5;
    const bool last = row % 5 == 4;
    dataset.observations.insert(dataset.observations.end(), {number, static_cast<float>(episode)});
    dataset.actions.push_back(0.05F * number - 0.5F);
    dataset.rewards.push_back(1 + number);
    dataset.terminals.push_back(last && episode % 2 == 0 ? 1 : 0);
    dataset.timeouts.push_back(last && episode % 2 == 1 ? 1 : 0);
  }
  return dataset;
}

// Section 7: the dataset is one episode without its rewards, states by its own mean and deviation. Where V
// rests, at -1 / (1 - discount), every row has the weight 1, but for one that ends the task: its 100.
TEST(OdiceImitation, OneEpisodeIsCloned) {
  const struct {
    const char* episode;
    std::vector<double> rows;
    double mean, variance;  // of the rows' numbers
    double last_terminal;
  } cases[] = {{"1", {5, 6, 7, 8}, 6.5, 1.25, 0},  // the row of the time-out is dropped
               {"2", {10, 11, 12, 13, 14}, 12, 2, 1}};
  const Dataset dataset = FourEpisodes();
  for (const auto& expected : cases) {
    SCOPED_TRACE(expected.episode);
    const auto factory = MakeFactory<Odice>();
    const SettingList settings = factory->Settings();
    const std::pair<const char*, const char*> values[] = {
        {"episode", expected.episode}, {"lambda", "0.4"},       {"normalize_states", "true"},
        {"squash_mean", "true"},       {"layer_norm", "false"}, {"hidden", "8"},
        {"policy_hidden", "8"}};
    for (const auto& [name, value] : values) settings.Set(std::string("agent.") + name, value);
    const Preparation preparation = factory->DatasetPreparation();
    EXPECT_TRUE(preparation.normalize_states);
    EXPECT_FALSE(preparation.uses_rewards);

    const Transitions data = PreparedTransitions(dataset, {}, preparation, "made.hdf5");
    TransitionBatch batch = BatchOf(data);
    const at::Tensor rows = at::tensor(expected.rows);
    at::Tensor terminals = at::zeros_like(rows);
    terminals[-1] = expected.last_terminal;
    EXPECT_EQ(LargestDifference(batch.observations.select(1, 0), rows), 0);
    EXPECT_EQ(LargestDifference(batch.next_observations.select(1, 0), rows + 1), 0);
    EXPECT_LT(LargestDifference(batch.actions.squeeze(1), 0.05 * rows - 0.5), 1e-6);
    EXPECT_EQ(LargestDifference(batch.terminals, terminals), 0);
    EXPECT_EQ(LargestEntry(batch.rewards), 0);

    const Normalizer normalizer = FitNormalizer(data);
    const double deviation = std::sqrt(expected.variance) + 1e-3;
    ExpectNear(at::tensor(normalizer.mean), {expected.mean, std::stod(expected.episode)}, 0);
    ExpectNear(at::tensor(normalizer.std), {deviation, 1e-3}, 1e-6);
    for (at::Tensor* states : {&batch.observations, &batch.next_observations}) {
      *states = (*states - at::tensor(normalizer.mean)) / at::tensor(normalizer.std);
    }

    const auto agent = factory->MakeOffPolicy(BoxTask(2, 1), nullptr);
    for (const std::string v : {"v1", "v2", "v1_target", "v2_target"}) {
      State(*agent, v + ".1.weight").zero_();
      State(*agent, v + ".1.bias").fill_(-100);
    }
    const nn::ParameterSet& policy = dynamic_cast<const Odice&>(*agent).policy();
    const std::vector<at::Tensor> weights = Doubles(policy);  // the last one is the log deviation
    const at::Tensor states = at::stack({(rows - expected.mean) / deviation, at::zeros_like(rows)}, 1);
    const at::Tensor mean = ReferenceMlp({weights.begin(), weights.end() - 1}, states, &at::relu).tanh();
    const at::Tensor error = (0.05 * rows - 0.5 - mean.squeeze(1)) / weights.back().exp();
    const at::Tensor cloning = 0.5 * error.square() + weights.back() + 0.5 * std::log(2 * std::acos(-1.0));
    const at::Tensor loss = ((1 + 99 * terminals) * cloning).mean();
    const at::Tensor gradient = FlatGradient(loss, weights);

    agent->Update(batch);
    EXPECT_NEAR(Metric(*agent, "v_linear_term"), 0.6 * -100, 1e-3);
    EXPECT_NEAR(Metric(*agent, "residual_min"), 1, 1e-4);
    EXPECT_NEAR(Metric(*agent, "residual_max"), expected.last_terminal != 0 ? 100 : 1, 1e-4);
    EXPECT_NEAR(Metric(*agent, "policy_loss"), loss.item<double>(), 1e-5 * loss.item<double>());
    EXPECT_LT(LargestDifference(policy.flat_grad(), gradient), 1e-5 * LargestEntry(gradient));
    EXPECT_EQ(agent->Warning(), "");
  }
}

// It asks nobody for rewards that are left out on purpose.
TEST(OdiceWarning, NamesWhatImitationNeeds) {
  OdiceConfig config = SmallConfig();
  config.episode = 0;
  Odice agent(BoxTask(3, 2), config);
  TransitionBatch batch = RandomBatch(3, 2, 256, 1);
  batch.rewards.fill_(-30);
  agent.Update(batch);
  EXPECT_THAT(agent.Warning(), ::testing::AllOf(::testing::HasSubstr("--preset imitation has 0.4"),
                                                ::testing::Not(::testing::HasSubstr("reward_map"))));
}

TEST(OdiceWarning, SaysTheShareOfPositiveWeights) {
  OdiceConfig config = SmallConfig();
  Odice agent(BoxTask(3, 2), config);
  EXPECT_EQ(agent.Warning(), "");
  TransitionBatch batch = RandomBatch(3, 2, 256, 1);
  agent.Update(batch);
  EXPECT_EQ(agent.Warning(), "");
  batch.rewards.fill_(-30);
  agent.Update(batch);
  EXPECT_THAT(agent.Warning(),
              ::testing::StartsWith("0 % of the latest batch's transitions have a positive weight"));
  batch.rewards[0] = 1000;
  agent.Update(batch);
  EXPECT_THAT(agent.Warning(), ::testing::StartsWith("0.39 % of"));
  batch.rewards.fill_(0);
  agent.Update(batch);
  EXPECT_THAT(agent.Warning(),
              ::testing::AllOf(::testing::StartsWith("all rewards of the latest batch are zero, and "),
                               ::testing::HasSubstr(fmt::format("{:.2g} % of its transitions",
                                                                100 * Metric(agent, "positive_weights")))));
}

// Imitation sets all rewards to zero.
TEST(OdiceWarning, ImitationWantsNoRewards) {
  OdiceConfig config = SmallConfig();
  config.rewards.reward_scale = 0;
  Odice agent(BoxTask(3, 2), config);
  TransitionBatch batch = RandomBatch(3, 2, 256, 1);
  batch.rewards.fill_(0);
  agent.Update(batch);
  EXPECT_GT(Metric(agent, "positive_weights"), 0.01);
  EXPECT_EQ(agent.Warning(), "");
}

}  // namespace
}  // namespace strider
