// A2PR against updates recorded from its authors' program, and the A2PR sheet's section 9 by its numbers
// there.
#include "offline/a2pr.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "tests/agents/td3_probe.h"
#include "tests/offline/offline_kit.h"

namespace strider {
namespace {

// Takes its latent noise from a list, and keeps what an update sees on the way.
class A2prProbe : public Td3Probe<A2pr> {
 public:
  using A2pr::Value;
  using A2pr::value_before;
  using A2pr::ValueTarget;
  using Td3Probe::Td3Probe;

  std::deque<at::Tensor> latent_noise;
  GoldenUpdates::Checks seen;

  // The actor's loss of p as it stands, with V and Q of the latest AfterCritics.
  at::Tensor Loss(const TransitionBatch& batch, const at::Tensor& action) {
    return Td3Probe::ActorLoss(batch, action);
  }

  void AfterCritics(const TransitionBatch& batch, const at::Tensor& next_action,
                    const at::Tensor& target) override {
    const at::NoGradGuard no_grad;
    seen["value"] = Value(batch.observations).clone();
    const at::Tensor next_q = Q(batch.next_observations, next_action).amin(0);
    seen["value_target"] = ValueTarget(batch, next_action, target);
    seen["q1_after_critic_step"] = Q(batch.observations, batch.actions)[0].clone();
    seen["next_q_online"] = next_q;
    seen["vae_mask"] = (seen["q1_after_critic_step"] > seen["value"]).to(at::kLong).unsqueeze(-1);
    const ActionVae::Code code = vae_net().Encode(vae(), batch.observations, batch.actions);
    seen["vae_mean"] = code.mean;
    seen["vae_std"] = at::exp(code.log_std);
    if (!latent_noise.empty()) {
      seen["vae_reconstruction"] = vae_net().Decode(vae(), batch.observations,
                                                    code.mean + at::exp(code.log_std) * latent_noise.front());
    }
    const at::AutoGradMode with_gradients(true);
    A2pr::AfterCritics(batch, next_action, target);
  }

  at::Tensor Candidate(const at::Tensor& observations, const at::Tensor& action) override {
    const ActionVae::Code code = vae_net().Encode(vae(), observations, action);
    seen["vae_mean_pi"] = code.mean.detach();
    seen["vae_std_pi"] = at::exp(code.log_std).detach();
    at::Tensor candidate = A2pr::Candidate(observations, action);
    seen["candidate"] = candidate.detach();
    return candidate;
  }

 protected:
  at::Tensor LatentNoise(std::int64_t rows) override {
    if (latent_noise.empty()) return A2pr::LatentNoise(rows);
    at::Tensor noise = latent_noise.front();
    latent_noise.pop_front();
    return noise;
  }

  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override {
    at::Tensor loss = Td3Probe::ActorLoss(batch, action);
    const at::Tensor v = seen["value"];
    const at::Tensor candidate_advantage = Q(batch.observations, seen["candidate"])[0].detach() - v;
    const at::Tensor data_advantage = seen["q1_after_critic_step"] - v;
    const A2prChoice choice = ChooseAction(candidate_advantage, data_advantage);
    seen["advantage_candidate"] = candidate_advantage;
    seen["advantage_data"] = data_advantage;
    seen["candidate_chosen"] = choice.candidate_chosen.to(at::kLong).unsqueeze(-1);
    seen["gate"] = choice.gate.to(at::kLong).unsqueeze(-1);
    seen["chosen_action"] =
        at::where(choice.candidate_chosen.unsqueeze(-1), seen["candidate"], batch.actions);
    return loss;
  }
};

TEST(GoldenUpdates, A2pr) {
  const GoldenUpdates golden("A2PR");
  A2prConfig config;
  config.td3 = Td3ConfigOf(golden);
  config.critic_hidden = golden.Hidden("critic1");
  config.vae_hidden = golden.Hidden("vae.encoder");
  config.vae_hidden.push_back(config.vae_hidden.back());  // the encoder's last layer is no output
  config.alpha = golden.Hyper("alpha");
  config.mask = golden.Hyper("mask");
  config.vae_weight = golden.Hyper("vae_weight");
  config.value_lr = golden.Hyper("value_lr");
  config.vae_lr = golden.Hyper("vae_lr");
  A2prProbe agent(golden.MakeTask(), config);
  CompareTd3Updates(
      golden, agent,
      [&](const TransitionBatch& batch, GoldenUpdates::Checks& checks) {
        for (const auto& [name, tensor] : agent.seen) checks[name] = tensor;
        checks["td_target_online_critics"] =
            batch.rewards + config.td3.discount * (1 - batch.terminals) * agent.seen["next_q_online"];
      },
      [&](int k) {
        agent.latent_noise = {golden.Noise(k, "vae_latent_noise")};
        if (k % config.td3.policy_delay == 0) {
          agent.latent_noise.push_back(golden.Noise(k, "actor_vae_latent_noise"));
        }
      },
      [&] {
        EXPECT_TRUE(agent.latent_noise.empty()) << "noise is drawn twice: for the VAE and for the actor";
        return nn::Concatenate({NamedGradients(agent.value(), "value"), NamedGradients(agent.vae(), "vae")});
      });
}

TEST(A2prChoice, TruthTable) {
  const struct {
    double candidate, data;
    bool takes_candidate, pulls;
  } rows[] = {{2, 1, true, true},    {1, 2, false, true},    {1, -1, true, true}, {-1, 1, false, true},
              {-1, -2, true, false}, {-2, -1, false, false}, {1, 1, true, true},  {0, -1, true, true},
              {-1, 0, false, false}, {2, 2, true, true}};
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message() << row.candidate << " and " << row.data);
    const A2prChoice choice = ChooseAction(at::tensor({row.candidate}), at::tensor({row.data}));
    EXPECT_EQ(choice.candidate_chosen.item<bool>(), row.takes_candidate);
    EXPECT_EQ(choice.gate.item<bool>(), row.pulls);
    // The same about any threshold.
    const A2prChoice shifted =
        ChooseAction(at::tensor({row.candidate + 5}), at::tensor({row.data + 5}), /*threshold=*/5);
    EXPECT_EQ(shifted.candidate_chosen.item<bool>(), row.takes_candidate);
    EXPECT_EQ(shifted.gate.item<bool>(), row.pulls);
  }
}

class A2prCases : public ::testing::Test {
 protected:
  A2prCases() {
    config_.td3.hidden = {8};
    config_.td3.policy_delay = 1;
    config_.critic_hidden = {8};
    config_.vae_hidden = {8};
  }

  // An agent whose networks are not small around zero.
  std::unique_ptr<A2prProbe> Agent(double value_bias = 0) {
    auto agent = std::make_unique<A2prProbe>(BoxTask(3, 2), config_);
    for (const auto& [name, tensor] : agent->State()) {
      if (name.find("adam.") == std::string::npos) tensor.add_(0.3 * Normal(tensor.sizes(), name.size()));
    }
    State(*agent, "value.1.bias").add_(value_bias);
    return agent;
  }
  at::Tensor ActionNoise() const { return Normal({32, 2}, 5); }

  TransitionBatch batch_ = RandomBatch(3, 2, 32, 1);
  A2prConfig config_;
};

// Nothing is better than a value of 1e6: no reconstruction, no pull, and the actor's step is TD3's with
// scaled Q. Everything is better than -100: a full pull, once, to the better of both.
TEST_F(A2prCases, Case1ForcedValues) {
  const auto never = Agent(1e6);
  never->Update(batch_, ActionNoise());
  EXPECT_EQ(Metric(*never, "vae_recon_loss"), 0);
  EXPECT_EQ(Metric(*never, "vae_mask"), 0);
  EXPECT_EQ(Metric(*never, "actor_bc_term"), 0);
  EXPECT_EQ(Metric(*never, "gate"), 0);
  EXPECT_EQ(Metric(*never, "actor_loss"), Metric(*never, "actor_q_term"));
  config_.mask = 0;
  const auto unpulled = Agent();
  unpulled->Update(batch_, ActionNoise());
  EXPECT_LT(LargestDifference(never->actor().flat_grad(), unpulled->actor().flat_grad()), 1e-7);

  config_.mask = 1;
  const auto always = Agent(-100);
  always->Update(batch_, ActionNoise());
  EXPECT_EQ(Metric(*always, "vae_mask"), 1);
  EXPECT_EQ(Metric(*always, "gate"), 1);
  const at::Tensor candidate = always->seen["candidate"];
  const at::Tensor takes_candidate = always->Q(batch_.observations, candidate)[0].detach() >=
                                     always->Q(batch_.observations, batch_.actions)[0].detach();
  ASSERT_GT(takes_candidate.sum().item<int>(), 0);
  ASSERT_LT(takes_candidate.sum().item<int>(), 32);
  const at::Tensor better = at::where(takes_candidate.unsqueeze(-1), candidate, batch_.actions);
  EXPECT_NEAR(Metric(*always, "actor_bc_term"), at::mse_loss(always->pi(), better).item<double>(), 1e-5);
}

// A threshold that no advantage reaches, and one that all do.
TEST_F(A2prCases, ThresholdMasksAndGates) {
  for (const double threshold : {1e6, -1e6}) {
    config_.advantage_threshold = threshold;
    const auto agent = Agent();
    agent->Update(batch_, ActionNoise());
    EXPECT_EQ(Metric(*agent, "vae_mask"), threshold < 0 ? 1 : 0);
    EXPECT_EQ(Metric(*agent, "gate"), threshold < 0 ? 1 : 0);
  }
}

class IdentityVae : public A2prProbe {
 public:
  using A2prProbe::A2prProbe;

  at::Tensor Candidate(const at::Tensor& observations, const at::Tensor& action) override {
    A2prProbe::Candidate(observations, action);
    seen["candidate"] = action.detach();
    return action;
  }
};

TEST_F(A2prCases, Case2CandidateThatIsTheActionPullsNowhere) {
  IdentityVae agent(BoxTask(3, 2), config_);
  State(agent, "value.1.bias").fill_(-100);
  agent.Update(batch_, ActionNoise());
  const at::Tensor chosen = agent.seen["candidate_chosen"].squeeze(-1);
  ASSERT_GT(chosen.sum().item<double>(), 0);
  ASSERT_LT(chosen.sum().item<double>(), 32);
  const at::Tensor p = Normal({32, 2}, 8).tanh().requires_grad_(true);
  const at::Tensor loss = agent.Loss(batch_, p);
  const double q_term = Metric(agent, "actor_q_term");
  const at::Tensor picked = ChooseAction(agent.Q(batch_.observations, p.detach())[0],
                                         agent.Q(batch_.observations, batch_.actions)[0])
                                .candidate_chosen.unsqueeze(-1)
                                .to(at::kFloat);
  const at::Tensor expected = config_.mask * ((1 - picked) * (p - batch_.actions).square()).mean();
  EXPECT_NEAR(loss.item<double>() - q_term, expected.item<double>(), 1e-6);
  // The pull's own gradient, Q's taken away.
  const at::Tensor q = agent.Q(batch_.observations, p)[0];
  const double lambda = config_.alpha / q.abs().mean().item<double>();
  (loss + lambda * q.mean()).backward();
  EXPECT_LT(LargestEntry(p.grad() * picked), 1e-7);
  EXPECT_GT(LargestEntry(p.grad() * (1 - picked)), 1e-3);
}

TEST(ActionVaeCases, Case3DivergenceAndClamp) {
  const auto divergence = [](double mean, double std) {
    return ActionVae::Divergence({at::full({3, 4}, mean), at::full({3, 4}, std::log(std))}).item<double>();
  };
  EXPECT_NEAR(divergence(0, 1), 0, 1e-7);
  EXPECT_NEAR(divergence(1, 1), 0.5, 1e-6);
  EXPECT_NEAR(divergence(0, std::exp(1.0)), 2.1945, 1e-4);

  const ActionVae net(3, 2, {8}, 1);
  const nn::ParameterSet parameters(net.Shapes(), at::kCPU);
  for (const auto& [name, tensor] : parameters.Named("")) {
    if (name == ".log_std.bias") tensor.copy_(at::tensor({-10.0F, 0.5F, 15.5F, -4.0F}));
  }
  const auto code = net.Encode(parameters, Normal({5, 3}, 1), Normal({5, 2}, 2));
  const std::vector<float> expected = {-4, 0.5, 15, -4};
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(code.log_std[2][i].item<float>(), expected[static_cast<std::size_t>(i)]);
}

// V follows the lower of both backups.
TEST_F(A2prCases, Case6ValueTargetIsTheLowerBackup) {
  const auto agent = Agent();
  for (const char* critic : {"critic1", "critic2"}) {
    for (const auto& [name, tensor] : agent->critic().Named("critic")) {
      State(*agent, std::string(critic) + "_target" + name.substr(7))
          .copy_(State(*agent, critic + name.substr(7)));
    }
  }
  const at::Tensor next_action = agent->NextAction(batch_, ActionNoise());
  const auto value_target = [&] {
    return agent->ValueTarget(batch_, next_action, agent->TdTarget(batch_, next_action));
  };
  const at::Tensor equal = value_target();
  EXPECT_LT(LargestDifference(equal, agent->TdTarget(batch_, next_action)), 1e-6);
  for (const char* critic : {"critic1", "critic2"}) {
    State(*agent, std::string(critic) + ".1.bias").add_(1);
    State(*agent, std::string(critic) + "_target.1.bias").sub_(1);
  }
  const at::Tensor drop = config_.td3.discount * (1 - batch_.terminals);
  EXPECT_LT(LargestDifference(value_target(), equal - drop), 1e-5);
  for (const char* critic : {"critic1", "critic2"}) {
    State(*agent, std::string(critic) + ".1.bias").sub_(2);
    State(*agent, std::string(critic) + "_target.1.bias").add_(2);
  }
  EXPECT_LT(LargestDifference(value_target(), equal - drop), 1e-5);
}

// Critics that are right everywhere: V becomes the mean over the data's actions. State 0 leads to state 1,
// where Q is 2 as it is in state 1, whose rows end; rewards differ with the action.
TEST_F(A2prCases, Case6ValueIsTheMeanOverTheData) {
  config_.td3.critic_lr = 0;
  config_.value_lr = 1e-2;
  A2prProbe agent(BoxTask(2, 2), config_);
  for (const std::string critic : {"critic1", "critic2", "critic1_target", "critic2_target"}) {
    State(agent, critic + ".1.weight").zero_();
    State(agent, critic + ".1.bias").fill_(2);
  }
  TransitionBatch batch = RandomBatch(2, 2, 40, 1);
  const at::Tensor place = batch.indices % 2;
  batch.observations = at::one_hot(place, 2).to(at::kFloat);
  batch.next_observations = at::one_hot(at::ones_like(place), 2).to(at::kFloat);
  batch.terminals = place.to(at::kFloat);
  batch.rewards = (batch.indices % 4 >= 2).to(at::kFloat);  // half of each state's rows
  for (int i = 0; i < 1500; ++i) agent.Update(batch);
  const at::Tensor value = agent.Value(at::eye(2));
  EXPECT_NEAR(value[0].item<double>(), 0.5 + config_.td3.discount * 2, 0.01);
  EXPECT_NEAR(value[1].item<double>(), 0.5, 0.01);
}

// Q of after the critics' step against V of before its own.
TEST_F(A2prCases, Case8AdvantagesAreOfTheNewCriticsAndTheOldValue) {
  config_.td3.critic_lr = 0.2;
  config_.value_lr = 0.2;
  const auto agent = Agent();
  const auto q = [&] { return agent->Q(batch_.observations, batch_.actions)[0].detach().clone(); };
  const auto v = [&] { return agent->Value(batch_.observations).detach().clone(); };
  const at::Tensor old_q = q();
  const at::Tensor old_v = v();
  agent->Update(batch_, ActionNoise());
  const auto share = [](const at::Tensor& a, const at::Tensor& b) {
    return (a > b).to(at::kFloat).mean().item<double>();
  };
  EXPECT_EQ(Metric(*agent, "vae_mask"), share(q(), old_v));
  EXPECT_TRUE(at::equal(agent->value_before(), old_v));
  ASSERT_FALSE(at::equal(q() > old_v, old_q > old_v));
  ASSERT_FALSE(at::equal(q() > old_v, q() > v()));
}

TEST_F(A2prCases, VaeWeightWeighsTheReconstructionAlone) {
  double reconstruction = 0;
  double divergence = 0;
  for (const double weight : {1.0, 1.5}) {
    config_.vae_weight = weight;
    const auto agent = Agent(-100);
    agent->latent_noise = {Normal({32, 4}, 6), Normal({32, 4}, 7)};
    agent->Update(batch_, ActionNoise());
    if (weight == 1.5) {
      EXPECT_NEAR(Metric(*agent, "vae_recon_loss"), 1.5 * reconstruction, 1e-6);
      EXPECT_EQ(Metric(*agent, "vae_kl_loss"), divergence);
    }
    reconstruction = Metric(*agent, "vae_recon_loss");
    divergence = Metric(*agent, "vae_kl_loss");
    EXPECT_NEAR(Metric(*agent, "vae_loss"), reconstruction + 0.5 * divergence, 1e-6);
  }
}

// V in the critics' unit, all advantages are 64 times as large too: the same rows are reconstructed and
// pulled, to the same actions.
TEST_F(A2prCases, Case7CriticScaleCancels) {
  config_.td3.critic_lr = 0;
  const auto plain = Agent();
  const auto scaled = Agent();
  ExpectCriticScaleToCancel<A2pr>(*plain, *scaled, batch_, {"critic1.1", "value.1"});
  for (const char* same : {"vae_mask", "gate", "candidate_chosen", "actor_bc_term", "actor_q_term"}) {
    EXPECT_NEAR(Metric(*scaled, same), Metric(*plain, same), 1e-6) << same;
  }
  EXPECT_GT(Metric(*plain, "actor_bc_term"), 0) << "nothing is pulled";
}

// The actor's gradient against finite differences in double, with the candidate's path into the policy and
// without; lambda, choice and gate held.
TEST_F(A2prCases, Case7StopGradients) {
  config_.td3.critic_lr = 0;
  config_.vae_lr = 0;
  at::Tensor attached;
  for (const bool detach : {false, true}) {
    SCOPED_TRACE(detach);
    config_.detach_candidate = detach;
    const auto agent = Agent(-100);
    agent->latent_noise = {Normal({32, 4}, 6), Normal({32, 4}, 7)};
    const at::Tensor latent_noise = agent->latent_noise.back().to(at::kDouble);
    const std::vector<at::Tensor> actor = Doubles(agent->actor());
    std::vector<at::Tensor> vae;
    for (const at::Tensor& p : Doubles(agent->vae())) vae.push_back(p.detach());
    std::vector<at::Tensor> critic1;
    for (const at::Tensor& p : Doubles(agent->critic())) critic1.push_back(p.detach()[0]);
    agent->Update(batch_, ActionNoise());

    const at::Tensor s = batch_.observations.to(at::kDouble);
    const at::Tensor a = batch_.actions.to(at::kDouble);
    const auto pi = [&] { return ReferenceMlp(actor, s, &at::relu).tanh(); };
    const auto linear = [&](const at::Tensor& x, std::size_t i) {
      return at::matmul(x, vae[i].t()) + vae[i + 1];
    };
    const auto decode = [&](const at::Tensor& p) {
      const at::Tensor h = at::relu(linear(at::cat({s, p}, -1), 0));
      const at::Tensor z = linear(h, 2) + at::exp(linear(h, 4).clamp(-4, 15)) * latent_noise;
      return linear(at::relu(linear(at::cat({s, z}, -1), 6)), 8).tanh();
    };
    const at::Tensor fixed = decode(pi()).detach();
    const auto q = [&](const at::Tensor& p) { return ReferenceMlp(critic1, at::cat({s, p}, -1), &at::relu); };
    const double lambda = config_.alpha / q(pi()).abs().mean().item<double>();
    const at::Tensor chosen = agent->seen["candidate_chosen"].to(at::kBool);
    ASSERT_GT(chosen.sum().item<double>(), 3);
    const auto loss = [&] {
      const at::Tensor p = pi();
      const at::Tensor target = at::where(chosen, detach ? fixed : decode(p), a);
      return -lambda * q(p).mean() + config_.mask * (p - target).square().mean();
    };
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : FiniteDifferences(actor, loss, 1e-6)) parts.push_back(part.reshape({-1}));
    const at::Tensor expected = at::cat(parts);
    EXPECT_LT(LargestDifference(agent->actor().flat_grad(), expected), 2e-5 * LargestEntry(expected));
    if (detach) {
      EXPECT_GT(LargestDifference(expected, attached), 1e-3 * LargestEntry(expected));
    } else {
      attached = expected;
    }
  }
}

TEST_F(A2prCases, Case9MaskIsAWeight) {
  double pull = 0;
  double gate = 0;
  for (const double mask : {0.5, 1.0}) {
    config_.mask = mask;
    const auto agent = Agent();
    agent->latent_noise = {Normal({32, 4}, 6), Normal({32, 4}, 7)};
    agent->Update(batch_, ActionNoise());
    if (mask == 1) {
      EXPECT_EQ(Metric(*agent, "actor_bc_term"), 2 * pull);
      EXPECT_EQ(Metric(*agent, "gate"), gate);
    }
    pull = Metric(*agent, "actor_bc_term");
    gate = Metric(*agent, "gate");
  }
  EXPECT_GT(pull, 0);
  EXPECT_GT(gate, 0);
}

// The paper's candidate: decoded from the prior, whatever the policy does, within half a deviation of its
// mean.
TEST_F(A2prCases, PriorCandidateIgnoresThePolicy) {
  config_.candidate = "prior";
  const auto agent = Agent();
  const at::Tensor far = 3 * Normal({32, 4}, 6);
  agent->latent_noise = {far, far, far.clamp(-0.5, 0.5)};
  const at::Tensor one = agent->Candidate(batch_.observations, batch_.actions);
  const at::Tensor other = agent->Candidate(batch_.observations, -batch_.actions);
  EXPECT_TRUE(at::equal(one, other));
  EXPECT_TRUE(at::equal(one, agent->Candidate(batch_.observations, batch_.actions)));
}

// V and VAE are networks too: no step is longer than the bound on the gradient's norm allows.
TEST(A2pr, TheBoundOnGradientsIsForEveryNetwork) {
  A2prConfig config;
  config.td3.hidden = {8};
  config.vae_hidden = {8};
  config.td3.max_grad_norm = 1e-3;
  A2prProbe agent(BoxTask(3, 2), config);
  agent.Update(RandomBatch(3, 2, 16, 1));
  for (const auto& [name, part] : {std::pair{"value", &agent.value()}, {"vae", &agent.vae()}}) {
    EXPECT_NEAR(part->flat_grad().norm().item<double>(), 1e-3, 1e-7) << name;
  }
}

}  // namespace
}  // namespace strider
