#include "datasets/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "datasets/d4rl.h"
#include "datasets/reference_scores.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::ElementsAre;

std::filesystem::path D4rlPath(const std::string& name) { return GoldenPath("datasets/d4rl") / name; }

// D4RL's own functions, run on these files: `group` of expected.h5 belongs to `file`.
struct Parity {
  std::string group;
  std::string file;
};

class ViewParity : public ::testing::TestWithParam<Parity> {
 protected:
  const Hdf5File expected_ = Hdf5File::Open(D4rlPath("expected.h5"));
  const Dataset dataset_ = ReadD4rl(D4rlPath(GetParam().file));
  const int limit_ = static_cast<int>(expected_.ReadAttribute<std::int64_t>("", "max_path").values.at(0));
};

TEST_P(ViewParity, QlearningKeepsD4rlsRows) {
  for (const bool terminate_on_end : {false, true}) {
    const ViewOptions options{.terminate_on_end = terminate_on_end, .max_episode_steps = limit_};
    const std::string key =
        GetParam().group + "/qlearning_terminate_on_end_" + (terminate_on_end ? "true" : "false") + "/";
    const std::vector<std::size_t> rows = QlearningRows(dataset_, options);
    const auto index = expected_.Read<std::int64_t>(key + "index").values;
    EXPECT_EQ(std::vector<std::int64_t>(rows.begin(), rows.end()), index);

    const Transitions transitions = QlearningTransitions(dataset_, options);
    EXPECT_EQ(transitions.size, expected_.ReadAttribute<std::uint64_t>(key, "n").values.at(0));
    EXPECT_EQ(transitions.actions, expected_.Read<float>(key + "actions").values);
    EXPECT_EQ(transitions.rewards, expected_.Read<float>(key + "rewards").values);
    EXPECT_EQ(transitions.terminals, expected_.Read<float>(key + "terminals").values);
    if (expected_.Has(key + "observations")) {
      EXPECT_EQ(transitions.observations, expected_.Read<float>(key + "observations").values);
      EXPECT_EQ(transitions.next_observations, expected_.Read<float>(key + "next_observations").values);
    }
  }
}

TEST_P(ViewParity, EpisodesAreD4rls) {
  const std::vector<Episode> episodes = Episodes(dataset_, {.max_episode_steps = limit_});
  std::vector<std::int64_t> starts_and_lengths;
  for (const Episode& episode : episodes) {
    EXPECT_TRUE(episode.complete);
    starts_and_lengths.push_back(static_cast<std::int64_t>(episode.start));
    starts_and_lengths.push_back(static_cast<std::int64_t>(episode.length));
  }
  EXPECT_EQ(starts_and_lengths,
            expected_.Read<std::int64_t>(GetParam().group + "/sequence_start_length").values);
}

INSTANTIATE_TEST_SUITE_P(Golden, ViewParity,
                         ::testing::Values(Parity{"timeouts", "hopper_random_gzip_full.hdf5"},
                                           Parity{"timeouts", "hopper_random_contiguous_min.hdf5"},
                                           Parity{"timeouts", "hopper_random_other_dtypes.hdf5"},
                                           Parity{"no_timeouts", "hopper_random_no_timeouts.hdf5"},
                                           Parity{"first_200", "hopper_random_policy_metadata.hdf5"}),
                         [](const auto& test) {
                           return test.param.file.substr(0, test.param.file.find('.'));
                         });

TEST(Views, ReturnsScoresAndMomentsAreTheRecordedOnes) {
  const Hdf5File expected = Hdf5File::Open(D4rlPath("expected.h5"));
  const Dataset dataset = ReadD4rl(D4rlPath("hopper_random_gzip_full.hdf5"));
  const auto returns = expected.Read<double>("episode_returns").values;
  const auto scores = expected.Read<double>("normalized_score_hopper").values;
  const std::vector<Episode> episodes = Episodes(dataset);
  ASSERT_EQ(episodes.size(), returns.size());
  const auto reference = FindReferenceScore("hopper-random-v2");
  ASSERT_TRUE(reference);
  for (std::size_t i = 0; i < episodes.size(); ++i) {
    EXPECT_NEAR(episodes[i].episode_return, returns[i], 1e-12 * std::abs(returns[i]));
    EXPECT_NEAR(NormalizedScore(*reference, episodes[i].episode_return), 100 * scores[i], 1e-10);
  }

  Transitions rows;
  rows.size = dataset.rows;
  rows.observation_size = dataset.observation_size;
  rows.observations = dataset.observations;
  const Normalizer normalizer = FitNormalizer(rows);
  const auto moments = expected.Read<double>("observation_mean_std").values;
  for (std::size_t k = 0; k < dataset.observation_size; ++k) {
    EXPECT_FLOAT_EQ(normalizer.mean[k], static_cast<float>(moments[k]));
    EXPECT_FLOAT_EQ(normalizer.std[k], static_cast<float>(moments[dataset.observation_size + k] + 1e-3));
  }
}

TEST(Views, TrailingEpisodeIsGivenOutOnRequestOnly) {
  Dataset dataset;
  dataset.rows = 5;
  dataset.rewards = {1, 2, 3, 4, 5};
  dataset.terminals = {0, 1, 0, 0, 0};
  dataset.timeouts = {0, 0, 1, 0, 0};
  EXPECT_EQ(Episodes(dataset).size(), 2);
  const std::vector<Episode> episodes = Episodes(dataset, {}, true);
  ASSERT_EQ(episodes.size(), 3);
  EXPECT_EQ(episodes[2].start, 3);
  EXPECT_EQ(episodes[2].length, 2);
  EXPECT_EQ(episodes[2].episode_return, 9);
  EXPECT_FALSE(episodes[2].complete);
}

TEST(Views, FileVariantsHoldTheSameNumbers) {
  const Dataset full = ReadD4rl(D4rlPath("hopper_random_gzip_full.hdf5"));
  EXPECT_EQ(full.next_observations.size(), full.observations.size());
  EXPECT_EQ(full.qpos.size(), full.rows * full.qpos_size);
  EXPECT_EQ(full.action_log_probs.size(), full.rows);
  const Dataset other = ReadD4rl(D4rlPath("hopper_random_other_dtypes.hdf5"));
  EXPECT_EQ(other.observations, full.observations);
  EXPECT_EQ(other.rewards, full.rewards);
  EXPECT_EQ(other.terminals, full.terminals);
  EXPECT_EQ(other.timeouts, full.timeouts);
  EXPECT_EQ(other.qpos, full.qpos);
  EXPECT_TRUE(other.next_observations.empty());
  EXPECT_TRUE(ReadD4rl(D4rlPath("hopper_random_no_timeouts.hdf5")).timeouts.empty());
  const auto policy = D4rlPath("hopper_random_policy_metadata.hdf5");
  const auto iteration = Hdf5File::Open(policy).ReadScalar<std::int64_t>("metadata/iteration");
  EXPECT_THAT(ReadD4rl(policy).metadata,
              ElementsAre(std::pair("algorithm", "SAC"), std::pair("iteration", std::to_string(iteration)),
                          std::pair("policy/nonlinearity", "relu"),
                          std::pair("policy/output_distribution", "tanh_gaussian")));
}

}  // namespace
}  // namespace strider
