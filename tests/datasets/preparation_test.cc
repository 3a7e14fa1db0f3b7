// What is done to a dataset before a method learns from it.
#include "datasets/preparation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Ends {
  kByTurns,    // even episodes by a terminal, odd ones by the step limit
  kTerminals,  // all by a terminal
};

// Episodes of three rows each and one more row: observation = number of the row, action = half of it; the
// reward of every row of episode i is returns[i] / 3.
Dataset Made(const std::vector<double>& returns, Ends ends = Ends::kByTurns) {
  Dataset dataset;
  dataset.rows = 3 * returns.size() + 1;
  dataset.observation_size = 1;
  dataset.action_size = 1;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    const std::size_t episode = row / 3;
    dataset.observations.push_back(static_cast<float>(row));
    dataset.actions.push_back(0.5F * static_cast<float>(row));
    dataset.rewards.push_back(episode < returns.size() ? static_cast<float>(returns[episode] / 3) : 0.0F);
    const bool last = row % 3 == 2;
    const bool terminal = ends == Ends::kTerminals || episode % 2 == 0;
    dataset.terminals.push_back(last && terminal ? 1 : 0);
    dataset.timeouts.push_back(last && !terminal ? 1 : 0);
  }
  return dataset;
}

Transitions Prepare(const Dataset& dataset, const Preparation& preparation) {
  return PreparedTransitions(dataset, {}, preparation, "made.hdf5");
}

TEST(Preparation, LeftAloneItIsTheQlearningView) {
  const Dataset dataset = Made({1, 2, 3});
  const Transitions found = Prepare(dataset, {});
  const Transitions expected = QlearningTransitions(dataset);
  EXPECT_EQ(found.observations, expected.observations);
  EXPECT_EQ(found.rewards, expected.rewards);
  EXPECT_EQ(found.next_observations, expected.next_observations);
  EXPECT_EQ(found.terminals, expected.terminals);
  EXPECT_TRUE(found.next_actions.empty());
}

// a' of row i is the action of row i + 1 of the same episode, wherever that counts.
TEST(Preparation, NextActionsAreTheNextRows) {
  Preparation preparation;
  preparation.next_actions = true;
  const Transitions found = Prepare(Made({1, 2, 3}), preparation);
  ASSERT_EQ(found.next_actions.size(), found.size);
  for (std::size_t i = 0; i < found.size; ++i) {
    if (found.terminals[i] != 0) continue;
    EXPECT_EQ(found.next_actions[i], found.actions[i] + 0.5F);
    EXPECT_EQ(2 * found.next_actions[i], found.next_observations[i]);
  }
}

TEST(Preparation, TenPercentOfTwentyEpisodesAreTwo) {
  std::vector<double> returns(20);
  std::iota(returns.begin(), returns.end(), 1.0);
  std::swap(returns[4], returns[19]);  // the best is the fifth, the second best the nineteenth
  Preparation preparation;
  preparation.best_fraction = 0.1;
  const Transitions found = Prepare(Made(returns, Ends::kTerminals), preparation);
  EXPECT_THAT(found.observations, ElementsAre(12, 13, 14, 54, 55, 56));
  preparation.best_fraction = 1e-9;
  EXPECT_THAT(Prepare(Made(returns, Ends::kTerminals), preparation).observations, ElementsAre(12, 13, 14))
      << "at least one";
}

TEST(Preparation, EpisodesAreRankedByDiscountedReturn) {
  Dataset dataset = Made({0, 0, 0, 0}, Ends::kTerminals);
  dataset.rewards[2] = 10;    // the first: late
  dataset.rewards[6] = 9.9F;  // the third: early
  Preparation preparation;
  preparation.best_fraction = 0.25;
  preparation.return_discount = 0.99;
  EXPECT_THAT(Prepare(dataset, preparation).observations, ElementsAre(6, 7, 8));
  preparation.return_discount = 1;
  EXPECT_THAT(Prepare(dataset, preparation).observations, ElementsAre(0, 1, 2));
}

TEST(Preparation, OneEpisodeWithoutTheRowOfItsTimeout) {
  Preparation preparation;
  preparation.episode = 1;
  EXPECT_THAT(Prepare(Made({1, 2, 3}), preparation).observations, ElementsAre(3, 4));
  preparation.episode = 3;
  EXPECT_THAT(MessageOf<InputError>([&] {
                Prepare(Made({1, 2, 3}), preparation);
              }),
              HasSubstr("made.hdf5: agent.episode = 3, but the dataset holds 3 complete episodes"));
}

// CORL's and the O-DICE authors' cuts, row by row: after a terminal or after `longest` transitions.
std::vector<double> ReturnsOf(const Transitions& data, int longest) {
  std::vector<double> returns;
  double sum = 0;
  int count = 0;
  for (std::size_t i = 0; i < data.size; ++i) {
    sum += static_cast<double>(data.rewards[i]);
    if (++count != longest && data.terminals[i] == 0) continue;
    returns.push_back(sum);
    sum = 0;
    count = 0;
  }
  return returns;
}

TEST(Preparation, RangeBecomesAThousand) {
  Preparation preparation;
  preparation.rewards.reward_map = "range";
  Dataset dataset = Made({-5, 15, 5, 7, 1, 2});
  dataset.timeouts.clear();
  for (const int longest : {2, 3, 1000}) {
    const Transitions found =
        PreparedTransitions(dataset, {.max_episode_steps = longest}, preparation, "made.hdf5");
    const auto [worst, best] = std::ranges::minmax(ReturnsOf(found, longest));
    EXPECT_NEAR(best - worst, 1000, 1e-3) << longest;
  }
}

// Two rows of an episode of three that the limit ends, then those of the next: the cuts drift.
TEST(Preparation, EpisodesAreCutFromTheViewAtTerminalsOrTheLimit) {
  Preparation preparation;
  preparation.best_fraction = 0.5;
  const Dataset dataset = Made({0, 30, 0, 3, 0, 0});
  // In the view: rows 0 1 2 | 3 4 6 | 7 8 | 9 10 12 | 13 14 | and 15 16 at the end, which are no piece.
  const auto kept = PreparedTransitions(dataset, {.max_episode_steps = 3}, preparation, "made.hdf5");
  EXPECT_THAT(kept.observations, ElementsAre(3, 4, 6, 9, 10, 12)) << "of five pieces";
  preparation.best_fraction = 0.3;
  EXPECT_THAT(PreparedTransitions(dataset, {.max_episode_steps = 3}, preparation, "made.hdf5").observations,
              ElementsAre(3, 4, 6));
  EXPECT_THAT(
      PreparedTransitions(dataset, {.max_episode_steps = 1000}, preparation, "made.hdf5").observations,
      ElementsAre(3, 4, 6))
      << "the file's own timeouts tell the limit";
}

// A timeout that is no step limit's, as `merge` leaves one between files, cuts no other episode short.
TEST(Preparation, OneEpisodeThatWasCutSaysNothingOfTheOthers) {
  Dataset dataset = Made({1, 9, 2, 3}, Ends::kTerminals);
  dataset.timeouts.at(0) = 1;
  Preparation preparation;
  preparation.best_fraction = 0.25;
  EXPECT_THAT(Prepare(dataset, preparation).observations, ElementsAre(3, 4, 5));
}

// Rows behind the last flag are an episode that was not ended, however long the others are.
TEST(Preparation, WhatFollowsTheLastFlagIsNoEpisodeOfTheirs) {
  Dataset dataset = Made({1, 9, 2, 3}, Ends::kTerminals);  // twelve rows
  for (std::size_t row = 6; row < 12; ++row) dataset.terminals.at(row) = 0;
  Preparation preparation;
  preparation.best_fraction = 0.5;
  EXPECT_THAT(Prepare(dataset, preparation).observations, ElementsAre(3, 4, 5)) << "of two";
  preparation.best_fraction = 1e-9;
  dataset.rewards.at(11) = 100;
  EXPECT_THAT(Prepare(dataset, preparation).observations, ElementsAre(3, 4, 5));
}

TEST(Preparation, RangeNeedsReturnsThatDiffer) {
  Preparation preparation;
  preparation.rewards.reward_map = "range";
  EXPECT_THAT(MessageOf<InputError>([&] {
                Prepare(Made({3, 3}, Ends::kTerminals), preparation);
              }),
              HasSubstr("made.hdf5: agent.reward_map = range scales by the range of returns, but all 2 "
                        "episodes return 3"));
}

// No end at all, and fewer rows than an episode may have: no return is known.
TEST(Preparation, WithoutAnEndTheSettingThatNeedsOneIsNamed) {
  Dataset endless = Made({1, 2});
  std::ranges::fill(endless.terminals, 0);
  endless.timeouts.clear();
  Preparation preparation;
  EXPECT_EQ(Prepare(endless, preparation).size, 6);
  preparation.rewards.reward_map = "range";
  EXPECT_THAT(MessageOf<InputError>([&] { Prepare(endless, preparation); }),
              HasSubstr("made.hdf5: agent.reward_map = range needs returns of episodes, but there is none: 6 "
                        "transitions without a terminal; expected one, or 1000 transitions"));
  preparation.rewards = {};
  preparation.best_fraction = 0.1;
  EXPECT_THAT(MessageOf<InputError>([&] { Prepare(endless, preparation); }),
              HasSubstr("made.hdf5: agent.best_fraction = 0.1 needs returns of episodes"));
}

TEST(Preparation, RangeLeavesRewardsThatAreAllZeroAsTheyAre) {
  Preparation preparation;
  preparation.rewards.reward_map = "range";
  EXPECT_THAT(Prepare(Made({0, 0}), preparation).rewards, testing::Each(0));
}

TEST(Preparation, GoalMapAndShift) {
  Preparation preparation;
  preparation.rewards.reward_map = "goal";
  Dataset dataset = Made({0, 0});
  dataset.rewards[2] = 1;
  EXPECT_THAT(Prepare(dataset, preparation).rewards, ElementsAre(-3, -3, 0, -3, -3));
  preparation.rewards = {.reward_map = "none", .reward_scale = 10, .reward_shift = -5};
  EXPECT_THAT(Prepare(dataset, preparation).rewards, ElementsAre(-5, -5, 5, -5, -5));
}

// A constant dimension of the state keeps a finite scale.
TEST(Preparation, ConstantStatesStayFinite) {
  Dataset dataset = Made({1, 2});
  std::ranges::fill(dataset.observations, 7.0F);
  const Normalizer normalizer = FitNormalizer(Prepare(dataset, {}));
  EXPECT_EQ(normalizer.mean[0], 7);
  EXPECT_FLOAT_EQ(normalizer.std[0], 1e-3F);
}

}  // namespace
}  // namespace strider
