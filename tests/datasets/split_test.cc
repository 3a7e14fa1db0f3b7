// Datasets dealt out into several.
#include "datasets/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"
#include "tests/datasets/make_dataset.h"
#include "tests/datasets/same_files.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

class SplitTest : public ::testing::Test {
 protected:
  std::filesystem::path Path(const std::string& name) const { return folder_.path() / name; }

  std::string Message(const std::filesystem::path& from, const std::vector<std::string>& outs,
                      const std::vector<double>& fractions) const {
    std::vector<std::filesystem::path> paths;
    for (const std::string& out : outs) paths.push_back(Path(out));
    return MessageOf<InputError>([&] { SplitDataset(from, paths, fractions); });
  }

  TemporaryFolder folder_;
};

// Each episode's rewards, which tell episodes apart.
std::vector<std::vector<float>> RewardsOfEpisodes(const Dataset& dataset) {
  std::vector<std::vector<float>> all;
  for (const Episode& episode : Episodes(dataset, {}, true)) {
    const auto begin = dataset.rewards.begin() + static_cast<std::ptrdiff_t>(episode.start);
    all.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(episode.length));
  }
  return all;
}

TEST_F(SplitTest, EveryEpisodeGoesWholeIntoOneOutput) {
  const auto golden = GoldenPath("datasets/d4rl/hopper_random_gzip_full.hdf5");
  SplitDataset(golden, {Path("a.hdf5"), Path("b.hdf5"), Path("c.hdf5")}, {0.5, 0.3});
  const auto whole = RewardsOfEpisodes(ReadDataset(golden));
  std::vector<std::vector<float>> found;
  std::vector<std::size_t> counts;
  std::vector<float> observations;
  for (const char* name : {"a.hdf5", "b.hdf5", "c.hdf5"}) {
    const Dataset part = ReadDataset(Path(name));
    const auto episodes = RewardsOfEpisodes(part);
    counts.push_back(episodes.size());
    // In the order of the source.
    auto at = whole.begin();
    for (const auto& episode : episodes) {
      at = std::find(at, whole.end(), episode);
      ASSERT_NE(at, whole.end());
    }
    found.insert(found.end(), episodes.begin(), episodes.end());
    observations.insert(observations.end(), part.observations.begin(), part.observations.end());
  }
  auto expected = whole;
  std::ranges::sort(found);
  std::ranges::sort(expected);
  EXPECT_EQ(found, expected);
  const auto share = [&](double fraction) { return static_cast<double>(whole.size()) * fraction; };
  EXPECT_NEAR(static_cast<double>(counts[0]), share(0.5), 1);
  EXPECT_NEAR(static_cast<double>(counts[1]), share(0.3), 1);
  auto all = ReadDataset(golden).observations;
  std::ranges::sort(all);
  std::ranges::sort(observations);
  EXPECT_EQ(observations, all);
}

TEST_F(SplitTest, TheSeedDecides) {
  const auto golden = GoldenPath("datasets/d4rl/hopper_random_contiguous_min.hdf5");
  const auto rewards = [&](std::uint64_t seed, const std::string& name) {
    SplitDataset(golden, {Path(name + "1.hdf5"), Path(name + "2.hdf5")}, {0.5}, {.seed = seed});
    return ReadDataset(Path(name + "1.hdf5")).rewards;
  };
  const auto first = rewards(0, "a");
  EXPECT_EQ(first, rewards(0, "b"));
  EXPECT_NE(first, rewards(1, "c"));
}

TEST_F(SplitTest, TypesAndMetadataStay) {
  const auto golden = GoldenPath("datasets/d4rl/hopper_random_other_dtypes.hdf5");
  SplitDataset(golden, {Path("a.hdf5"), Path("b.hdf5")}, {0.9});
  const Hdf5File before = Hdf5File::Open(golden);
  const Hdf5File after = Hdf5File::Open(Path("a.hdf5"));
  for (const char* key : {"observations", "rewards", "terminals", "timeouts", "infos/qpos"}) {
    EXPECT_EQ(before.Info(key).type, after.Info(key).type) << key;
    EXPECT_EQ(before.Info(key).shape.size(), after.Info(key).shape.size()) << key;
  }
  SplitDataset(GoldenPath("datasets/d4rl/hopper_random_policy_metadata.hdf5"),
               {Path("c.hdf5"), Path("d.hdf5")}, {0.5});
  EXPECT_TRUE(Hdf5File::Open(Path("d.hdf5")).Has("metadata/policy/fc0/weight"));
  EXPECT_EQ(ReadDataset(Path("d.hdf5")).metadata.at("policy/nonlinearity"), "relu");
}

TEST_F(SplitTest, MinariEpisodesKeepWhatTheyHold) {
  const auto golden = GoldenPath("datasets/minari/golden/pointmaze-v0");
  SplitDataset(golden, {Path("a-v0"), Path("b-v0")}, {0.6});
  const Hdf5File before = Hdf5File::Open(golden / "data/main_data.hdf5");
  std::set<std::int64_t> seeds;
  std::size_t episodes = 0;
  for (const char* name : {"a-v0", "b-v0"}) {
    const MinariReader reader(Path(name) / "data");
    EXPECT_EQ(reader.inspection().metadata.json.at("dataset_id"), name);
    EXPECT_EQ(reader.inspection().metadata.total_episodes, reader.inspection().episodes());
    episodes += reader.inspection().episodes();
    for (std::size_t k = 0; k < reader.inspection().episodes(); ++k) {
      const std::string episode = EpisodeKey(k, "");
      EXPECT_EQ(reader.file().ReadAttribute<std::int64_t>(episode, "id").values[0],
                static_cast<std::int64_t>(k));
      const auto seed = reader.file().ReadAttribute<std::int64_t>(episode, "seed").values[0];
      seeds.insert(seed);
      const std::string source = EpisodeKey(static_cast<std::size_t>(seed - 7), "");  // seeds are 7, 8, 9
      for (const std::string& key : KeysUnder(before, source)) {
        EXPECT_EQ(Describe(before, key), Describe(reader.file(), episode + key.substr(source.size())));
      }
    }
  }
  EXPECT_EQ(episodes, 3);
  EXPECT_THAT(seeds, ElementsAreArray({7, 8, 9}));
}

TEST_F(SplitTest, BadCallsAreRefused) {
  const auto golden = GoldenPath("datasets/d4rl/hopper_random_contiguous_min.hdf5");
  EXPECT_THAT(Message(golden, {"a.hdf5"}, {}), HasSubstr("expected another --out"));
  EXPECT_THAT(Message(golden, {"a.hdf5", "b.hdf5"}, {}),
              HasSubstr("0 fractions for 2 outputs; expected one for each"));
  EXPECT_THAT(Message(golden, {"a.hdf5", "b.hdf5"}, {1.5}),
              HasSubstr("fraction 1.5: expected a number in (0, 1)"));
  EXPECT_THAT(Message(golden, {"a.hdf5", "b.hdf5", "c.hdf5"}, {0.5, 0.5}),
              HasSubstr("add up to 1; expected less than 1"));
  EXPECT_THAT(Message(golden, {"a.hdf5", "./a.hdf5"}, {0.5}), HasSubstr("is to be written twice"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                SplitDataset(golden, {"not_there.hdf5", "./not_there.hdf5"}, {0.5});
              }),
              HasSubstr("is to be written twice"));
  EXPECT_THAT(Message(golden, {"a.hdf5", "b.hdf5"}, {0.0001}), HasSubstr("none is left for"));
  EXPECT_THAT(
      Message(GoldenPath("datasets/d4rl/hopper_random_no_timeouts.hdf5"), {"a.hdf5", "b.hdf5"}, {0.5}),
      HasSubstr("timeouts: no such key"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                SplitDataset(golden, {golden, Path("b.hdf5")}, {0.5});
              }),
              HasSubstr("is to be read and to be written"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace strider
