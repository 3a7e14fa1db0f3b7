// The PRDC sheet, section 9: the cases that concern the agent's update; by their numbers there. Cases 1, 4, 6
// and 10 are in neighbour_search_test.cc, case 9 in tests/agents/td3_test.cc.
#include "offline/prdc.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "offline/blocked_neighbours.h"
#include "offline/registry.h"
#include "offline/td3_bc.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/offline/offline_kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kStates = 3;
constexpr int kActions = 2;

class OpenPrdc : public Prdc {
 public:
  using Prdc::ActorLoss;
  using Prdc::Keys;
  using Prdc::Prdc;
  using Prdc::Q;
};

// Data, an agent's settings and what else an agent needs.
class PrdcCases : public ::testing::Test {
 protected:
  PrdcCases() {
    config_.td3.hidden = {8};
    config_.td3.policy_delay = 1;
  }

  OpenPrdc Agent() { return OpenPrdc(BoxTask(kStates, kActions), config_, ColumnsOf(data_)); }
  TransitionBatch Batch() const { return Rows(data_, at::arange(40, 72, at::kLong)); }

  TransitionBatch data_ = RandomBatch(kStates, kActions, 200, 1);
  PrdcConfig config_;
};

TEST_F(PrdcCases, Case2ConstraintAndItsGradient) {
  data_.observations = at::tensor({0.0F, 1.0F}).unsqueeze(1);
  data_.actions = at::tensor({-1.0F, 1.0F}).unsqueeze(1);
  for (at::Tensor* column : {&data_.rewards, &data_.terminals}) *column = at::zeros({2});
  data_.next_observations = data_.observations;
  config_.alpha = 0;  // the constraint alone
  const TransitionBatch batch = Rows(data_, at::zeros({1}, at::kLong));
  const struct {
    double beta, loss, gradient, state_distance, action_distance;
  } cases[] = {{2, 3.61, 3.8, 0, 1.9}, {1.8, 0.01, -0.2, 1, 0.1}};
  for (const auto& expected : cases) {
    config_.beta = expected.beta;
    OpenPrdc agent(BoxTask(1, 1), config_, ColumnsOf(data_));
    const at::Tensor p = at::full({1, 1}, 0.9F).requires_grad_(true);
    const at::Tensor loss = agent.ActorLoss(batch, p);
    EXPECT_NEAR(loss.item<double>(), expected.loss, 1e-6);
    EXPECT_NEAR(Metric(agent, "actor_dc_term"), expected.loss, 1e-6);
    EXPECT_NEAR(Metric(agent, "state_distance"), expected.state_distance, 1e-6);
    EXPECT_NEAR(Metric(agent, "action_distance"), expected.action_distance, 1e-6);
    loss.backward();
    EXPECT_NEAR(p.grad().item<double>(), expected.gradient, 1e-6);
  }
}

TEST_F(PrdcCases, Case3ConstraintNeverExceedsCloning) {
  const TransitionBatch batch = Batch();
  bool nearer = false;
  for (const double beta : {0.0, 0.5, 2.0, 10.0}) {
    config_.beta = beta;
    OpenPrdc agent = Agent();
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const at::Tensor p = Normal({32, kActions}, seed).tanh();
      const at::Tensor neighbour = data_.actions.index_select(0, agent.NeighbourRows(batch, p));
      const at::Tensor to_neighbour = (p - neighbour).norm(2, 1);
      const at::Tensor to_logged = (p - batch.actions).norm(2, 1);
      EXPECT_LE((to_neighbour - to_logged).max().item<double>(), 1e-6) << "beta " << beta;
      agent.ActorLoss(batch, p);
      const double cloning = (p - batch.actions).square().mean().item<double>();
      EXPECT_LE(Metric(agent, "actor_dc_term"), cloning + 1e-6);
      nearer = nearer || Metric(agent, "actor_dc_term") < 0.5 * cloning;
    }
  }
  EXPECT_TRUE(nearer) << "the data are too thin to show anything";
}

TEST_F(PrdcCases, Case5LargeBetaIsTd3Bc) {
  config_.beta = 1e6;
  OpenPrdc prdc = Agent();
  Td3BcConfig cloning_config;
  cloning_config.td3 = config_.td3;
  cloning_config.alpha = config_.alpha;
  Td3Bc cloning(BoxTask(kStates, kActions), cloning_config);
  for (int update = 0; update < 3; ++update) {
    const at::Tensor noise = Normal({32, kActions}, static_cast<std::uint64_t>(update));
    prdc.Update(Batch(), noise);
    cloning.Update(Batch(), noise);
    EXPECT_NEAR(Metric(prdc, "actor_dc_term"), Metric(cloning, "actor_bc_term"), 1e-7);
    const at::Tensor expected = cloning.actor().flat_grad();
    EXPECT_LT(LargestDifference(prdc.actor().flat_grad(), expected), 1e-6 * LargestEntry(expected));
  }
}

TEST_F(PrdcCases, ThreadsDoNotChangeTheNeighbours) {
  const at::Tensor p = Normal({32, kActions}, 1).tanh();
  OpenPrdc alone = Agent();
  const at::Tensor expected = alone.NeighbourRows(Batch(), p);
  for (const int threads : {2, 4, 1}) {
    OpenPrdc agent = Agent();
    at::set_num_threads(threads);
    // Through the visits that make the rows' lists, and beyond.
    for (int visit = 0; visit < NeighbourSearch::kListedVisit + 2; ++visit) {
      EXPECT_TRUE(at::equal(agent.NeighbourRows(Batch(), p), expected)) << threads << ", " << visit;
    }
  }
}

// Keys and queries are rounded alike, also where beta is no float32: a row of the data finds itself.
TEST_F(PrdcCases, RowsFindThemselves) {
  config_.beta = 0.3;
  OpenPrdc agent = Agent();
  EXPECT_TRUE(at::equal(agent.NeighbourRows(Batch(), Batch().actions), Batch().indices));
}

// Off the CPU the agent searches by brute force, among the same keys.
TEST_F(PrdcCases, KeysOfTheDevicesSearchGiveTheSameNeighbours) {
  const TransitionBatch batch = Batch();
  for (const double max_action : {1.0, 2.0}) {
    config_.td3.max_action = max_action;
    for (const double beta : {0.0, 0.3, 2.0, 1e6}) {
      SCOPED_TRACE(testing::Message() << max_action << " " << beta);
      config_.beta = beta;
      OpenPrdc agent = Agent();
      EXPECT_TRUE(at::equal(agent.actions(), max_action * data_.actions));
      const at::Tensor p = max_action * Normal({32, kActions}, 1).tanh();
      const at::Tensor found = BlockedKthNearest(agent.Keys(batch.observations, p),
                                                 agent.Keys(agent.states(), agent.actions()), /*k=*/1,
                                                 /*block_rows=*/64);
      EXPECT_TRUE(at::equal(found, agent.NeighbourRows(batch, p)));
      // At 1e6 the query's own row: no state is there twice.
      EXPECT_EQ(at::equal(found, batch.indices), beta == 1e6);
    }
  }
}

TEST_F(PrdcCases, Case7CriticScaleCancels) {
  config_.td3.critic_lr = 0;
  {
    OpenPrdc plain = Agent();
    OpenPrdc scaled = Agent();
    ExpectCriticScaleToCancel<Prdc>(plain, scaled, Batch(), {"critic1.1"});
  }
  Td3BcConfig cloning;
  cloning.td3 = config_.td3;
  Td3Bc plain(BoxTask(kStates, kActions), cloning);
  Td3Bc scaled(BoxTask(kStates, kActions), cloning);
  ExpectCriticScaleToCancel<Td3Bc>(plain, scaled, Batch(), {"critic1.1"});
}

// Where q has one sign, -lambda mean q with an undetached lambda would be constant.
TEST_F(PrdcCases, Case7LambdaIsDetached) {
  OpenPrdc agent = Agent();
  State(agent, "critic1.1.bias").fill_(5);
  const at::Tensor p = Normal({32, kActions}, 1).tanh().requires_grad_(true);
  const at::Tensor q = agent.Q(Batch().observations, p)[0];
  ASSERT_GT(q.min().item<double>(), 0);
  const at::Tensor loss = agent.ActorLoss(Batch(), p);
  const at::Tensor constraint =
      at::mse_loss(p, data_.actions.index_select(0, agent.NeighbourRows(Batch(), p)));
  (loss - constraint).backward();
  EXPECT_NEAR((loss - constraint).item<double>(), -config_.alpha, 1e-5);
  EXPECT_GT(LargestEntry(p.grad()), 1e-4);
}

// The gradient of the whole actor loss against finite differences of one written again in double, with lambda
// and the neighbours held.
TEST_F(PrdcCases, Case8StopGradients) {
  config_.td3.critic_lr = 0;
  OpenPrdc agent = Agent();
  for (const auto& [name, tensor] : agent.State()) {
    if (name.find("adam.") == std::string::npos) tensor.add_(0.3 * Normal(tensor.sizes(), name.size()));
  }
  const TransitionBatch batch = Batch();
  const std::vector<at::Tensor> actor = Doubles(agent.actor());
  std::vector<at::Tensor> critic1;
  for (const at::Tensor& p : Doubles(agent.critic())) critic1.push_back(p.detach()[0]);
  const at::Tensor s = batch.observations.to(at::kDouble);
  const auto pi = [&] { return ReferenceMlp(actor, s, &at::relu).tanh(); };
  const auto q = [&](const at::Tensor& p) { return ReferenceMlp(critic1, at::cat({s, p}, -1), &at::relu); };
  const at::Tensor p_now = pi().detach();
  const double lambda = config_.alpha / q(p_now).abs().mean().item<double>();
  const at::Tensor neighbour =
      data_.actions.index_select(0, agent.NeighbourRows(batch, p_now.to(at::kFloat))).to(at::kDouble);

  agent.Update(batch, Normal(batch.actions.sizes(), 3));
  EXPECT_NEAR(Metric(agent, "lambda"), lambda, 1e-5 * lambda);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : FiniteDifferences(
           actor, [&] { return -lambda * q(pi()).mean() + (pi() - neighbour).square().mean(); }, 1e-6)) {
    parts.push_back(part.reshape({-1}));
  }
  const at::Tensor expected = at::cat(parts);
  EXPECT_LT(LargestDifference(agent.actor().flat_grad(), expected), 1e-5 * LargestEntry(expected));
}

TEST_F(PrdcCases, Case10KthNeighbourIsTheTarget) {
  config_.k = 2;
  config_.alpha = 0;
  OpenPrdc second = Agent();
  const at::Tensor rows = second.NeighbourRows(Batch(), Batch().actions);
  EXPECT_FALSE((rows == Batch().indices).any().item<bool>()) << "the nearest is the row itself";
  second.ActorLoss(Batch(), Batch().actions);
  const double expected =
      (Batch().actions - data_.actions.index_select(0, rows)).square().mean().item<double>();
  EXPECT_NEAR(Metric(second, "actor_dc_term"), expected, 1e-6);
  EXPECT_GT(expected, 0);
}

TEST_F(PrdcCases, RefusesMoreNeighboursThanRows) {
  config_.k = 201;
  EXPECT_THAT(MessageOf<InputError>([&] { Agent(); }),
              HasSubstr("agent.k = 201 exceeds the dataset's 200 transitions"));
}

TEST(OfflineAgents, RefuseBadSettings) {
  for (const AgentEntry& entry : OfflineAgents()) {
    const auto factory = entry.factory();
    const SettingList settings = factory->Settings();
    for (const Setting& setting : settings.settings())
      EXPECT_NO_THROW(setting.set(setting.get())) << setting.key;
    for (const bool on : {false, true}) {
      settings.Set("agent.normalize_states", on ? "true" : "false");
      EXPECT_EQ(factory->DatasetPreparation().normalize_states, on) << entry.id;
    }
    EXPECT_THAT(MessageOf<InputError>([&] { factory->MakeOnPolicy(BoxTask(3, 2)); }),
                HasSubstr("transitions"));
    if (entry.id != "prdc") continue;
    for (const char* bad : {"0", "-1", "1.5", "two"}) {
      const std::string message = MessageOf<InputError>([&] { settings.Set("agent.k", bad); });
      EXPECT_THAT(message, HasSubstr("agent.k"));
      EXPECT_THAT(message, HasSubstr(bad));
    }
    EXPECT_THAT(MessageOf<InputError>([&] { factory->MakeOffPolicy(BoxTask(3, 2), nullptr); }),
                HasSubstr("needs a dataset"));
  }
}

// Each offline agent on continuous and on discrete actions, as far as it takes them.
std::vector<std::pair<AgentEntry, Task>> AgentsOnTasks(std::uint64_t seed = 1) {
  std::vector<std::pair<AgentEntry, Task>> all;
  for (const AgentEntry& entry : OfflineAgents()) {
    for (const Task& task : {BoxTask(kStates, kActions, seed), DiscreteTask(kStates, kActions, seed)}) {
      if (Takes(entry.actions, task.action_space)) all.emplace_back(entry, task);
    }
  }
  return all;
}

TransitionBatch BatchFor(const Task& task) {
  TransitionBatch data = RandomBatch(kStates, kActions, 200, 1);
  if (std::holds_alternative<Discrete>(task.action_space)) {
    data.actions = at::arange(200).remainder(kActions).to(at::kFloat).unsqueeze(1);
  }
  return data;
}

// lr_anneal is offered by all of them: at the end of the run nothing is learnt any more, and without it a
// lot.
TEST(OfflineAgents, StepLengthsFallToNothing) {
  for (const auto& [entry, task] : AgentsOnTasks()) {
    const TransitionBatch data = BatchFor(task);
    const TransitionColumns fixed = ColumnsOf(data);
    const auto changed = [&, entry = entry, task = task](const char* anneal) {
      const auto factory = entry.factory();
      const SettingList settings = factory->Settings();
      for (const char* key :
           {"agent.hidden", "agent.critic_hidden", "agent.vae_hidden", "agent.policy_hidden"}) {
        if (settings.Find(key) != nullptr) settings.Set(key, "8");
      }
      settings.Set("agent.lr_anneal", anneal);
      const auto agent = factory->MakeOffPolicy(task, &fixed);
      std::vector<at::Tensor> before;
      for (const auto& [name, tensor] : agent->State()) before.push_back(tensor.clone());
      agent->SetProgress(1);
      for (int k = 0; k < 4; ++k) agent->Update(Rows(data, at::arange(0, 32)));
      std::vector<std::string> names;
      const auto after = agent->State();
      for (std::size_t i = 0; i < after.size(); ++i) {
        const auto& [name, tensor] = after[i];
        const bool follows = name.find("adam") != name.npos || name.find("target") != name.npos;
        if (!follows && !at::equal(tensor, before[i])) names.push_back(name);
      }
      return names;
    };
    EXPECT_THAT(changed("true"), IsEmpty()) << entry.id;
    EXPECT_THAT(changed("false"), Not(IsEmpty())) << entry.id;
  }
}

// The MDPO sheet's case 14 for these agents, and resume.
TEST(OfflineAgents, SameSeedSameBitsAndResume) {
  for (const auto& [entry, task] : AgentsOnTasks()) {
    const TransitionBatch data = BatchFor(task);
    const TransitionColumns fixed = ColumnsOf(data);
    const auto factory = entry.factory();
    const SettingList settings = factory->Settings();
    for (const char* key :
         {"agent.hidden", "agent.critic_hidden", "agent.vae_hidden", "agent.policy_hidden"}) {
      if (settings.Find(key) != nullptr) settings.Set(key, "8");
    }
    ExpectSameBitsAndResume(
        [&, task = task](std::uint64_t seed) {
          Task seeded = task;
          seeded.seed = seed;
          return factory->MakeOffPolicy(seeded, &fixed);
        },
        [&](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) {
            dynamic_cast<OffPolicyAgent&>(agent).Update(Rows(data, at::arange(k, k + 32, at::kLong)));
          }
        },
        100);
  }
}

}  // namespace
}  // namespace strider
