// Policies with a stock, from training to evaluation, as a person would.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/experiments/temporary_folder.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class StockPolicies : public ::testing::Test {
 protected:
  void SetUp() override {
    const Finished trained = Train("three", {"agent.objective=cvar:0.5", "agent.discount=0.5"});
    ASSERT_EQ(trained.code, 0) << trained.message;
  }

  // A few hundred steps in the three states: enough to know its laws a little.
  Finished Train(const std::string& name, const Words& settings) const {
    Words words = {"train", "deta-n", "--env", "ThreeState-v0", "--out", Run(name), "--quiet"};
    words.insert(words.end(), {"--steps", "300", "--set", "agent.learning_starts=50"});
    words.insert(words.end(), {"--set", "agent.hidden=16", "--set", "agent.target_interval=50"});
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    return Strider(words);
  }

  std::string Run(const std::string& name) const { return (folder_.path() / name).string(); }

  TemporaryFolder folder_;
};

TEST_F(StockPolicies, AreEvaluatedByTheirObjective) {
  const Finished finished = Strider({"evaluate", Run("three"), "--episodes", "200", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.message;
  const auto json = finished.Json();
  const auto objective = json["objective"];
  EXPECT_EQ(objective["name"], "cvar:0.5");
  EXPECT_EQ(objective["discount"], 0.5);
  // Sums of a first reward 0 or 2 and a last one 1, 4 or -1. Once the last is discounted by a half, the worse
  // half is worth between -0.5 (all of it the risky action gone wrong) and 0.75.
  for (const double sum : json["returns"]) EXPECT_THAT(sum, AnyOf(1, 4, -1, 3, 6));
  EXPECT_LE(objective["value_at_initial_stock"].get<double>(), objective["value"].get<double>() + 1e-9);
  EXPECT_GE(objective["value"].get<double>(), -0.5);
  EXPECT_LE(objective["value"].get<double>(), 1);
  EXPECT_TRUE(std::filesystem::exists(Run("three") + "/evaluation.json"));
  const Finished text = Strider({"evaluate", Run("three"), "--quiet"});
  EXPECT_THAT(text.out, HasSubstr("cvar:0.5 (mean of the worst 50 %) of returns discounted by 0.5: "));
}

TEST_F(StockPolicies, CanStartFromAnotherStock) {
  const Words words = {"evaluate", Run("three"), "--episodes", "20", "--json", "--initial-stock", "-3.5"};
  const Finished finished = Strider(words);
  ASSERT_EQ(finished.code, 0) << finished.message;
  EXPECT_EQ(finished.Json()["objective"]["initial_stock"], -3.5);
  // The run's own score is that from its own stock.
  EXPECT_FALSE(std::filesystem::exists(Run("three") + "/evaluation.json"));
}

TEST_F(StockPolicies, AreDrawnOnMaps) {
  const std::string run = Run("rooms");
  const Finished trained = Strider({"train", "deta-n", "--env", "TwoRooms-v0", "--steps", "200", "--out", run,
                                    "--quiet", "--set", "agent.hidden=16", "--set", "agent.stock_bound=100"});
  ASSERT_EQ(trained.code, 0) << trained.message;
  const Finished drawn = Strider({"render", run, "--out", Run("way.svg")});
  EXPECT_EQ(drawn.code, 0) << drawn.message;
}

TEST_F(StockPolicies, WrongCallsAreNamed) {
  const auto refused = [](const Words& words) {
    const Finished finished = Strider(words);
    EXPECT_EQ(finished.code, 2) << finished.message;
    return finished.message;
  };
  EXPECT_THAT(refused({"evaluate", Run("three"), "--initial-stock", "21"}),
              HasSubstr("--initial-stock 21: expected a number from -20 to 20"));
  EXPECT_THAT(refused({"evaluate", "random", "--env", "CartPole-v1", "--initial-stock", "1"}),
              HasSubstr("this policy has no stock"));
  EXPECT_THAT(Train("a", {"agent.objective=cvar:0"}).message,
              HasSubstr("tau is 0; expected a number in (0, 1]"));
  EXPECT_THAT(Train("b", {"agent.objective=exponential:1"}).message, HasSubstr("cannot be learnt"));
  EXPECT_THAT(Train("c", {"agent.discount=0"}).message,
              HasSubstr("agent.discount = 0; expected a number in (0, 1]"));
  EXPECT_THAT(Train("d", {"agent.stock_low=11"}).message, HasSubstr("agent.stock_low = 11 is above"));
  EXPECT_THAT(refused({"train", "deta-n", "--env", "Hopper-v5", "--out", Run("e")}),
              HasSubstr("needs discrete actions"));
  EXPECT_THAT(refused({"train", "deta-td3", "--env", "CartPole-v1", "--out", Run("f")}),
              HasSubstr("needs continuous actions"));
}

}  // namespace
}  // namespace strider
