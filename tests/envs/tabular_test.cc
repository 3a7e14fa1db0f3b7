// Tabular worlds as data, and what is wrong with bad ones. Their parity with Gymnasium is golden_test.cc's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "envs/tabular/cliff_walking.h"
#include "envs/tabular/four_rooms.h"
#include "envs/tabular/frozen_lake.h"
#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

// Two states; either action of the first leads to the second or back, and the second ends.
TabularMdp Small() {
  TabularMdp mdp(2, 2);
  mdp.start = {0.5, 0.5};
  mdp.Outcomes(0, 0) = {{0.25, 1, 1.0, true}, {0.75, 0, -1.0, false}};
  mdp.Outcomes(0, 1) = {{1, 0, 0, false}};
  mdp.Outcomes(1, 0) = {{1, 1, 0, true}};
  mdp.Outcomes(1, 1) = {{1, 1, 0, true}};
  return mdp;
}

void ExpectFault(const std::function<void(TabularMdp&)>& spoil, const std::string& message) {
  TabularMdp mdp = Small();
  spoil(mdp);
  EXPECT_THAT([&] { mdp.Validate("here"); }, ThrowsMessage<InputError>("here: " + message));
  EXPECT_THAT([&] { TabularEnv("here", mdp, 10); }, ThrowsMessage<InputError>("here: " + message));
}

TEST(TabularMdpTest, FaultsAreNamedWithTheirPlace) {
  EXPECT_NO_THROW(Small().Validate("here"));
  ExpectFault([](auto& m) { m.Outcomes(0, 0)[1].probability = 0.5; },
              "the probabilities of state 0, action 0 sum to 0.75; expected 1");
  ExpectFault([](auto& m) { m.Outcomes(0, 0)[1].probability = -0.25; },
              "outcome 1 of state 0, action 0 has probability -0.25; expected a number in [0, 1]");
  ExpectFault([](auto& m) { m.Outcomes(1, 1)[0].probability = NAN; },
              "outcome 0 of state 1, action 1 has probability nan; expected a number in [0, 1]");
  ExpectFault([](auto& m) { m.Outcomes(0, 1)[0].next_state = 2; },
              "outcome 0 of state 0, action 1 leads to state 2; expected 0 to 1");
  ExpectFault([](auto& m) { m.Outcomes(0, 1)[0].next_state = -1; },
              "outcome 0 of state 0, action 1 leads to state -1; expected 0 to 1");
  ExpectFault([](auto& m) { m.Outcomes(0, 1)[0].reward = INFINITY; },
              "outcome 0 of state 0, action 1 has reward inf; expected a finite number");
  ExpectFault([](auto& m) { m.Outcomes(1, 0).clear(); },
              "state 1, action 0 has no outcomes; expected at least one");
  ExpectFault(
      [](auto& m) {
        m.start = {0.5, 0.25};
      },
      "the probabilities of the start states sum to 0.75; expected 1");
  ExpectFault(
      [](auto& m) {
        m.start = {2, -1};
      },
      "start in state 0 has probability 2; expected a number in [0, 1]");
  ExpectFault([](auto& m) { m.start = {1}; }, "1 start probabilities; expected 2");
  ExpectFault([](auto& m) { m.outcomes.pop_back(); }, "3 lists of outcomes; expected 4");
  ExpectFault([](auto& m) { m.state_names = {"a"}; }, "1 names of states; expected 2");
  ExpectFault([](auto& m) { m.action_names = {"a", "b", "c"}; }, "3 names of actions; expected 2");
  ExpectFault([](auto& m) { m.states = 0; }, "0 states; expected at least 1");
  ExpectFault([](auto& m) { m.actions = 0; }, "0 actions; expected at least 1");
}

TEST(TabularMdpTest, FaultsGoByTheirNamesWhereThereAreNames) {
  ExpectFault(
      [](auto& m) {
        m.state_names = {"home", "away"};
        m.action_names = {"stay", "go"};
        m.Outcomes(0, 1)[0].probability = 0.5;
      },
      "the probabilities of state 0 (home), action 1 (go) sum to 0.5; expected 1");
  const TabularMdp unnamed = Small();
  EXPECT_EQ(unnamed.StateName(1), "1");
  EXPECT_EQ(unnamed.ActionName(0), "0");
}

TEST(TabularEnvTest, OutcomesComeAsOftenAsTheirProbabilitiesSay) {
  TabularEnv env("here", Small(), 10);
  std::vector<double> observation(1);
  env.Reset(3, observation);
  constexpr int kTries = 20'000;
  int moved = 0;
  int started_second = 0;
  for (int i = 0; i < kTries; ++i) {
    env.SetState(std::array{0.0});
    const StepResult result = env.Step(std::array{0.0F}, observation);
    EXPECT_EQ(result.terminated, observation[0] == 1);
    EXPECT_EQ(result.reward, observation[0] == 1 ? 1 : -1);
    moved += result.terminated ? 1 : 0;
    env.Reset(observation);
    started_second += observation[0] == 1 ? 1 : 0;
  }
  // Four standard deviations.
  EXPECT_NEAR(moved, 0.25 * kTries, 4 * std::sqrt(0.25 * 0.75 * kTries));
  EXPECT_NEAR(started_second, 0.5 * kTries, 4 * std::sqrt(0.25 * kTries));
}

TEST(TabularEnvTest, ImpossibleStatesAreRefused) {
  const auto env = MakeEnv("FrozenLake-v1");
  for (const double state : {-1.0, 16.0, 0.5}) {
    EXPECT_THAT(
        [&] { env->SetState(std::array{state}); },
        ThrowsMessage<InputError>(fmt::format(
            "state number 0 given to FrozenLake-v1 is {}; expected a whole number from 0 to 15", state)));
  }
}

TEST(FrozenLakeTest, IsReadableAsATable) {
  const TabularMdp mdp = FrozenLakeMdp({});
  EXPECT_EQ(mdp.states, 16);
  EXPECT_EQ(mdp.start[0], 1);
  EXPECT_EQ(mdp.StateName(15), "G at 3,3");
  EXPECT_EQ(mdp.ActionName(1), "down");
  // Down from the cell before the goal: it slips left, goes down or slips right.
  constexpr double kAhead = 1.0 / 3.0;
  constexpr double kAside = (1 - kAhead) / 2;
  EXPECT_THAT(mdp.Outcomes(14, 1), ElementsAre(Outcome{kAside, 13, 0, false}, Outcome{kAhead, 14, 0, false},
                                               Outcome{kAside, 15, 1, true}));
  EXPECT_THAT(mdp.Outcomes(15, 2), ElementsAre(Outcome{1, 15, 0, true}));
  // The environment acts in the same table.
  const auto env = MakeEnv("FrozenLake-v1");
  EXPECT_EQ(dynamic_cast<const TabularEnv&>(*env).mdp().outcomes, mdp.outcomes);
}

TEST(FrozenLakeTest, OptionsMakeTheTable) {
  FrozenLakeConfig config;
  config.desc = "SFS/HFG";
  config.success_rate = 0.5;
  config.reward_schedule = {10, -5, -1};
  const TabularMdp mdp = FrozenLakeMdp(config);
  EXPECT_THAT(mdp.start, ElementsAre(0.5, 0, 0.5, 0, 0, 0));
  EXPECT_THAT(mdp.Outcomes(0, 1), ElementsAre(Outcome{0.25, 0, -1, false}, Outcome{0.5, 3, -5, true},
                                              Outcome{0.25, 1, -1, false}));
  config.is_slippery = false;
  EXPECT_THAT(FrozenLakeMdp(config).Outcomes(4, 2), ElementsAre(Outcome{1, 5, 10, true}));
}

TEST(FrozenLakeTest, BadOptionsAreRefused) {
  const auto refused = [](const Assignments& options, const std::string& message) {
    EXPECT_THAT([&] { MakeEnv("FrozenLake-v1", options); }, ThrowsMessage<InputError>(message));
  };
  refused({{"map_name", "5x5"}}, "env.map_name = '5x5' is not accepted; expected one of 4x4, 8x8");
  refused({{"success_rate", "1.5"}}, "env.success_rate = '1.5' is not accepted; expected a number in [0, 1]");
  refused({{"reward_schedule", "1,0"}},
          "env.reward_schedule = '1,0' is not accepted; expected three numbers separated by commas");
  for (const std::string desc : {"SFF/HG", "SFX", "FFG", "/", "S//"}) {
    refused(
        {{"desc", desc}},
        fmt::format("env.desc = '{}' is not accepted; expected rows of one length, made of S, F, H and G and "
                    "joined by '/', with a start S among them",
                    desc));
  }
}

TEST(CliffWalkingTest, FallsCostAHundredAndStartAgain) {
  const TabularMdp mdp = CliffWalkingMdp({});
  EXPECT_THAT(mdp.Outcomes(36, 1), ElementsAre(Outcome{1, 36, -100, false}));
  EXPECT_THAT(mdp.Outcomes(35, 2), ElementsAre(Outcome{1, 47, -1, true}));
}

TEST(FourRoomsTest, HasTheClassicLayout) {
  const TabularMdp mdp = FourRoomsMdp({});
  EXPECT_EQ(mdp.states, 104);
  std::map<std::string, int> state;
  for (int s = 0; s < mdp.states; ++s) state[mdp.StateName(s)] = s;
  EXPECT_EQ(state.at("7,9"), 62);  // the east hallway, under its number in the literature
  for (const auto* hallway : {"3,6", "6,2", "7,9", "10,6"}) EXPECT_TRUE(state.contains(hallway)) << hallway;
  EXPECT_EQ(mdp.start[62], 0);
  EXPECT_EQ(mdp.start[0], 1.0 / 103);

  // From the upper left corner: up and left are walls, which stop.
  EXPECT_THAT(mdp.Outcomes(0, 1),
              ElementsAre(Outcome{1.0 / 9, 0, 0, false}, Outcome{1 - 1.0 / 3, 10, 0, false},
                          Outcome{1.0 / 9, 0, 0, false}, Outcome{1.0 / 9, 1, 0, false}));
  // Into the goal, and there.
  EXPECT_EQ(mdp.Outcomes(state.at("8,9"), 0)[0], (Outcome{1 - 1.0 / 3, 62, 1, true}));
  EXPECT_THAT(mdp.Outcomes(62, 0), ElementsAre(Outcome{1, 62, 0, true}));
}

// The shortest way from one corner room's far corner to the opposite one, without slipping, by value
// iteration on the table: 10 rows down and 10 columns right, as no wall is in the way of the hallways'
// detour.
TEST(FourRoomsTest, TheTableCanBePlannedOn) {
  FourRoomsConfig config;
  config.slip = 0;
  config.start = {1, 1};
  config.goal = {11, 11};
  const TabularMdp mdp = FourRoomsMdp(config);
  EXPECT_EQ(mdp.start[0], 1);
  std::vector<int> distance(static_cast<std::size_t>(mdp.states), 1000);
  distance.back() = 0;
  for (int sweep = 0; sweep < mdp.states; ++sweep) {
    for (int s = 0; s + 1 < mdp.states; ++s) {
      for (int a = 0; a < mdp.actions; ++a) {
        const auto next = static_cast<std::size_t>(mdp.Outcomes(s, a)[0].next_state);
        auto& best = distance[static_cast<std::size_t>(s)];
        best = std::min(best, distance[next] + 1);
      }
    }
  }
  EXPECT_EQ(distance[0], 20);
  EXPECT_FALSE(MakeEnv("FourRooms-v0", {{"slip", "0"}})->spec().random_steps);
}

TEST(FourRoomsTest, BadOptionsAreRefused) {
  const auto refused = [](const Assignments& options, const std::string& message) {
    EXPECT_THAT([&] { MakeEnv("FourRooms-v0", options); }, ThrowsMessage<InputError>(message));
  };
  for (const std::string cell : {"0,0", "6,6", "13,1", "-1,3", "7", "7,9,1", ""}) {
    refused({{"goal", cell}},
            fmt::format("env.goal = '{}' is not accepted; expected row,column of a free cell", cell));
  }
  refused({{"start", "6,1"}}, "env.start = '6,1' is not accepted; expected row,column of a free cell");
  refused({{"start", "7,9"}}, "env.start = '7,9' is the goal; expected another cell");
  refused({{"slip", "-0.1"}}, "env.slip = '-0.1' is not accepted; expected a number in [0, 1]");
}

}  // namespace
}  // namespace strider
