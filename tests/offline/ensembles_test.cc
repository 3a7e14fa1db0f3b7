// SAC-N and EDAC against updates recorded from CORL and the cases of the offline baselines sheet, section 10;
// and ReBRAC's, section 9.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "agents/mdpo_off.h"
#include "offline/rebrac.h"
#include "offline/sac_n.h"
#include "tests/agents/golden_updates.h"
#include "tests/agents/td3_probe.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/offline/offline_kit.h"

namespace strider {
namespace {

class SacNProbe : public SacN {
 public:
  using SacN::SacN;
  using SacN::Sample;
};

std::string InSacN(const std::string& name) { return name == "log_alpha" ? "alpha.log_alpha" : name; }

TEST(GoldenUpdates, SacN) {
  const GoldenUpdates golden("SAC_N", &InSacN);
  ASSERT_EQ(golden.Hyper("max_action"), 1);
  SacNConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.critics = golden.HyperInt("num_critics");
  config.discount = golden.Hyper("discount");
  config.tau = golden.Hyper("tau");
  config.actor_lr = golden.Hyper("actor_lr");
  config.critic_lr = golden.Hyper("critic_lr");
  config.alpha_lr = golden.Hyper("alpha_lr");
  config.alpha = golden.Hyper("initial_alpha");
  config.target_entropy = golden.Hyper("target_entropy") / golden.action_size();
  config.log_std_min = golden.Hyper("log_std_min");
  config.log_std_max = golden.Hyper("log_std_max");
  SacNProbe agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, /*max_action=*/1);
    const SacN::UpdateNoise noise{golden.Noise(k, "alpha_loss_noise"), golden.Noise(k, "actor_noise"),
                                  golden.Noise(k, "next_action_noise")};
    const auto alpha_sample = agent.Sample(batch.observations, noise.alpha);
    const auto sample = agent.Sample(batch.observations, noise.action);
    const at::Tensor q = agent.critics().Online(batch.observations, batch.actions).detach().clone();
    const at::Tensor q_pi = agent.critics().Online(batch.observations, sample.action).detach().clone();
    const nn::ParameterSet old_target = agent.critics().target().FrozenClone();
    agent.Update(batch, noise);
    std::map<std::string, double> losses;
    for (const auto& [name, value] : agent.metrics()) losses[name] = value;

    // a' is of the actor just updated; its target is computed again with the targets of before.
    const auto next = agent.Sample(batch.next_observations, noise.next_action);
    const nn::ParameterSet new_target = agent.critics().target().FrozenClone();
    agent.critics().target().CopyFrom(old_target);
    const at::Tensor next_q = agent.critics().Target(batch.next_observations, next.action.detach()).amin(0);
    agent.critics().target().CopyFrom(new_target);
    const at::Tensor soft = next_q - agent.log_alpha()[0].detach().exp() * next.log_prob.detach();
    const at::Tensor target = batch.rewards + config.discount * (1 - batch.terminals) * soft;
    for (std::int64_t i = 0; i < q.size(0); ++i) {
      losses["critic" + std::to_string(i + 1) + "_loss"] = (q[i] - target).square().mean().item<double>();
    }
    golden.CompareLosses(k, losses);
    golden.CompareGradients(k, nn::Concatenate({NamedGradients(agent.actor(), "actor"),
                                                NamedGradients(agent.critics().online(), "critic"),
                                                NamedGradients(agent.log_alpha(), "alpha")}));
    golden.CompareWeights(k, agent);
    if (!golden.HasChecks(k)) continue;
    golden.CompareChecks(k,
                         {{"alpha_loss_log_pi", alpha_sample.log_prob.detach()},
                          {"pi", sample.action.detach()},
                          {"log_pi", sample.log_prob.detach()},
                          {"q_pi", q_pi},
                          {"q_pi_min", q_pi.amin(0)},
                          {"next_action", next.action.detach()},
                          {"next_log_pi", next.log_prob.detach()},
                          {"target_q_min", next_q},
                          {"target_q_soft", soft},
                          {"td_target", target},
                          {"q", q}},
                         {});
  }
}

TEST(EdacCases, SimilarityOfCritics) {
  const at::Tensor one = Normal({1, 16, 4}, 1).to(at::kDouble);
  for (const std::int64_t n : {2, 5, 10}) {
    const at::Tensor scales = at::arange(1, n + 1, at::kDouble).view({n, 1, 1});
    EXPECT_NEAR(CriticSimilarity(one * scales).item<double>(), static_cast<double>(n), 1e-8);
  }
  const at::Tensor orthogonal = at::eye(4, at::kDouble).view({4, 1, 4}).expand({4, 16, 4});
  EXPECT_NEAR(CriticSimilarity(orthogonal).item<double>(), 0, 1e-12);
  // Opposite pairs: -1 for each ordered pair.
  EXPECT_NEAR(CriticSimilarity(at::cat({one, -one})).item<double>(), -2, 1e-8);
}

// The hand-made chain rule against autograd, and its own gradient against finite differences in double.
TEST(EdacCases, ActionGradientIsAutogradsAndDifferentiable) {
  for (const int members : {1, 3}) {
    Critics critics(BoxTask(3, 2), {6, 5}, members);
    critics.Initialise(nn::Initialisation::kUniformFanIn, 1, MakeGenerator(at::kCPU, 1));
    const TransitionBatch batch = RandomBatch(3, 2, 8, 1);
    const at::Tensor found = critics.ActionGradient(batch.observations, batch.actions);
    ASSERT_EQ(found.sizes(), (std::vector<std::int64_t>{members, 8, 2}));
    for (std::int64_t i = 0; i < members; ++i) {
      const at::Tensor a = batch.actions.clone().requires_grad_(true);
      critics.Online(batch.observations, a)[i].sum().backward({}, false, false, at::TensorList{a});
      EXPECT_LT(LargestDifference(found[i], a.grad()), 1e-6);
    }
    if (members == 1) continue;
    critics.online().Backward(CriticSimilarity(found));
    const std::vector<at::Tensor> parameters = Doubles(critics.online());
    const at::Tensor s = batch.observations.to(at::kDouble);
    const auto similarity = [&] {
      // Q's slope in the action by differences far smaller than the distance to a kink.
      std::vector<at::Tensor> slopes;
      const auto q = [&](const at::Tensor& a) {
        at::Tensor h = at::cat({s, a}, -1).unsqueeze(0).expand({members, 8, 5});
        for (std::size_t i = 0; i < parameters.size(); i += 2) {
          h = at::baddbmm(parameters[i + 1].unsqueeze(1), h, parameters[i].transpose(1, 2));
          if (i + 2 < parameters.size()) h = at::relu(h);
        }
        return h.squeeze(-1);
      };
      for (std::int64_t d = 0; d < 2; ++d) {
        at::Tensor step = at::zeros({8, 2}, at::kDouble);
        step.select(1, d).fill_(1e-5);
        const at::Tensor a = batch.actions.to(at::kDouble);
        slopes.push_back((q(a + step) - q(a - step)) / 2e-5);
      }
      return CriticSimilarity(at::stack(slopes, -1));
    };
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : FiniteDifferences(parameters, similarity, 1e-4))
      parts.push_back(part.reshape({-1}));
    const at::Tensor expected = at::cat(parts);
    EXPECT_LT(LargestDifference(critics.online().flat_grad(), expected), 1e-3 * LargestEntry(expected));
  }
}

TEST(EdacCases, OneCriticCannotDiffer) {
  EdacConfig config;
  config.critics = 1;
  EXPECT_THAT(MessageOf<InputError>([&] { Edac(BoxTask(3, 2), config); }),
              ::testing::HasSubstr("agent.eta = 1 asks critics to differ, but agent.critics = 1"));
}

TEST(EdacCases, DiversityLowersTheSimilarity) {
  EdacConfig config;
  config.hidden = {16};
  config.critics = 4;
  SacNConfig plain = config;
  plain.eta = 0;
  Edac edac(BoxTask(3, 2), config);
  SacN sac_n(BoxTask(3, 2), plain);
  const TransitionBatch batch = RandomBatch(3, 2, 64, 1);
  for (int i = 0; i < 300; ++i) {
    edac.Update(batch);
    sac_n.Update(batch);
  }
  const auto similarity = [&](const SacN& agent) {
    return CriticSimilarity(agent.critics().ActionGradient(batch.observations, batch.actions)).item<double>();
  };
  EXPECT_LT(similarity(edac), similarity(sac_n) - 0.2);
}

// One critic: SAC's losses, each by hand.
TEST(SacNCases, OneCriticIsSac) {
  SacNConfig config;
  config.hidden = {8, 8};
  config.critics = 1;
  config.alpha = 0.3;
  config.actor_lr = config.alpha_lr = 0;  // the steps follow one another; so that each sees the same weights
  SacNProbe agent(BoxTask(3, 2), config);
  const TransitionBatch batch = RandomBatch(3, 2, 32, 1);
  const SacN::UpdateNoise noise{Normal({32, 2}, 2), Normal({32, 2}, 3), Normal({32, 2}, 4)};
  const auto q = [&](const std::string& critic, const at::Tensor& s, const at::Tensor& a) {
    std::vector<at::Tensor> layers;
    for (const char* layer : {".0", ".1", ".2"}) {
      for (const char* part : {".weight", ".bias"}) layers.push_back(State(agent, critic + layer + part));
    }
    return ReferenceMlp(layers, at::cat({s, a}, -1), &at::relu).squeeze(-1);
  };
  const std::string online = "critic";
  const auto p = agent.Sample(batch.observations, noise.action);
  const auto next = agent.Sample(batch.next_observations, noise.next_action);
  const at::Tensor next_q = q("critic_target", batch.next_observations, next.action.detach());
  const at::Tensor y = batch.rewards + 0.99 * (1 - batch.terminals) * (next_q - 0.3 * next.log_prob.detach());
  const at::Tensor critic_loss = (q(online, batch.observations, batch.actions) - y).square().mean();
  const at::Tensor actor_loss = (0.3 * p.log_prob - q(online, batch.observations, p.action)).mean();
  const at::Tensor alpha_log_prob = agent.Sample(batch.observations, noise.alpha).log_prob;
  const double alpha_loss = -std::log(0.3) * (alpha_log_prob.mean().item<double>() - 2);
  agent.actor().Backward(actor_loss);
  const at::Tensor actor_gradient = agent.actor().flat_grad().clone();
  agent.Update(batch, noise);
  EXPECT_NEAR(Metric(agent, "critic_loss"), critic_loss.item<double>(), 1e-5);
  EXPECT_NEAR(Metric(agent, "actor_loss"), actor_loss.item<double>(), 1e-5);
  EXPECT_NEAR(Metric(agent, "alpha_loss"), alpha_loss, 1e-5);
  EXPECT_LT(LargestDifference(agent.actor().flat_grad(), actor_gradient), 1e-6);
  EXPECT_GT(LargestEntry(actor_gradient), 1e-4);
}

TEST(SacNCases, EntropyWeightThatIsFixedStays) {
  SacNConfig config;
  config.hidden = {8};
  config.alpha = 0;
  EXPECT_THAT(MessageOf<InputError>([&] { SacN(BoxTask(3, 2), config); }),
              ::testing::HasSubstr("agent.alpha = 0 with agent.alpha_auto = true"));
  for (const double alpha : {0.0, 0.3}) {
    config.alpha = alpha;
    config.alpha_auto = false;
    SacN agent(BoxTask(3, 2), config);
    for (int i = 0; i < 3; ++i) agent.Update(RandomBatch(3, 2, 32, 1));
    EXPECT_NEAR(Metric(agent, "alpha"), alpha, 1e-7);
  }
}

class OpenRebrac : public Rebrac {
 public:
  using Rebrac::ActorLoss;
  using Rebrac::NextAction;
  using Rebrac::Q;
  using Rebrac::Rebrac;
  using Rebrac::TargetQ;
  using Rebrac::TdTarget;
};

class RebracCases : public ::testing::Test {
 protected:
  RebracCases() {
    config_.td3.hidden = {8, 8};
    config_.td3.policy_delay = 1;
  }
  TransitionBatch batch_ = RandomBatch(3, 2, 32, 1);
  RebracConfig config_;
};

TEST_F(RebracCases, WithoutPenaltiesItIsTd3WithLambda) {
  config_.actor_penalty = 0;
  config_.critic_penalty = 0;
  OpenRebrac agent(BoxTask(3, 2), config_);
  const at::Tensor next_action = agent.NextAction(batch_, Normal({32, 2}, 2));
  const at::Tensor next_q = agent.TargetQ(batch_.next_observations, next_action).amin(0);
  EXPECT_LT(LargestDifference(agent.TdTarget(batch_, next_action),
                              batch_.rewards + 0.99 * (1 - batch_.terminals) * next_q),
            1e-6);
  const at::Tensor p = Normal({32, 2}, 3).tanh();
  const at::Tensor q = agent.Q(batch_.observations, p).amin(0);
  EXPECT_NEAR(agent.ActorLoss(batch_, p).item<double>(), (-q.mean() / q.abs().mean()).item<double>(), 1e-6);
}

TEST_F(RebracCases, Beta2EntersTheTargetLinearly) {
  std::vector<at::Tensor> targets;
  const at::Tensor noise = Normal({32, 2}, 2);
  at::Tensor next_action;
  for (const double beta : {0.0, 0.5, 1.0}) {
    config_.critic_penalty = beta;
    const OpenRebrac agent(BoxTask(3, 2), config_);
    next_action = agent.NextAction(batch_, noise);
    targets.push_back(agent.TdTarget(batch_, next_action));
  }
  const at::Tensor penalty = (next_action - batch_.next_actions).square().sum(-1);
  const at::Tensor expected = -0.99 * (1 - batch_.terminals) * penalty;
  EXPECT_LT(LargestDifference(targets[2] - targets[0], expected), 1e-5);
  EXPECT_LT(LargestDifference(targets[1] - targets[0], 0.5 * expected), 1e-5);
}

TEST_F(RebracCases, CloningSumsOverDimensionsAndTakesBothCritics) {
  config_.actor_penalty = 0.3;
  OpenRebrac agent(BoxTask(3, 2), config_);
  const at::Tensor p = Normal({32, 2}, 3).tanh();
  agent.ActorLoss(batch_, p);
  EXPECT_NEAR(Metric(agent, "actor_bc_term"), 2 * at::mse_loss(p, batch_.actions).item<double>(), 1e-5);
  const at::Tensor q = agent.Q(batch_.observations, p);
  EXPECT_GT(LargestDifference(q[0], q.amin(0)), 0);
  EXPECT_NEAR(Metric(agent, "lambda"), 1 / q.amin(0).abs().mean().item<double>(), 1e-2);
}

// The actor's target mixes in the actor of before its step; the critics' that of after it.
TEST_F(RebracCases, ActorTargetMovesBeforeTheStep) {
  OpenRebrac agent(BoxTask(3, 2), config_);
  State(agent, "actor_target.0.bias").add_(1);
  const at::Tensor actor = State(agent, "actor.0.bias").clone();
  const at::Tensor target = State(agent, "actor_target.0.bias").clone();
  agent.Update(batch_);
  EXPECT_LT(LargestDifference(State(agent, "actor_target.0.bias"), 0.995 * target + 0.005 * actor), 1e-7);
  EXPECT_GT(LargestDifference(State(agent, "actor.0.bias"), actor), 1e-4);
}

// CORL's epochs begin with an actor step.
TEST_F(RebracCases, ActorStepsOnTheFirstOfTwoUpdates) {
  config_.td3.policy_delay = 2;
  OpenRebrac agent(BoxTask(3, 2), config_);
  for (int update = 1; update <= 6; ++update) {
    const at::Tensor actor = agent.actor().flat().clone();
    const at::Tensor targets = agent.critic_target().flat().clone();
    agent.Update(batch_);
    EXPECT_EQ(at::equal(agent.actor().flat(), actor), update % 2 == 0) << "update " << update;
    EXPECT_EQ(at::equal(agent.critic_target().flat(), targets), update % 2 == 0) << "update " << update;
  }
}

// Layer norm follows the ReLU, eps 1e-6, in every hidden layer of the critics and nowhere in the actor.
TEST_F(RebracCases, CriticsNormalizeAfterTheirReLUs) {
  const OpenRebrac agent(BoxTask(3, 2), config_);
  const auto& set = agent.critic();
  at::Tensor h = at::cat({batch_.observations, batch_.actions}, -1);
  for (const std::string layer : {"0", "1"}) {
    const auto get = [&](const std::string& name) { return State(agent, "critic2." + layer + name); };
    h = at::relu(at::linear(h, get(".weight"), get(".bias")));
    const at::Tensor centred = h - h.mean(-1, true);
    h = centred / (centred.square().mean(-1, true) + 1e-6).sqrt() * get(".norm.weight") + get(".norm.bias");
    EXPECT_EQ(LargestDifference(get(".bias"), at::full({8}, 0.1F)), 0);
  }
  h = at::linear(h, State(agent, "critic2.2.weight"), State(agent, "critic2.2.bias")).squeeze(-1);
  EXPECT_LT(LargestDifference(agent.Q(batch_.observations, batch_.actions)[1], h), 1e-6);
  EXPECT_LE(LargestEntry(State(agent, "critic2.2.weight")), 3e-3);
  EXPECT_LE(LargestEntry(State(agent, "actor.2.weight")), 1e-3);
  EXPECT_EQ(set.leaves().size(), 10);
}

}  // namespace
}  // namespace strider
