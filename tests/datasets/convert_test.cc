// D4RL's layout to Minari's and back, and Minari's to D4RL's and back: nothing is lost.
#include "datasets/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"
#include "datasets/minari_origin.h"
#include "datasets/validate.h"
#include "tests/datasets/make_dataset.h"
#include "tests/datasets/same_files.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConvertTest : public ::testing::Test {
 protected:
  std::filesystem::path minari() const { return folder_.path() / "made-v0"; }
  std::filesystem::path back() const { return folder_.path() / "back.hdf5"; }

  // A D4RL file that goes to Minari and comes back.
  void ExpectRoundTrip(const std::filesystem::path& file, const ConvertOptions& options = {}) const {
    ConvertDataset(file, minari(), DatasetFormat::kMinari, options);
    ConvertDataset(minari(), back(), DatasetFormat::kD4rl);
    ExpectSameFiles(file, back());
  }

  TemporaryFolder folder_;
};

class D4rlRoundTrip : public ConvertTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(D4rlRoundTrip, KeepsEveryValueAndType) {
  const auto file = GoldenPath("datasets/d4rl") / GetParam();
  ConvertOptions options;
  if (GetParam() == "hopper_random_no_timeouts.hdf5") options.max_episode_steps = 25;
  ExpectRoundTrip(file, options);
  // What a reader sees is the same too; a Minari dataset always has time-outs.
  const Dataset d4rl = ReadDataset(file);
  const Dataset between = ReadDataset(minari());
  EXPECT_EQ(between.observations, d4rl.observations);
  EXPECT_EQ(between.actions, d4rl.actions);
  EXPECT_EQ(between.rewards, d4rl.rewards);
  EXPECT_EQ(between.terminals, d4rl.terminals);
  EXPECT_EQ(between.next_observations, d4rl.next_observations);
  EXPECT_EQ(between.qpos, d4rl.qpos);
  EXPECT_EQ(between.action_log_probs, d4rl.action_log_probs);
  EXPECT_EQ(between.metadata.contains("policy/nonlinearity"), d4rl.metadata.contains("policy/nonlinearity"));
  if (!d4rl.timeouts.empty()) {
    EXPECT_EQ(between.timeouts, d4rl.timeouts);
    EXPECT_EQ(QlearningRows(between), QlearningRows(d4rl));
  }
}

INSTANTIATE_TEST_SUITE_P(All, D4rlRoundTrip,
                         ::testing::Values("hopper_random_gzip_full.hdf5",

                                           "hopper_random_contiguous_min.hdf5",
                                           "hopper_random_no_timeouts.hdf5",
                                           "hopper_random_other_dtypes.hdf5",
                                           "hopper_random_policy_metadata.hdf5"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('.')); });

class MinariRoundTrip : public ConvertTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(MinariRoundTrip, KeepsArraysAttributesAndMetadata) {
  const auto source = GoldenPath("datasets/minari/golden") / GetParam();
  const auto again = folder_.path() / GetParam();
  ConvertDataset(source, back(), DatasetFormat::kD4rl);
  ConvertDataset(back(), again, DatasetFormat::kMinari);
  ExpectSameFiles(source / "data/main_data.hdf5", again / "data/main_data.hdf5");
  EXPECT_FALSE(std::filesystem::exists(again / "data/d4rl.hdf5"));
  const Hdf5File before = Hdf5File::Open(source / "data/main_data.hdf5");
  const Hdf5File after = Hdf5File::Open(again / "data/main_data.hdf5");
  EXPECT_EQ(before.Names(), after.Names());
  for (const std::string& episode : before.Names()) {
    EXPECT_EQ(before.AttributeNames(episode), after.AttributeNames(episode));
    EXPECT_EQ(AttributesJson(before, episode), AttributesJson(after, episode));
    for (const char* name : {"id", "total_steps"}) {
      EXPECT_EQ(before.ReadAttribute<std::int64_t>(episode, name).values,
                after.ReadAttribute<std::int64_t>(episode, name).values);
    }
    EXPECT_TRUE(after.Has(episode + "/infos"));
  }
  auto expected = ReadMinariMetadata(source / "data").json;
  auto found = ReadMinariMetadata(again / "data").json;
  EXPECT_TRUE(found.at("dataset_size").is_number());
  expected.erase("dataset_size");
  found.erase("dataset_size");
  EXPECT_EQ(found, expected);  // the id too: its last part is the folder's name
  // In between it is a D4RL file like others.
  EXPECT_THAT(ReadDataset(back()).metadata.at("env_id"),
              ::testing::EndsWith(GetParam() == "pointmaze-v0" ? "v3" : "v1"));
  EXPECT_EQ(ReadD4rl(back()).observations, ReadDataset(source).observations);
  EXPECT_EQ(ReadD4rl(back()).next_observations, ReadDataset(source).next_observations);
}

INSTANTIATE_TEST_SUITE_P(All, MinariRoundTrip,
                         ::testing::Values("pendulum-v0", "cartpole-v0", "pointmaze-v0"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('-')); });

TEST_F(ConvertTest, SeedsBeyondSignedNumbersSurvive) {
  ConvertDataset(GoldenPath("datasets/minari/golden/cartpole-v0"), back(), DatasetFormat::kD4rl);
  const auto episodes =
      nlohmann::json::parse(Hdf5File::Open(back()).ReadString("metadata/minari/episodes.json"));
  EXPECT_EQ(episodes.at("attributes").at(2).at("seed"), 9223372036854775814ULL);
}

// A Minari dataset with everything that its layout allows: options, infos of all kinds, an episode that ends
// with neither flag, flags within an episode.
TEST_F(ConvertTest, OddMinariDatasetsSurvive) {
  const auto source = folder_.path() / "odd-v0";
  std::filesystem::copy(GoldenPath("datasets/minari/golden/pointmaze-v0"), source,
                        std::filesystem::copy_options::recursive);
  const auto data = source / "data/main_data.hdf5";
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
  std::filesystem::remove(data);
  {
    const Hdf5File golden =
        Hdf5File::Open(GoldenPath("datasets/minari/golden/pointmaze-v0/data/main_data.hdf5"));
    Hdf5File file = Hdf5File::Create(data);
    const std::vector<double> state(20 * 3, 0.1);
    for (int k = 0; k < 3; ++k) {
      const std::string episode = fmt::format("episode_{}", k);
      for (const char* key : {"observations", "actions", "rewards", "terminations"}) {
        file.Copy(golden, fmt::format("{}/{}", episode, key), fmt::format("{}/{}", episode, key));
      }
      std::vector<std::uint8_t> truncations(20, 0);
      truncations[k == 0 ? 3 : 19] = k == 1 ? 0 : 1;  // within; nowhere; at the end
      file.Write<std::uint8_t>(episode + "/truncations", truncations, {20}, {.flags = true});
      file.Write<double>(episode + "/infos/nested/state", state, {20, 3});
      if (k == 1) file.Write<double>(episode + "/infos/now_and_then", state, {60});
      file.WriteString(episode + "/infos/text", "a text");
      const auto number = [&](const char* name, auto value) {
        file.WriteAttribute<decltype(value)>(episode, name, {&value, 1}, {});
      };
      number("id", std::int64_t{k});
      number("total_steps", std::int64_t{20});
      number("options/mass", 0.1);
      number("options/limit", std::numeric_limits<double>::infinity());
      number("options/start", std::int64_t{-7});
      const std::uint8_t flag = 1;
      file.WriteAttribute<std::uint8_t>(episode, "options/dense", {&flag, 1}, {}, true);
      file.WriteAttribute<double>(episode, "options/goal", std::span(state).first(4), {2, 2});
      const std::vector<std::string> texts{"Größe", ""};
      file.WriteStringsAttribute(episode, "options/words", texts, {2});
      file.WriteStringsAttribute(episode, "options/word", std::span(texts).first(1), {});
    }
    file.Close();
  }
  const auto again = folder_.path() / "again" / "odd-v0";
  ConvertDataset(source, back(), DatasetFormat::kD4rl);
  EXPECT_THAT(ReadD4rl(back()).timeouts[39], 1);  // the end of episode 1, which nothing marks
  std::filesystem::create_directory(folder_.path() / "again");
  ConvertDataset(back(), again, DatasetFormat::kMinari);
  ExpectSameFiles(data, again / "data/main_data.hdf5");
  const Hdf5File before = Hdf5File::Open(data);
  const Hdf5File after = Hdf5File::Open(again / "data/main_data.hdf5");
  for (const std::string& episode : before.Names()) {
    EXPECT_EQ(AttributesJson(before, episode), AttributesJson(after, episode));
    EXPECT_EQ(AttributesJson(after, episode).size(), 7);
  }
}

TEST_F(ConvertTest, OddD4rlFilesSurvive) {
  // next_observations that do not follow, an unfinished episode, unknown keys, metadata of all kinds.
  Dataset dataset = MakeDataset(33, 3, 2);
  dataset.next_observations[0] += 1;
  const auto file = folder_.path() / "odd.hdf5";
  {
    D4rlWriter writer(file, 3, 2, {.action_log_probs = true, .qpos_size = 2, .qvel_size = 3});
    writer.Append(dataset);
    writer.WriteMetadata("policy/fc0/weight", std::vector<float>{1, 2}, {2, 1});
    writer.WriteMetadata("algorithm", "SAC");
    writer.Finish();
  }
  {
    const Hdf5Handle more(H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    const Hdf5Handle group(H5Gcreate2(more.id(), "virtual", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    const hsize_t rows = 5;
    const Hdf5Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
    for (const char* key : {"virtual/0", "infos/odd", "extra"}) {
      const Hdf5Handle made(
          H5Dcreate2(more.id(), key, H5T_STD_I16BE, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
          H5Dclose);
      ASSERT_TRUE(made.valid());
    }
  }
  ExpectRoundTrip(file);
  EXPECT_EQ(OpenDataset(minari())->Metadata().at("algorithm"), "SAC");
}

TEST_F(ConvertTest, EpisodesLargerThanABlockSurvive) {
  Dataset dataset = MakeDataset(25000, 2, 1);
  dataset.terminals.assign(25000, 0);
  dataset.timeouts.assign(25000, 0);
  dataset.timeouts[21000] = 1;
  for (std::size_t i = 0; i + 2 < 50000; ++i) {
    if (i / 2 != 21000) dataset.next_observations[i] = dataset.observations[i + 2];
  }
  const auto file = folder_.path() / "long.hdf5";
  WriteD4rl(file, dataset);
  std::vector<std::size_t> progress;
  ExpectRoundTrip(file, {.progress = [&](std::size_t rows) { progress.push_back(rows); }});
  EXPECT_THAT(progress, ElementsAre(10000, 20000, 21001, 25000));
  EXPECT_FALSE(Hdf5File::Open(minari() / "data/d4rl.hdf5").Has("next_observations"));
}

// Without next_observations nobody knows the last observation of an episode: it is repeated, and marked.
TEST_F(ConvertTest, RepeatedObservationsAreNotTakenForSuccessors) {
  const auto file = GoldenPath("datasets/d4rl/hopper_random_contiguous_min.hdf5");
  ConvertDataset(file, minari(), DatasetFormat::kMinari);
  const auto reader = OpenDataset(minari());
  EXPECT_FALSE(reader->layout().has_next_observations);
  EXPECT_THAT(ReadDataset(*reader).next_observations, IsEmpty());
  const Hdf5File data = Hdf5File::Open(minari() / "data/main_data.hdf5");
  const auto first = data.Read<float>("episode_0/observations");
  const std::size_t width = first.shape[1];
  const std::size_t last = first.shape[0] - 1;
  EXPECT_TRUE(std::equal(first.values.begin() + static_cast<std::ptrdiff_t>(last * width), first.values.end(),
                         first.values.begin() + static_cast<std::ptrdiff_t>((last - 1) * width)));
}

TEST_F(ConvertTest, SpacesOfTheMetadataTravelAlong) {
  Dataset dataset = MakeDataset(30, 4, 1);
  for (float& action : dataset.actions) action = action > 0 ? 1 : 0;
  const std::string box =
      R"({"type":"Box","dtype":"float32","shape":[4],"low":[-1.0,-2.0,-Infinity,0.0],"high":[1.0,2.0,Infinity,1.0]})";
  dataset.metadata = {{"env_id", "CartPole-v1"},
                      {"action_space", R"({"type":"Discrete","dtype":"int64","start":0,"n":2})"},
                      {"observation_space", box}};
  const auto file = folder_.path() / "cart.hdf5";
  WriteD4rl(file, dataset);
  ExpectRoundTrip(file);
  const auto metadata = ReadMinariMetadata(minari() / "data").json;
  EXPECT_EQ(metadata.at("observation_space"), box);
  EXPECT_THAT(metadata.at("action_space"), HasSubstr("Discrete"));
  const auto spec = nlohmann::json::parse(metadata.at("env_spec").get<std::string>());
  EXPECT_EQ(spec.at("id"), "CartPole-v1");
  // As gymnasium.spec("CartPole-v1") has them.
  EXPECT_EQ(spec.at("entry_point"), "gymnasium.envs.classic_control.cartpole:CartPoleEnv");
  EXPECT_EQ(spec.at("max_episode_steps"), 500);
  const Hdf5Info actions = Hdf5File::Open(minari() / "data/main_data.hdf5").Info("episode_0/actions");
  EXPECT_EQ(actions.type, "64-bit integer");
  EXPECT_EQ(actions.shape.size(), 1);
}

// Gymnasium would make another environment than the data's.
TEST_F(ConvertTest, EnvironmentsWithOptionsAreNamedOnly) {
  Dataset dataset = MakeDataset(30, 11, 3);
  dataset.metadata = {{"env_id", "Hopper-v5"}, {"env_options/frame_skip", "2"}};
  const auto file = folder_.path() / "hopper.hdf5";
  WriteD4rl(file, dataset);
  ConvertDataset(file, minari(), DatasetFormat::kMinari);
  const auto metadata = ReadMinariMetadata(minari() / "data").json;
  const auto spec = nlohmann::json::parse(metadata.at("env_spec").get<std::string>());
  EXPECT_EQ(spec.at("id"), "Hopper-v5");
  EXPECT_TRUE(spec.at("entry_point").is_null());
}

// Python cannot make a whole number of infinity.
TEST_F(ConvertTest, WholeNumbersHaveFiniteBounds) {
  ConvertDataset(GoldenPath("datasets/malformed/int_observations.hdf5"), minari(), DatasetFormat::kMinari,
                 {.max_episode_steps = 25});
  const auto metadata = ReadMinariMetadata(minari() / "data");
  ASSERT_TRUE(metadata.observation_space);
  EXPECT_EQ(metadata.observation_space->dtype, "int64");
  EXPECT_THAT(metadata.observation_space->high, Each(0x1p53));
  EXPECT_THAT(metadata.observation_space->low, Each(-0x1p53));
}

// A column of D4RL's layout has one type, so that one of two would be lost.
TEST_F(ConvertTest, EpisodesOfDifferentTypesAreRefused) {
  const auto source = folder_.path() / "mixed-v0";
  std::filesystem::copy(GoldenPath("datasets/minari/golden/pendulum-v0"), source,
                        std::filesystem::copy_options::recursive);
  const auto data = source / "data/main_data.hdf5";
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
  {
    const Hdf5Handle file(H5Fopen(data.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    const Hdf5Handle rewards(H5Dopen(file.id(), "episode_1/rewards", H5P_DEFAULT), H5Dclose);
    const Hdf5Handle stored(H5Dget_space(rewards.id()), H5Sclose);
    const auto steps = static_cast<hsize_t>(H5Sget_simple_extent_npoints(stored.id()));
    const Hdf5Handle space(H5Screate_simple(1, &steps, nullptr), H5Sclose);
    ASSERT_GE(H5Ldelete(file.id(), "episode_1/rewards", H5P_DEFAULT), 0);
    const Hdf5Handle made(H5Dcreate(file.id(), "episode_1/rewards", H5T_IEEE_F32LE, space.id(), H5P_DEFAULT,
                                    H5P_DEFAULT, H5P_DEFAULT),
                          H5Dclose);
    ASSERT_TRUE(made.valid());
  }
  EXPECT_THAT(MessageOf<InputError>([&] { ConvertDataset(source, back(), DatasetFormat::kD4rl); }),
              HasSubstr("episode_1/rewards: is of another type than that of the first episode"));
  EXPECT_FALSE(std::filesystem::exists(back()));
}

TEST_F(ConvertTest, WriterMakesTheSameDatasetAsConversion) {
  const Dataset dataset = MakeDataset(300, 5, 2);
  const auto file = folder_.path() / "x.hdf5";
  WriteD4rl(file, dataset);
  ConvertDataset(file, minari(), DatasetFormat::kMinari);
  const auto direct = folder_.path() / "direct" / "made-v0";
  std::filesystem::create_directory(folder_.path() / "direct");
  {
    const auto writer = CreateDataset(DatasetFormat::kMinari, direct, 5, 2,
                                      {.action_log_probs = true, .qpos_size = 2, .qvel_size = 3});
    for (std::size_t first = 0; first < 300; first += 60) writer->Append(Slice(dataset, first, 60));
    for (const auto& [key, text] : dataset.metadata) writer->WriteMetadata(key, text);
    EXPECT_FALSE(std::filesystem::exists(direct));
    writer->Finish();
  }
  ExpectSameFiles(minari() / "data/main_data.hdf5", direct / "data/main_data.hdf5");
  EXPECT_EQ(ReadMinariMetadata(minari() / "data").json, ReadMinariMetadata(direct / "data").json);
  EXPECT_THAT(Validate(direct), ::testing::SizeIs(Validate(file).size()));
  ConvertDataset(direct, back(), DatasetFormat::kD4rl);
  ExpectSameFiles(file, back());
}

TEST_F(ConvertTest, UnfinishedWriterLeavesNothing) {
  {
    const auto writer = CreateDataset(DatasetFormat::kMinari, minari(), 4, 2);
    writer->Append(MakeDataset(100, 4, 2));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ConvertTest, BadCallsAreRefused) {
  const auto file = GoldenPath("datasets/d4rl/hopper_random_gzip_full.hdf5");
  const auto golden = GoldenPath("datasets/minari/golden/pendulum-v0");
  const auto message = [](const auto& from, const auto& to, DatasetFormat format) {
    return MessageOf<InputError>([&] { ConvertDataset(from, to, format); });
  };
  EXPECT_THAT(message(file, back(), DatasetFormat::kD4rl),
              HasSubstr("is a D4RL file already; expected --format minari"));
  EXPECT_THAT(message(golden, minari(), DatasetFormat::kMinari),
              HasSubstr("is a Minari dataset already; expected --format d4rl"));
  EXPECT_THAT(message(file, file, DatasetFormat::kMinari), HasSubstr("is to be read and to be written"));
  for (const auto& inside : {golden, golden / "data", golden / "data/main_data.hdf5"}) {
    EXPECT_THAT(message(golden, inside, DatasetFormat::kD4rl), HasSubstr("is to be read and to be written"));
  }
  EXPECT_THAT(message(file, folder_.path() / "no version", DatasetFormat::kMinari),
              HasSubstr("cannot be a Minari dataset's folder; expected a name such as medium-v0"));
  folder_.Write("taken-v0/x", "something");
  EXPECT_THAT(message(file, folder_.path() / "taken-v0", DatasetFormat::kMinari),
              HasSubstr("is there already; expected a new folder"));
  EXPECT_THAT(
      message(GoldenPath("datasets/d4rl/hopper_random_no_timeouts.hdf5"), minari(), DatasetFormat::kMinari),
      HasSubstr("timeouts: no such key; needed to tell where episodes end, or --max-episode-steps"));
  EXPECT_THAT(
      message(GoldenPath("datasets/malformed/mismatched_actions.hdf5"), minari(), DatasetFormat::kMinari),
      HasSubstr("actions: has 49 rows"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1)
      << "something was left";
}

TEST_F(ConvertTest, KeptMetadataMustFitTheRows) {
  ConvertDataset(GoldenPath("datasets/minari/golden/pendulum-v0"), back(), DatasetFormat::kD4rl);
  {
    const Hdf5Handle file(H5Fopen(back().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    ASSERT_GE(H5Ldelete(file.id(), "metadata/minari/episodes.json", H5P_DEFAULT), 0);
  }
  const Hdf5File before = Hdf5File::Open(back());
  const auto changed = folder_.path() / "changed.hdf5";
  for (const char* episodes :
       {R"({"lengths":[40,40],"unmarked":[],"attributes":[{},{}]})",
        R"({"lengths":[120],"unmarked":[],"attributes":[]})",
        R"({"lengths":[0,120],"unmarked":[],"attributes":[{},{}]})",
        R"({"lengths":[18446744073709551615,121],"unmarked":[],"attributes":[{},{}]})"}) {
    Hdf5File file = Hdf5File::Create(changed);
    for (const std::string& name : before.Names()) file.Copy(before, name, name);
    file.WriteString("metadata/minari/episodes.json", episodes);
    file.Close();
    EXPECT_THAT(MessageOf<InputError>([&] { ConvertDataset(changed, minari(), DatasetFormat::kMinari); }),
                HasSubstr("metadata/minari/episodes.json: does not fit the file's 120 rows"));
  }
}

// A dataset that was changed by others since its conversion no longer fits what was kept beside it.
TEST_F(ConvertTest, KeptColumnsMustFitTheSteps) {
  ConvertDataset(GoldenPath("datasets/d4rl/hopper_random_other_dtypes.hdf5"), minari(),
                 DatasetFormat::kMinari);
  const auto golden = GoldenPath("datasets/d4rl/hopper_random_policy_metadata.hdf5");
  const auto other = folder_.path() / "other-v0";
  ConvertDataset(golden, other, DatasetFormat::kMinari);
  std::filesystem::copy_file(minari() / "data/d4rl.hdf5", other / "data/d4rl.hdf5",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(
      MessageOf<InputError>([&] { ConvertDataset(other, back(), DatasetFormat::kD4rl); }),
      AllOf(HasSubstr("d4rl.hdf5"), HasSubstr("does not fit the 200 steps"), HasSubstr("remove this file")));
  EXPECT_FALSE(std::filesystem::exists(back()));
}

}  // namespace
}  // namespace strider
