// The exact cases of the PMOE sheet, section 11, that concern PMOE-SAC; by their numbers there.
#include "agents/pmoe_sac.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "agents/nn/distributions.h"
#include "agents/nn/mixture.h"
#include "agents/registry.h"
#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr int kStates = 3;
constexpr int kActions = 2;
constexpr int kExperts = 4;
constexpr std::int64_t kRows = 24;

PmoeSacConfig SmallConfig(int experts = kExperts) {
  PmoeSacConfig config;
  config.sac.replay.batch_size = kRows;
  config.sac.hidden = {8};
  config.experts = experts;
  return config;
}

void Disturb(const Agent& agent) {
  std::uint64_t seed = 20;
  for (const auto& [name, tensor] : agent.State()) {
    ++seed;
    if (name.find("adam.") == std::string::npos) tensor.add_(0.3 * Normal(tensor.sizes(), seed));
  }
}

TransitionBatch Batch(std::uint64_t seed) { return RandomBatch(kStates, kActions, kRows, seed); }

PmoeSac::UpdateNoise Noise(std::uint64_t seed) {
  return {Normal({kRows, kExperts, kActions}, seed),
          Normal({kRows, kExperts, kActions}, seed + 1),
          -(-Normal({kRows, kExperts}, seed + 2).sigmoid().log()).log(),
          {}};
}

at::Tensor Scalar(double value) { return at::scalar_tensor(value, at::kFloat); }

// Case 9. Both draw the same numbers from the same seed.
TEST(PmoeSac, Case9OneExpertIsSacToTheBit) {
  const PmoeSacConfig config = SmallConfig(1);
  PmoeSac pmoe(BoxTask(kStates, kActions), config);
  Sac sac(BoxTask(kStates, kActions), config.sac);
  const at::Tensor router = pmoe.router().flat().clone();
  const at::Tensor policy = sac.policy().flat().clone();
  for (std::uint64_t k = 0; k < 100; ++k) {
    pmoe.Update(Batch(k));
    sac.Update(Batch(k));
    for (const char* metric : {"policy_loss", "entropy", "critic1_loss", "critic2_loss", "q"}) {
      EXPECT_EQ(Metric(pmoe, metric), Metric(sac, metric)) << metric << " " << k;
    }
  }
  EXPECT_TRUE(at::equal(pmoe.policy().flat(), sac.policy().flat()));
  EXPECT_TRUE(at::equal(pmoe.critic().flat(), sac.critic().flat()));
  EXPECT_TRUE(at::equal(pmoe.critic_target().flat(), sac.critic_target().flat()));
  EXPECT_TRUE(at::equal(State(pmoe, "alpha.log_alpha"), State(sac, "lambda.log_lambda")));
  EXPECT_TRUE(at::equal(pmoe.router().flat(), router));
  EXPECT_FALSE(at::equal(sac.policy().flat(), policy));
}

TEST(PmoeSac, TargetMovesAtItsInterval) {
  PmoeSacConfig config = SmallConfig();
  config.sac.target_interval = 3;
  config.sac.tau = 0.5;
  PmoeSac agent(BoxTask(kStates, kActions), config);
  for (std::uint64_t update = 1; update <= 9; ++update) {
    const at::Tensor before = agent.critic_target().flat().clone();
    agent.Update(Batch(update));
    EXPECT_EQ(at::equal(agent.critic_target().flat(), before), update % 3 != 0) << update;
    if (update % 3 != 0) continue;
    EXPECT_LT(LargestDifference(agent.critic_target().flat(), 0.5 * (before + agent.critic().flat())), 1e-6);
  }
}

// Critics (3, 1) and (0, 1): the second expert has the greater minimum, though the first has the greater Q_1.
// One layer of critics gives what is wanted: Q_1(s, a) = b_1 + c_1 a with a = +-1 nearly.
TEST(PmoeSac, Case12TheBestIsTheArgmaxOfTheMinimum) {
  PmoeSacConfig config = SmallConfig(2);
  config.sac.hidden = {};
  PmoeSac agent(BoxTask(1, 1), config);
  for (const auto& [name, tensor] : agent.State()) {
    if (name.find("adam.") == std::string::npos) tensor.zero_();
  }
  Assign(agent, "policy.mu.bias", {10, -10});  // a = (1, -1)
  Assign(agent, "policy.log_std.bias", {-10, -10});
  Assign(agent, "critic1.0.weight", {0, 1});  // Q_1 = 2 + a: (3, 1)
  Assign(agent, "critic1.0.bias", {2});
  Assign(agent, "critic2.0.weight", {0, -0.5F});  // Q_2 = (1 - a)/2: (0, 1)
  Assign(agent, "critic2.0.bias", {0.5F});
  const at::Tensor s = at::zeros({4, 1});
  const auto draw = agent.DrawActions(s, at::zeros({4, 2, 1}));
  const at::Tensor q = agent.ExpertQ(agent.critic(), s, draw.actions);
  EXPECT_LT(LargestDifference(q, at::tensor({0.0F, 1.0F}).expand({4, 2})), 1e-5);
  agent.StepPolicy(s, draw, {}, Scalar(0));
  EXPECT_EQ(Metric(agent, "win_1"), 0);
  EXPECT_EQ(Metric(agent, "win_2"), 1);
}

// The agent's networks again, in double and by the plain formulas.
struct Reference {
  explicit Reference(const PmoeSac& agent)
      : policy(Doubles(agent.policy())), router(Doubles(agent.router())), critic(Doubles(agent.critic())) {}

  struct Outputs {
    at::Tensor logits;   // (rows x experts)
    at::Tensor own;      // (rows x experts) log density of each action under its own expert
    at::Tensor mixture;  // (rows x experts) and under the mixture
    at::Tensor actions;  // (rows x experts x actions)
    at::Tensor q;        // (rows x experts) the lesser of both critics
  };

  // The lesser of both critics at (rows x n x actions) actions, (rows x n).
  at::Tensor LeastQ(const at::Tensor& observations, const at::Tensor& actions) const {
    const at::Tensor s = observations.to(at::kDouble).unsqueeze(1).expand({-1, actions.size(1), -1});
    std::vector<at::Tensor> qs;
    for (std::int64_t i = 0; i < 2; ++i) {
      std::vector<at::Tensor> member;
      for (const at::Tensor& p : critic) member.push_back(p[i]);
      qs.push_back(ReferenceMlp(member, at::cat({s, actions}, -1), &at::relu).squeeze(-1));
    }
    return at::minimum(qs[0], qs[1]);
  }

  Outputs Evaluate(const at::Tensor& observations, const at::Tensor& noise) const {
    const at::Tensor s = observations.to(at::kDouble);
    const at::Tensor body = at::relu(at::matmul(s, policy[0].t()) + policy[1]);
    const std::vector<std::int64_t> shape = {s.size(0), kExperts, kActions};
    const at::Tensor mean = (at::matmul(body, policy[2].t()) + policy[3]).view(shape);
    const at::Tensor sd = (at::matmul(body, policy[4].t()) + policy[5]).clamp(-20, 2).exp().view(shape);
    const at::Tensor u = mean + sd * noise.to(at::kDouble);
    const at::Tensor a = u.tanh();
    const at::Tensor slope = (1 - a.square()).log().sum(-1);
    const auto density = [&](std::int64_t k) {  // of all actions under expert k
      const at::Tensor z = (u - mean.narrow(1, k, 1)) / sd.narrow(1, k, 1);
      return (-0.5 * z.square() - sd.narrow(1, k, 1).log() - 0.5 * std::log(2 * std::numbers::pi)).sum(-1);
    };
    Outputs outputs;
    outputs.logits = at::matmul(s, router[0].t()) + router[1];
    const at::Tensor w = at::softmax(outputs.logits, 1);
    std::vector<at::Tensor> own;
    at::Tensor mixture = at::zeros({1}, at::kDouble);
    for (std::int64_t k = 0; k < kExperts; ++k) {
      own.push_back(density(k).select(1, k));
      mixture = mixture + w.narrow(1, k, 1) * density(k).exp();
    }
    outputs.own = at::stack(own, 1) - slope;
    outputs.mixture = mixture.log() - slope;
    outputs.actions = a;
    outputs.q = LeastQ(observations, a);
    return outputs;
  }

  std::vector<at::Tensor> policy;
  std::vector<at::Tensor> router;
  std::vector<at::Tensor> critic;
};

// Case 8 and section 8: losses and gradients of experts and router, each against its own loss's gradient in
// double, so that whatever leaked from one into the other would show.
TEST(PmoeSac, Case8GradientsStayApart) {
  constexpr double kAlpha = 0.2;
  const struct {
    const char* router_gradient;
    const char* expert_loss;
    const char* entropy_of;
  } cases[] = {{"frequency", "best", "expert"},   {"frequency", "best", "mixture"},
               {"score_ratio", "best", "expert"}, {"score_ratio", "weighted", "mixture"},
               {"frequency", "all", "expert"},    {"frequency", "sum", "mixture"},
               {"none", "weighted", "expert"}};
  for (const auto& [router_gradient, expert_loss, entropy_of] : cases) {
    SCOPED_TRACE(fmt::format("{} {} {}", router_gradient, expert_loss, entropy_of));
    PmoeSacConfig config = SmallConfig();
    config.sac.squash_epsilon = 0;
    config.router_gradient = router_gradient;
    config.expert_loss = expert_loss;
    config.entropy_of = entropy_of;
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    const Reference net(agent);
    const at::Tensor s = Batch(1).observations;
    const PmoeSac::UpdateNoise noise = Noise(2);
    const auto draw = agent.DrawActions(s, noise.actions);
    const at::Tensor critic = agent.critic().flat().clone();
    agent.StepPolicy(s, draw, noise, Scalar(kAlpha));
    EXPECT_TRUE(at::equal(agent.critic().flat(), critic));

    const auto outputs = net.Evaluate(s, noise.actions);
    const at::Tensor w = at::softmax(outputs.logits, 1);
    const at::Tensor best = at::one_hot(outputs.q.argmax(1), kExperts).to(at::kDouble);
    const at::Tensor losses =
        kAlpha * (config.entropy_of == "mixture" ? outputs.mixture : outputs.own) - outputs.q;
    const at::Tensor share = config.expert_loss == "best"       ? best
                             : config.expert_loss == "weighted" ? w.detach()
                             : config.expert_loss == "all"      ? at::full_like(w.detach(), 0.25)
                                                                : at::ones_like(w.detach());
    const at::Tensor loss = (share * losses).sum(1).mean();
    EXPECT_NEAR(Metric(agent, "policy_loss"), loss.item<double>(), 2e-5);
    const at::Tensor of_experts = FlatGradient(loss, net.policy);
    EXPECT_LT(LargestDifference(agent.policy().flat_grad(), of_experts), 2e-5 * LargestEntry(of_experts));

    at::Tensor router_loss = (w - best).square().sum(1).mean() / kExperts;
    if (config.router_gradient == "score_ratio") router_loss = (w * losses.detach()).sum(1).mean();
    if (config.router_gradient == "none") router_loss = 0 * w.sum();
    const at::Tensor of_router = FlatGradient(router_loss, net.router);
    EXPECT_LT(LargestDifference(agent.router().flat_grad(), of_router),
              2e-6 + 2e-5 * LargestEntry(of_router));
    EXPECT_EQ(LargestEntry(of_router) > 1e-4, config.router_gradient != "none");
  }

  // With one state a row, the heads' rows of the experts that never win have no gradient at all.
  PmoeSac agent(BoxTask(kStates, kActions), SmallConfig());
  Disturb(agent);
  const at::Tensor s = Normal({1, kStates}, 1);
  const auto draw = agent.DrawActions(s, Normal({1, kExperts, kActions}, 2));
  const auto winner = agent.ExpertQ(agent.critic(), s, draw.actions).argmax(1).item<std::int64_t>();
  agent.StepPolicy(s, draw, {}, Scalar(0.2));
  for (const auto& [name, gradient] : NamedGradients(agent.policy(), "policy")) {
    if (name.find("mu.") == std::string::npos && name.find("log_std.") == std::string::npos) continue;
    for (std::int64_t k = 0; k < kExperts; ++k) {
      const double largest = LargestEntry(gradient.narrow(0, k * kActions, kActions));
      if (k == winner) {
        EXPECT_GT(largest, 0) << name;
      } else {
        EXPECT_EQ(largest, 0) << name;
      }
    }
  }
}

// Case 7: Q(a) = a, frozen critics, actions hardly squashed: a_k ~ N(mu_k, 1) times a small number c.
TEST(PmoeSac, Case7BestExpertGradient) {
  constexpr double kScale = 1e-2;
  constexpr std::int64_t kDraws = 200000;
  PmoeSacConfig config = SmallConfig(2);
  config.sac.hidden = {};
  PmoeSac agent(BoxTask(1, 1), config);
  for (const auto& [name, tensor] : agent.State()) {
    if (name.find("adam.") == std::string::npos) tensor.zero_();
  }
  Assign(agent, "policy.mu.bias", {static_cast<float>(kScale), 0});
  const auto log_scale = static_cast<float>(std::log(kScale));
  Assign(agent, "policy.log_std.bias", {log_scale, log_scale});
  for (const char* critic : {"critic1.0.weight", "critic2.0.weight"}) Assign(agent, critic, {0, 1});
  const at::Tensor s = at::zeros({kDraws, 1});
  agent.StepPolicy(s, agent.DrawActions(s, Normal({kDraws, 2, 1}, 3)), {}, Scalar(0));
  const auto gradients = NamedGradients(agent.policy(), "policy");
  const at::Tensor mean = -Named(gradients, "policy.mu.bias");
  // d/d log sigma is sigma times d/d sigma.
  const at::Tensor spread = -Named(gradients, "policy.log_std.bias") / kScale;
  const double four_errors = 4 * std::sqrt(0.76 * 0.24 / kDraws);
  EXPECT_NEAR(mean[0].item<double>(), 0.760250, four_errors + 1e-3);
  EXPECT_NEAR(mean[1].item<double>(), 0.239750, four_errors + 1e-3);
  EXPECT_NEAR(spread[0].item<double>(), 0.219696, 4 / std::sqrt(static_cast<double>(kDraws)) + 1e-3);
  EXPECT_NEAR(-Metric(agent, "policy_loss"), kScale * 1.199641, kScale * 4 / std::sqrt(kDraws) + 1e-5);
}

// Case 10: experts under other names.
TEST(PmoeSac, Case10RelabelledExpertsLoseTheSame) {
  PmoeSac one(BoxTask(kStates, kActions), SmallConfig());
  Disturb(one);
  PmoeSac other(BoxTask(kStates, kActions), SmallConfig());
  const at::Tensor order = at::tensor({2, 0, 3, 1}, at::kLong);
  const at::Tensor rows = (order.unsqueeze(1) * kActions + at::arange(kActions, at::kLong)).reshape({-1});
  for (const auto& [name, tensor] : other.State()) {
    const bool head = name.starts_with("policy.mu") || name.starts_with("policy.log_std");
    const at::Tensor from = State(one, name);
    tensor.copy_(head                          ? from.index_select(0, rows)
                 : name.starts_with("router.") ? from.index_select(0, order)
                                               : from);
  }
  PmoeSac::UpdateNoise noise = Noise(5);
  const TransitionBatch batch = Batch(1);
  one.Update(batch, noise);
  for (at::Tensor* part : {&noise.actions, &noise.next_actions, &noise.next_expert}) {
    *part = part->index_select(1, order);
  }
  other.Update(batch, noise);
  for (const char* metric : {"policy_loss", "router_loss", "critic1_loss", "critic2_loss", "entropy"}) {
    EXPECT_NEAR(Metric(one, metric), Metric(other, metric), 1e-6) << metric;
  }
  EXPECT_NEAR(Metric(one, "win_3"), Metric(other, "win_1"), 1e-7);
  EXPECT_NEAR(Metric(one, "weight_3"), Metric(other, "weight_1"), 1e-6);
}

class SacProbe : public Sac {
 public:
  using Sac::NextValue;
  using Sac::Sac;
};

// Case 16: with the router certain of one expert, the target is SAC's of that expert.
TEST(PmoeSac, Case16TargetOfTheExpertThatTheRouterDraws) {
  PmoeSac agent(BoxTask(kStates, kActions), SmallConfig());
  Disturb(agent);
  State(agent, "router.0.weight").zero_();
  const TransitionBatch batch = Batch(1);
  const PmoeSac::UpdateNoise noise = Noise(2);
  at::Tensor targets[kExperts];
  for (std::int64_t k = 0; k < kExperts; ++k) {
    State(agent, "router.0.bias").fill_(-50);
    State(agent, "router.0.bias")[k].fill_(50);
    targets[k] = agent.NextValue(batch, noise, Scalar(0.3));
    // SAC with that expert's heads.
    SacProbe sac(BoxTask(kStates, kActions), SmallConfig().sac);
    for (const auto& [name, tensor] : sac.State()) {
      const bool head = name.starts_with("policy.mu") || name.starts_with("policy.log_std");
      if (name.find("adam.") != std::string::npos || name.starts_with("old_")) continue;
      if (!head && !name.starts_with("policy.") && !name.starts_with("critic")) continue;
      const at::Tensor from = State(agent, name);
      tensor.copy_(head ? from.narrow(0, k * kActions, kActions) : from);
    }
    const at::Tensor expected = sac.NextValue(batch, noise.next_actions.select(1, k), Scalar(0.3));
    EXPECT_LT(LargestDifference(targets[k], expected), 1e-6);
  }
  EXPECT_GT(LargestDifference(targets[0], targets[1]), 1e-3) << "this test sees nothing";

  // The optimistic target takes the expert of highest target Q.
  PmoeSacConfig config = SmallConfig();
  config.target_expert = "best_q";
  PmoeSac best(BoxTask(kStates, kActions), config);
  for (const auto& [name, tensor] : best.State()) tensor.copy_(State(agent, name));
  at::Tensor all[kExperts];
  for (std::int64_t k = 0; k < kExperts; ++k) {
    State(agent, "router.0.bias").fill_(-50);
    State(agent, "router.0.bias")[k].fill_(50);
    all[k] = agent.NextValue(batch, noise, Scalar(0));
  }
  EXPECT_LT(LargestDifference(best.NextValue(batch, noise, Scalar(0)),
                              std::get<0>(at::stack({all[0], all[1], all[2], all[3]}).max(0))),
            1e-6);
}

// The alternatives that the paper compares with: all experts learn, and the router too by the Gumbel path.
TEST(PmoeSac, AlternativesReachWhatTheyShould) {
  const auto step = [](const PmoeSacConfig& config) {
    auto agent = std::make_unique<PmoeSac>(BoxTask(kStates, kActions), config);
    Disturb(*agent);
    PmoeSac::UpdateNoise noise = Noise(2);
    noise.expert = noise.next_expert;
    const at::Tensor s = Normal({1, kStates}, 1);
    const auto draw = agent->DrawActions(s, noise.actions.narrow(0, 0, 1));
    noise.expert = noise.expert.narrow(0, 0, 1);
    agent->StepPolicy(s, draw, noise, Scalar(0.2));
    return agent;
  };
  const auto learning_experts = [](const PmoeSac& agent) {
    const at::Tensor gradient = Named(NamedGradients(agent.policy(), "policy"), "policy.mu.bias");
    return (gradient.view({kExperts, kActions}).abs().amax(1) > 0).sum().item<std::int64_t>();
  };
  PmoeSacConfig config = SmallConfig();
  EXPECT_EQ(learning_experts(*step(config)), 1);
  config.expert_loss = "all";
  EXPECT_EQ(learning_experts(*step(config)), kExperts);
  config.expert_loss = "weighted";
  EXPECT_EQ(learning_experts(*step(config)), kExperts);
  config.expert_loss = "best";
  config.router_gradient = "gumbel";
  const auto gumbel = step(config);
  EXPECT_EQ(learning_experts(*gumbel), 1) << "forward the choice is hard";
  EXPECT_GT(LargestEntry(gumbel->router().flat_grad()), 0);
  EXPECT_EQ(Metric(*gumbel, "router_loss"), Metric(*gumbel, "policy_loss"));
}

// Section 8: forward one expert that the router draws, backward the soft choice; one loss for both, in
// double.
TEST(PmoeSac, GumbelSoftmaxPathReachesRouterAndExperts) {
  constexpr double kAlpha = 0.2;
  std::vector<at::Tensor> of_routers;
  for (const double temperature : {0.5, 2.0}) {
    PmoeSacConfig config = SmallConfig();
    config.sac.squash_epsilon = 0;
    config.router_gradient = "gumbel";
    config.gumbel_temperature = temperature;
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    const Reference net(agent);
    const at::Tensor s = Batch(1).observations;
    PmoeSac::UpdateNoise noise = Noise(2);
    noise.expert = noise.next_expert;
    agent.StepPolicy(s, agent.DrawActions(s, noise.actions), noise, Scalar(kAlpha));

    const auto outputs = net.Evaluate(s, noise.actions);
    const at::Tensor soft =
        at::softmax((at::log_softmax(outputs.logits, 1) + noise.expert.to(at::kDouble)) / temperature, 1);
    const at::Tensor hard = at::one_hot(soft.argmax(1), kExperts).to(at::kDouble);
    const at::Tensor y = hard + soft - soft.detach();
    const at::Tensor action = (y.unsqueeze(-1) * outputs.actions).sum(1, /*keepdim=*/true);
    const at::Tensor loss = (kAlpha * (y * outputs.own).sum(1) - net.LeastQ(s, action).squeeze(1)).mean();
    EXPECT_NEAR(Metric(agent, "policy_loss"), loss.item<double>(), 2e-5);
    std::vector<at::Tensor> all = net.policy;
    all.insert(all.end(), net.router.begin(), net.router.end());
    const at::Tensor gradient = FlatGradient(loss, all);
    const std::int64_t size = agent.policy().flat().numel();
    const at::Tensor of_experts = gradient.narrow(0, 0, size);
    of_routers.push_back(gradient.narrow(0, size, gradient.numel() - size));
    EXPECT_LT(LargestDifference(agent.policy().flat_grad(), of_experts), 2e-5 * LargestEntry(of_experts));
    EXPECT_LT(LargestDifference(agent.router().flat_grad(), of_routers.back()),
              2e-5 * LargestEntry(of_routers.back()));
  }
  EXPECT_GT(LargestDifference(of_routers[0], of_routers[1]), 1e-3) << "the temperature counts";
}

// Section 12: one draw shared by the experts would make win frequencies wrong. Of two equal experts each wins
// half of the rows; with one draw for both all ties would go to the first.
TEST(PmoeSac, ExpertsDrawApart) {
  PmoeSac agent(BoxTask(kStates, kActions), SmallConfig(2));
  for (const auto& [name, tensor] : agent.State()) {
    if (!name.starts_with("policy.mu") && !name.starts_with("policy.log_std")) continue;
    tensor.narrow(0, kActions, kActions).copy_(tensor.narrow(0, 0, kActions));
  }
  constexpr std::int64_t kMany = 4000;
  agent.Update(RandomBatch(kStates, kActions, kMany, 1));
  EXPECT_NEAR(Metric(agent, "win_1"), 0.5, 4 * 0.5 / std::sqrt(kMany));
}

TEST(PmoeSac, GradientsAreClipped) {
  for (const double bound : {0.0, 1e-4}) {
    PmoeSacConfig config = SmallConfig();
    config.sac.max_grad_norm = bound;
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    agent.Update(Batch(1));
    for (const auto* set : {&agent.policy(), &agent.router(), &agent.critic()}) {
      const double norm = set->flat_grad().norm().item<double>();
      if (bound == 0) {
        EXPECT_GT(norm, 1e-3);
      } else {
        EXPECT_NEAR(norm, bound, 1e-6);
      }
    }
  }
}

TEST(PmoeSac, EveryAlternativeTrainsAndResumes) {
  const auto train = [](Agent& agent, int first, int last) {
    for (int k = first; k < last; ++k) dynamic_cast<PmoeSac&>(agent).Update(Batch(100 + k));
  };
  std::vector<PmoeSacConfig> configs(11, SmallConfig());
  configs[1].router_gradient = "gumbel";
  configs[2].router_gradient = "score_ratio";
  configs[2].expert_loss = "weighted";
  configs[3].entropy_of = "mixture";
  configs[3].target_expert = "best_q";
  configs[4].sac.alpha_auto = false;
  configs[5].expert_sharing = "separate";
  configs[5].expert_loss = "sum";
  configs[6].router_input = "trunk";
  configs[7].expert_loss = "sampled";
  configs[7].router_gradient = "none";
  configs[8].expert_loss = "all";
  configs[8].router_hidden = {5};
  configs[9].blend = "gated";
  configs[10].blend = "multiplied";
  for (const PmoeSacConfig& config : configs) {
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) {
          return std::make_unique<PmoeSac>(BoxTask(kStates, kActions, seed), config);
        },
        train, 20);
  }
}

TEST(PmoeSac, RefusesWhatItCannotDo) {
  EXPECT_THAT(MessageOf<InputError>([] { PmoeSac(DiscreteTask(kStates, 4), SmallConfig()); }),
              HasSubstr("needs continuous actions"));
  const auto factory = MakeFactory<PmoeSac>();
  EXPECT_THAT(MessageOf<InputError>([&] { factory->Settings().Set("agent.experts", "0"); }),
              HasSubstr("agent.experts"));
  const auto refusal = [](const char* blend, const char* router_gradient, const char* expert_loss) {
    PmoeSacConfig config = SmallConfig();
    config.blend = blend;
    config.router_gradient = router_gradient;
    config.expert_loss = expert_loss;
    return MessageOf<InputError>([&] { PmoeSac(BoxTask(kStates, kActions), config); });
  };
  EXPECT_THAT(refusal("gated", "score_ratio", "best"), HasSubstr("agent.blend = gated"));
  EXPECT_THAT(refusal("multiplied", "frequency", "all"), HasSubstr("agent.blend = multiplied"));
  PmoeSacConfig blended = SmallConfig();
  blended.blend = "gated";
  blended.entropy_of = "mixture";
  EXPECT_THAT(MessageOf<InputError>([&] { PmoeSac(BoxTask(kStates, kActions), blended); }),
              HasSubstr("agent.acting_expert left as they are"));
  EXPECT_THAT(refusal("none", "gumbel", "all"), HasSubstr("agent.expert_loss"));
  PmoeSacConfig tempered = SmallConfig();
  tempered.gumbel_temperature = 1;
  EXPECT_THAT(MessageOf<InputError>([&] { PmoeSac(BoxTask(kStates, kActions), tempered); }),
              HasSubstr("agent.gumbel_temperature = 1 has no part in agent.router_gradient = frequency"));
  tempered.router_gradient = "gumbel";
  EXPECT_NO_THROW(PmoeSac(BoxTask(kStates, kActions), tempered));
}

// One expert with all the weight is a Gaussian by itself.
TEST(PmoeSac, OneGatedExpertIsSacToTheBit) {
  PmoeSacConfig config = SmallConfig(1);
  config.blend = "gated";
  PmoeSac pmoe(BoxTask(kStates, kActions), config);
  Sac sac(BoxTask(kStates, kActions), config.sac);
  for (std::uint64_t k = 0; k < 20; ++k) {
    pmoe.Update(Batch(k));
    sac.Update(Batch(k));
  }
  EXPECT_TRUE(at::equal(pmoe.policy().flat(), sac.policy().flat()));
  EXPECT_TRUE(at::equal(pmoe.critic().flat(), sac.critic().flat()));
}

// Its loss and gradients, for experts and router, by autograd in double through the formulas as the sheet has
// them.
TEST(PmoeSac, BlendedExpertsLearnEndToEnd) {
  for (const std::string blend : {"gated", "multiplied"}) {
    PmoeSacConfig config = SmallConfig();
    config.blend = blend;
    config.sac.squash_epsilon = 0;
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    const at::Tensor s = Batch(1).observations;
    const at::Tensor eps = Normal({kRows, 1, kActions}, 2);
    const auto policy = Doubles(agent.policy());
    const auto router = Doubles(agent.router());
    const auto critic = Doubles(agent.critic());
    const at::Tensor states = s.to(at::kDouble);

    const at::Tensor body = at::relu(at::matmul(states, policy[0].t()) + policy[1]);
    const at::Tensor mu = (at::matmul(body, policy[2].t()) + policy[3]).view({kRows, kExperts, kActions});
    const at::Tensor sd =
        (at::matmul(body, policy[4].t()) + policy[5]).clamp(-20, 2).exp().view({kRows, kExperts, kActions});
    const at::Tensor z = at::matmul(states, router[0].t()) + router[1];
    at::Tensor mean;
    at::Tensor deviation;
    if (blend == "gated") {
      const at::Tensor w = (z.exp() / z.exp().sum(1, true)).unsqueeze(2);
      mean = (w * mu).sum(1);
      deviation = (w * sd.log()).sum(1).exp();
    } else {
      const at::Tensor w = (1 / (1 + (-z).exp())).unsqueeze(2);
      deviation = (w / sd.square()).sum(1).rsqrt();
      mean = deviation.square() * (w * mu / sd.square()).sum(1);
    }
    const at::Tensor u = mean + deviation * eps.squeeze(1).to(at::kDouble);
    const at::Tensor a = u.tanh();
    const at::Tensor log_prob = (-0.5 * ((u - mean) / deviation).square() - deviation.log() -
                                 0.5 * std::log(2 * std::numbers::pi) - (1 - a.square()).log())
                                    .sum(1);
    std::vector<at::Tensor> layers = critic;
    for (std::size_t i = 1; i < layers.size(); i += 2) layers[i] = layers[i].unsqueeze(1);
    const at::Tensor q = ReferenceMlp(layers, at::cat({states, a}, 1), &at::relu).squeeze(-1).amin(0);
    const at::Tensor loss = (0.2 * log_prob - q).mean();

    const auto draw = agent.DrawActions(s, eps);
    EXPECT_LT(LargestDifference(draw.actions.squeeze(1), a), 1e-5) << blend;
    agent.StepPolicy(s, draw, {}, Scalar(0.2));
    EXPECT_NEAR(Metric(agent, "policy_loss"), loss.item<double>(), 1e-5);
    EXPECT_LT(LargestDifference(agent.policy().flat_grad(), FlatGradient(loss, policy)), 2e-5) << blend;
    EXPECT_LT(LargestDifference(agent.router().flat_grad(), FlatGradient(loss, router)), 2e-5) << blend;
  }
}

TEST(PmoeSac, BlendedExpertsActAsTheyLearn) {
  for (const std::string blend : {"gated", "multiplied"}) {
    PmoeSacConfig config = SmallConfig();
    config.blend = blend;
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    agent.Update(Batch(3));
    const at::Tensor s = Batch(1).observations;
    const at::Tensor mean = agent.DrawActions(s, at::zeros({kRows, 1, kActions})).actions.squeeze(1);
    std::vector<float> actions(kRows * kActions);
    Pcg64 random(1);
    agent.MakePolicy().Sample({s.const_data_ptr<float>(), static_cast<std::size_t>(s.numel())},
                              /*deterministic=*/true, random, actions);
    EXPECT_LT(LargestDifference(at::tensor(at::ArrayRef<float>(actions)).view(mean.sizes()), mean.detach()),
              1e-5)
        << blend;
  }
}

// What is reported of the experts is what acts: own entropies, whatever the entropy term takes, and of
// multiplied experts the sigmoid's weights, among which none wins.
TEST(PmoeSac, ReportsExpertsAsTheyAre) {
  const at::Tensor s = Batch(1).observations;
  for (const char* entropy_of : {"expert", "mixture"}) {
    PmoeSacConfig config = SmallConfig();
    config.entropy_of = entropy_of;
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    const at::Tensor eps = Normal({kRows, kExperts, kActions}, 2);
    const auto draw = agent.DrawActions(s, eps);
    agent.StepPolicy(s, draw, {}, Scalar(0.2));
    const at::Tensor own = nn::SampleSquashed(draw.mean, draw.log_std, eps, 1e-6).log_prob.mean(0);
    EXPECT_NEAR(Metric(agent, "expert_entropy_3"), -own[2].item<double>(), 1e-5) << entropy_of;
    EXPECT_NEAR(Metric(agent, "weight_2"), at::softmax(draw.logits, 1).mean(0)[1].item<double>(), 1e-6);
  }

  PmoeSacConfig config = SmallConfig();
  config.blend = "multiplied";
  PmoeSac agent(BoxTask(kStates, kActions), config);
  Disturb(agent);
  const auto draw = agent.DrawActions(s, Normal({kRows, 1, kActions}, 2));
  Policy policy = agent.MakePolicy();  // before the step, as the draw
  agent.StepPolicy(s, draw, {}, Scalar(0.2));
  const at::Tensor w = 1 / (1 + (-draw.logits.detach().to(at::kDouble)).exp());
  EXPECT_NEAR(Metric(agent, "weight_2"), w.mean(0)[1].item<double>(), 1e-6);
  const at::Tensor share = w / w.sum(1, true);
  EXPECT_NEAR(Metric(agent, "router_entropy"), -(share * share.log()).sum(1).mean().item<double>(), 1e-5);
  for (const auto& [name, value] : agent.metrics()) EXPECT_FALSE(name.starts_with("win_")) << name;

  const auto seen = policy.ExpertsAt({s.const_data_ptr<float>(), static_cast<std::size_t>(s.numel())});
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t k = 0; k < kExperts; ++k) {
      EXPECT_NEAR(seen.weights(k, row), w[row][k].item<double>(), 1e-5);
    }
  }
}

// The sheet's other networks (section 6): what acts is what learns, experts of their own share nothing, and a
// router on the trunk teaches it nothing.
TEST(PmoeSac, OtherNetworks) {
  for (const bool separate : {true, false}) {
    PmoeSacConfig config = SmallConfig();
    config.sac.hidden = {8, 6};
    config.acting_expert = "most_probable";
    (separate ? config.expert_sharing : config.router_input) = separate ? "separate" : "trunk";
    PmoeSac agent(BoxTask(kStates, kActions), config);
    Disturb(agent);
    agent.Update(Batch(3));
    const at::Tensor s = Batch(1).observations;
    const auto draw = agent.DrawActions(s, Normal({kRows, kExperts, kActions}, 2));
    std::vector<float> actions(kRows * kActions);
    Pcg64 random(1);
    agent.MakePolicy().Sample({s.const_data_ptr<float>(), static_cast<std::size_t>(s.numel())},
                              /*deterministic=*/true, random, actions);
    const at::Tensor likely = draw.logits.argmax(1);
    const at::Tensor mean = draw.mean.tanh().index({at::arange(kRows, at::kLong), likely});
    EXPECT_LT(LargestDifference(at::tensor(at::ArrayRef<float>(actions)).view(mean.sizes()), mean), 1e-5);

    agent.router().Backward(nn::FrequencyLoss(draw.logits, likely), /*keep_graph=*/true);
    EXPECT_GT(LargestEntry(agent.router().flat_grad()), 0);
    if (separate) {
      agent.policy().Backward(draw.log_probs.select(1, 2).sum());
      for (std::int64_t k = 0; k < kExperts; ++k) {
        for (std::size_t i = 0; i < agent.policy().leaves().size(); ++i) {
          EXPECT_EQ(LargestEntry(agent.policy().grad(i)[k]) > 0, k == 2) << agent.policy().names()[i];
        }
      }
    } else {
      agent.policy().Backward(draw.logits.sum() + 0 * draw.mean.sum());
      EXPECT_EQ(LargestEntry(agent.policy().flat_grad()), 0);
    }
  }
}

// Section 7: the expert that acts is the one whose mean the lesser critic judges best; a run without that
// choice keeps no critics. And what acts is what learns where the router has layers of its own.
TEST(PmoeSac, TheExpertOfTheHighestQActs) {
  PmoeSacConfig config = SmallConfig();
  config.acting_expert = "best_q";
  config.router_hidden = {5};
  PmoeSac agent(BoxTask(kStates, kActions), config);
  Disturb(agent);
  agent.Update(Batch(3));
  const at::Tensor s = Batch(1).observations;
  const auto draw = agent.DrawActions(s, at::zeros({kRows, kExperts, kActions}));
  const at::Tensor best = agent.ExpertQ(agent.critic(), s, draw.mean.tanh()).argmax(1);
  EXPECT_GT(std::get<0>(at::_unique(best)).numel(), 1) << "this test sees nothing";
  std::vector<float> actions(kRows * kActions);
  Pcg64 random(1);
  Policy policy = agent.MakePolicy();
  const std::span<const float> rows(s.const_data_ptr<float>(), static_cast<std::size_t>(s.numel()));
  policy.Sample(rows, /*deterministic=*/true, random, actions);
  const at::Tensor mean = draw.mean.tanh().index({at::arange(kRows, at::kLong), best});
  EXPECT_LT(LargestDifference(at::tensor(at::ArrayRef<float>(actions)).view(mean.sizes()), mean), 1e-5);

  const Policy::Experts seen = policy.ExpertsAt(rows);
  const at::Tensor w = at::softmax(draw.logits, 1);
  for (std::int64_t row = 0; row < kRows; ++row) {
    EXPECT_NEAR(seen.weights(1, row), w[row][1].item<double>(), 1e-5);
  }
  ChooseActingExpert(policy, "most_probable");
  policy.Sample(rows, /*deterministic=*/true, random, actions);
  const at::Tensor likely = draw.mean.tanh().index({at::arange(kRows, at::kLong), draw.logits.argmax(1)});
  EXPECT_LT(LargestDifference(at::tensor(at::ArrayRef<float>(actions)).view(likely.sizes()), likely), 1e-5);

  Policy usual = PmoeSac(BoxTask(kStates, kActions), SmallConfig()).MakePolicy();
  EXPECT_TRUE(usual.critics.empty());
  EXPECT_THAT(MessageOf<InputError>([&] { ChooseActingExpert(usual, "best_q"); }),
              HasSubstr("this policy holds no critics; expected one trained with agent.acting_expert"));
  EXPECT_THAT(MessageOf<InputError>([&] { ChooseActingExpert(usual, "gated"); }),
              HasSubstr("expert 'gated': expected sampled, most_probable or best_q"));
  Policy blended = usual;
  blended.blend = Blend::kGated;
  EXPECT_THAT(MessageOf<InputError>([&] { ChooseActingExpert(blended, "sampled"); }),
              HasSubstr("no experts or options to choose from"));
}

// Section 12: separate networks are K times one network, and their blocks' zeros are no parameters.
TEST(PmoeSac, ParametersAreCounted) {
  constexpr int kRouter = kExperts * (kStates + 1);
  const auto count = [](const char* sharing) {
    PmoeSacConfig config = SmallConfig();
    config.sac.hidden = {8, 6};
    config.expert_sharing = sharing;
    return ParameterCount(PmoeSac(BoxTask(kStates, kActions), config).MakePolicy());
  };
  constexpr int kBody = 8 * (kStates + 1) + 6 * 9;
  constexpr int kHeads = 2 * kActions * 7;
  EXPECT_EQ(count("trunk"), kBody + kExperts * kHeads + kRouter);
  EXPECT_EQ(count("separate"), kExperts * (kBody + kHeads) + kRouter);
}

TEST(PmoeSac, OneSeparateExpertIsOneNetwork) {
  PmoeSacConfig config = SmallConfig(1);
  config.expert_sharing = "separate";
  PmoeSac agent(BoxTask(kStates, kActions), config);
  agent.Update(Batch(1));
  const at::Tensor s = Batch(1).observations;
  const at::Tensor mean = agent.DrawActions(s, at::zeros({kRows, 1, kActions})).actions.squeeze(1);
  std::vector<float> actions(kRows * kActions);
  Pcg64 random(1);
  agent.MakePolicy().Sample({s.const_data_ptr<float>(), static_cast<std::size_t>(s.numel())},
                            /*deterministic=*/true, random, actions);
  EXPECT_LT(LargestDifference(at::tensor(at::ArrayRef<float>(actions)).view(mean.sizes()), mean), 1e-5);
}

TEST(PmoeSac, CriticsAndHeadsAsAsked) {
  PmoeSacConfig config = SmallConfig();
  config.critic_hidden = {5, 7};
  config.head_bound = 3e-3;
  const PmoeSac agent(BoxTask(kStates, kActions), config);
  EXPECT_EQ(State(agent, "critic1.0.weight").sizes(), at::IntArrayRef({5, kStates + kActions}));
  EXPECT_EQ(State(agent, "critic2.2.weight").sizes(), at::IntArrayRef({1, 7}));
  for (const auto& [name, tensor] : agent.State()) {
    if (name.find("adam.") != std::string::npos) continue;
    const bool head = name.starts_with("policy.mu.") || name.starts_with("policy.log_std.") ||
                      (name.starts_with("critic") && name.find(".2.") != std::string::npos);
    if (head) {
      EXPECT_LE(LargestEntry(tensor), 3e-3) << name;
      EXPECT_GT(LargestEntry(tensor), 0) << name;
    } else if (name.ends_with("weight")) {
      EXPECT_GT(LargestEntry(tensor), 3e-2) << name;
    }
  }
  EXPECT_TRUE(at::equal(State(agent, "critic1.2.weight"), State(agent, "critic1_target.2.weight")));

  PmoeSacConfig odd = SmallConfig();
  odd.router_input = "trunk";
  odd.expert_sharing = "separate";
  EXPECT_THAT(MessageOf<InputError>([&] { PmoeSac(BoxTask(kStates, kActions), odd); }),
              HasSubstr("agent.router_input = trunk, but there is no trunk"));
}

// Without a gradient the router stays what it is, and with "sampled" the loss is the drawn expert's.
TEST(PmoeSac, SampledExpertWithoutRouterGradient) {
  PmoeSacConfig config = SmallConfig();
  config.router_gradient = "none";
  config.expert_loss = "sampled";
  PmoeSac agent(BoxTask(kStates, kActions), config);
  Disturb(agent);
  const at::Tensor router = agent.router().flat().clone();
  PmoeSac::UpdateNoise noise = Noise(2);
  noise.expert = at::zeros({kRows, kExperts});
  noise.expert.select(1, 2).fill_(1000);  // the third one wins every draw
  const at::Tensor s = Batch(1).observations;
  const auto draw = agent.DrawActions(s, noise.actions);
  const at::Tensor losses = 0.2 * draw.log_probs - agent.ExpertQ(agent.critic(), s, draw.actions);
  const double expected = losses.select(1, 2).mean().item<double>();
  agent.StepPolicy(s, draw, noise, Scalar(0.2));
  EXPECT_NEAR(Metric(agent, "policy_loss"), expected, 1e-6);
  agent.Update(Batch(4));
  EXPECT_TRUE(at::equal(agent.router().flat(), router));
}

}  // namespace
}  // namespace strider
