// Evaluation against loops written out by hand.
#include "experiments/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <tuple>

#include "core/error.h"
#include "core/files.h"
#include "envs/registry.h"
#include "tests/experiments/policies.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kEpisodes = 10;
constexpr std::uint64_t kSeed = 1000;

std::function<std::unique_ptr<Env>()> Maker(const std::string& id, const Assignments& options = {}) {
  return [id, options] { return MakeEnv(id, options); };
}

ActionDistribution DeterministicFor(const EnvSpec& spec) {
  return std::holds_alternative<Discrete>(spec.action_space) ? ActionDistribution::kCategorical
                                                             : ActionDistribution::kTanh;
}

// One episode from reset(seed), acted on row by row.
std::pair<double, int> HandLoop(const Policy& policy, Env& env, std::uint64_t seed) {
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size()));
  std::vector<float> action(static_cast<std::size_t>(env.spec().action_size()));
  Pcg64 unused(0);
  env.Reset(seed, observation);
  double sum = 0;
  for (int length = 1;; ++length) {
    policy.Act(observation, /*deterministic=*/true, unused, action);
    const StepResult step = env.Step(action, observation);
    sum += step.reward;
    if (step.terminated || step.truncated) return {sum, length};
  }
}

// What is best for CVaR at one half among the three states (distributional DP sheet, V2) from the initial
// stock -2: risky after 0, safe after 2.
TEST(Evaluation, CarriesTheStockOfThePolicy) {
  WorkerPool pool(2);
  const EpisodeScores scores =
      Evaluate(ThreeStatePolicy(-2), Maker("ThreeState-v0"), {400, kSeed, true}, pool);
  std::map<double, int> counts;
  for (std::size_t i = 0; i < 400; ++i) {
    ++counts[scores.discounted[i]];
    // 0, then 4 or -1; or 2, then 1: a step's discount is one half.
    const double expected = scores.returns[i] == 4 ? 2 : scores.returns[i] == -1 ? -0.5 : 2.5;
    EXPECT_EQ(scores.discounted[i], expected);
  }
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_NEAR(counts[2.5], 200, 50);
  EXPECT_NEAR(counts[2], 100, 45);
  // From 10 nothing falls short, and the larger mean decides: risky, risky.
  for (const double value :
       Evaluate(ThreeStatePolicy(10), Maker("ThreeState-v0"), {50, kSeed, true}, pool).discounted) {
    EXPECT_TRUE(value == -0.5 || value == 2 || value == 1.5 || value == 4) << value;
  }
}

// What the policy does, summed up over an episode.
class SumOfActions final : public Env {
 public:
  SumOfActions() : Env(Spec()) {}
  std::vector<double> State() const override { return {}; }
  void SetState(std::span<const double>) override {}

 private:
  static EnvSpec Spec() {
    EnvSpec spec;
    spec.id = "Sum-v0";
    spec.observation_space = UniformBox(1, -1, 1);
    spec.action_space = UniformBox(1, -1, 1);
    spec.max_episode_steps = 20;
    return spec;
  }
  void DoReset(std::span<double> observation) override { observation[0] = 0; }
  StepResult DoStep(const ActionRow& action, std::span<double>) override { return {action[0], false, false}; }
};

// An option that does not end acts to the end of its episode; options that end at once take turns by chance.
TEST(Evaluation, RemembersTheOptionThatThePolicyIsIn) {
  const auto make = [] { return std::make_unique<SumOfActions>(); };
  WorkerPool pool(2);
  for (const bool deterministic : {true, false}) {
    const auto kept =
        Evaluate(TwoOptionsPolicy(make()->spec(), 0.5F, false), make, {200, kSeed, deterministic}, pool);
    int positive = 0;
    for (const double sum : kept.returns) {
      EXPECT_NEAR(std::abs(sum), 10, 1e-4);
      positive += sum > 0 ? 1 : 0;
    }
    EXPECT_NEAR(positive, 100, 30);  // 4 standard deviations
    const auto ended =
        Evaluate(TwoOptionsPolicy(make()->spec(), 0.5F, true), make, {200, kSeed, deterministic}, pool);
    double squares = 0;
    for (const double sum : ended.returns) squares += sum * sum / 200;
    EXPECT_NEAR(squares, 20 * 0.25, 2);  // 4 standard deviations
  }
}

class EvaluationOf : public ::testing::TestWithParam<std::string> {
 protected:
  EvaluationOf()
      : make_(Maker(GetParam())), policy_(RandomPolicy(make_()->spec(), DeterministicFor(make_()->spec()))) {}

  EpisodeScores Run(int episodes, std::uint64_t seed, int threads, bool deterministic = true) const {
    WorkerPool pool(threads);
    return Evaluate(policy_, make_, {episodes, seed, deterministic}, pool);
  }

  std::function<std::unique_ptr<Env>()> make_;
  Policy policy_;
};

TEST_P(EvaluationOf, GivesTheSameBitsForAnyNumberOfThreads) {
  const EpisodeScores one = Run(kEpisodes, kSeed, 1);
  for (const int threads : {2, 3, 4}) {
    const EpisodeScores many = Run(kEpisodes, kSeed, threads);
    EXPECT_EQ(many.returns, one.returns) << threads << " threads";
    EXPECT_EQ(many.lengths, one.lengths) << threads << " threads";
  }
}

TEST_P(EvaluationOf, SampledActionsGiveTheSameBitsForAnyNumberOfThreads) {
  policy_ = std::holds_alternative<Discrete>(policy_.action_space)
                ? policy_
                : RandomPolicy(make_()->spec(), ActionDistribution::kTanhGaussian);
  const EpisodeScores one = Run(kEpisodes, kSeed, 1, /*deterministic=*/false);
  EXPECT_EQ(Run(kEpisodes, kSeed, 4, false).returns, one.returns);
  EXPECT_NE(Run(kEpisodes, kSeed, 1, true).returns, one.returns);
  EXPECT_NE(Run(kEpisodes, kSeed + 100, 1, false).returns, one.returns);
}

// An episode in a batch and the same one alone agree to float32 rounding. That stays small over some steps
// only: a robot in contact with the ground makes 1e-7 into another episode within seconds.
TEST_P(EvaluationOf, EpisodeIIsTheEpisodeFromSeedPlusI) {
  make_ = Maker(GetParam(), {{"max_episode_steps", "8"}});
  const EpisodeScores together = Run(kEpisodes, kSeed, 2);
  const auto env = make_();
  for (int i = 0; i < kEpisodes; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto seed = kSeed + static_cast<std::uint64_t>(i);
    const EpisodeScores alone = Run(1, seed, 1);
    const auto [by_hand, length] = HandLoop(policy_, *env, seed);
    // Alone, it is exactly what the hand-written loop gives.
    EXPECT_EQ(alone.returns[0], by_hand);
    EXPECT_EQ(alone.lengths[0], length);
    EXPECT_EQ(together.lengths[at], length);
    EXPECT_NEAR(together.returns[at], by_hand, 1e-4 * std::max(1.0, std::abs(by_hand)));
  }
}

INSTANTIATE_TEST_SUITE_P(Some, EvaluationOf,
                         ::testing::Values("CartPole-v1", "Pendulum-v1", "Hopper-v5", "HalfCheetah-v5"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('-')); });

TEST(Evaluation, LengthsAndReturnsOfKnownEpisodes) {
  // CartPole pays 1 a step; pushing to the right alone fells it within a dozen steps.
  const auto make = Maker("CartPole-v1");
  Policy right = RandomPolicy(make()->spec(), ActionDistribution::kCategorical);
  right.mean.weight.setZero();
  right.mean.bias << 0, 1;
  WorkerPool pool(2);
  const EpisodeScores scores = Evaluate(right, make, {kEpisodes, kSeed, true}, pool);
  for (std::size_t i = 0; i < kEpisodes; ++i) EXPECT_EQ(scores.returns[i], scores.lengths[i]);
  EXPECT_THAT(scores.lengths, Each(::testing::AllOf(::testing::Ge(8), ::testing::Le(12))));
  // The time limit ends an episode too.
  const auto short_make = Maker("CartPole-v1", {{"max_episode_steps", "5"}});
  EXPECT_THAT(Evaluate(right, short_make, {2, kSeed, true}, pool).lengths, ElementsAre(5, 5));
}

TEST(Evaluation, NoEpisodesGiveNoScores) {
  const auto make = Maker("CartPole-v1");
  WorkerPool pool(1);
  const auto scores = Evaluate(UniformPolicy(4, Discrete{2}), make, {0, kSeed, true}, pool);
  EXPECT_THAT(scores.returns, IsEmpty());
  EXPECT_THAT(scores.lengths, IsEmpty());
}

TEST(Evaluation, EndedEarlyKeepsTheEpisodesThatAreWhole) {
  const auto make = Maker("CartPole-v1");
  const Policy uniform = UniformPolicy(4, Discrete{2});
  WorkerPool pool(1);
  const EvaluationOptions options{kEpisodes, kSeed, false};
  const EpisodeScores all = Evaluate(uniform, make, options, pool);
  int last = 0;
  const EpisodeScores some = Evaluate(uniform, make, options, pool, [&](int ended) {
    EXPECT_GE(ended, last);
    last = ended;
    return ended < 3;
  });
  ASSERT_EQ(some.returns.size(), static_cast<std::size_t>(last));
  ASSERT_LT(some.returns.size(), all.returns.size());
  std::vector<double> shortest = all.returns;
  std::ranges::sort(shortest);
  shortest.resize(some.returns.size());
  EXPECT_THAT(some.returns, ::testing::UnorderedElementsAreArray(shortest));
}

// Two experts that do the same everywhere, with probabilities .3 and .7, in a box of +-2.
TEST(TraceExperts, SaysWhatEachWouldDoAndHowProbableItIs) {
  const auto env = MakeEnv("Pendulum-v1");
  Policy policy = UniformPolicy(3, env->spec().action_space);
  policy.distribution = ActionDistribution::kTanhGaussian;
  const auto layer = [](float first, float second) {
    return Policy::Layer{Eigen::MatrixXf::Zero(2, 3), Eigen::Vector2f(first, second)};
  };
  policy.mean = layer(-0.5F, 0.8F);
  policy.log_std = layer(0, 0);
  policy.router = {layer(std::log(0.3F), std::log(0.7F))};
  const auto traces = TraceExperts(policy, *env, kSeed, /*dimension=*/0);
  ASSERT_EQ(traces.size(), 2);
  for (const auto& [trace, action, weight] :
       {std::tuple(traces[0], -0.5, 0.3), std::tuple(traces[1], 0.8, 0.7)}) {
    ASSERT_EQ(trace.actions.size(), 200);
    ASSERT_EQ(trace.weights.size(), 200);
    EXPECT_THAT(trace.actions, Each(::testing::DoubleNear(2 * std::tanh(action), 1e-6)));
    EXPECT_THAT(trace.weights, Each(::testing::DoubleNear(weight, 1e-6)));
  }
  const TemporaryFolder folder;
  WriteExpertsPicture("Experts", "Action", traces, folder.path() / "experts.svg");
  EXPECT_THAT(ReadText(folder.path() / "experts.svg"), ::testing::HasSubstr("expert 2, mean weight 0.70"));

  EXPECT_THROW(TraceExperts(policy, *env, kSeed, /*dimension=*/1), InputError);
  EXPECT_THROW(TraceExperts(UniformPolicy(3, env->spec().action_space), *env, kSeed, 0), InputError);
}

}  // namespace
}  // namespace strider
