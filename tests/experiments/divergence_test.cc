// Learners whose numbers get out of hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "datasets/hdf5.h"
#include "experiments/csv_log.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Failure(const std::filesystem::path& run, const std::vector<GivenSetting>& settings) {
  try {
    TrainIn(run, settings);
  } catch (const WorkError& error) {
    return error.what();
  }
  return "the run ended well";
}

// The first update is at step 21, with a checkpoint at step 10 and 20; one step of such a length makes the
// next losses infinite or NaN.
TEST(Divergence, StopsNamesLossAndStepAndKeepsTheLastGoodCheckpoint) {
  for (const std::string agent : {"td3", "sac", "pmoe-sac", "mdpo-off"}) {
    const TemporaryFolder folder;
    const auto run = folder.path() / "run";
    const std::string message = Failure(run, TinySettings(agent, "Pendulum-v1", {},
                                                          {{"agent.critic_lr", "1e30"},
                                                           {"run.checkpoint_interval", "10"},
                                                           {"run.log_interval", "1000"},
                                                           {"run.eval_interval", "1000"}}));
    EXPECT_THAT(message,
                AllOf(HasSubstr("loss is "), HasSubstr(" at step 2"), HasSubstr("the learner diverged"),
                      HasSubstr("the last good checkpoint, of step 20, is in " + run.string())))
        << agent;
    const Hdf5File checkpoint = Hdf5File::Open(RunPaths{run}.checkpoint());
    for (const std::string& name : checkpoint.Names("tensors")) {
      for (const float x : checkpoint.Read<float>("tensors/" + name).values) {
        ASSERT_TRUE(std::isfinite(x)) << agent << ": " << name;
      }
    }
  }
}

TEST(Divergence, SaysWhereThereIsNoCheckpointYet) {
  const struct {
    const char *agent, *env, *step_length;
  } cases[] = {{"ppo", "Pendulum-v1", "agent.lr"},
               {"ppo", "CartPole-v1", "agent.lr"},
               {"pmoe-ppo", "Pendulum-v1", "agent.lr"},
               {"dac", "Pendulum-v1", "agent.lr"},
               {"mdpo-on", "Pendulum-v1", "agent.policy_lr"},
               {"mdpo-on", "CartPole-v1", "agent.value_lr"},
               {"trpo", "Pendulum-v1", "agent.value_lr"},
               {"dqn", "CartPole-v1", "agent.lr"},
               {"mdpo-off", "CartPole-v1", "agent.critic_lr"}};
  for (const auto& [agent, env, step_length] : cases) {
    SCOPED_TRACE(fmt::format("{} {}", agent, env));
    const TemporaryFolder folder;
    const auto run = folder.path() / "run";
    EXPECT_THAT(Failure(run, TinySettings(agent, env, {},
                                          {{step_length, "1e30"}, {"run.checkpoint_interval", "1000"}})),
                AllOf(HasSubstr("the learner diverged"), HasSubstr("there is no checkpoint yet")));
    EXPECT_FALSE(std::filesystem::exists(RunPaths{run}.checkpoint()));
  }
}

// Offline learners on random steps of Pendulum-v1, whose rewards are at most 16.3 in size: with a discount of
// 0.99 no value is beyond 1,630.
class ImpossibleValues : public ::testing::Test {
 protected:
  ImpossibleValues() { CollectRandomly("Pendulum-v1", 500, dataset_); }

  std::string FailureOf(const std::string& agent, const Assignments& changes) {
    std::vector<GivenSetting> settings = {
        {"run.agent", agent, ""},         {"run.env", "Pendulum-v1", ""},
        {"run.dataset", dataset_, ""},    {"run.steps", "200", ""},
        {"run.threads", "1", ""},         {"run.eval_episodes", "0", ""},
        {"agent.hidden", "8,8", ""},      {"agent.batch_size", "16", ""},
        {"run.log_interval", "1000", ""}, {"run.checkpoint_interval", "1000", ""}};
    for (const auto& [key, value] : changes) settings.push_back({key, value, ""});
    return Failure(folder_.path() / std::to_string(++runs_), settings);
  }

  TemporaryFolder folder_;
  std::string dataset_ = folder_.path() / "random.hdf5";
  int runs_ = 0;
};

// One step of such a length is enough, and the next update sees what it has done.
TEST_F(ImpossibleValues, AreSeenWithEveryRowAndCheckpoint) {
  for (const std::string agent : {"td3bc", "iql"}) {
    EXPECT_THAT(FailureOf(agent, {{"agent.critic_lr", "300"}, {"run.log_interval", "2"}}),
                AllOf(HasSubstr("q is "), HasSubstr(" at step 2, "), HasSubstr(" allow 1"),
                      HasSubstr("the learner diverged; there is no checkpoint yet")))
        << agent;
    EXPECT_THAT(FailureOf(agent, {{"agent.critic_lr", "300"}, {"run.checkpoint_interval", "2"}}),
                AllOf(HasSubstr(" at step 2, "), HasSubstr("there is no checkpoint yet")))
        << agent;
    EXPECT_THAT(FailureOf(agent, {{"agent.critic_lr", "300"}, {"run.checkpoint_interval", "1"}}),
                AllOf(HasSubstr(" at step 2, "), HasSubstr("the checkpoint of step 1 in "),
                      HasSubstr("has too; expected a new run")))
        << agent;
  }
}

// O-DICE has no critic but residuals, which grow step by step here.
TEST_F(ImpossibleValues, LeaveACheckpointFromBefore) {
  const Assignments growing = {{"agent.value_lr", "0.5"},
                               {"agent.discount", "0"},
                               {"agent.lambda", "1"},
                               {"agent.layer_norm", "false"},
                               {"agent.reward_map", "none"}};
  const auto failure = [&](const Assignments& intervals) {
    Assignments changes = growing;
    changes.insert(changes.end(), intervals.begin(), intervals.end());
    return FailureOf("odice", changes);
  };
  std::smatch found;
  const std::string first = failure({{"run.log_interval", "1"}});
  ASSERT_TRUE(std::regex_search(first, found, std::regex("^residual_m\\w+ is .* at step (\\d+), but ")))
      << first;
  const int seen = std::stoi(found[1]);
  ASSERT_GT(seen, 4);
  // Update `seen` meets what update `seen` - 1 has left; the one before that left a good learner.
  const int good = seen - 2;
  EXPECT_THAT(
      failure(
          {{"run.log_interval", std::to_string(seen)}, {"run.checkpoint_interval", std::to_string(good)}}),
      HasSubstr(fmt::format("the learner diverged; the last good checkpoint, of step {}, is in ", good)));
}

// A scale of the rewards is one of the values too: those that leave the bound of unscaled rewards are no
// harm.
TEST(Divergence, AllowsValuesAsLargeAsScaledRewards) {
  for (const std::string agent : {"prdc", "td3bc", "a2pr"}) {
    const TemporaryFolder folder;
    const auto dataset = folder.path() / "random.hdf5";
    CollectRandomly("Pendulum-v1", 500, dataset);
    const auto run = folder.path() / "run";
    EXPECT_EQ(TrainIn(run, TinySettings(agent, "Pendulum-v1", dataset,
                                        {{"run.steps", "200"},
                                         {"run.log_interval", "10"},
                                         {"agent.discount", "0"},
                                         {"agent.reward_scale", "1000000"},
                                         {"agent.critic_lr", "1"}})),
              TrainOutcome::kFinished)
        << agent;
    double largest = 0;
    for (const double q : CsvTable(RunPaths{run}.progress()).FullColumn("q")) {
      largest = std::max(largest, std::abs(q));
    }
    EXPECT_GT(largest, 100 * (16.3 + 1)) << agent << ": the bound without the scale was not tried";
  }
}

// Values are of rewards and entropies, which count for much with such a weight.
TEST_F(ImpossibleValues, AllowForTheEntropysWeight) {
  EXPECT_EQ(FailureOf("sac", {{"agent.alpha", "1e6"},
                              {"agent.alpha_auto", "false"},
                              {"agent.critic_lr", "10"},
                              {"run.log_interval", "10"}}),
            "the run ended well");
  double largest = 0;
  for (const double q : CsvTable(RunPaths{folder_.path() / "1"}.progress()).FullColumn("q")) {
    largest = std::max(largest, std::abs(q));
  }
  EXPECT_GT(largest, 100 * 1630 + 100 * 100) << "the bound without the weight was not tried";
}

// Weights may go wrong while every loss is still a number: what the next action is refused for, of a step or
// of an evaluation.
TEST(Divergence, IsNotTheCallersFaultWhereAnActionIsRefused) {
  const auto expect_divergence = [](const char* agent, const Assignments& changes) {
    const TemporaryFolder folder;
    Assignments all = {{"run.checkpoint_interval", "10"}, {"run.log_interval", "1000"}};
    all.insert(all.end(), changes.begin(), changes.end());
    EXPECT_THAT(Failure(folder.path() / "run", TinySettings(agent, "Pendulum-v1", {}, all)),
                AllOf(HasSubstr("the learner diverged"), HasSubstr("the last good checkpoint, of step ")))
        << agent;
  };
  expect_divergence("sac", {{"agent.actor_lr", "1e38"}, {"run.eval_interval", "1000"}});
  expect_divergence("td3", {{"agent.actor_lr", "1e38"}, {"run.eval_interval", "1000"}});
  expect_divergence("mdpo-off", {{"agent.policy_lr", "1e38"}, {"run.eval_interval", "1000"}});
  for (const char* threads : {"0", "1"}) {
    expect_divergence(
        "sac", {{"agent.actor_lr", "1e30"}, {"run.eval_interval", "1"}, {"run.eval_threads", threads}});
  }
}

// A checkpoint of the very learner whose action is refused, written before that was known, is not called
// good.
TEST(Divergence, OfTheCheckpointItselfIsSaid) {
  const TemporaryFolder folder;
  const std::string message = Failure(folder.path() / "run", TinySettings("sac", "Pendulum-v1", {},
                                                                          {{"agent.actor_lr", "1e30"},
                                                                           {"run.eval_threads", "1"},
                                                                           {"run.log_interval", "1000"},
                                                                           {"run.checkpoint_interval", "1"},
                                                                           {"run.eval_interval", "1"}}));
  std::smatch found;
  ASSERT_TRUE(std::regex_search(
      message, found, std::regex("the learner diverged at step (\\d+); the checkpoint of step (\\d+) in ")))
      << message;
  EXPECT_EQ(found[1], found[2]);
  EXPECT_THAT(message, HasSubstr("has too; expected a new run"));
}

// The environment would refuse such an actor's actions as a caller's fault.
TEST(Divergence, DoesNotLetADivergedActorAct) {
  for (const char* threads : {"0", "1"}) {
    const TemporaryFolder folder;
    const auto dataset = folder.path() / "random.hdf5";
    CollectRandomly("Hopper-v5", 500, dataset);
    EXPECT_THAT(Failure(folder.path() / "run", TinySettings("td3bc", "Hopper-v5", dataset,
                                                            {{"run.steps", "30"},
                                                             {"agent.actor_lr", "1e38"},
                                                             {"run.eval_threads", threads},
                                                             {"run.log_interval", "1"},
                                                             {"run.checkpoint_interval", "1"},
                                                             {"run.eval_interval", "1"}})),
                AllOf(HasSubstr("the learner diverged"), HasSubstr("the last good checkpoint, of step 1,")))
        << threads;
  }
}

}  // namespace
}  // namespace strider
