// The miniature race car: its two models, its track and its rewards (SubPO sheet, section 3).
#include "envs/submodular/race_car.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

void ExpectState(const CarState& state, const CarState& expected) {
  for (std::size_t i = 0; i < state.size(); ++i)
    EXPECT_NEAR(state[i], expected[i], 1e-10) << "component " << i;
}

// Expected numbers: the sheet's formulas written once more in Python, with the same points of the track.
TEST(RaceCarTest, TheDynamicModel) {
  ExpectState(DynamicSlope({0.4, 0.05, 0.1, 1.2, -0.1, 2.0}, 0.6, 0.2),
              {1.25104611368, 0.0202996834484, 1.05884452635, 1.17044991577, 2.83103664298, 13.4189889023});
  ExpectState(
      StepCar({0.4, 0.05, 0.1, 1.2, -0.1, 2.0}, 0.6, 0.2),
      {0.437862724573, 0.0523332222365, 0.140673321908, 1.23805014608, -0.0436162962915, 2.48935711793});
}

TEST(RaceCarTest, TheKinematicModelTakesOverAtLowSpeed) {
  ExpectState(StepCar({0, 0.1, 0, 0, 0, 0}, 1, 0.1), {0.00313826403477, 0.100133475563, -0.00183389847206,
                                                      0.168401949309, 0.00899332732197, 0.272525070363});
  // Resistance does not push a car at rest.
  ExpectState(StepCar({0, 0.1, 0, 0, 0, 0}, -1, 0), {0, 0.1, 0, 0, 0, 0});
  // 0.42 m/s: 60 % dynamic.
  ExpectState(StepCar({0.4, -0.03, 0.1, 0.42, 0.02, 1.0}, 0.3, -0.1),
              {0.412563717473, -0.0291306903175, 0.0726045172722, 0.439744288766, -0.0125007443867,
               -0.0286208413519});
}

TEST(RaceCarTest, TheTrackOfTheSheet) {
  constexpr double kSpacing = Track::kLength / 50;
  EXPECT_EQ(Track::At(0).curvature, 1.90);
  EXPECT_EQ(Track::At(0).left, 0.204);
  EXPECT_EQ(Track::At(0).right, -0.212);
  EXPECT_NEAR(Track::At(26.0001 * kSpacing).curvature, -4.34, 1e-3);
  EXPECT_NEAR(Track::At(0.5 * kSpacing).curvature, (1.90 + 0.98) / 2, 1e-12);
  EXPECT_NEAR(Track::At(49.5 * kSpacing).curvature, (2.35 + 1.90) / 2, 1e-9);  // it is closed
  EXPECT_NEAR(Track::At(-0.5 * kSpacing).curvature, (2.35 + 1.90) / 2, 1e-9);
}

struct Drive {
  double sum = 0;
  std::vector<double> ends;  // s after each step
  StepResult last;
};

Drive DriveOut(Driver& driver, std::array<float, 2> action) {
  Drive drive;
  driver.Reset(0);
  do {
    drive.last = driver.env().Step(action, driver.observation());
    drive.sum += drive.last.reward;
    drive.ends.push_back(driver.observation()[0]);
  } while (!drive.last.terminated && !drive.last.truncated);
  return drive;
}

// Gains along the way add up to the way made.
TEST(RaceCarTest, RewardsTelescope) {
  Driver driver(MakeEnv("RaceCar-v0"));
  const Drive drive = DriveOut(driver, {0.5F, 0.0F});
  EXPECT_TRUE(drive.last.terminated);  // straight on, off the track
  EXPECT_NEAR(drive.sum, drive.ends.back() - 0.01 * static_cast<double>(drive.ends.size()) - 1, 1e-9);
  // A step after the end.
  const std::vector<double> before = driver.env().State();
  const StepResult after = driver.env().Step(std::array{0.5F, 0.0F}, driver.observation());
  EXPECT_EQ(after.reward, 0);
  EXPECT_TRUE(after.terminated);
  EXPECT_EQ(driver.env().State(), before);
}

TEST(RaceCarTest, TheModularRewardIsTheWholeWay) {
  Driver driver(MakeEnv("RaceCar-v0", {{"reward", "modular"}}));
  const Drive drive = DriveOut(driver, {0.5F, 0.0F});
  double expected = -1;
  for (const double s : drive.ends) expected += s - 0.01;
  EXPECT_NEAR(drive.sum, expected, 1e-9);
}

TEST(RaceCarTest, TheFinishPaysAndEnds) {
  Driver driver(MakeEnv("RaceCar-v0"));
  driver.Reset(0);
  driver.env().SetState(std::vector<double>{16.39, 0.0, 0.0, 1.0, 0.0, 0.0});
  const StepResult result = driver.env().Step(std::array{0.5F, 0.0F}, driver.observation());
  EXPECT_TRUE(result.terminated);
  EXPECT_NEAR(result.reward, driver.observation()[0] - 16.39 - 0.01 + 1, 1e-12);
  EXPECT_THAT(
      [&] {
        driver.env().SetState(std::vector<double>{0, 0, NAN, 0, 0, 0});
      },
      ThrowsMessage<InputError>(HasSubstr("state number 2 given to RaceCar-v0 is nan")));
}

TEST(RaceCarTest, StartsAtRestOnEitherSide) {
  Driver driver(MakeEnv("RaceCar-v0"));
  int left = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    driver.Reset(seed);
    EXPECT_EQ(std::abs(driver.observation()[1]), 0.1);
    left += driver.observation()[1] > 0 ? 1 : 0;
  }
  EXPECT_GT(left, 5);
  EXPECT_LT(left, 35);
}

// The line drawn stays as long as the way made, and the borders lie where they should.
TEST(RaceCarTest, ThePicture) {
  RaceCar car("RaceCar-v0", {});
  const MapPicture map = car.Map();
  ASSERT_EQ(map.lines.size(), 2U);
  EXPECT_NEAR(map.lines[0].front().y, 0.204, 1e-12);
  EXPECT_NEAR(map.lines[1].front().y, -0.212, 1e-12);
  EXPECT_THAT(map.legend, HasSubstr("approximation"));
  double way = 0;
  double s = 0;
  MapPoint before;
  const auto apart = [](MapPoint a, MapPoint b) { return std::hypot(a.x - b.x, a.y - b.y); };
  for (std::size_t i = 0; i < map.lines[0].size(); ++i, s += 0.05) {
    car.SetState(std::array<double, 6>{s, 0, 0, 0, 0, 0});
    const MapPoint here = car.Position();
    way += apart(here, before);
    EXPECT_NEAR(way, s, 0.005 * s + 0.0025) << "chords are a little shorter than the bends";
    const Track::Section section = Track::At(s);
    EXPECT_NEAR(apart(map.lines[0][i], here), section.left, 1e-9);
    EXPECT_NEAR(apart(map.lines[1][i], here), -section.right, 1e-9);
    EXPECT_NEAR(apart(map.lines[0][i], map.lines[1][i]), section.left - section.right, 1e-9)
        << "on either side";
    before = here;
  }
  EXPECT_NEAR(s, Track::kLength, 0.06);
}

}  // namespace
}  // namespace strider
