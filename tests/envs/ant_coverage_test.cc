// The Ant that is to see as much of a square as it can (SubPO sheet, section 3 and V10).
#include "envs/submodular/ant_coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const AntCoverage& AsAnt(Driver& driver) { return dynamic_cast<const AntCoverage&>(driver.env()); }

std::ptrdiff_t Seen(Driver& driver) { return std::ranges::count(AsAnt(driver).Map().marked, true); }

TEST(AntCoverageTest, SquaresOfTheSheet) {
  EXPECT_EQ(AntCoverage::Square(-20, -20), 0);
  EXPECT_EQ(AntCoverage::Square(19.99, -20), 9900);
  EXPECT_EQ(AntCoverage::Square(0.01, 0.41), 50 * 100 + 51);
  EXPECT_EQ(AntCoverage::Square(20.01, 0), -1);
  EXPECT_EQ(AntCoverage::Square(0, -20.01), -1);
}

// Total reward = (seen at the end - seen at the start) / 10.
TEST(AntCoverageTest, RewardsTelescope) {
  Driver driver(MakeEnv("AntCoverage-v0"));
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    driver.Reset(seed);
    const std::ptrdiff_t start = Seen(driver);
    EXPECT_EQ(start, 25);
    double sum = 0;
    for (StepResult step; !step.terminated && !step.truncated; sum += step.reward)
      step = driver.StepRandomly();
    EXPECT_NEAR(sum, static_cast<double>(Seen(driver) - start) / 10, 1e-9);
  }
}

TEST(AntCoverageTest, TheModularRewardIsAllThatIsSeen) {
  Driver driver(MakeEnv("AntCoverage-v0", {{"reward", "modular"}}));
  driver.Reset(0);
  for (int i = 0; i < 10; ++i) {
    const double reward = driver.StepRandomly().reward;
    EXPECT_NEAR(reward, static_cast<double>(Seen(driver)) / 10, 1e-9);
  }
}

// Moves the body to (x, y) in a state that was just reached.
void MoveTo(Driver& driver, double x, double y) {
  std::vector<double> state = driver.env().State();
  state[0] = x;
  state[1] = y;
  driver.env().SetState(state);
}

TEST(AntCoverageTest, LeavingTheSquareEndsAndStartsAfresh) {
  Driver driver(MakeEnv("AntCoverage-v0"));
  driver.Reset(0);
  MoveTo(driver, 19.8, 0);
  const StepResult at_border = driver.StepRandomly();
  EXPECT_FALSE(at_border.terminated);
  EXPECT_NEAR(at_border.reward, 0.5, 1e-9);  // one column of five squares
  MoveTo(driver, 20.5, 0);
  const StepResult outside = driver.StepRandomly();
  EXPECT_TRUE(outside.terminated);
  EXPECT_EQ(outside.reward, 0);
  driver.Reset();
  EXPECT_EQ(Seen(driver), 25);
}

TEST(AntCoverageTest, ObservationAndStates) {
  Driver driver(MakeEnv("AntCoverage-v0"));
  driver.Reset(0);
  EXPECT_EQ(driver.env().spec().observation_size(), 29);
  EXPECT_EQ(driver.observation()[0], driver.env().qpos()[0]);
  std::vector<double> state = driver.env().State();
  state.back() = 10000;
  EXPECT_THAT([&] { driver.env().SetState(state); },
              ThrowsMessage<InputError>(HasSubstr("given to AntCoverage-v0 is 10000")));
}

}  // namespace
}  // namespace strider
