// DAC: probabilities, values and losses of both of its levels by hand, and one option against PPO.
#include "agents/dac.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "agents/nn/host_memory.h"
#include "agents/registry.h"
#include "core/error.h"
#include "tests/agents/learner_kit.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr int kObservations = 3;  // the environment's own
constexpr int kActions = 2;

PpoConfig SmallPpo() {
  PpoConfig config;
  config.hidden = {8};
  config.minibatch = 16;
  config.epochs = 2;
  return config;
}

DacConfig Small(int options) {
  DacConfig config;
  config.ppo = SmallPpo();
  config.options = options;
  return config;
}

Task OptionsTask(int options, std::uint64_t seed = 1) {
  Task task = BoxTask(kObservations + options, kActions + 1, seed);
  task.augmentation.options = options;
  return task;
}

// Rows with `more` numbers after each of their own.
std::vector<float> Wider(const std::vector<float>& rows, int own, const std::vector<float>& more) {
  const std::size_t count = rows.size() / static_cast<std::size_t>(own);
  const std::size_t added = more.size() / std::max<std::size_t>(count, 1);
  std::vector<float> wide;
  for (std::size_t row = 0; row < count; ++row) {
    wide.insert(wide.end(), rows.begin() + static_cast<std::ptrdiff_t>(row) * own,
                rows.begin() + static_cast<std::ptrdiff_t>(row + 1) * own);
    wide.insert(wide.end(), more.begin() + static_cast<std::ptrdiff_t>(row * added),
                more.begin() + static_cast<std::ptrdiff_t>((row + 1) * added));
  }
  return wide;
}

// The same with options drawn uniformly in each row, and the rows that follow showing them.
Rollout WithOptions(Rollout rollout, int options, std::uint64_t seed) {
  Pcg64 random(seed);
  std::vector<float> chosen;
  for (std::int64_t row = 0; row < rollout.rows(); ++row) {
    chosen.push_back(static_cast<float>(random.Integers(0, options)));
  }
  const auto environments = static_cast<std::size_t>(rollout.environments);
  const auto shown = [&](std::int64_t option) {  // -1: none
    std::vector<float> columns(static_cast<std::size_t>(options), 0.0F);
    if (option >= 0) columns[static_cast<std::size_t>(option)] = 1;
    return columns;
  };
  const auto after = [&](std::size_t row) { return shown(static_cast<std::int64_t>(chosen[row])); };
  std::vector<float> previous;
  for (std::size_t row = 0; row < chosen.size() + environments; ++row) {
    const bool starts = row < environments || rollout.ended[row - environments] != 0;
    for (const float x : starts ? shown(-1) : after(row - environments)) previous.push_back(x);
  }
  std::vector<float> cut;
  for (const std::int64_t row : rollout.truncated_rows) {
    for (const float x : after(static_cast<std::size_t>(row))) cut.push_back(x);
  }
  const auto split = static_cast<std::ptrdiff_t>(chosen.size()) * options;
  rollout.observations =
      Wider(rollout.observations, kObservations, {previous.begin(), previous.begin() + split});
  rollout.last_observations =
      Wider(rollout.last_observations, kObservations, {previous.begin() + split, previous.end()});
  rollout.truncated_observations = Wider(rollout.truncated_observations, kObservations, cut);
  rollout.actions = Wider(rollout.actions, kActions, chosen);
  rollout.observation_size += options;
  rollout.action_size += 1;
  return rollout;
}

Rollout RandomOptions(int options, int steps, int environments, std::uint64_t seed) {
  return WithOptions(RandomRollout(kObservations, kActions, 0, steps, environments, seed), options, seed + 7);
}

at::Tensor Matrix(const std::vector<float>& rows, int width) {
  return nn::OverHostMemory(rows, {static_cast<std::int64_t>(rows.size()) / width, width}).clone();
}

// Some weights other than the first ones, which are nearly zero in the last layers.
void Shake(const Agent& agent, double scale = 0.3) {
  std::uint64_t seed = 5;
  for (const auto& [name, tensor] : agent.State()) {
    if (name.find("adam") == std::string::npos) tensor.add_(scale * Normal(tensor.sizes(), ++seed));
  }
}

// mu = (.2, .3, .5) and beta = .25 of the second option.
TEST(OptionLogProbs, ByHand) {
  const auto tensor = [](std::initializer_list<double> values) {
    return at::tensor(at::ArrayRef<double>(values), at::kDouble).view({-1, 3});
  };
  const at::Tensor choice = tensor({0.2, 0.3, 0.5, 0.2, 0.3, 0.5}).log() + 1.7;
  const at::Tensor end = tensor({9, std::log(0.25 / 0.75), -9, 9, -9, 9});
  const at::Tensor probabilities = OptionLogProbs(choice, end, tensor({0, 1, 0, 0, 0, 0})).exp();
  EXPECT_LT(LargestDifference(probabilities, tensor({0.05, 0.825, 0.125, 0.2, 0.3, 0.5})), 1e-12);
}

// Gradients against finite differences of the formula as it is written, and finite where beta is 0 or 1.
TEST(OptionLogProbs, GradientsAndExtremes) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const at::Tensor previous = at::eye(3, options).narrow(0, 0, 2);
  const at::Tensor choice = Normal({2, 3}, 1).to(at::kDouble).set_requires_grad(true);
  const at::Tensor end = Normal({2, 3}, 2).to(at::kDouble).set_requires_grad(true);
  const at::Tensor weights = Normal({2, 3}, 3).to(at::kDouble);
  const auto written = [&] {
    const at::Tensor beta = (at::sigmoid(end) * previous).sum(1, true);
    return (((1 - beta) * previous + beta * at::softmax(choice, 1)).log() * weights).sum();
  };
  const at::Tensor loss = (OptionLogProbs(choice, end, previous) * weights).sum();
  EXPECT_NEAR(loss.item<double>(), written().item<double>(), 1e-12);
  loss.backward();
  const auto expected = FiniteDifferences({choice, end}, written, 1e-6);
  EXPECT_LT(LargestDifference(choice.grad(), expected[0]), 1e-7);
  EXPECT_LT(LargestDifference(end.grad(), expected[1]), 1e-7);

  for (const double logit : {-300.0, 300.0}) {
    const at::Tensor far = at::full({2, 3}, logit, options).set_requires_grad(true);
    const at::Tensor log_probs = OptionLogProbs(choice, far, previous);
    EXPECT_TRUE(at::isfinite(log_probs).all().item<bool>());
    log_probs.sum().backward();
    EXPECT_TRUE(at::isfinite(far.grad()).all().item<bool>());
  }
}

TEST(Dac, ActionsAreThoseOfTheirOption) {
  DacConfig config = Small(2);
  config.ppo.hidden = {};
  Dac agent(OptionsTask(2), config);
  State(agent, "policy.0.weight").zero_();
  Assign(agent, "policy.0.bias", {1, 2, -3, 4});
  Assign(agent, "policy.log_std", {0, std::log(2.0F), std::log(0.5F), 0});
  const at::Tensor s = at::zeros({2, 5});
  const at::Tensor a = at::tensor({1.5F, 1.0F, 0.0F, -3.25F, 4.0F, 1.0F}).view({2, 3});
  const double half_log_two_pi = 0.5 * std::log(2 * M_PI);
  const at::Tensor expected = at::tensor(
      {-0.125 - 0.125 - std::log(2.0) - 2 * half_log_two_pi, -0.125 + std::log(2.0) - 2 * half_log_two_pi});
  EXPECT_LT(LargestDifference(agent.ActionLogProb(s, a), expected), 1e-6);
}

TEST(Dac, OneOptionIsPpoToTheBit) {
  DacConfig config = Small(1);
  config.ppo.entropy_coef = 0.01;
  config.ppo.rollout.timeout_bootstrap = true;
  Dac dac(OptionsTask(1), config);
  Ppo ppo(BoxTask(kObservations, kActions), config.ppo);
  const at::Tensor start = ppo.actor().parameters().flat().clone();
  for (int k = 0; k < 25; ++k) {
    const Rollout rollout = RandomRollout(kObservations, kActions, 0, 32, 2, static_cast<std::uint64_t>(k));
    dac.Update(WithOptions(rollout, 1, 3), k, 30);
    ppo.Update(rollout, k, 30);
    for (const char* name : {"policy_loss", "value_loss", "entropy", "kl", "clipped"}) {
      EXPECT_EQ(Metric(dac, name), Metric(ppo, name)) << name;
    }
  }
  for (const auto& [name, tensor] : ppo.State()) EXPECT_TRUE(at::equal(State(dac, name), tensor)) << name;
  EXPECT_FALSE(at::equal(ppo.actor().parameters().flat(), start));
}

// A value's loss before anything is learnt is half the mean square of the advantages, those of a level's own
// values: estimated here step by step in double.
TEST(Dac, BothLevelsJudgeByTheirOwnValues) {
  DacConfig config = Small(3);
  config.ppo.epochs = 1;
  config.ppo.minibatch = 1000;
  config.ppo.lr = 1e-30;
  config.ppo.rollout.timeout_bootstrap = true;
  Dac agent(OptionsTask(3), config);
  Shake(agent);
  const int environments = 2;
  const Rollout rollout = RandomOptions(3, 40, environments, 11);
  ASSERT_FALSE(rollout.truncated_rows.empty());
  agent.Update(rollout, 0, 10);

  const at::NoGradGuard no_grad;
  const auto high_values = [&](const std::vector<float>& rows) {
    const at::Tensor o = Matrix(rows, kObservations + 3);
    return (agent.OptionLogProbs(o).exp() * agent.Q(o)).sum(1);
  };
  const at::Tensor high = high_values(rollout.observations);
  const at::Tensor q = agent.Q(Matrix(rollout.observations, kObservations + 3));
  const at::Tensor ahead = high_values(rollout.last_observations);
  const at::Tensor cut = high_values(rollout.truncated_observations);
  for (const bool of_options : {true, false}) {
    const auto value = [&](std::int64_t row) {
      if (row >= rollout.rows()) return ahead[row - rollout.rows()].item<double>();
      const auto option = static_cast<std::int64_t>(rollout.actions[static_cast<std::size_t>(3 * row + 2)]);
      return (of_options ? high[row] : q[row][option]).item<double>();
    };
    double squares = 0;
    for (int i = 0; i < environments; ++i) {
      double advantage = 0;
      for (std::int64_t row = rollout.rows() - environments + i; row >= 0; row -= environments) {
        const bool ended = rollout.ended[static_cast<std::size_t>(row)] != 0;
        double next = ended ? 0 : value(row + environments);
        for (std::size_t k = 0; k < rollout.truncated_rows.size(); ++k) {
          if (rollout.truncated_rows[k] == row) next = cut[static_cast<std::int64_t>(k)].item<double>();
        }
        const double reward = rollout.rewards[static_cast<std::size_t>(row)];
        advantage = reward + 0.99 * next - value(row) + (ended ? 0 : 0.99 * 0.95 * advantage);
        squares += advantage * advantage;
      }
    }
    EXPECT_NEAR(Metric(agent, of_options ? "option_value_loss" : "value_loss"),
                squares / 2 / static_cast<double>(rollout.rows()), 1e-4)
        << of_options;
  }
}

TEST(Dac, SaysHowOptionsAreUsed) {
  DacConfig config = Small(2);
  config.ppo.hidden = {};
  Dac agent(OptionsTask(2), config);
  State(agent, "chooser.0.weight").zero_();
  // mu = (.75, .25), beta = (.5, .2)
  Assign(agent, "chooser.0.bias", {std::log(3.0F), 0, 0, -std::log(4.0F)});
  Rollout rollout = MakeRollout(4, 1, kObservations + 2, kActions + 1);
  // Options 0, 0, 1, then after an end 1.
  rollout.actions = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1};
  rollout.ended = {0, 0, 1, 0};
  rollout.observations[8] = rollout.observations[13] = 1;  // option 0 in the second and the third row
  rollout.last_observations[4] = 1;
  agent.Update(rollout, 0, 10);
  EXPECT_NEAR(Metric(agent, "termination"), 0.5, 1e-6);
  EXPECT_NEAR(Metric(agent, "switched"), 0.5, 1e-6);
  EXPECT_NEAR(Metric(agent, "win_1"), 0.5, 1e-6);
  // (.75, .875, .875, .75)
  EXPECT_NEAR(Metric(agent, "weight_1"), 0.8125, 1e-6);
}

TEST(Dac, TheSnapshotActsAlike) {
  const int count = 4000;
  Dac agent(OptionsTask(3), Small(3));
  Shake(agent, 0.5);
  // One state, in which each option in turn is in force, or none.
  at::Tensor s =
      at::cat({Normal({1, kObservations}, 1).expand({4, -1}), at::eye(4, 3)}, 1).repeat({count, 1});
  s = s.contiguous();
  const Policy policy = agent.MakePolicy();
  EXPECT_EQ(policy.augmentation.options, 3);
  std::vector<float> actions(static_cast<std::size_t>(4 * count * 3));
  std::vector<float> log_probs(static_cast<std::size_t>(4 * count));
  const std::span rows(s.const_data_ptr<float>(), static_cast<std::size_t>(s.numel()));
  Pcg64 random(3);
  policy.Sample(rows, /*deterministic=*/false, random, actions, log_probs);

  const at::NoGradGuard no_grad;
  const at::Tensor a = Matrix(actions, 3);
  const at::Tensor choice = agent.OptionLogProbs(s);
  // A draw's density is that of the action, whichever option it is from.
  std::vector<at::Tensor> densities;
  for (int o = 0; o < 3; ++o) {
    const at::Tensor under = at::cat({a.narrow(1, 0, 2), at::full({a.size(0), 1}, o)}, 1);
    densities.push_back(choice.select(1, o) + agent.ActionLogProb(s, under));
  }
  EXPECT_LT(LargestDifference(at::logsumexp(at::stack(densities, 1), 1), Matrix(log_probs, 1).squeeze(1)),
            1e-3);
  const at::Tensor drawn =
      at::one_hot(a.select(1, 2).to(at::kLong), 3).to(at::kFloat).view({count, 4, 3}).mean(0);
  const at::Tensor expected = choice.narrow(0, 0, 4).exp();
  EXPECT_LT(LargestDifference(drawn, expected), 4 * 0.5 / std::sqrt(count));
  EXPECT_GT(LargestDifference(expected[0], expected[1]), 0.2);  // they differ by what is in force

  // Deterministic actions are the mean of an option that is drawn.
  policy.Sample(rows, /*deterministic=*/true, random, actions);
  const at::Tensor mean = Matrix(actions, 3);
  const at::Tensor at_mean = agent.ActionLogProb(s, mean);
  const at::Tensor log_std = State(agent, "policy.log_std").view({3, 2}).sum(1);
  const at::Tensor peak = -std::log(2 * M_PI) - log_std.index_select(0, mean.select(1, 2).to(at::kLong));
  EXPECT_LT(LargestDifference(at_mean, peak), 1e-4);
}

// Reward 1 under the second option, whatever is done: it is chosen, and not ended.
TEST(Dac, TakesAndKeepsTheOptionThatPays) {
  DacConfig config = Small(3);
  config.ppo.lr = 1e-2;
  config.option_entropy_coef = 0;
  Dac agent(OptionsTask(3), config);
  Pcg64 random(1);
  const int steps = 64;
  for (int k = 0; k < 20; ++k) {
    Rollout rollout = MakeRollout(steps, 1, kObservations + 3, kActions + 1);
    const Policy policy = agent.MakePolicy();
    std::vector<float> row(kObservations + 3, 0.0F);
    for (int t = 0; t < steps; ++t) {
      std::ranges::copy(row, rollout.observations.begin() + t * (kObservations + 3));
      const auto action = std::span(rollout.actions).subspan(static_cast<std::size_t>(3 * t), 3);
      policy.Sample(row, false, random, action);
      rollout.rewards[static_cast<std::size_t>(t)] = action[2] == 1 ? 1 : 0;
      rollout.ended[static_cast<std::size_t>(t)] = t % 8 == 7 ? 1 : 0;
      std::ranges::fill(row, 0.0F);
      if (t % 8 != 7) row[kObservations + static_cast<std::size_t>(action[2])] = 1;
    }
    rollout.last_observations = row;
    agent.Update(rollout, k, 100);
  }
  const at::NoGradGuard no_grad;
  const at::Tensor s = at::cat({at::zeros({4, kObservations}), at::eye(4, 3)}, 1);
  const at::Tensor probability = agent.OptionLogProbs(s).exp().select(1, 1);
  EXPECT_GT(probability[3].item<double>(), 0.9);  // at the start
  EXPECT_GT(probability[1].item<double>(), 0.95);
}

TEST(Dac, SameSeedSameBitsAndResume) {
  ExpectSameBitsAndResume(
      [&](std::uint64_t seed) { return std::make_unique<Dac>(OptionsTask(3, seed), Small(3)); },
      [&](Agent& agent, int first, int last) {
        for (int k = first; k < last; ++k) {
          dynamic_cast<Dac&>(agent).Update(RandomOptions(3, 20, 2, 100 + static_cast<std::uint64_t>(k)), k,
                                           /*iterations=*/40);
        }
      },
      20);
}

// With a limit that no step keeps, each level takes one pass of five minibatches or one minibatch.
TEST(Dac, BothLevelsStopWhereTheyHaveMovedTooFar) {
  for (const auto& [how, steps] : {std::pair{"epoch", 5}, std::pair{"minibatch", 1}}) {
    DacConfig config = Small(3);
    config.ppo.epochs = 3;
    config.ppo.lr = 1e-2;
    config.ppo.kl_stop = how;
    config.ppo.target_kl = 1e-12;
    Dac agent(OptionsTask(3), config);
    agent.Update(RandomOptions(3, 40, 2, 3), 0, 10);
    for (const char* adam : {"policy_adam.step", "chooser_adam.step"}) {
      EXPECT_EQ(State(agent, adam).item<double>(), steps) << how << " " << adam;
    }
  }
}

TEST(Dac, RefusesWhatItCannotDo) {
  EXPECT_THAT(MessageOf<InputError>([] { Dac(DiscreteTask(3, 4), Small(2)); }),
              HasSubstr("needs continuous actions"));
  const auto factory = MakeFactory<Dac>();
  for (const char* options : {"0", "-2", "1.5"}) {
    EXPECT_THAT(MessageOf<InputError>([&] { factory->Settings().Set("agent.options", options); }),
                HasSubstr("agent.options"));
  }
}

}  // namespace
}  // namespace strider
