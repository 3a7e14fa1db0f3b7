// Reading Minari's datasets: what Minari itself reads, and what it refuses.
#include "datasets/minari.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "core/checksum.h"
#include "core/error.h"
#include "core/files.h"
#include "datasets/validate.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::filesystem::path Golden(const std::string& name) { return GoldenPath("datasets/minari/golden") / name; }

// An environment variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

class MinariParity : public ::testing::TestWithParam<std::string> {};

// Rows are the episodes' steps one after the other, in numeric order.
TEST_P(MinariParity, ValuesAreThoseThatMinariReads) {
  const GoldenFile expected(GoldenPath("datasets/minari/expected_minari.h5"));
  const Dataset dataset = ReadDataset(Golden(GetParam()));
  std::size_t row = 0;
  for (std::size_t k = 0; k < expected.Members(GetParam()).size(); ++k) {
    const std::string episode = fmt::format("{}/{}/", GetParam(), k);
    std::vector<GoldenArray<double>> parts;
    if (expected.Has(episode + "observations/observation")) {
      for (const char* key : {"achieved_goal", "desired_goal", "observation"}) {
        parts.push_back(expected.Read(episode + "observations/" + key));
      }
    } else {
      parts.push_back(expected.Read(episode + "observations"));
    }
    const auto actions = expected.Read(episode + "actions");
    const auto rewards = expected.Read(episode + "rewards");
    const auto terminations = expected.Read(episode + "terminations");
    const auto truncations = expected.Read(episode + "truncations");
    ASSERT_EQ(actions.width(), dataset.action_size);
    for (std::size_t t = 0; t < rewards.rows(); ++t, ++row) {
      std::size_t column = row * dataset.observation_size;
      for (const auto& part : parts) {
        for (std::size_t i = 0; i < part.width(); ++i, ++column) {
          ASSERT_EQ(dataset.observations[column], static_cast<float>(part.row(t)[i]));
          ASSERT_EQ(dataset.next_observations[column], static_cast<float>(part.row(t + 1)[i]));
        }
      }
      ASSERT_EQ(column, (row + 1) * dataset.observation_size);
      for (std::size_t i = 0; i < dataset.action_size; ++i) {
        ASSERT_EQ(dataset.actions[row * dataset.action_size + i], static_cast<float>(actions.row(t)[i]));
      }
      ASSERT_EQ(dataset.rewards[row], static_cast<float>(rewards.values[t]));
      ASSERT_EQ(dataset.terminals[row], terminations.values[t]);
      ASSERT_EQ(dataset.timeouts[row], truncations.values[t]);
    }
  }
  EXPECT_EQ(row, dataset.rows);
}

INSTANTIATE_TEST_SUITE_P(All, MinariParity, ::testing::Values("pendulum-v0", "cartpole-v0", "pointmaze-v0"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('-')); });

TEST(Minari, BlocksAreTheWholesRows) {
  const auto reader = OpenDataset(Golden("pointmaze-v0"));
  const Dataset whole = ReadDataset(*reader);
  const std::size_t width = whole.observation_size;
  for (std::size_t first = 0; first < whole.rows; first += 7) {
    const std::size_t count = std::min<std::size_t>(17, whole.rows - first);
    const Dataset block = reader->Read(first, count);
    const auto at = whole.next_observations.begin() + static_cast<std::ptrdiff_t>(first * width);
    EXPECT_TRUE(std::equal(block.next_observations.begin(), block.next_observations.end(), at));
    EXPECT_TRUE(std::equal(block.timeouts.begin(), block.timeouts.end(),
                           whole.timeouts.begin() + static_cast<std::ptrdiff_t>(first)));
  }
  const Dataset flags = reader->Read(0, whole.rows, {false, false, false, false});
  EXPECT_EQ(flags.rewards, whole.rewards);
  EXPECT_THAT(flags.observations, IsEmpty());
  EXPECT_THAT(flags.next_observations, IsEmpty());
}

TEST(Minari, MetadataTellWhereTheDataComeFrom) {
  const auto metadata = OpenDataset(Golden("cartpole-v0"))->Metadata();
  EXPECT_EQ(metadata.at("env_id"), "CartPole-v1");
  EXPECT_EQ(metadata.at("algorithm"), "uniform random");
  EXPECT_EQ(metadata.at("dataset_id"), "golden/cartpole-v0");
  EXPECT_EQ(metadata.at("author"), R"(["golden"])");
  EXPECT_THAT(metadata.at("action_space"), HasSubstr("Discrete"));
}

TEST(Minari, ADatasetHasManyNames) {
  const auto data = Golden("pendulum-v0") / "data";
  for (const auto& path : {Golden("pendulum-v0"), data, data / "main_data.hdf5", data / "metadata.json"}) {
    EXPECT_EQ(OpenDataset(path)->layout().rows, 120) << path;
  }
  const Variable root("MINARI_DATASETS_PATH", GoldenPath("datasets/minari").string());
  EXPECT_EQ(OpenDataset("golden/pendulum-v0")->layout().rows, 120);
  EXPECT_THAT(MessageOf<InputError>([] { OpenDataset("golden/none-v0"); }),
              AllOf(HasSubstr("golden/none-v0: no such file, and no Minari dataset of that id in "),
                    HasSubstr("datasets/minari")));
  EXPECT_THAT(MessageOf<InputError>([] { OpenDataset(GoldenPath("datasets")); }),
              HasSubstr("is a folder, expected an HDF5 file or a Minari dataset's folder"));
}

TEST(Minari, ChecksumCoversAllFiles) {
  const TemporaryFolder folder;
  std::filesystem::copy(Golden("pendulum-v0"), folder.path() / "x", std::filesystem::copy_options::recursive);
  const std::string before = DatasetChecksum(folder.path() / "x");
  EXPECT_EQ(before, DatasetChecksum(Golden("pendulum-v0")));
  std::ofstream(folder.path() / "x/data/metadata.json", std::ios::app) << " ";
  EXPECT_NE(before, DatasetChecksum(folder.path() / "x"));
  const auto file = GoldenPath("datasets/d4rl/hopper_random_contiguous_min.hdf5");
  EXPECT_EQ(DatasetChecksum(file), FileChecksum(file));
}

TEST(Minari, SpacesAreGymnasiums) {
  const GymSpace space = ParseSpace(
      R"({"type": "Dict", "subspaces": {"b": {"type": "Box", "dtype": "float32", "shape": [2, 1],
          "low": [[-Infinity], [0.5]], "high": [[Infinity], [NaN]]},
          "a": {"type": "Dict", "subspaces": {"z": {"type": "Discrete", "dtype": "int64", "start": -1, "n": 3}}},
          "c": {"type": "MultiBinary", "n": 4}}})",
      "space");
  const std::vector<SpaceLeaf> leaves = Leaves(space, "observations");
  ASSERT_EQ(leaves.size(), 3);
  EXPECT_EQ(leaves[0].key, "observations/a/z");
  EXPECT_THAT(leaves[0].space.low, ElementsAre(-1));
  EXPECT_THAT(leaves[0].space.high, ElementsAre(1));
  EXPECT_EQ(leaves[1].key, "observations/b");
  EXPECT_THAT(leaves[1].space.shape, ElementsAre(2, 1));
  EXPECT_THAT(leaves[1].space.low, ElementsAre(-INFINITY, 0.5));
  EXPECT_TRUE(std::isinf(leaves[1].space.high[0]) && std::isnan(leaves[1].space.high[1]));
  EXPECT_EQ(leaves[2].key, "observations/c");
  // An infinite bound and the word for it in a text are two things.
  const std::string text = R"({"low":[-Infinity,NaN],"word":"Infinity","escaped":"a\"NaN"})";
  EXPECT_EQ(PythonJsonText(ParsePythonJson(text, "text")), text);
}

TEST(Minari, SpacesThatAreNoneAreRefused) {
  const auto message = [](const std::string& text, bool jpeg = false) {
    return MessageOf<InputError>([&] { ParseSpace(text, "space", jpeg); });
  };
  EXPECT_THAT(message("{"), HasSubstr("space: is no JSON: parse error at line 1"));
  EXPECT_THAT(message("[]"), HasSubstr("space: is array, expected a space"));
  EXPECT_THAT(message(R"({"type": "Text"})"), HasSubstr("is a Text space, expected Box"));
  EXPECT_THAT(message(R"({"type": "Box", "dtype": "float32", "shape": [2], "low": [1], "high": [1, 2]})"),
              HasSubstr("low holds 1 numbers, expected the 2 of shape (2,)"));
  EXPECT_THAT(message(R"({"type": "Box", "dtype": "float32", "shape": [1152921504606846976, 99]})"),
              HasSubstr("is not one of a Box"));
  EXPECT_THAT(message(R"({"type": "Box", "dtype": "float32", "shape": [1], "low": ["x"], "high": [1]})"),
              HasSubstr("space: low: is string, expected numbers"));
  EXPECT_THAT(message(R"({"type": "Dict", "subspaces": {}})"), HasSubstr("subspaces is missing or empty"));
  std::string deep = R"({"type": "MultiBinary", "n": 1})";
  for (int i = 0; i < 100; ++i) deep = R"({"type": "Dict", "subspaces": {"a": )" + deep + "}}";
  EXPECT_THAT(message(deep), HasSubstr("nested too deeply"));
  EXPECT_THAT(message(std::string(1000000, '[')), HasSubstr("is no JSON"));
  const std::string row = fmt::format("[{}]", fmt::join(std::vector<int>(32, 0), ", "));
  const std::string zeros = fmt::format("[{}]", fmt::join(std::vector<std::string>(32, row), ", "));
  const std::string full = fmt::format("[{}]", fmt::join(std::vector<int>(32, 255), ", "));
  const std::string high = fmt::format("[{}]", fmt::join(std::vector<std::string>(32, full), ", "));
  const std::string image = fmt::format(
      R"({{"type": "Box", "dtype": "uint8", "shape": [32, 32], "low": {}, "high": {}}})", zeros, high);
  EXPECT_THAT(message(image, true), HasSubstr("images stored as JPEG"));
  EXPECT_EQ(ParseSpace(image, "space", false).shape, (Shape{32, 32}));
}

// ---- what is refused, and how

struct Refusal {
  std::string name;
  std::vector<std::string> message;
};

class MalformedMinari : public ::testing::TestWithParam<Refusal> {};

TEST_P(MalformedMinari, IsRefusedAndFound) {
  const auto path = GoldenPath("datasets/malformed") / GetParam().name;
  const std::string message = MessageOf<InputError>([&] { OpenDataset(path); });
  EXPECT_THAT(message, HasSubstr(path.string()));
  for (const std::string& part : GetParam().message) EXPECT_THAT(message, HasSubstr(part));
  const std::vector<Defect> defects = Validate(path);
  ASSERT_FALSE(defects.empty());
  EXPECT_EQ(defects[0].severity, Severity::kError);
  for (const std::string& part : GetParam().message) EXPECT_THAT(defects[0].message, HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedMinari,
    ::testing::Values(Refusal{"minari_bad_json", {"metadata.json: is no JSON: parse error"}},
                      Refusal{"minari_missing_episode",
                              {"episode_1: is missing, expected the 3 episodes that metadata.json names"}},
                      Refusal{"minari_missing_metadata", {"metadata.json: no such file"}},
                      Refusal{"minari_short_observations",
                              {"episode_0/observations: has 40 rows, expected 41 (one more than rewards)"}}),
    [](const auto& test) { return test.param.name; });

TEST(MalformedMinariTest, TheManifestNamesNoOthers) {
  std::ifstream in(GoldenPath("datasets/malformed/manifest.json"));
  const auto manifest = nlohmann::json::parse(in);
  for (const auto& [name, entry] : manifest.items()) {
    if (!name.ends_with('/')) continue;
    EXPECT_EQ(entry.at("expect"), "error");
    EXPECT_THAT(name, ::testing::AnyOf("minari_bad_json/", "minari_missing_episode/",
                                       "minari_missing_metadata/", "minari_short_observations/"));
  }
}

TEST(MalformedMinariTest, OtherFormatsAreRefusedWithAWayOut) {
  for (const char* format : {"arrow", "parquet"}) {
    EXPECT_THAT(MessageOf<InputError>(
                    [&] { ReadMinariMetadata(Golden(fmt::format("pendulum-{}-v0", format)) / "data"); }),
                AllOf(HasSubstr(fmt::format("metadata.json: data_format is '{}', expected hdf5", format)),
                      HasSubstr("update_from_storage")));
    EXPECT_THAT(MessageOf<InputError>([&] { OpenDataset(Golden(fmt::format("pendulum-{}-v0", format))); }),
                HasSubstr(fmt::format("data_format is '{}'", format)));
  }
}

// A copy of a sound dataset, to be damaged.
class DamagedMinari : public ::testing::Test {
 protected:
  DamagedMinari() {
    std::filesystem::copy(Golden("pendulum-v0"), path(), std::filesystem::copy_options::recursive);
    for (const char* file : {"main_data.hdf5", "metadata.json"}) {
      std::filesystem::permissions(path() / "data" / file, std::filesystem::perms::owner_all);
    }
  }

  std::filesystem::path path() const { return folder_.path() / "x"; }

  void Replace(const std::string& what, const std::string& by) const {
    const auto file = path() / "data/metadata.json";
    std::string text = ReadText(file);
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text.replace(at, what.size(), by);
  }

  Hdf5Handle OpenToWrite() const {
    return {H5Fopen((path() / "data/main_data.hdf5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose};
  }

  std::string Message() const {
    return MessageOf<InputError>([&] { OpenDataset(path()); });
  }

  TemporaryFolder folder_;
};

TEST_F(DamagedMinari, CountsMustAgree) {
  Replace("\"total_steps\": 120", "\"total_steps\": 121");
  EXPECT_THAT(Message(), HasSubstr("total_steps: is 121 in metadata.json, but the episodes hold 120 steps"));
  Replace("\"total_episodes\": 3", "\"total_episodes\": 2");
  EXPECT_THAT(Message(), HasSubstr("total_episodes: is 2 in metadata.json, but the file holds 3 episodes"));
  Replace("\"total_episodes\": 2", "\"total_episodes\": 1152921504606846976");
  EXPECT_THAT(Message(), HasSubstr("episode_3: is missing"));
  Replace("\"total_episodes\": 1152921504606846976", "\"total_episodes\": -1");
  EXPECT_THAT(Message(), HasSubstr("total_episodes is -1, expected a whole number of at least 0"));
}

TEST_F(DamagedMinari, VersionsMustBeKnown) {
  Replace("\"minari_version\": \"0.5.4\"", "\"minari_version\": \"0.4.3\"");
  EXPECT_EQ(OpenDataset(path())->layout().rows, 120);
  Replace("\"minari_version\": \"0.4.3\"", "\"minari_version\": \"0.3.1\"");
  EXPECT_THAT(Message(), HasSubstr("minari_version is '0.3.1', expected 0.4.0 to 0.4.3 or 0.5.0 to 0.5.4"));
  Replace("\"minari_version\": \"0.3.1\"", "\"version\": 1");
  EXPECT_THAT(Message(), HasSubstr("minari_version is missing, expected text"));
}

TEST_F(DamagedMinari, SpacesMustFitTheArrays) {
  Replace(R"(\"shape\": [1], \"low\": [-2.0], \"high\": [2.0])",
          R"(\"shape\": [2], \"low\": [-2.0, -2.0], \"high\": [2.0, 2.0])");
  EXPECT_THAT(Message(), HasSubstr("episode_0/actions: has shape (40, 1), expected (2,) for one step"));
}

TEST_F(DamagedMinari, SpacesMayBeLeftOut) {
  Replace("\"observation_space\"", "\"observation_space_of_old\"");
  Replace("\"action_space\"", "\"action_space_of_old\"");
  EXPECT_EQ(ReadDataset(path()).observations, ReadDataset(Golden("pendulum-v0")).observations);
}

TEST_F(DamagedMinari, EpisodesInOtherFilesAreNotFollowed) {
  const auto data = path() / "data/main_data.hdf5";
  std::filesystem::rename(data, path() / "data/additional_data_0.hdf5");  // where the links lead
  std::filesystem::copy_file(GoldenPath("datasets/hostile/linked_episodes.hdf5"), data);
  EXPECT_THAT(Message(),
              HasSubstr("episode_0: is a link into another file (not followed), expected a group"));
}

TEST_F(DamagedMinari, UnmarkedEndsAreFound) {
  {
    const Hdf5Handle file = OpenToWrite();
    const Hdf5Handle truncations(H5Dopen2(file.id(), "episode_1/truncations", H5P_DEFAULT), H5Dclose);
    const Hdf5Handle type(H5Dget_type(truncations.id()), H5Tclose);
    const std::vector<std::int8_t> none(40, 0);
    ASSERT_GE(H5Dwrite(truncations.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, none.data()), 0);
  }
  const std::vector<Defect> defects = Validate(path());
  ASSERT_EQ(defects.size(), 1);
  EXPECT_EQ(defects[0].kind, DefectKind::kUnmarkedEnd);
  EXPECT_THAT(defects[0].rows, ElementsAre(79));
  // The reader does not let one episode run into the next.
  EXPECT_EQ(ReadDataset(path()).timeouts[79], 1);
}

TEST_F(DamagedMinari, ActionsAreHeldAgainstTheirSpace) {
  EXPECT_THAT(Validate(path()), IsEmpty());
  Replace(R"(\"low\": [-2.0], \"high\": [2.0])", R"(\"low\": [-1.0], \"high\": [1.0])");
  const std::vector<Defect> defects = Validate(path());
  ASSERT_EQ(defects.size(), 1);
  EXPECT_EQ(defects[0].kind, DefectKind::kActionRange);
  const std::vector<float> actions = ReadDataset(path()).actions;
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < actions.size() && rows.size() < kMaxDefectRows; ++row) {
    if (std::abs(actions[row]) > 1) rows.push_back(row);
  }
  EXPECT_EQ(defects[0].rows, rows);
}

}  // namespace
}  // namespace strider
