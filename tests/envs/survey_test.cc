// The tasks on grids: layouts, moves, returns, and what the SubPO sheet says of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "envs/submodular/gaussian_process.h"
#include "envs/submodular/survey_tasks.h"
#include "envs/submodular/weight_map.h"
#include "tests/envs/kit.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::vector<std::string>& Ids() {
  static const std::vector<std::string> ids = {
      "GridCoverage-v0", "BimodalCoverage-v0", "InformativePath-v0", "Biodiversity-v0",
      "TwoRooms-v0",     "ItemCollection-v0",  "ExperimentDesign-v0"};
  return ids;
}

const Survey& AsSurvey(Driver& driver) { return dynamic_cast<const Survey&>(driver.env()); }

double Act(Driver& driver, int action) {
  return driver.env().Step(std::array{static_cast<float>(action)}, driver.observation()).reward;
}

// A whole episode of random actions; its return.
double PlayRandomly(Driver& driver) {
  double sum = 0;
  driver.Reset();
  for (int i = 0; i < driver.env().spec().max_episode_steps; ++i) sum += driver.StepRandomly().reward;
  return sum;
}

// V1, for every task: the return is F of the cells visited, start included, by definition of F as far as
// WalkValue's fresh copy is.
TEST(SurveyTest, ReturnsAreTheObjectiveOfTheWalk) {
  for (const std::string& id : Ids()) {
    SCOPED_TRACE(id);
    Driver driver(MakeEnv(id));
    for (int episode = 0; episode < 5; ++episode) {
      const double sum = PlayRandomly(driver);
      const Survey& survey = AsSurvey(driver);
      EXPECT_EQ(survey.visited().size(), static_cast<std::size_t>(survey.spec().max_episode_steps + 1));
      EXPECT_NEAR(sum, WalkValue(survey.task(), survey.visited()), 1e-9 * (1 + std::abs(sum)));
      // A step after the end.
      const auto before = survey.State();
      EXPECT_EQ(Act(driver, 1), 0);
      EXPECT_EQ(survey.State(), before);
    }
  }
}

// Section 3: the start is node 34; actions are stay, next column, next row, and back.
TEST(SurveyTest, MovesOfTheSheet) {
  Driver driver(MakeEnv("GridCoverage-v0"));
  driver.Reset(0);
  EXPECT_THAT(AsSurvey(driver).visited(), ElementsAre(34));  // row 1, column 4
  for (const int action : {0, 1, 2, 3, 4}) Act(driver, action);
  EXPECT_THAT(AsSurvey(driver).visited(), ElementsAre(34, 34, 35, 65, 64, 34));
  Act(driver, 4);
  Act(driver, 4);  // the edge
  EXPECT_EQ(AsSurvey(driver).visited().back(), 4);
}

// Section 2: every step of a straight walk of 2 x 2 footprints sees two new cells, of 3 x 3 three.
TEST(SurveyTest, FootprintsSeeWhatTheSheetSays) {
  for (const auto& [footprint, start_gain, gain] : {std::tuple{"small", 4, 2}, {"large", 9, 3}}) {
    Driver driver(MakeEnv("GridCoverage-v0", {{"footprint", footprint}}));
    driver.Reset(0);
    EXPECT_EQ(Act(driver, 1), start_gain + gain);
    EXPECT_EQ(Act(driver, 1), gain);
    EXPECT_EQ(Act(driver, 0), 0);
    for (int i = 0; i < 24; ++i) Act(driver, 1);
    EXPECT_EQ(AsSurvey(driver).visited().back(), 59);  // the last column, where the footprint is clipped
  }
}

TEST(SurveyTest, BimodalWeights) {
  Driver driver(MakeEnv("BimodalCoverage-v0"));
  const auto& shades = AsSurvey(driver).task().shades;
  EXPECT_NEAR(shades[0], 1 / (1 + std::exp(-1)), 1e-12);
  EXPECT_NEAR(shades[29], 1 / (1 + std::exp(1)), 1e-12);
  EXPECT_NEAR(shades[899], shades[0], 1e-12);
}

// 68 free cells, as the sheet counts them; walls stop. The myopic walk sees one room and its corridor's
// mouth.
TEST(SurveyTest, TwoRooms) {
  Driver driver(MakeEnv("TwoRooms-v0"));
  const SurveyTask& task = AsSurvey(driver).task();
  EXPECT_EQ(std::accumulate(task.free.begin(), task.free.end(), 0), 68);
  EXPECT_EQ(NextCell(task, 3, 1), 3);            // row 0: the room's wall
  EXPECT_EQ(NextCell(task, 2 * 14 + 3, 1), 32);  // row 2: the corridor
  EXPECT_EQ(NextCell(task, 2 * 14 + 5, 4), 33);  // above it
  EXPECT_EQ(WalkValue(task, GreedyWalk(task, 34, 39)), 36);
  EXPECT_TRUE(std::isnan(task.shades[4]));
}

// Section 3 and section 6, layout 0: 93 cells hold items; the myopic walk gets 9 of 21.
TEST(SurveyTest, ItemsOfTheReleasedLayout) {
  Driver driver(MakeEnv("ItemCollection-v0"));
  const SurveyTask& task = AsSurvey(driver).task();
  std::array<int, 6> counts{};
  for (const double kind : task.shades) {
    if (!std::isnan(kind)) ++counts[static_cast<std::size_t>(kind)];
  }
  EXPECT_THAT(counts, ElementsAre(18, 14, 13, 16, 18, 14));
  EXPECT_EQ(WalkValue(task, GreedyWalk(task, 34, 39)), 9);
  std::vector<int> everything(105);
  std::iota(everything.begin(), everything.end(), 0);
  EXPECT_EQ(WalkValue(task, everything), 21);
}

// The modular reward: what a cell is worth alone, whenever it is visited.
TEST(SurveyTest, ModularRewardsForgetThePast) {
  for (const std::string& id : Ids()) {
    SCOPED_TRACE(id);
    Driver driver(MakeEnv(id, {{"reward", "modular"}}));
    driver.Reset(0);
    const double alone = WalkValue(AsSurvey(driver).task(), std::array{34});
    EXPECT_NEAR(Act(driver, 0), 2 * alone, 1e-12);
    EXPECT_NEAR(Act(driver, 0), alone, 1e-12);
  }
}

TEST(SurveyTest, WhatIsObserved) {
  Driver one_hot(MakeEnv("TwoRooms-v0"));
  one_hot.Reset(0);
  Act(one_hot, 2);
  std::vector<double> expected(7 + 14 + 40);
  expected[3] = expected[7 + 6] = expected[7 + 14 + 1] = 1;  // from (2, 6) down, at time 1
  EXPECT_EQ(one_hot.observation(), expected);

  Driver marked(MakeEnv("TwoRooms-v0", {{"history", "true"}}));
  marked.Reset(0);
  Act(marked, 2);
  expected.resize(expected.size() + 98);
  expected[61 + 34] = expected[61 + 48] = 1;
  EXPECT_EQ(marked.observation(), expected);

  Driver numbers(MakeEnv("TwoRooms-v0", {{"encoding", "number"}}));
  numbers.Reset(0);
  Act(numbers, 2);
  EXPECT_THAT(numbers.observation(), ElementsAre(48, 1));

  Driver list(
      MakeEnv("TwoRooms-v0", {{"encoding", "number"}, {"history", "true"}, {"max_episode_steps", "3"}}));
  list.Reset(0);
  Act(list, 2);
  EXPECT_THAT(list.observation(), ElementsAre(34, 48, -1));
  Act(list, 0);
  Act(list, 0);
  EXPECT_THAT(list.observation(), ElementsAre(34, 48, 48));
}

// With slip 1 every action is a draw; with 0 none is.
TEST(SurveyTest, SlipDrawsActions) {
  Driver certain(MakeEnv("GridCoverage-v0"));
  Driver random(MakeEnv("GridCoverage-v0", {{"slip", "1"}}));
  EXPECT_FALSE(certain.env().spec().random_steps);
  EXPECT_TRUE(random.env().spec().random_steps);
  random.Reset(1);
  for (int i = 0; i < 79; ++i) Act(random, 0);
  const auto visited = AsSurvey(random).visited();
  EXPECT_NE(std::ranges::count(visited, 34), 80);
}

// Observed at two places: the inverse of their covariance is written out by hand.
TEST(SurveyTest, GaussianProcessesAreConditionedByHand) {
  constexpr int kRows = 4;
  constexpr int kColumns = 3;
  Pcg64 random(7);
  const Eigen::MatrixXd posterior = GridPosterior(kRows, kColumns, 2, random);
  Pcg64 same(7);
  std::array<std::array<double, 2>, 2> observed{};
  for (auto& place : observed) {
    for (double& x : place) x = same.Uniform(0, 10);
  }
  const auto kernel = [](const std::array<double, 2>& a, const std::array<double, 2>& b) {
    const double z = std::sqrt(5.0) * std::hypot(a[0] - b[0], a[1] - b[1]);
    return std::log(2.0) * (1 + z + z * z / 3) * std::exp(-z);
  };
  const double own = std::log(2.0) + 1e-3;
  const double cross = kernel(observed[0], observed[1]);
  const double determinant = own * own - cross * cross;
  const auto cell = [](int number) {
    return std::array<double, 2>{1 + 0.1 * (number / kColumns), 1 + 0.1 * (number % kColumns)};
  };
  for (int i = 0; i < kRows * kColumns; ++i) {
    for (int j = 0; j < kRows * kColumns; ++j) {
      const double a0 = kernel(cell(i), observed[0]);
      const double a1 = kernel(cell(i), observed[1]);
      const double b0 = kernel(cell(j), observed[0]);
      const double b1 = kernel(cell(j), observed[1]);
      const double told = (own * a0 * b0 - cross * (a0 * b1 + a1 * b0) + own * a1 * b1) / determinant;
      EXPECT_NEAR(posterior(i, j), kernel(cell(i), cell(j)) - told, 1e-12) << i << ", " << j;
    }
  }
}

TEST(SurveyTest, GaussianProcessMaps) {
  // A draw as smooth and as large as its kernel says.
  Pcg64 random(1);
  const Eigen::MatrixXd covariance = GridPosterior(6, 5, 1, random);
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(30, 30);
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    const Eigen::VectorXd field = DrawField(covariance, random);
    sum += field * field.transpose();
  }
  EXPECT_LT((sum / kDraws - covariance).cwiseAbs().maxCoeff(), 0.08);
  // The weights are positive and differ from seed to seed.
  Driver zero(MakeEnv("InformativePath-v0"));
  Driver one(MakeEnv("InformativePath-v0", {{"map_seed", "1"}}));
  EXPECT_GE(std::ranges::min(AsSurvey(zero).task().shades), 0);
  EXPECT_NE(AsSurvey(zero).task().shades, AsSurvey(one).task().shades);
  // A measurement anywhere tells something less than one without any observation would.
  Driver design(MakeEnv("ExperimentDesign-v0"));
  EXPECT_LE(std::ranges::max(AsSurvey(design).task().shades), std::log(2.0) + 1e-12);
}

TEST(SurveyTest, EqualSettingsShareATask) {
  Driver a(MakeEnv("InformativePath-v0"));
  Driver b(MakeEnv("InformativePath-v0"));
  Driver c(MakeEnv("InformativePath-v0", {{"footprint", "large"}}));
  EXPECT_EQ(&AsSurvey(a).task(), &AsSurvey(b).task());
  EXPECT_NE(&AsSurvey(a).task(), &AsSurvey(c).task());
}

// Makes an environment with options that are to be refused.
auto Making(std::string id, Assignments options) {
  return [id = std::move(id), options = std::move(options)] { MakeEnv(id, options); };
}

TEST(SurveyTest, BadOptionsAreNamed) {
  EXPECT_THAT(Making("ItemCollection-v0", {{"max_episode_steps", "0"}}),
              ThrowsMessage<InputError>(
                  "env.max_episode_steps = '0' is not accepted; expected a whole number in [1, 100000]"));
  EXPECT_THAT(
      Making("TwoRooms-v0", {{"start", "4"}}),
      ThrowsMessage<InputError>("env.start = '4' is not accepted; expected the number of a free cell of "
                                "the 7 x 14 grid"));
  EXPECT_THAT(Making("GridCoverage-v0", {{"rows", "2"}, {"columns", "2"}}),
              ThrowsMessage<InputError>(HasSubstr("expected the number of a free cell of the 2 x 2 grid")));
}

TEST(SurveyTest, ItemsThatDoNotFitAreNamed) {
  const auto with = [](const char* items, const char* wanted) {
    return Making("ItemCollection-v0", {{"items", items}, {"wanted", wanted}});
  };
  EXPECT_THAT(with("0 1/105", "1,1"),
              ThrowsMessage<InputError>(
                  HasSubstr("kind 1 lies in cell 105, which is not on the 7 x 15 grid of cells 0 to 104")));
  EXPECT_THAT(with("0 1/1", "1,1"), ThrowsMessage<InputError>(HasSubstr("cell 1 holds kinds 0 and 1")));
  EXPECT_THAT(with("0 x", "1"), ThrowsMessage<InputError>(HasSubstr("'x' is no number")));
  EXPECT_THAT(with("0 1", "1,1"),
              ThrowsMessage<InputError>(HasSubstr("it lists 1 kinds where env.wanted has 2")));
  EXPECT_THAT(with("0 1/2", "1,2"),
              ThrowsMessage<InputError>(HasSubstr("there are 1 of kind 1 where env.wanted asks for 2")));
  EXPECT_NO_THROW(with("0 1 / 2", "1,1")());
}

class WeightMapTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) const {
    std::ofstream(path_) << text;
    return path_.string();
  }
  ~WeightMapTest() override { std::filesystem::remove(path_); }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() /
      fmt::format("strider_map_{}.csv", ::testing::UnitTest::GetInstance()->random_seed() + ::getpid());
};

TEST_F(WeightMapTest, ReadsOneRowALine) {
  const WeightMap map = ReadWeightMap(Write("# density\n1, 2.5,3\r\n\n4,5,6e0\n"));
  EXPECT_EQ(map.rows, 2);
  EXPECT_EQ(map.columns, 3);
  EXPECT_THAT(map.weights, ElementsAre(1, 2.5, 3, 4, 5, 6));
}

TEST_F(WeightMapTest, SpreadsheetsMarksAreNoNumbers) {
  EXPECT_THAT(ReadWeightMap(Write("\xEF\xBB\xBF"
                                  "1,2\n"))
                  .weights,
              ElementsAre(1, 2));
}

TEST_F(WeightMapTest, NamesFileAndLineOfWhatIsWrong) {
  const auto reading = [&](const std::string& text) { return [file = Write(text)] { ReadWeightMap(file); }; };
  EXPECT_THAT(reading("1,2\n3\n"),
              ThrowsMessage<InputError>(HasSubstr(".csv:2: 1 numbers; expected 2, as in the first row")));
  EXPECT_THAT(
      reading("1,x\n"),
      ThrowsMessage<InputError>(HasSubstr(".csv:1: number 2 is \"x\"; expected a number from 0 to 1e+12")));
  for (const char* number : {"inf", "nan", "-5", "-1e-300", "1e308", "1e999", "0x10", ""}) {
    EXPECT_THAT(
        reading(fmt::format("1,2\n3,{}\n", number)),
        ThrowsMessage<InputError>(HasSubstr(fmt::format(".csv:2: number 2 is \"{}\"; expected", number))));
  }
  EXPECT_THAT(reading("# nothing\n"), ThrowsMessage<InputError>(HasSubstr("no numbers")));
}

TEST_F(WeightMapTest, AMapOfOnesOwnIsSurveyedAndCheckedOnRequest) {
  const std::string good = Write("1,2,0\n0,3,1\n");
  {
    Driver driver(MakeEnv("Biodiversity-v0", {{"map", good}, {"start", "0"}}));
    driver.Reset(0);
    EXPECT_EQ(Act(driver, 1), 1 + 2 + 0 + 3 + 0 + 1);
    EXPECT_THAT(AsSurvey(driver).task().legend,
                HasSubstr("density of " + std::filesystem::path(good).filename().string()));
  }
  EXPECT_NO_THROW(MakeEnv("Biodiversity-v0", {{"map", good}, {"start", "0"}, {"check", "1000"}}));
  // A loss makes it something else than SubPO is for.
  EXPECT_THAT(
      Making("Biodiversity-v0", {{"map", Write("1,-2,0\n0,3,1\n")}, {"start", "0"}}),
      ThrowsMessage<InputError>(AllOf(HasSubstr("env.map: "), HasSubstr(".csv:1: number 2 is \"-2\""))));
  EXPECT_THAT(Making("Biodiversity-v0", {{"map", "/none.csv"}}),
              ThrowsMessage<InputError>(HasSubstr("env.map: cannot read /none.csv: No such file")));
}

// Two worlds are one where every walk is worth the same in both.
TEST_F(WeightMapTest, WorldsAreToldApart) {
  const auto instance = [](const char* id, const Assignments& options) {
    return MakeEnv(id, options)->spec().instance;
  };
  EXPECT_EQ(instance("GridCoverage-v0", {}), "default");
  EXPECT_EQ(instance("GridCoverage-v0", {{"history", "true"}, {"check", "5"}, {"encoding", "number"}}),
            "default");
  EXPECT_EQ(instance("RaceCar-v0", {}), "default");
  EXPECT_EQ(instance("RaceCar-v0", {{"reward", "modular"}}), "reward=modular");
  EXPECT_EQ(instance("AntCoverage-v0", {{"reward", "modular"}}), "reward=modular");
  EXPECT_EQ(instance("GridCoverage-v0", {{"rows", "31"}, {"start", "3"}}), "start=3 rows=31");
  const std::string map = Write("1,2\n");
  const Assignments mine = {{"map", map}, {"start", "0"}};
  const std::string before = instance("Biodiversity-v0", mine);
  EXPECT_EQ(before, "start=0 map_sha256=" + ReadWeightMap(map).sha256);
  EXPECT_EQ(instance("Biodiversity-v0", {{"map", map}, {"start", "0"}, {"map_seed", "4"}}), before);
  Write("# the same\r\n1.0, 2\r\n");
  EXPECT_EQ(instance("Biodiversity-v0", mine), before) << "the numbers count, not how they are written";
  Write("1,3\n");
  EXPECT_NE(instance("Biodiversity-v0", mine), before);
  Write("1\n2\n");
  EXPECT_NE(instance("Biodiversity-v0", mine), before);
}

TEST(SurveyTest, TheSyntheticMapSaysSo) {
  Driver driver(MakeEnv("Biodiversity-v0"));
  EXPECT_THAT(AsSurvey(driver).task().legend, HasSubstr("synthetic"));
  EXPECT_THAT(std::string(FindEnv("Biodiversity-v0").summary), HasSubstr("synthetic"));
}

// The checked property of every task, on request.
TEST(SurveyTest, EveryTaskIsMonotoneAndSubmodular) {
  for (const std::string& id : Ids()) EXPECT_NO_THROW(MakeEnv(id, {{"check", "300"}})) << id;
}

TEST(SurveyTest, StatesThatCannotBeAreRefused) {
  Driver driver(MakeEnv("ItemCollection-v0", {{"max_episode_steps", "2"}}));
  driver.Reset(0);
  const auto setting = [&](std::vector<double> state) {
    return [&driver, state] { driver.env().SetState(state); };
  };
  EXPECT_NO_THROW(setting({34, 35, -1})());
  EXPECT_THAT(driver.env().State(), ElementsAre(34, 35, -1));
  EXPECT_THAT(setting({33, -1, -1}), ThrowsMessage<InputError>(HasSubstr("expected the start, 34")));
  EXPECT_THAT(setting({34, 36, -1}), ThrowsMessage<InputError>(HasSubstr("a cell one step from 34")));
  EXPECT_THAT(setting({34, -1, 34}), ThrowsMessage<InputError>(HasSubstr("state number 2")));
  EXPECT_THAT(driver.env().State(), ElementsAre(34, 35, -1));
}

}  // namespace
}  // namespace strider
