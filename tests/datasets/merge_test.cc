// Datasets joined one after the other.
#include "datasets/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"
#include "tests/datasets/make_dataset.h"
#include "tests/datasets/same_files.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MergeTest : public ::testing::Test {
 protected:
  std::filesystem::path Write(const std::string& name, const Dataset& dataset) const {
    const auto path = folder_.path() / name;
    WriteD4rl(path, dataset);
    return path;
  }

  std::filesystem::path out() const { return folder_.path() / "merged.hdf5"; }

  TemporaryFolder folder_;
};

template <class T>
std::vector<T> Joined(const std::vector<T>& first, const std::vector<T>& second) {
  std::vector<T> joined = first;
  joined.insert(joined.end(), second.begin(), second.end());
  return joined;
}

TEST_F(MergeTest, RowsFollowOneAnother) {
  // Row 6 of 7 is a terminal (see MakeDataset): the first file ends with an episode's end.
  const Dataset first = MakeDataset(7, 4, 2);
  Dataset second = Slice(MakeDataset(30, 4, 2), 3, 12);
  MergeDatasets({Write("first.hdf5", first), Write("second.hdf5", second)}, out());
  const Dataset merged = ReadD4rl(out());
  EXPECT_EQ(merged.rows, 19);
  EXPECT_EQ(merged.observations, Joined(first.observations, second.observations));
  EXPECT_EQ(merged.actions, Joined(first.actions, second.actions));
  EXPECT_EQ(merged.rewards, Joined(first.rewards, second.rewards));
  EXPECT_EQ(merged.terminals, Joined(first.terminals, second.terminals));
  EXPECT_EQ(merged.timeouts, Joined(first.timeouts, second.timeouts));
  EXPECT_EQ(merged.next_observations, Joined(first.next_observations, second.next_observations));
  EXPECT_EQ(merged.qpos, Joined(first.qpos, second.qpos));
  EXPECT_EQ(merged.qvel, Joined(first.qvel, second.qvel));
  EXPECT_EQ(merged.action_log_probs, Joined(first.action_log_probs, second.action_log_probs));
  EXPECT_EQ(merged.metadata.at("merged_from"), "first.hdf5, second.hdf5");
}

TEST_F(MergeTest, BordersInMidEpisodeBecomeTimeOuts) {
  const Dataset first = MakeDataset(5, 4, 2);  // ends in mid-episode
  ASSERT_EQ(first.terminals.back() + first.timeouts.back(), 0);
  const auto path = Write("first.hdf5", first);
  MergeDatasets({path, path}, out());
  const Dataset merged = ReadD4rl(out());
  EXPECT_EQ(merged.timeouts[4], 1);
  EXPECT_EQ(merged.terminals[4], 0);
  // The last file's end connects to nothing and stays as it is.
  EXPECT_EQ(merged.timeouts[9], 0);
  // No transition leads across the border: its row is left out, as the last one is.
  EXPECT_THAT(QlearningRows(merged), ::testing::ElementsAre(0, 1, 2, 3, 5, 6, 7, 8));
}

TEST_F(MergeTest, OnlyCompleteEpisodesOnRequest) {
  const Dataset first = MakeDataset(9, 4, 2);  // row 6 is the last end of an episode
  ASSERT_EQ(first.terminals[6], 1);
  const auto path = Write("first.hdf5", first);
  MergeDatasets({path, path}, out(), {.complete_episodes_only = true});
  const Dataset merged = ReadD4rl(out());
  const Dataset complete = Slice(first, 0, 7);
  EXPECT_EQ(merged.observations, Joined(complete.observations, complete.observations));
  EXPECT_EQ(merged.terminals, Joined(complete.terminals, complete.terminals));
  EXPECT_EQ(merged.timeouts, Joined(complete.timeouts, complete.timeouts));

  const auto cut = Write("cut.hdf5", Slice(first, 0, 5));
  EXPECT_THAT(MessageOf<InputError>([&] {
                MergeDatasets({path, cut}, out(), {.complete_episodes_only = true});
              }),
              AllOf(HasSubstr("cut.hdf5"), HasSubstr("at least one complete episode")));
}

TEST_F(MergeTest, ColumnsThatNotAllFilesHaveAreLeftOut) {
  const Dataset full = MakeDataset(10, 4, 2);
  Dataset bare = full;
  bare.next_observations.clear();
  bare.action_log_probs.clear();
  bare.qpos.clear();
  bare.qvel.clear();
  bare.qpos_size = 0;
  bare.qvel_size = 0;
  MergeDatasets({Write("full.hdf5", full), Write("bare.hdf5", bare)}, out());
  const Dataset merged = ReadD4rl(out());
  EXPECT_EQ(merged.rows, 20);
  EXPECT_THAT(merged.next_observations, IsEmpty());
  EXPECT_THAT(merged.action_log_probs, IsEmpty());
  EXPECT_THAT(merged.qpos, IsEmpty());
  EXPECT_EQ(merged.observations, Joined(full.observations, full.observations));
}

TEST_F(MergeTest, EnvironmentIsTakenOver) {
  Dataset dataset = MakeDataset(10, 4, 2);
  dataset.metadata = {{"env_id", "Hopper-v5"}};
  MergeDatasets({Write("a.hdf5", dataset)}, out());
  EXPECT_EQ(ReadD4rl(out()).metadata.at("env_id"), "Hopper-v5");
}

TEST_F(MergeTest, EnvironmentsMustBeEqual) {
  Dataset dataset = MakeDataset(10, 4, 2);
  const auto unnamed = Write("unnamed.hdf5", dataset);
  dataset.metadata = {{"env_id", "Hopper-v5"}};
  const auto hopper = Write("hopper.hdf5", dataset);
  dataset.metadata = {{"env_id", "Walker2d-v5"}};
  const auto walker = Write("walker.hdf5", dataset);
  EXPECT_EQ(MessageOf<InputError>([&] {
              MergeDatasets({hopper, walker}, out());
            }),
            fmt::format("{}: metadata/env_id is Walker2d-v5; expected Hopper-v5 as in {}", walker.string(),
                        hopper.string()));
  EXPECT_FALSE(std::filesystem::exists(out()));
  MergeDatasets({hopper, unnamed}, out());
  EXPECT_EQ(ReadD4rl(out()).metadata.at("env_id"), "Hopper-v5");
}

TEST_F(MergeTest, WorldsMustBeEqual) {
  Dataset dataset = MakeDataset(10, 4, 2);
  dataset.metadata = {{"env_id", "CombinationLock-v0"}};
  const auto silent = Write("silent.hdf5", dataset);
  dataset.metadata["env_instance"] = "lock_seed=0";
  const auto first = Write("first.hdf5", dataset);
  dataset.metadata["env_instance"] = "lock_seed=1";
  const auto second = Write("second.hdf5", dataset);
  EXPECT_EQ(MessageOf<InputError>([&] {
              MergeDatasets({first, second}, out());
            }),
            fmt::format("{}: metadata/env_instance is lock_seed=1; expected lock_seed=0 as in {}",
                        second.string(), first.string()));
  MergeDatasets({first, first}, out());
  EXPECT_EQ(ReadD4rl(out()).metadata.at("env_instance"), "lock_seed=0");
  MergeDatasets({first, silent}, out());
  EXPECT_FALSE(ReadD4rl(out()).metadata.contains("env_instance")) << "nobody knows for the second file";
}

// Whoever learns from the merged file is judged under the rules that its parts were recorded under.
TEST_F(MergeTest, OptionsMustBeEqualAndAreKept) {
  Dataset dataset = MakeDataset(10, 4, 2);
  const auto silent = Write("silent.hdf5", dataset);
  dataset.metadata = {{"env_id", "Hopper-v5"}};
  const auto usual = Write("usual.hdf5", dataset);
  dataset.metadata["env_options/frame_skip"] = "2";
  dataset.metadata["env_options/reset_noise_scale"] = "0.1";
  const auto changed = Write("changed.hdf5", dataset);
  EXPECT_EQ(MessageOf<InputError>([&] {
              MergeDatasets({usual, changed}, out());
            }),
            fmt::format("{}: was recorded with frame_skip = 2, reset_noise_scale = 0.1; expected the "
                        "environment's usual options as {}",
                        changed.string(), usual.string()));
  EXPECT_FALSE(std::filesystem::exists(out()));
  // Unless the option that one of them names is what the other has anyway.
  MergeOptions knowing;
  knowing.is_default = [](std::string_view env, std::string_view option, std::string_view value) {
    return env == "Hopper-v5" && (option == "frame_skip" ? value == "2" : value == "0.1");
  };
  MergeDatasets({usual, changed}, out(), knowing);
  EXPECT_FALSE(ReadD4rl(out()).metadata.contains("env_options/frame_skip"));
  // A file that does not name its environment takes the others' word for that and for the rest.
  MergeDatasets({silent, changed, changed}, out());
  EXPECT_EQ(ReadD4rl(out()).metadata.at("env_options/frame_skip"), "2");
  EXPECT_EQ(ReadD4rl(out()).metadata.at("env_options/reset_noise_scale"), "0.1");
  const auto minari = folder_.path() / "minari-v0";
  const auto both = folder_.path() / "both-v0";
  const MergeOptions format{.format = DatasetFormat::kMinari};
  MergeDatasets({changed}, minari, format);
  MergeDatasets({minari, minari}, both, format);
  EXPECT_EQ(ReadDataset(both).metadata.at("env_options/frame_skip"), "2");
  EXPECT_EQ(ReadDataset(both).rows, 20);
}

// A map that has moved is the same world, which its numbers tell.
TEST_F(MergeTest, OneWorldMayLieInTwoPlaces) {
  Dataset dataset = MakeDataset(10, 4, 2);
  dataset.metadata = {
      {"env_id", "Biodiversity-v0"}, {"env_instance", "map=abc"}, {"env_options/map", "/a/map.csv"}};
  const auto first = Write("first.hdf5", dataset);
  dataset.metadata["env_options/map"] = "/b/map.csv";
  dataset.metadata["env_options/check"] = "1000";
  const auto moved = Write("moved.hdf5", dataset);
  MergeDatasets({first, moved}, out());
  EXPECT_EQ(ReadD4rl(out()).metadata.at("env_options/map"), "/a/map.csv");
  const auto minari = folder_.path() / "minari-v0";
  const auto both = folder_.path() / "both-v0";
  const MergeOptions format{.format = DatasetFormat::kMinari};
  MergeDatasets({first}, minari, format);
  MergeDatasets({minari, minari}, both, format);
  EXPECT_EQ(ReadDataset(both).metadata.at("env_instance"), "map=abc");
  dataset.metadata["env_options/history"] = "true";
  EXPECT_THAT(MessageOf<InputError>([&] {
                MergeDatasets({first, Write("history.hdf5", dataset)}, out());
              }),
              HasSubstr("was recorded with history = true"));
}

TEST_F(MergeTest, InputsAreNotWrittenOver) {
  const auto path = Write("first.hdf5", MakeDataset(10, 4, 2));
  EXPECT_EQ(MessageOf<InputError>([&] {
              MergeDatasets({path, path}, path);
            }),
            path.string() + " is to be read and to be written; expected another --out");
  EXPECT_EQ(ReadD4rl(path).rows, 10);
}

TEST_F(MergeTest, WidthsMustBeEqual) {
  const auto first = Write("first.hdf5", MakeDataset(10, 4, 2));
  const auto wide = Write("wide.hdf5", MakeDataset(10, 5, 2));
  EXPECT_EQ(
      MessageOf<InputError>([&] {
        MergeDatasets({first, wide}, out());
      }),
      wide.string() + ": observations are 5 wide and actions 2; expected 4 and 2 as in " + first.string());
  const auto actions = Write("actions.hdf5", MakeDataset(10, 4, 3));
  EXPECT_THAT(MessageOf<InputError>([&] {
                MergeDatasets({first, actions}, out());
              }),
              AllOf(HasSubstr(actions.string()), HasSubstr("actions 3")));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(MergeTest, FilesWithoutTimeOutsAreRefused) {
  Dataset dataset = MakeDataset(10, 4, 2);
  dataset.timeouts.clear();
  const auto path = Write("no_timeouts.hdf5", dataset);
  EXPECT_THAT(MessageOf<InputError>([&] { MergeDatasets({path}, out()); }),
              AllOf(HasSubstr(path.string()), HasSubstr("timeouts: no such key")));
}

TEST_F(MergeTest, UnreadableFilesLeaveNothing) {
  const auto first = Write("first.hdf5", MakeDataset(10, 4, 2));
  const auto text = folder_.Write("text.hdf5", "no dataset");
  EXPECT_THAT(MessageOf<InputError>([&] { MergeDatasets({first, text}, out()); }), HasSubstr(text.string()));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(MergeTest, MinariEpisodesKeepWhatTheyHold) {
  const auto golden = GoldenPath("datasets/minari/golden/cartpole-v0");
  const auto out = folder_.path() / "both-v0";
  MergeDatasets({golden, golden}, out, {.format = DatasetFormat::kMinari});
  const MinariReader merged(out / "data");
  const MinariReader source(golden / "data");
  ASSERT_EQ(merged.inspection().episodes(), 6);
  EXPECT_EQ(merged.inspection().metadata.json.at("dataset_id"), "both-v0");
  EXPECT_EQ(merged.inspection().metadata.json.at("combined_datasets"),
            nlohmann::json({"golden/cartpole-v0", "golden/cartpole-v0"}));
  for (std::size_t k = 0; k < 6; ++k) {
    const std::string from = EpisodeKey(k % 3, "");
    EXPECT_EQ(merged.file().ReadAttribute<std::int64_t>(EpisodeKey(k, ""), "id").values[0],
              static_cast<std::int64_t>(k));
    EXPECT_EQ(merged.file().ReadAttribute<std::uint64_t>(EpisodeKey(k, ""), "seed").values,
              source.file().ReadAttribute<std::uint64_t>(from, "seed").values);
    for (const std::string& key : KeysUnder(source.file(), from)) {
      EXPECT_EQ(Describe(source.file(), key),
                Describe(merged.file(), EpisodeKey(k, key.substr(from.size() + 1))));
    }
  }
}

TEST_F(MergeTest, FormatsMayBeMixed) {
  const auto golden = GoldenPath("datasets/minari/golden/pendulum-v0");
  const Dataset pendulum = ReadDataset(golden);
  Dataset other = MakeDataset(30, pendulum.observation_size, pendulum.action_size);
  const auto d4rl = Write("other.hdf5", other);
  MergeDatasets({golden, d4rl}, out());
  const Dataset merged = ReadDataset(out());
  EXPECT_EQ(merged.observations, Joined(pendulum.observations, other.observations));
  EXPECT_EQ(merged.next_observations, Joined(pendulum.next_observations, other.next_observations));
  EXPECT_EQ(merged.timeouts, Joined(pendulum.timeouts, other.timeouts));
  EXPECT_EQ(merged.metadata.at("env_id"), "Pendulum-v1");
  EXPECT_THAT(merged.metadata.at("action_space"), HasSubstr("[-2.0]"));
  const auto folder = folder_.path() / "mixed-v0";
  MergeDatasets({golden, d4rl}, folder, {.format = DatasetFormat::kMinari});
  EXPECT_EQ(ReadDataset(folder).observations, merged.observations);
  EXPECT_THAT(MessageOf<InputError>([&] {
                MergeDatasets({golden, d4rl}, golden, {.format = DatasetFormat::kMinari});
              }),
              HasSubstr("is to be read and to be written"));
}

TEST_F(MergeTest, BoundsOfActionsMustBeEqual) {
  Dataset dataset = MakeDataset(10, 4, 1);
  const auto with = [&](const char* low) {
    dataset.metadata["action_space"] = fmt::format(
        R"({{"type": "Box", "dtype": "float32", "shape": [1], "low": [{}], "high": [2.0]}})", low);
    return Write(fmt::format("low{}.hdf5", low), dataset);
  };
  MergeDatasets({with("-2"), with("-2.0")}, out());
  EXPECT_THAT(ReadD4rl(out()).metadata.at("action_space"), HasSubstr("[-2]"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                MergeDatasets({with("-2"), with("-1")}, out());
              }),
              AllOf(HasSubstr("low-1.hdf5: metadata/action_space is"), HasSubstr("low-2.hdf5")));
}

}  // namespace
}  // namespace strider
