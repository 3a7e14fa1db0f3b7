// Constructor options, and what bad ones are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

void ExpectRefused(std::string_view id, const Assignments& options, const std::string& message) {
  EXPECT_THAT([&] { MakeEnv(id, options); }, ThrowsMessage<InputError>(message));
}

TEST(RegistryTest, UnknownIdsSuggestTheNearest) {
  ExpectRefused("Hoper-v5", {}, "unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'?");
  ExpectRefused("walker2d-v5", {}, "unknown environment 'walker2d-v5'; did you mean 'Walker2d-v5'?");
  EXPECT_THAT(
      [] { MakeEnv("Tetris"); },
      ThrowsMessage<InputError>(HasSubstr("unknown environment 'Tetris'; expected one of: CartPole-v1, ")));
}

TEST(RegistryTest, OptionKeysComeWithOrWithoutPrefix) {
  EXPECT_EQ(MakeEnv("Hopper-v5", {{"max_episode_steps", "5"}})->spec().max_episode_steps, 5);
  EXPECT_EQ(MakeEnv("Hopper-v5", {{"env.max_episode_steps", "5"}})->spec().max_episode_steps, 5);
}

TEST(RegistryTest, BadOptionsAreRefused) {
  ExpectRefused("Hopper-v5", {{"reset_noise_scal", "1"}},
                "unknown setting 'env.reset_noise_scal'; did you mean 'env.reset_noise_scale'?");
  ExpectRefused("Hopper-v5", {{"reset_noise_scale", "-1"}},
                "env.reset_noise_scale = '-1' is not accepted; expected a number at least 0");
  ExpectRefused(
      "Hopper-v5", {{"reset_noise_scale", "1e308"}},
      "env.reset_noise_scale = '1e308' is not accepted; expected a number at least 0, of 3.4e+38 at "
      "most in size");
  ExpectRefused("HalfCheetah-v5", {{"frame_skip", "0"}},
                "env.frame_skip = '0' is not accepted; expected a whole number in [1, 10000]");
  ExpectRefused("Hopper-v5", {{"frame_skip", "1000000000"}},
                "env.frame_skip = '1000000000' is not accepted; expected a whole number in [1, 10000]");
  ExpectRefused("CartPole-v1", {{"sutton_barto_reward", "maybe"}},
                "env.sutton_barto_reward = 'maybe' is not accepted; expected true or false");
  for (const auto* range : {"0.7", "2,1", "1,1", "1,2,3"}) {
    ExpectRefused(
        "Walker2d-v5", {{"healthy_z_range", range}},
        fmt::format("env.healthy_z_range = '{}' is not accepted; expected two numbers separated by a comma, "
                    "the lower first",
                    range));
  }
}

TEST(RegistryTest, RangesAreTwoNumbers) {
  for (const auto& [id, key] : {std::pair{"Ant-v5", "healthy_z_range"},
                                {"Ant-v4", "contact_force_range"},
                                {"Humanoid-v5", "healthy_z_range"},
                                {"Humanoid-v5", "contact_cost_range"},
                                {"HumanoidStandup-v5", "impact_cost_range"}}) {
    ExpectRefused(
        id, {{key, "2,1"}},
        fmt::format("env.{} = '2,1' is not accepted; expected two numbers separated by a comma, the "
                    "lower first",
                    key));
  }
}

// Each version has the options that Gymnasium's has.
TEST(RegistryTest, VersionsHaveTheirOwnOptions) {
  const auto has = [](std::string_view id, std::string_view key) {
    const auto options = FindEnv(id).options();
    return std::ranges::any_of(options, [&](const Setting& option) { return option.key == key; });
  };
  for (const auto* key :
       {"env.main_body", "env.include_cfrc_ext_in_observation", "env.forward_reward_weight"}) {
    EXPECT_TRUE(has("Ant-v5", key)) << key;
    EXPECT_FALSE(has("Ant-v4", key)) << key;
    EXPECT_FALSE(has("Ant-v2", key)) << key;
  }
  EXPECT_TRUE(has("Ant-v4", "env.use_contact_forces"));
  EXPECT_FALSE(has("Ant-v5", "env.use_contact_forces"));
  for (const auto* id : {"Hopper-v", "Walker2d-v", "HalfCheetah-v", "Ant-v"}) {
    EXPECT_TRUE(has(std::string(id) + "5", "env.xml_file"));
    EXPECT_FALSE(has(std::string(id) + "2", "env.xml_file"));
  }
}

TEST(RegistryTest, RewardsThatAreNotFiniteAreErrors) {
  Driver driver(MakeEnv("HalfCheetah-v5", {{"ctrl_cost_weight", "1e308"}}));
  driver.Reset(0);
  EXPECT_THAT(
      [&] { driver.StepRandomly(); },
      ThrowsMessage<WorkError>("HalfCheetah-v5: the reward of step 1 of the episode is -inf; expected a "
                               "finite float32"));
  // What datasets and learners would make infinite.
  Driver large(MakeEnv("Hopper-v5", {{"healthy_reward", "1e39"}}));
  large.Reset(0);
  EXPECT_THAT([&] { large.StepRandomly(); },
              ThrowsMessage<WorkError>(HasSubstr("the reward of step 1 of the episode is 1e+39")));
}

TEST(RegistryTest, EveryEntryListsItsOptionsWithDefaultsThatItAccepts) {
  for (const EnvEntry& entry : EnvRegistry()) {
    Assignments defaults;
    for (const Setting& setting : entry.options()) {
      EXPECT_TRUE(setting.key.starts_with("env.")) << setting.key;
      EXPECT_FALSE(setting.help.empty()) << setting.key;
      defaults.emplace_back(setting.key, setting.get());
    }
    EXPECT_FALSE(entry.summary.empty());
    Driver plain(MakeEnv(entry.id));
    Driver spelled_out(entry.make(entry.id, defaults));
    plain.Reset(1);
    spelled_out.Reset(1);
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(plain.observation(), spelled_out.observation());
      EXPECT_EQ(plain.StepOn().reward, spelled_out.StepOn().reward);
    }
  }
}

TEST(RegistryTest, ListedOptionsAreDetachedFromEachOther) {
  const auto first = FindEnv("Hopper-v5").options();
  const auto second = FindEnv("Hopper-v5").options();
  first[0].set("17");
  EXPECT_EQ(first[0].get(), "17");
  EXPECT_NE(second[0].get(), "17");
}

class OptionTest : public ::testing::Test {
 protected:
  // The first step after a reset with seed 0 and all actions `action`.
  static StepResult FirstStep(std::string_view id, const Assignments& options, float action,
                              std::vector<double>* observation = nullptr) {
    Driver driver(MakeEnv(id, options));
    driver.Reset(0);
    std::ranges::fill(driver.action(), action);
    const StepResult result = driver.env().Step(driver.action(), driver.observation());
    if (observation != nullptr) *observation = driver.observation();
    return result;
  }
};

TEST_F(OptionTest, RewardWeightsScaleTheirTerms) {
  const Assignments no_cost{{"ctrl_cost_weight", "0"}};
  const double forward = FirstStep("HalfCheetah-v5", no_cost, 0.5F).reward;
  EXPECT_EQ(
      FirstStep("HalfCheetah-v5", {{"ctrl_cost_weight", "0"}, {"forward_reward_weight", "2"}}, 0.5F).reward,
      2 * forward);
  EXPECT_EQ(
      FirstStep("HalfCheetah-v5", {{"ctrl_cost_weight", "1"}, {"forward_reward_weight", "0"}}, 0.5F).reward,
      -6 * 0.25);
  const Assignments only_health{
      {"ctrl_cost_weight", "0"}, {"forward_reward_weight", "0"}, {"healthy_reward", "3"}};
  EXPECT_EQ(FirstStep("Hopper-v5", only_health, 0.5F).reward, 3);
}

TEST_F(OptionTest, HealthRangesDecideTheEnd) {
  EXPECT_FALSE(FirstStep("Hopper-v5", {}, 0).terminated);
  for (const auto* key : {"healthy_z_range", "healthy_angle_range", "healthy_state_range"}) {
    EXPECT_TRUE(FirstStep("Hopper-v5", {{key, "5,6"}}, 0).terminated) << key;
    EXPECT_FALSE(FirstStep("Hopper-v5", {{key, "5,6"}, {"terminate_when_unhealthy", "false"}}, 0).terminated)
        << key;
  }
  EXPECT_TRUE(FirstStep("Walker2d-v5", {{"healthy_z_range", "5,6"}}, 0).terminated);
  const double healthy = FirstStep("Walker2d-v5", {}, 0).reward;
  EXPECT_NEAR(FirstStep("Walker2d-v5", {{"healthy_z_range", "5,6"}}, 0).reward, healthy - 1, 1e-12);
}

TEST_F(OptionTest, PositionsCanBeObserved) {
  for (const auto* id : {"HalfCheetah-v5", "Hopper-v5", "Walker2d-v5"}) {
    std::vector<double> hidden;
    std::vector<double> shown;
    FirstStep(id, {}, 0.5F, &hidden);
    FirstStep(id, {{"exclude_current_positions_from_observation", "false"}}, 0.5F, &shown);
    ASSERT_EQ(shown.size(), hidden.size() + 1);
    EXPECT_TRUE(std::equal(hidden.begin(), hidden.end(), shown.begin() + 1));
  }
}

TEST_F(OptionTest, NoNoiseStartsFromTheModelsOwnState) {
  Driver driver(MakeEnv("Hopper-v5", {{"reset_noise_scale", "0"}}));
  driver.Reset(0);
  EXPECT_EQ(driver.observation(), (std::vector<double>{1.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(OptionTest, FrameSkipIsTimePerStep) {
  std::vector<double> twice;
  FirstStep("InvertedPendulum-v5", {{"frame_skip", "4"}}, 1.0F, &twice);
  Driver driver(MakeEnv("InvertedPendulum-v5"));
  driver.Reset(0);
  for (int i = 0; i < 2; ++i) driver.env().Step(std::vector<float>{1.0F}, driver.observation());
  EXPECT_EQ(driver.observation(), twice);
}

TEST(CartPoleTest, RewardsStopAfterTheFall) {
  for (const bool sutton_barto : {false, true}) {
    Driver driver(MakeEnv("CartPole-v1", {{"sutton_barto_reward", sutton_barto ? "true" : "false"}}));
    driver.Reset(0);
    const std::vector<float> right{1.0F};
    StepResult result;
    while (!result.terminated) {
      result = driver.env().Step(right, driver.observation());
      if (!result.terminated) {
        ASSERT_EQ(result.reward, sutton_barto ? 0 : 1);
      }
    }
    EXPECT_EQ(result.reward, sutton_barto ? -1 : 1);
    EXPECT_EQ(driver.env().Step(right, driver.observation()).reward, sutton_barto ? -1 : 0);
  }
}

TEST(CartPoleTest, OtherActionsAreRefused) {
  Driver driver(MakeEnv("CartPole-v1"));
  driver.Reset(0);
  EXPECT_THAT(
      [&] { driver.env().Step(std::vector<float>{2.0F}, driver.observation()); },
      ThrowsMessage<InputError>("action 2 given to CartPole-v1; expected a whole number from 0 to 1"));
}

// Gymnasium's reset options `low` and `high`; x_init and y_init of Pendulum.
TEST(ClassicTest, StartsAreDrawnFromTheBoundsGiven) {
  for (const auto* id :
       {"CartPole-v1", "CartPole-v0", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0"}) {
    Driver driver(MakeEnv(id, {{"low", "-0.75"}, {"high", "-0.75"}}));
    driver.Reset(0);
    EXPECT_EQ(driver.env().State()[0], -0.75) << id;
    ExpectRefused(id, {{"low", "0.5"}, {"high", "0.25"}},
                  "env.low = 0.5 is not accepted; expected at most env.high = 0.25");
    ExpectRefused(id, {{"high", "inf"}},
                  "env.high = 'inf' is not accepted; expected a number in [-1000, 1000]");
  }
  Driver driver(MakeEnv("Pendulum-v1", {{"x_init", "0"}, {"y_init", "0.001"}}));
  driver.Reset(0);
  EXPECT_EQ(driver.env().State()[0], 0);
  EXPECT_LE(std::abs(driver.env().State()[1]), 0.001);
  ExpectRefused("Pendulum-v1", {{"x_init", "-1"}},
                "env.x_init = '-1' is not accepted; expected a number in [0, 1000]");
}

TEST(MountainCarTest, TheGoalAsksForVelocity) {
  for (const auto* id : {"MountainCar-v0", "MountainCarContinuous-v0"}) {
    for (const auto& [goal_velocity, reached] : {std::pair{"0", true}, std::pair{"0.06", false}}) {
      Driver driver(MakeEnv(id, {{"goal_velocity", goal_velocity}}));
      driver.Reset(0);
      driver.env().SetState(std::vector<double>{0.49, 0.03125});
      EXPECT_EQ(driver.env().Step(std::vector<float>{1.0F}, driver.observation()).terminated, reached) << id;
    }
  }
}

TEST(CartPoleTest, VersionsDifferInTheLimit) {
  const auto v0 = MakeEnv("CartPole-v0");
  EXPECT_EQ(v0->spec().max_episode_steps, 200);
  EXPECT_EQ(v0->spec().reward_threshold, 195.0);
  EXPECT_EQ(MakeEnv("CartPole-v1")->spec().max_episode_steps, 500);
}

TEST(AntTest, OnlyRunningHasAReturnThatSolvesIt) {
  EXPECT_EQ(MakeEnv("Ant-v5")->spec().reward_threshold, 6000.0);
  for (const auto* id : {"AntMaze_UMaze-v4", "AntMaze_UMaze-v5", "antmaze-umaze-v2", "AntCoverage-v0"}) {
    EXPECT_EQ(MakeEnv(id)->spec().reward_threshold, std::nullopt) << id;
  }
}

TEST(PendulumTest, GravityPullsAndTorqueIsClipped) {
  const auto step = [](const char* g, float torque) {
    Driver driver(MakeEnv("Pendulum-v1", {{"g", g}}));
    driver.Reset(0);
    driver.env().SetState(std::vector<double>{1.5, 0});
    driver.env().Step(std::vector<float>{torque}, driver.observation());
    return driver.env().State()[1];
  };
  EXPECT_EQ(step("0", 0), 0);
  EXPECT_EQ(step("0", 1), 3.0 * 0.05);
  EXPECT_EQ(step("0", 9), 6.0 * 0.05);
  EXPECT_DOUBLE_EQ(step("20", 0), 30 * std::sin(1.5) * 0.05);
}

// The reward takes Python's ((angle + pi) % (2 * pi)) - pi, which rests on fmod, to the bit; also after many
// turns, and at and beside whole turns.
TEST(PendulumTest, AnglesAreWrappedAsPythonDoes) {
  Driver driver(MakeEnv("Pendulum-v1", {{"max_episode_steps", "1000000"}}));
  driver.Reset(0);
  constexpr double kPi = std::numbers::pi;
  const volatile double two = 2;  // so that the library's pow is called
  const auto expect_wrapped = [&](double angle) {
    double wrapped = std::fmod(angle + kPi, 2 * kPi);
    if (wrapped < 0) wrapped += 2 * kPi;
    wrapped -= kPi;
    driver.env().SetState(std::vector<double>{angle, 0});
    const StepResult result = driver.env().Step(std::vector<float>{0}, driver.observation());
    EXPECT_EQ(result.reward, -std::pow(wrapped, two)) << angle;
  };
  Pcg64 random(1);
  for (int i = 0; i < 20'000; ++i) expect_wrapped(random.Uniform(-120, 120));
  for (int half_turns = -80; half_turns <= 80; ++half_turns) {
    const double angle = half_turns * kPi;
    for (const double beside : {angle, std::nextafter(angle, 1e9), std::nextafter(angle, -1e9)}) {
      expect_wrapped(beside);
    }
  }
  for (const double far : {1e4, -1e4, 1e10, -1e17}) expect_wrapped(far);
}

}  // namespace
}  // namespace strider
