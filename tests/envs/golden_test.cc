// Step-for-step parity with Gymnasium: golden/envs/<id>.h5.
#include "tests/support/golden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::ElementsAreArray;

// Both are 0 with MuJoCo 3.17.0 on the machines tried. Other processors may choose other variants of sin and
// cos in the C library, and a free run amplifies what they change.
constexpr double kFreeRunTolerance = 1e-9;
constexpr double kSingleStepTolerance = 1e-12;

// The largest difference of two rows, relative to values above 1.
double Difference(std::span<const double> a, std::span<const double> b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
    if (!(difference <= largest)) largest = difference;  // NaN is taken over
  }
  return largest;
}

// Arrays side by side.
GoldenArray<double> Beside(const std::vector<GoldenArray<double>>& parts) {
  GoldenArray<double> joined{{parts.front().rows(), 0}, {}};
  for (const GoldenArray<double>& part : parts) joined.shape[1] += part.width();
  for (std::size_t i = 0; i < joined.rows(); ++i) {
    for (const GoldenArray<double>& part : parts) {
      joined.values.insert(joined.values.end(), part.row(i), part.row(i) + part.width());
    }
  }
  return joined;
}

// The rows of "obs", or of the dictionary that goal environments observe.
GoldenArray<double> ReadObservations(const GoldenFile& file, const std::string& group) {
  if (file.Has(group + "/obs")) return file.Read(group + "/obs");
  return Beside({file.Read(group + "/observation"), file.Read(group + "/achieved_goal"),
                 file.Read(group + "/desired_goal")});
}

std::span<const double> Row(const GoldenArray<double>& array, std::size_t index) {
  return {array.row(index), array.width()};
}

// What numpy was given: actions of the spaces' own type, or the same numbers as float64.
enum class ActionType { kFloat, kDouble };

// One recorded run: the group "seed_<s>" or "goal_seed_<s>" of an environment's file. Its subgroup "f64"
// holds what double actions change.
class GoldenRun {
 public:
  GoldenRun(const GoldenFile& file, const std::string& group, ActionType type)
      : seed(std::stoull(group.substr(group.rfind('_') + 1))),
        actions(file.Read(group + "/actions")),
        observations(type == ActionType::kDouble && file.Has(group + "/f64/obs")
                         ? file.Read(group + "/f64/obs")
                         : ReadObservations(file, group)),
        rewards(file.Read(group + (type == ActionType::kDouble ? "/f64/reward" : "/reward"))),
        terminated(file.Read<std::int64_t>(group + "/terminated")),
        reset_steps(file.Read<std::int64_t>(group + "/resets/step").values),
        reset_observations(ReadObservations(file, group + "/resets")) {
    // The files of the old versions have neither this flag nor the state after the last step, nor the warm
    // start of a reset.
    if (file.Has(group + "/truncated")) truncated = file.Read<std::int64_t>(group + "/truncated");
    const std::vector<std::string> parts = file.Has(group + "/state")
                                               ? std::vector<std::string>{"state"}
                                               : std::vector<std::string>{"qpos", "qvel", "qacc_warmstart"};
    for (const std::string& part : parts) {
      const std::string own = group + "/f64/" + part;
      const bool differs = type == ActionType::kDouble && file.Has(own);
      states_.push_back(file.Read(differs ? own : group + "/" + part));
      if (file.Has(group + "/resets/" + part)) reset_states_.push_back(file.Read(group + "/resets/" + part));
      if (differs || !file.Has(group + "/final/" + part)) continue;
      const auto last = file.Read(group + "/final/" + part).values;
      final_state_.insert(final_state_.end(), last.begin(), last.end());
    }
    // A goal observed by a step is the one that stood before it.
    if (file.Has(group + "/desired_goal")) {
      states_.push_back(file.Read(group + "/desired_goal"));
      reset_states_.push_back(file.Read(group + "/resets/desired_goal"));
      const auto last = Row(states_.back(), steps() - 1);
      final_state_.insert(final_state_.end(), last.begin(), last.end());
    }
  }

  std::size_t steps() const { return rewards.values.size(); }
  template <class Real>
  std::vector<Real> Action(std::size_t step) const {
    const auto row = Row(actions, step);
    return {row.begin(), row.end()};
  }
  // The physical state before a step; for step == steps() the one after the last, empty where not recorded.
  std::vector<double> State(std::size_t step) const {
    return step == steps() ? final_state_ : Joined(states_, step);
  }
  // The physical state after a reset, or its first numbers.
  std::vector<double> ResetState(std::size_t reset) const { return Joined(reset_states_, reset); }
  bool ResetBefore(std::size_t step) const {
    return std::ranges::find(reset_steps, static_cast<std::int64_t>(step)) != reset_steps.end();
  }

  std::uint64_t seed;
  GoldenArray<double> actions;
  GoldenArray<double> observations;
  GoldenArray<double> rewards;
  GoldenArray<std::int64_t> terminated;
  GoldenArray<std::int64_t> truncated;
  std::vector<std::int64_t> reset_steps;
  GoldenArray<double> reset_observations;

 private:
  static std::vector<double> Joined(const std::vector<GoldenArray<double>>& parts, std::size_t index) {
    std::vector<double> joined;
    for (const GoldenArray<double>& part : parts) {
      const auto row = Row(part, index);
      joined.insert(joined.end(), row.begin(), row.end());
    }
    return joined;
  }

  std::vector<GoldenArray<double>> states_;
  std::vector<GoldenArray<double>> reset_states_;
  std::vector<double> final_state_;
};

class GoldenEnv : public ::testing::TestWithParam<std::string> {
 protected:
  GoldenEnv() : file_(GoldenEnvPath(GetParam())) {}

  // With the constructor options that the file was recorded with.
  std::unique_ptr<Env> Make() const {
    Assignments options;
    if (file_.HasAttribute("/", "max_episode_steps"))
      options.emplace_back("max_episode_steps", std::to_string(Whole("max_episode_steps")));
    const auto settings = FindEnv(GetParam()).options();
    if (file_.HasAttribute("/", "frame_skip") &&
        std::ranges::find(settings, "env.frame_skip", &Setting::key) != settings.end()) {
      options.emplace_back("frame_skip", std::to_string(Whole("frame_skip")));
    }
    return MakeEnv(GetParam(), options);
  }

  std::int64_t Whole(const std::string& attribute) const {
    return file_.Attribute<std::int64_t>("/", attribute).at(0);
  }

  // Every recorded run, none of which may be missing.
  std::vector<GoldenRun> Runs(ActionType type = ActionType::kFloat) const {
    std::vector<GoldenRun> runs;
    for (const std::string& group : file_.Members("/")) {
      if (group.find("seed_") == std::string::npos) continue;
      if (type == ActionType::kFloat || file_.Has(group + "/f64")) runs.emplace_back(file_, group, type);
    }
    return runs;
  }

  // Steps through a run from its first reset, fed the same actions; the largest difference.
  template <class Real>
  double FollowFreely(const GoldenRun& run) const;

  GoldenFile file_;
};

// Environments with a file. A folder named in STRIDER_GOLDEN may hold some of them only.
std::vector<std::string> GoldenEnvIds() {
  std::vector<std::string> ids = AllEnvIds();
  std::erase_if(ids, [](const std::string& id) { return !std::filesystem::exists(GoldenEnvPath(id)); });
  return ids;
}

// Those of them whose state and action determine the next state.
std::vector<std::string> DeterministicGoldenEnvIds() {
  std::vector<std::string> ids = GoldenEnvIds();
  std::erase_if(ids, [](const std::string& id) { return MakeEnv(id)->spec().random_steps; });
  return ids;
}

class DeterministicGoldenEnv : public GoldenEnv {};

// Those with runs of double actions.
std::vector<std::string> BoxGoldenEnvIds() {
  std::vector<std::string> ids = GoldenEnvIds();
  std::erase_if(ids, [](const std::string& id) { return !GoldenFile(GoldenEnvPath(id)).Has("seed_0/f64"); });
  return ids;
}

class BoxGoldenEnv : public GoldenEnv {};

TEST_P(GoldenEnv, SpacesAreGymnasiums) {
  const auto env = Make();
  const EnvSpec& spec = env->spec();
  for (const GoldenRun& run : Runs()) EXPECT_EQ(run.observations.width(), spec.observation_size());
  if (!file_.HasAttribute("/", "env_id")) return;  // the old versions' files do not say more
  EXPECT_EQ(file_.AttributeText("/", "env_id"), spec.id);
  EXPECT_EQ(MakeEnv(GetParam())->spec().max_episode_steps, Whole("max_episode_steps"));
  if (file_.AttributeText("/", "action_kind") == "discrete") {
    EXPECT_EQ(std::get<Discrete>(spec.action_space).n, Whole("n_actions"));
  } else {
    EXPECT_THAT(std::get<Box>(spec.action_space).low, ElementsAreArray(file_.Attribute("/", "action_low")));
    EXPECT_THAT(std::get<Box>(spec.action_space).high, ElementsAreArray(file_.Attribute("/", "action_high")));
  }
}

template <class Real>
double GoldenEnv::FollowFreely(const GoldenRun& run) const {
  const auto env = Make();
  std::vector<double> observation(run.observations.width());
  double largest = 0;
  std::size_t resets = 0;
  for (std::size_t step = 0; step < run.steps(); ++step) {
    SCOPED_TRACE(fmt::format("seed {}, step {}", run.seed, step));
    if (run.ResetBefore(step)) {
      resets == 0 ? env->Reset(run.seed, observation) : env->Reset(observation);
      EXPECT_THAT(observation, ElementsAreArray(Row(run.reset_observations, resets)));
      std::vector<double> state = env->State();
      state.resize(run.ResetState(resets).size());
      EXPECT_THAT(state, ElementsAreArray(run.ResetState(resets)));
      ++resets;
    }
    const StepResult result = env->Step(run.Action<Real>(step), observation);
    const double difference = std::max(Difference(observation, Row(run.observations, step)),
                                       Difference(std::array{result.reward}, Row(run.rewards, step)));
    EXPECT_LE(difference, kFreeRunTolerance);
    EXPECT_EQ(result.terminated, run.terminated.values[step] != 0);
    EXPECT_EQ(result.truncated, !run.truncated.values.empty() && run.truncated.values[step] != 0);
    if (HasFailure()) return difference;  // the first of many
    largest = std::max(largest, difference);
  }
  EXPECT_GT(resets, 0);
  const std::vector<double> last = run.State(run.steps());
  if (!last.empty()) {
    EXPECT_LE(Difference(env->State(), last), kFreeRunTolerance);
  }
  return largest;
}

// All resets, seeded or not, exactly; every step of a run that starts from the first reset and is fed the
// same actions.
TEST_P(GoldenEnv, FreeRunsFollowGymnasium) {
  const std::vector<GoldenRun> runs = Runs();
  ASSERT_FALSE(runs.empty());
  double largest = 0;
  for (const GoldenRun& run : runs) largest = std::max(largest, FollowFreely<float>(run));
  RecordProperty("largest_difference", fmt::format("{}", largest));
}

// The same actions as doubles, whose costs numpy computes in double.
TEST_P(BoxGoldenEnv, FreeRunsOfDoubleActionsFollowGymnasium) {
  const std::vector<GoldenRun> runs = Runs(ActionType::kDouble);
  ASSERT_FALSE(runs.empty());
  double largest = 0;
  for (const GoldenRun& run : runs) largest = std::max(largest, FollowFreely<double>(run));
  RecordProperty("largest_difference", fmt::format("{}", largest));
}

// Ant and Humanoid measure their way by derived arrays that the step before left (rule 4).
bool RewardNeedsTheStepBefore(const std::string& id) {
  return id.starts_with("Ant-") || id.starts_with("Humanoid-");
}

// Each step on its own, from the recorded state before it.
TEST_P(DeterministicGoldenEnv, SingleStepsFollowGymnasium) {
  double largest = 0;
  for (const GoldenRun& run : Runs()) {
    const auto env = Make();
    std::vector<double> observation(run.observations.width());
    env->Reset(run.seed, observation);
    for (std::size_t step = 0; step < run.steps(); ++step) {
      SCOPED_TRACE(fmt::format("seed {}, step {}", run.seed, step));
      env->SetState(run.State(step));
      const StepResult result = env->Step(run.Action<float>(step), observation);
      double difference = Difference(observation, Row(run.observations, step));
      if (!RewardNeedsTheStepBefore(GetParam())) {
        difference = std::max(difference, Difference(std::array{result.reward}, Row(run.rewards, step)));
      }
      if (!run.ResetBefore(step + 1) && !run.State(step + 1).empty()) {
        difference = std::max(difference, Difference(env->State(), run.State(step + 1)));
      }
      ASSERT_LE(difference, kSingleStepTolerance);
      largest = std::max(largest, difference);
      ASSERT_EQ(result.terminated, run.terminated.values[step] != 0);
    }
  }
  RecordProperty("largest_difference", fmt::format("{}", largest));
}

// Gymnasium's success of every step of a goal environment.
TEST_P(GoldenEnv, GoalsAreJudgedAsGymnasiumDoes) {
  for (const std::string& group : file_.Members("/")) {
    if (!file_.Has(group + "/desired_goal")) continue;
    const GoalSpec goal = Make()->spec().goal.value();
    const auto success = file_.Read<std::int64_t>(group + "/info/success");
    const GoldenRun run(file_, group, ActionType::kFloat);
    EXPECT_EQ(goal.observation_size, file_.Read(group + "/observation").width());
    for (std::size_t step = 0; step < run.steps(); ++step) {
      const auto row = Row(run.observations, step);
      EXPECT_EQ(goal.Reached(goal.Achieved(row), goal.Desired(row)), success.values[step] != 0) << step;
      EXPECT_EQ(goal.Reward(goal.Achieved(row), goal.Desired(row)), run.rewards.values[step]) << step;
    }
  }
}

TEST(GoldenFilesTest, EveryRecordedEnvironmentExists) {
  const std::vector<std::string> ids = GoldenEnvIds();
  std::set<std::filesystem::path> tested;
  for (const std::string& id : ids) tested.insert(GoldenEnvPath(id));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GoldenPath("envs"))) {
    if (entry.is_directory() || !GoldenFile(entry.path()).Has("seed_0")) continue;
    EXPECT_TRUE(tested.contains(entry.path())) << entry.path();
  }
}

// The options of the robots, each with values that are not the default.
TEST(GoldenOptionsTest, OptionsDoWhatTheyDoInGymnasium) {
  const std::filesystem::path path = GoldenPath("envs/options.h5");
  // It is our own: other people's golden data need not have one.
  if (std::getenv("STRIDER_GOLDEN") != nullptr && !std::filesystem::exists(path)) GTEST_SKIP();
  const GoldenFile file(path);
  const auto seed = static_cast<std::uint64_t>(file.Attribute<std::int64_t>("/", "seed").at(0));
  const std::vector<std::string> cases = file.Members("/");
  EXPECT_GT(cases.size(), 40);
  for (const std::string& name : cases) {
    Assignments options;
    for (const std::string& option : file.ReadStrings(name + "/options")) {
      const std::size_t equals = option.find('=');
      options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    }
    SCOPED_TRACE(fmt::format("{}: {} = {} ...", name, options[0].first, options[0].second));
    const auto env = MakeEnv(file.AttributeText(name, "env_id"), options);
    const auto observations = file.Read(name + "/obs");
    const auto actions = file.Read(name + "/actions");
    const auto rewards = file.Read(name + "/reward");
    const auto terminated = file.Read<std::int64_t>(name + "/terminated");
    ASSERT_EQ(env->spec().observation_size(), observations.width());
    std::vector<double> observation(observations.width());
    env->Reset(seed, observation);
    EXPECT_THAT(observation, ElementsAreArray(Row(observations, 0)));
    for (std::size_t step = 0; step < rewards.rows(); ++step) {
      const auto row = Row(actions, step);
      const StepResult result = env->Step(std::vector<float>(row.begin(), row.end()), observation);
      EXPECT_LE(Difference(std::array{result.reward}, Row(rewards, step)), kFreeRunTolerance) << step;
      EXPECT_EQ(result.terminated, terminated.values[step] != 0) << step;
    }
    EXPECT_LE(Difference(observation, Row(observations, 1)), kFreeRunTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, GoldenEnv, ::testing::ValuesIn(GoldenEnvIds()), TestName);
INSTANTIATE_TEST_SUITE_P(Registry, DeterministicGoldenEnv, ::testing::ValuesIn(DeterministicGoldenEnvIds()),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Registry, BoxGoldenEnv, ::testing::ValuesIn(BoxGoldenEnvIds()), TestName);

}  // namespace
}  // namespace strider
