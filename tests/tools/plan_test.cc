// `strider plan`: the figures that scripts read, and wrong calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/experiments/temporary_folder.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

nlohmann::json Planned(Words words) {
  words.insert(words.begin(), "plan");
  words.emplace_back("--json");
  const Finished finished = Strider(words);
  EXPECT_EQ(finished.code, 0) << finished.message;
  EXPECT_THAT(finished.message, IsEmpty());  // nothing that takes two seconds
  return finished.Json();
}

TEST(Plan, ThreeStatesByCvar) {
  const auto json = Planned({"three-state", "--objective", "cvar:0.5"});
  EXPECT_NEAR(json["value"].get<double>(), 0.75, 1e-9);
  EXPECT_NEAR(json["initial_stock"].get<double>(), -2, 1e-9);
  ASSERT_EQ(json["policy"].size(), 3U);
  EXPECT_EQ(json["policy"][1],
            nlohmann::json(
                {{"step", 1}, {"state", "s1"}, {"stock", -4.0}, {"action", "risky"}, {"probability", 0.5}}));
  EXPECT_EQ(json["policy"][2]["stock"], 0.0);
  EXPECT_EQ(json["policy"][2]["action"], "safe");
  EXPECT_EQ(json["distribution"]["atoms"], nlohmann::json({-0.5, 2.0, 2.5}));
  EXPECT_EQ(json["distribution"]["probabilities"], nlohmann::json({0.25, 0.25, 0.5}));
  EXPECT_NEAR(json["mean_optimal"]["value"].get<double>(), 0.5, 1e-9);
}

TEST(Plan, GridRByCvar) {
  EXPECT_NEAR(Planned({"grid-r", "--objective", "cvar:0.9"})["value"].get<double>(), 4.26222, 5e-6);
}

TEST(Plan, SettingsReachWorldAndPlanner) {
  const Words slippery = {"grid-g", "--objective", "target:3", "--set", "env.slip=0.2"};
  EXPECT_NEAR(Planned(slippery)["value"].get<double>(), -0.08231, 5.1e-6);
  const auto vectors =
      Planned({"homeostasis", "--objective", "homeostasis:-1,-0.5", "--set", "plan.horizon=2"});
  EXPECT_NEAR(vectors["value"].get<double>(), 0, 1e-9);
  EXPECT_EQ(vectors["initial_stock"], nlohmann::json({-1.0, -0.5}));
  const auto grid = Planned({"chain", "--objective", "cvar:0.25", "--set", "plan.stocks=101"});
  EXPECT_FALSE(grid["exact"].get<bool>());
  EXPECT_EQ(grid["policy"][0]["stock"].size(), 2U);
}

// How far laws of few atoms lead the plan astray is not known.
TEST(Plan, ProjectedLawsAreNotCalledExact) {
  const Words words = {"three-state", "--objective", "cvar:0.5"};
  EXPECT_TRUE(Planned(words)["exact"].get<bool>());
  Words projected = words;
  projected.insert(projected.end(), {"--set", "plan.projection=quantile", "--set", "plan.atoms=8"});
  const auto json = Planned(projected);
  EXPECT_FALSE(json["exact"].get<bool>());
  EXPECT_TRUE(json["error_bound"].is_null());
}

TEST(Plan, PeopleGetTables) {
  const Finished finished = Strider({"plan", "three-state", "--objective", "cvar:0.5"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.out,
              AllOf(HasSubstr("cvar:0.5 (mean of the worst 50 %): 0.75 with initial stock -2"),
                    HasSubstr("best for the mean: 0.5"), HasSubstr("risky"), HasSubstr("mean-optimal")));
}

TEST(Plan, HelpShowsTheFormatOfFiles) {
  const Finished finished = Strider({"plan", "--help"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.out, AllOf(HasSubstr(R"("transitions": [{"state": "home", "action": "go")"),
                                  HasSubstr("transitions/state"), HasSubstr("categorical-iteration")));
}

TEST(Plan, AGridSaysHowFarItMayBeOff) {
  Words words = {"plan",  "CliffWalking-v1",   "--objective", "cvar:0.5",
                 "--set", "plan.discount=0.9", "--set",       "plan.horizon=0"};
  EXPECT_THAT(Strider(words).out, HasSubstr("the grid makes that wrong by "));
  words.emplace_back("--json");
  const auto json = Strider(words).Json();
  EXPECT_NEAR(json.at("value"), -7.458, json.at("error_bound"));
  EXPECT_LT(json.at("error_bound"), 0.15);
}

TEST(Plan, PicturesAreDrawn) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "laws.svg").string();
  const Finished finished =
      Strider({"plan", "grid-r", "--objective", "cvar:0.5", "--picture", file, "--json"});
  if (finished.code == 1 && finished.message.find("gnuplot, which is not installed") != std::string::npos) {
    GTEST_SKIP() << finished.message;
  }
  EXPECT_EQ(finished.code, 0) << finished.message;
  EXPECT_GT(std::filesystem::file_size(file), 1000U);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "laws.png"));
}

void ExpectRefused(Words words, const std::string& part) {
  words.insert(words.begin(), "plan");
  const Finished finished = Strider(words);
  EXPECT_EQ(finished.code, 2) << finished.message;
  EXPECT_THAT(finished.out, IsEmpty());
  EXPECT_THAT(finished.message, HasSubstr(part));
}

TEST(Plan, WrongCallsAreNamed) {
  ExpectRefused({"--objective", "mean"}, "MDP is missing");
  ExpectRefused({"grid-r"}, "--objective is missing");
  ExpectRefused({"grid-r", "--objective", "cvar:1.5"}, "tau is 1.5; expected a number in (0, 1]");
  ExpectRefused({"grid-r", "--objective", "quantile:0.5"}, "not indifferent to mixtures");
  ExpectRefused({"chain", "--objective", "exponential:1"}, "indifferent to the discount");
  ExpectRefused({"Hopper-v5", "--objective", "mean"}, "written out in full");
  ExpectRefused({"grid-rr", "--objective", "mean"}, "did you mean 'grid-r'?");
  ExpectRefused({"grid-r", "--objective", "mean", "--set", "plan.discount=0"},
                "discount is 0; expected a number in (0, 1]");
  ExpectRefused({"grid-r", "--objective", "mean", "--set", "plan.discont=1"},
                "did you mean 'plan.discount'?");
  ExpectRefused({"grid-r", "--objective", "mean", "--set", "env.slip=1"}, "unknown setting 'env.slip'");
  ExpectRefused({"grid-r", "--objective", "mean", "--picture", "laws.pdf"},
                "expected a file that ends in .png or .svg");
  ExpectRefused({"chain", "--objective", "cvar:0.5", "--set", "plan.memory=1e-6"}, "plan.memory");
  const TemporaryFolder folder;
  const std::string file = folder
                               .Write("bad.json", R"({"states": 1, "actions": 1, "transitions": [
          {"state": 0, "action": 0, "probability": 0.5, "next": 0, "reward": 0}]})")
                               .string();
  ExpectRefused({file, "--objective", "mean"}, "sum to 0.5; expected 1");
}

}  // namespace
}  // namespace strider
