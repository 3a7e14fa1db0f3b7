// Worlds, files, and what is wrong with bad ones.
#include "agents/planning/mdp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "agents/planning/mdp_file.h"
#include "core/error.h"
#include "datasets/hdf5.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/planning/planning_kit.h"

namespace strider::planning {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(MdpTest, EqualOutcomesAreOneBranchAndImpossibleOnesNone) {
  TabularMdp table(2, 1);
  table.start = {1, 0};
  table.Outcomes(0, 0) = {{0.25, 1, 1, false}, {0.5, 0, 0, true}, {0, 1, 7, false}, {0.25, 1, 1, false}};
  table.Outcomes(1, 0) = {{1, 1, 0, true}};
  const Mdp mdp("here", table, 0.9, 0);
  ASSERT_EQ(mdp.EndBranch(0, 0), 2U);
  EXPECT_EQ(mdp.Reward(0)[0], 0);  // in the order of rewards
  EXPECT_TRUE(mdp.branch(0).terminal);
  EXPECT_EQ(mdp.branch(1).probability, 0.5);
}

TEST(MdpTest, DiscountsOutsideTheirRangeAreRefused) {
  for (const double discount : std::initializer_list<double>{0, -0.5, 1.01, NAN, INFINITY}) {
    const auto message =
        ThrowsMessage<InputError>(fmt::format("B: discount is {}; expected a number in (0, 1]", discount));
    EXPECT_THAT([&] { ProcessB(3).With(discount, 3); }, message);
  }
  EXPECT_THAT([] { ProcessB(-1); }, ThrowsMessage<InputError>("B: horizon is -1; expected at least 0"));
}

TEST(WorldsTest, NamesAndEnvironmentsCanBePlannedIn) {
  EXPECT_EQ(MakeMdp("grid-r").states(), 15);
  EXPECT_EQ(MakeMdp("grid-r").horizon(), 12);
  EXPECT_EQ(MakeMdp("four-rooms").horizon(), 0);
  EXPECT_EQ(MakeMdp("FrozenLake-v1").horizon(), 100);
  EXPECT_EQ(MakeMdp("FrozenLake-v1").discount(), 1);
  EXPECT_EQ(MakeMdp("chain", {{"env.length", "7"}}).states(), 7);
  EXPECT_EQ(MakeMdp("homeostasis", {{"dimensions", "3"}}).reward_size(), 3);
}

TEST(WorldsTest, OthersAreRefused) {
  EXPECT_THAT([] { MakeMdp("grid-q"); },
              ThrowsMessage<InputError>(HasSubstr("unknown MDP 'grid-q'; did you mean 'grid-")));
  EXPECT_THAT([] { MakeMdp("CartPole-v1"); },
              ThrowsMessage<InputError>(
                  HasSubstr("CartPole-v1: planning needs a process that is written out in full")));
  EXPECT_THAT(
      [] {
        MakeMdp("chain", {{"lenght", "7"}});
      },
      ThrowsMessage<InputError>(HasSubstr("did you mean 'env.length'?")));
  EXPECT_THAT([] { MakeMdp("nowhere.json"); }, ThrowsMessage<InputError>(HasSubstr("nowhere.json")));
  EXPECT_THAT(
      [] {
        MakeMdp("any.json", {{"env.length", "7"}});
      },
      ThrowsMessage<InputError>(HasSubstr("a file has no settings, but env.length was given")));
}

constexpr std::string_view kThreeStates = R"({
  "states": ["s0", "s1", "end"], "actions": ["safe", "risky"], "discount": 0.5, "horizon": 2, "start": "s0",
  "transitions": [
    {"state": "s0", "action": "safe", "probability": 0.5, "next": "s1", "reward": 0},
    {"state": "s0", "action": "safe", "probability": 0.5, "next": "s1", "reward": 2},
    {"state": "s0", "action": 1, "probability": 0.5, "next": 1, "reward": 0},
    {"state": "s0", "action": 1, "probability": 0.5, "next": 1, "reward": 2},
    {"state": "s1", "action": "safe", "next": "end", "reward": 1},
    {"state": "s1", "action": "risky", "probability": 0.5, "next": "end", "reward": 4},
    {"state": "s1", "action": "risky", "probability": 0.5, "reward": -1, "terminal": true}
  ]})";

void ExpectSame(const Mdp& a, const Mdp& b) {
  EXPECT_EQ(a.states(), b.states());
  EXPECT_EQ(a.actions(), b.actions());
  EXPECT_EQ(a.discount(), b.discount());
  EXPECT_EQ(a.horizon(), b.horizon());
  EXPECT_TRUE(std::ranges::equal(a.start(), b.start()));
  ASSERT_EQ(a.branch_count(), b.branch_count());
  for (std::size_t i = 0; i < a.branch_count(); ++i) {
    EXPECT_EQ(a.branch(i).probability, b.branch(i).probability);
    EXPECT_EQ(a.branch(i).next_state, b.branch(i).next_state);
    EXPECT_EQ(a.branch(i).terminal, b.branch(i).terminal);
    EXPECT_TRUE(std::ranges::equal(a.Reward(i), b.Reward(i)));
  }
}

TEST(MdpFile, JsonSaysWhatTheWorldSays) {
  const TemporaryFolder folder;
  const Mdp mdp = ReadMdpFile(folder.Write("three.json", kThreeStates));
  ExpectSame(mdp, MakeMdp("three-state"));
  EXPECT_EQ(mdp.StateName(1), "s1");
  EXPECT_EQ(mdp.ActionName(1), "risky");
}

TEST(MdpFile, Hdf5SaysWhatTheWorldSays) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "three.hdf5";
  Hdf5File file = Hdf5File::Create(path);
  file.WriteScalar<std::int64_t>("states", 3);
  file.WriteScalar<std::int64_t>("actions", 2);
  file.WriteScalar<double>("discount", 0.5);
  file.WriteScalar<std::int64_t>("horizon", 2);
  file.WriteScalar<std::int64_t>("start", 0);
  file.Write<std::int64_t>("transitions/state", std::array<std::int64_t, 7>{0, 0, 0, 0, 1, 1, 1}, {7});
  file.Write<std::int64_t>("transitions/action", std::array<std::int64_t, 7>{0, 0, 1, 1, 0, 1, 1}, {7});
  file.Write<double>("transitions/probability", std::array{0.5, 0.5, 0.5, 0.5, 1.0, 0.5, 0.5}, {7});
  file.Write<std::int64_t>("transitions/next", std::array<std::int64_t, 7>{1, 1, 1, 1, 2, 2, 2}, {7});
  file.Write<double>("transitions/reward", std::array{0.0, 2.0, 0.0, 2.0, 1.0, 4.0, -1.0}, {7});
  file.Close();
  ExpectSame(ReadMdpFile(path), MakeMdp("three-state"));
}

TEST(MdpFile, RewardsMayBeVectors) {
  const TemporaryFolder folder;
  const Mdp mdp =
      ReadMdpFile(folder.Write("vector.json", R"({"states": 1, "actions": 2, "horizon": 3, "transitions": [
      {"state": 0, "action": 0, "next": 0, "reward": [1, -1]},
      {"state": 0, "action": 1, "next": 0, "reward": [0, 2]}]})"));
  EXPECT_EQ(mdp.reward_size(), 2);
  EXPECT_THAT(mdp.Reward(1), ::testing::ElementsAre(0, 2));
}

// One state and one action, spoiled.
void ExpectBadJson(const std::string& text, const std::string& message) {
  const TemporaryFolder folder;
  const auto path = folder.Write("bad.json", text);
  EXPECT_THAT([&] { ReadMdpFile(path); },
              ThrowsMessage<InputError>(AllOf(HasSubstr(path.string() + ": "), HasSubstr(message))))
      << text;
}

void ExpectBadTransition(const std::string& transition, const std::string& message) {
  ExpectBadJson(
      R"({"states": ["a", "b"], "actions": 1, "discount": 0.9, "transitions": [)" + transition + "]}",
      message);
}

TEST(MdpFile, FaultsAreNamedWithTheirPlace) {
  ExpectBadJson("{", "not JSON: ");
  ExpectBadJson("", "not JSON: ");
  ExpectBadJson("[]", "expected an object");
  ExpectBadJson(R"({"actions": 1, "transitions": []})", "states is missing");
  ExpectBadJson(R"({"states": 2, "actions": 1})", "transitions is missing");
  ExpectBadJson(R"({"states": 2.5, "actions": 1, "transitions": []})",
                "states is 2.5; expected a whole number");
  ExpectBadJson(R"({"states": 0, "actions": 1, "transitions": []})",
                "states is 0; expected a whole number from 1");
  ExpectBadJson(R"({"states": 1, "actions": -3, "transitions": []})", "actions is -3");
  ExpectBadJson(R"({"states": ["a", "a"], "actions": 1, "transitions": []})", "states has \"a\" twice");
  ExpectBadJson(R"({"states": 1, "actions": 1, "transition": []})", "did you mean 'transitions'?");
  ExpectBadJson(R"({"states": 1, "actions": 1, "discount": 0, "transitions": []})",
                "discount is 0; expected a number in (0, 1]");
  ExpectBadJson(R"({"states": 1, "actions": 1, "discount": 1.5, "transitions": []})", "discount is 1.5");
  ExpectBadJson(R"({"states": 1, "actions": 1, "horizon": -1, "transitions": []})", "horizon is -1");
  ExpectBadJson(R"({"states": 1, "actions": 1, "horizon": -4294967294, "transitions": []})",
                "horizon is -4294967294; expected 0 to 1000000");
  ExpectBadJson(R"({"states": 2, "actions": 1, "start": 2, "transitions": []})",
                "start is 2; expected 0 to 1");
  ExpectBadJson(R"({"states": 2, "actions": 1, "start": [0.5, 0.25], "transitions": []})",
                "the start states sum to 0.75");
  ExpectBadJson(R"({"states": 2, "actions": 1, "start": [1], "transitions": []})",
                "start has 1 probabilities; expected 2");
  ExpectBadTransition(R"({"state": 0, "action": 0, "probability": 0.5, "next": 1, "reward": 0})",
                      "the probabilities of state 0 (a), action 0 sum to 0.5; expected 1");
  ExpectBadTransition(R"({"state": 0, "action": 0, "probability": 1.5, "next": 1, "reward": 0})",
                      "transitions[0]: probability is 1.5; expected a number in [0, 1]");
  ExpectBadTransition(R"({"state": 2, "action": 0, "next": 1, "reward": 0})",
                      "transitions[0]: state is 2; expected 0 to 1");
  ExpectBadTransition(R"({"state": 0, "action": 1, "next": 1, "reward": 0})",
                      "transitions[0]: action is 1; expected 0 to 0");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": -1, "reward": 0})",
                      "transitions[0]: next is -1; expected 0 to 1");
  ExpectBadTransition(R"({"state": "c", "action": 0, "next": 1, "reward": 0})",
                      "transitions[0]: state is \"c\"; expected one of 2 names");
  ExpectBadTransition(R"({"state": 0, "action": 0, "reward": 0})", "transitions[0]: next is missing");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": 1})", "transitions[0]: reward is missing");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": 1, "reward": null})",
                      "transitions[0]: reward is null; expected a number");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": 1, "reward": NaN})", "not JSON: ");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": 1, "reward": 1e999})", "not JSON: ");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": 1, "reward": []})",
                      "transitions[0]: reward is []; expected a number");
  ExpectBadTransition(R"({"state": 0, "action": 0, "next": 1, "rewards": 1})",
                      "transitions[0]: unknown key 'rewards'; did you mean 'reward'?");
  ExpectBadTransition(R"({"state": 0, "action": 0, "probability": 0.5, "next": 1, "reward": [1, 2]},
                         {"state": 0, "action": 0, "probability": 0.5, "next": 1, "reward": 1})",
                      "transitions[1]: reward has 1 numbers; expected 2, as those before");
}

TEST(MdpFile, AStateWhereSomeActionLeadsNowhereIsAFault) {
  ExpectBadJson(
      R"({"states": 1, "actions": 2, "transitions": [{"state": 0, "action": 0, "next": 0, "reward": 0}]})",
      "state 0, action 1 has no outcomes; expected at least one");
}

TEST(MdpFile, TooManyStatesAreRefusedBeforeMemoryIsTaken) {
  ExpectBadJson(R"({"states": 1000000000, "actions": 1000, "transitions": []})",
                "1000000000 states x 1000 actions need at least");
}

TEST(MdpFile, BadHdf5FilesAreNamed) {
  const TemporaryFolder folder;
  const auto write = [&](double reward, std::size_t rows) {
    const auto path = folder.path() / "bad.hdf5";
    Hdf5File file = Hdf5File::Create(path);
    file.WriteScalar<std::int64_t>("states", 2);
    file.WriteScalar<std::int64_t>("actions", 1);
    file.Write<std::int64_t>("transitions/state", std::array<std::int64_t, 1>{0}, {1});
    file.Write<std::int64_t>("transitions/action", std::array<std::int64_t, 1>{0}, {1});
    if (rows > 0) file.Write<std::int64_t>("transitions/next", std::vector<std::int64_t>(rows, 1), {rows});
    file.Write<double>("transitions/reward", std::array{reward}, {1});
    file.Close();
    return path;
  };
  EXPECT_NO_THROW(ReadMdpFile(write(1, 1)));
  EXPECT_THAT([&] { ReadMdpFile(write(NAN, 1)); },
              ThrowsMessage<InputError>(HasSubstr("transitions[0]: reward is nan; expected finite numbers")));
  EXPECT_THAT([&] { ReadMdpFile(write(1, 2)); },
              ThrowsMessage<InputError>(HasSubstr("transitions/next has 2 rows; expected 1")));
  EXPECT_THAT([&] { ReadMdpFile(write(1, 0)); }, ThrowsMessage<InputError>(HasSubstr("transitions/next")));
  EXPECT_THAT([&] { ReadMdpFile(folder.Write("text.hdf5", "text")); },
              ThrowsMessage<InputError>(HasSubstr("text.hdf5")));
  EXPECT_THAT([&] { ReadMdpFile(folder.Write("mdp.csv", "text")); },
              ThrowsMessage<InputError>(HasSubstr("expected a file that ends in .json, .hdf5 or .h5")));
}

}  // namespace
}  // namespace strider::planning
