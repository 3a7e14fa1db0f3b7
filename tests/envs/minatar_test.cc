// MinAtar's options, encodings and what random play does not reach. Parity with MinAtar itself is
// golden_test.cc's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envs/minatar/space_invaders.h"
#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::ThrowsMessage;

TEST(MinAtarTest, SpacesAreThePackages) {
  const auto breakout = MakeEnv("MinAtar/Breakout-v1");
  EXPECT_THAT(std::get<Box>(breakout->spec().observation_space).shape, ElementsAre(10, 10, 4));
  EXPECT_EQ(std::get<Discrete>(breakout->spec().action_space).n, 3);
  EXPECT_EQ(std::get<Discrete>(MakeEnv("MinAtar/Breakout-v0")->spec().action_space).n, 6);
  const auto invaders = MakeEnv("MinAtar/SpaceInvaders-v1");
  EXPECT_THAT(std::get<Box>(invaders->spec().observation_space).shape, ElementsAre(10, 10, 6));
  EXPECT_EQ(std::get<Discrete>(invaders->spec().action_space).n, 4);
}

TEST(MinAtarTest, TheStudysEncodingIsTheHighestChannelOfEachCell) {
  for (const auto& [id, channels] : {std::pair{"MinAtar/Breakout-v0", std::size_t{4}},
                                     std::pair{"MinAtar/SpaceInvaders-v0", std::size_t{6}}}) {
    Driver image(MakeEnv(id));
    Driver study(MakeEnv(id, {{"encoding", "study"}}));
    EXPECT_EQ(study.env().spec().observation_size(), 100);
    image.Reset(1);
    study.Reset(1);
    for (int i = 0; i < 300; ++i) {
      std::vector<double> expected;
      for (std::size_t cell = 0; cell < 100; ++cell) {
        std::size_t highest = 0;
        for (std::size_t channel = 0; channel < channels; ++channel) {
          if (image.observation()[cell * channels + channel] == 1) highest = channel + 1;
        }
        expected.push_back(static_cast<double>(highest) / static_cast<double>(channels) - 0.5);
      }
      ASSERT_THAT(study.observation(), ElementsAreArray(expected)) << id << ", step " << i;
      image.StepOn();
      study.StepOn();
    }
  }
}

// As in the package, where an episode's first step may repeat the last one's action; only a seed forgets it.
TEST(MinAtarTest, TheLastActionOutlivesTheEpisode) {
  Driver driver(MakeEnv("MinAtar/Breakout-v1", {{"sticky_action_prob", "1"}}));
  const auto paddle_after_a_step = [&] {
    driver.env().Step(std::array{2.0F}, driver.observation());
    return driver.env().State()[1];
  };
  driver.Reset(0);
  EXPECT_EQ(paddle_after_a_step(), 4);
  std::vector<double> state = driver.env().State();
  state[0] = 1;  // left
  driver.env().SetState(state);
  EXPECT_EQ(paddle_after_a_step(), 3);
  driver.Reset();
  EXPECT_EQ(paddle_after_a_step(), 3);
  driver.Reset(0);
  EXPECT_EQ(paddle_after_a_step(), 4);
}

TEST(MinAtarTest, NothingHappensAfterTheEnd) {
  Driver driver(MakeEnv("MinAtar/Breakout-v1"));
  driver.Reset(0);
  while (!driver.StepRandomly().terminated) {
  }
  const std::vector<double> last = driver.observation();
  const StepResult result = driver.StepRandomly();
  EXPECT_TRUE(result.terminated);
  EXPECT_EQ(result.reward, 0);
  EXPECT_EQ(driver.observation(), last);
}

// Space Invaders without sticky actions, put into chosen states.
class InvadersTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kAliens = 8;
  static constexpr std::size_t kFriendlyBullets = kAliens + 100;
  static constexpr std::size_t kEnemyBullets = kFriendlyBullets + 100;

  void Make(const std::string& ramping = "true") {
    driver_ = std::make_unique<Driver>(
        MakeEnv("MinAtar/SpaceInvaders-v1", {{"sticky_action_prob", "0"}, {"difficulty_ramping", ramping}}));
    driver_->Reset(0);
    state_ = driver_->env().State();
    std::fill(state_.begin() + kAliens, state_.end(), 0.0);
  }
  void Put(std::size_t map, int row, int column) { state_[map + MinAtarCell(row, column)] = 1; }
  bool Has(std::size_t map, int row, int column) const { return state_[map + MinAtarCell(row, column)] == 1; }
  std::ptrdiff_t Count(std::size_t map) const {
    return std::count(state_.begin() + static_cast<std::ptrdiff_t>(map),
                      state_.begin() + static_cast<std::ptrdiff_t>(map + 100), 1.0);
  }
  // One step without action from state_, which takes on what follows.
  StepResult Step() {
    driver_->env().SetState(state_);
    const StepResult result = driver_->env().Step(std::array{0.0F}, driver_->observation());
    state_ = driver_->env().State();
    return result;
  }
  double& cannon() { return state_[1]; }
  double& moving_left() { return state_[2]; }
  double& move_interval() { return state_[3]; }
  double& move_timer() { return state_[4]; }
  double& alien_shot_timer() { return state_[5]; }

  std::unique_ptr<Driver> driver_;
  std::vector<double> state_;
};

TEST_F(InvadersTest, EachWaveMovesFasterDownToAnInterval) {
  for (const auto& [ramping, before, after] :
       {std::tuple{"true", 12, 11}, {"true", 7, 6}, {"true", 6, 6}, {"false", 12, 12}}) {
    Make(ramping);
    move_interval() = before;
    Put(kAliens, 4, 5);
    Put(kFriendlyBullets, 5, 5);
    EXPECT_EQ(Step().reward, 1);
    EXPECT_EQ(move_interval(), after);
    EXPECT_EQ(Count(kAliens), 24);
    EXPECT_TRUE(Has(kAliens, 0, 2) && Has(kAliens, 3, 7));
    EXPECT_EQ(Count(kFriendlyBullets), 0);
  }
}

TEST_F(InvadersTest, AliensTurnAtTheEdgeARowLower) {
  Make();
  Put(kAliens, 4, 0);
  Put(kAliens, 4, 3);
  move_timer() = 0;
  EXPECT_FALSE(Step().terminated);
  EXPECT_EQ(moving_left(), 0);
  EXPECT_TRUE(Has(kAliens, 5, 0) && Has(kAliens, 5, 3));
  EXPECT_EQ(move_timer(), 1);  // as many steps as there are aliens, less this one
}

TEST_F(InvadersTest, AliensThatLeaveTheLastRowEndTheEpisodeAndComeInAtTheTop) {
  Make();
  Put(kAliens, 9, 0);
  move_timer() = 0;
  EXPECT_TRUE(Step().terminated);
  EXPECT_TRUE(Has(kAliens, 0, 0));
}

TEST_F(InvadersTest, TheNearestLowestAlienShoots) {
  Make();
  cannon() = 5;
  alien_shot_timer() = 0;
  for (const auto& [row, column] : {std::pair{1, 3}, {2, 3}, {6, 7}, {8, 9}}) Put(kAliens, row, column);
  EXPECT_FALSE(Step().terminated);
  EXPECT_EQ(Count(kEnemyBullets), 1);
  EXPECT_TRUE(Has(kEnemyBullets, 2, 3));  // column 7 is as near, but to the right
}

TEST_F(InvadersTest, BulletsAndAliensAtTheCannonEndTheEpisode) {
  Make();
  Put(kAliens, 0, 0);
  Put(kEnemyBullets, 8, 5);
  EXPECT_TRUE(Step().terminated);
  Make();
  move_timer() = 0;
  Put(kAliens, 9, 6);
  EXPECT_TRUE(Step().terminated);
}

TEST(MinAtarOptionsTest, BadOptionsAndStatesAreRefused) {
  EXPECT_THAT(
      [] {
        MakeEnv("MinAtar/Breakout-v1", {{"sticky_action_prob", "1.5"}});
      },
      ThrowsMessage<InputError>(
          "env.sticky_action_prob = '1.5' is not accepted; expected a number in [0, 1]"));
  EXPECT_THAT(
      [] {
        MakeEnv("MinAtar/Breakout-v1", {{"difficulty_ramping", "true"}});
      },
      ThrowsMessage<InputError>(::testing::HasSubstr("unknown setting 'env.difficulty_ramping'")));
  const auto env = MakeEnv("MinAtar/Breakout-v1");
  std::vector<double> state = env->State();
  const std::vector<double> before = state;
  state.back() = 2;
  EXPECT_THAT([&] { env->SetState(state); },
              ThrowsMessage<InputError>(
                  "state number 108 given to MinAtar/Breakout-v1 is 2; expected a whole number from 0 to 1"));
  EXPECT_EQ(env->State(), before);
}

}  // namespace
}  // namespace strider
