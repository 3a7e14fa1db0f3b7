#include "datasets/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/datasets/make_dataset.h"

namespace strider {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

// numpy.quantile([1, 2, 4, 8], [0, .05, .25, .5, .75, .95, 1]).
TEST(Quantiles, LieBetweenValuesInProportion) {
  EXPECT_THAT(QuantilesOf({4, 1, 8, 2}).value(),
              Pointwise(DoubleNear(1e-12), {1., 1.15, 1.75, 3., 5., 7.4, 8.}));
  EXPECT_THAT(QuantilesOf({5}).value(), ElementsAre(5, 5, 5, 5, 5, 5, 5));
  EXPECT_FALSE(QuantilesOf({}));
}

TEST(EpisodeScanner, DoesNotSeeBlocks) {
  for (const bool timeouts : {true, false}) {
    Dataset dataset = MakeDataset(97, 2, 1);
    if (!timeouts) dataset.timeouts.clear();
    const ViewOptions options{.max_episode_steps = 5};
    const std::vector<Episode> whole = Episodes(dataset, options, true);
    ASSERT_GT(whole.size(), 15);
    EXPECT_FALSE(whole.back().complete);
    for (const std::size_t size : {1, 2, 7, 50, 97}) {
      EpisodeScanner scanner(options);
      std::vector<Episode> found;
      for (std::size_t first = 0; first < dataset.rows; first += size) {
        for (const Episode& episode :
             scanner.Add(Slice(dataset, first, std::min(size, dataset.rows - first)))) {
          found.push_back(episode);
        }
      }
      found.push_back(scanner.unfinished());
      ASSERT_EQ(found.size(), whole.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].start, whole[i].start);
        EXPECT_EQ(found[i].length, whole[i].length);
        EXPECT_EQ(found[i].episode_return, whole[i].episode_return);
        EXPECT_EQ(found[i].complete, whole[i].complete);
      }
    }
  }
}

Dataset ThreeEpisodes() {
  Dataset dataset;
  dataset.rows = 8;
  dataset.observation_size = 1;
  dataset.action_size = 2;
  dataset.observations = {0, 1, 2, 3, 4, 5, 6, -7};
  dataset.actions = {-1, 0, .9991F, .998F, 1, -.5F, 2, -2, 0, 0, 0, 0, 0, 0, 0, -.9995F};
  dataset.rewards = {1, 1, 1, 5, 2, 2, 100, 100};
  dataset.terminals = {0, 0, 1, 0, 0, 1, 0, 0};
  dataset.timeouts = {0, 0, 0, 1, 0, 0, 0, 0};
  return dataset;
}

TEST(Summary, CountsWhatIsThere) {
  const Dataset dataset = ThreeEpisodes();
  for (const std::size_t size : {1, 3, 8}) {
    Summarizer summarizer({.rows = 8, .observation_size = 1, .action_size = 2});
    for (std::size_t first = 0; first < dataset.rows; first += size) {
      summarizer.Add(Slice(dataset, first, std::min(size, dataset.rows - first)));
    }
    const DatasetSummary summary = summarizer.Finish();
    EXPECT_EQ(summary.rows, 8);
    EXPECT_EQ(summary.episodes, 3);
    EXPECT_EQ(summary.unfinished_rows, 2);
    EXPECT_EQ(summary.terminals, 2);
    EXPECT_EQ(summary.timeouts, 1);
    EXPECT_EQ(summary.mean_return.value(), 4);  // of 3, 5 and 4
    EXPECT_EQ(summary.returns.value()[0], 3);
    EXPECT_EQ(summary.returns.value()[3], 4);
    EXPECT_EQ(summary.returns.value()[6], 5);
    EXPECT_THAT(summary.lengths.value(), Pointwise(DoubleNear(1e-12), {1., 1.1, 1.5, 2., 2.5, 2.9, 3.}));
    // -1, .9991, 1, 2, -2 and -.9995 of 16; .998 is too far away.
    EXPECT_EQ(summary.action_saturation.value(), 6.0 / 16);
    EXPECT_EQ(summary.limits.low(0), -7);
    EXPECT_EQ(summary.limits.high(1), 2);
  }
}

TEST(Summary, MeasuresSaturationAgainstTheActionsOwnBounds) {
  const auto saturation = [](std::optional<ActionBounds> bounds) {
    Summarizer summarizer({.observation_size = 1, .action_size = 2}, {.action_bounds = std::move(bounds)});
    summarizer.Add(ThreeEpisodes());
    return summarizer.Finish().action_saturation;
  };
  // Only 2 and -2, which stand in different columns, and 0, the second's upper bound (in four rows).
  EXPECT_EQ(saturation(ActionBounds{{-2, -2}, {2, 0}}).value(), (1 + 1 + 5) / 16.0);
  EXPECT_FALSE(saturation(std::nullopt)) << "choices have no bounds";
}

TEST(Summary, HasNoReturnsWithoutAnEpisode) {
  Dataset dataset = ThreeEpisodes();
  dataset.terminals.assign(8, 0);
  dataset.timeouts.assign(8, 0);
  Summarizer summarizer({.observation_size = 1, .action_size = 2});
  summarizer.Add(dataset);
  const DatasetSummary summary = summarizer.Finish();
  EXPECT_EQ(summary.episodes, 0);
  EXPECT_EQ(summary.unfinished_rows, 8);
  EXPECT_FALSE(summary.mean_return);
  EXPECT_FALSE(summary.returns);
  EXPECT_FALSE(summary.lengths);
}

}  // namespace
}  // namespace strider
