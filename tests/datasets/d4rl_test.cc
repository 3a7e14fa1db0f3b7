#include "datasets/d4rl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

void ExpectEqual(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.observations, b.observations);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.rewards, b.rewards);
  EXPECT_EQ(a.terminals, b.terminals);
  EXPECT_EQ(a.timeouts, b.timeouts);
  EXPECT_EQ(a.next_observations, b.next_observations);
  EXPECT_EQ(a.qpos, b.qpos);
  EXPECT_EQ(a.qvel, b.qvel);
  EXPECT_EQ(a.action_log_probs, b.action_log_probs);
  EXPECT_EQ(a.metadata, b.metadata);
}

bool IsEmptyFolder(const std::filesystem::path& path) { return std::filesystem::is_empty(path); }

TEST(D4rl, RoundTripKeepsEveryBit) {
  const TemporaryFolder folder;
  const Dataset dataset = MakeDataset(5000, 11, 3);
  WriteD4rl(folder.path() / "x.hdf5", dataset);
  ExpectEqual(ReadD4rl(folder.path() / "x.hdf5"), dataset);
}

TEST(D4rl, AbsentColumnsStayAbsent) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(50, 4, 1);
  dataset.timeouts.clear();
  dataset.next_observations.clear();
  dataset.action_log_probs.clear();
  dataset.qpos.clear();
  dataset.qvel.clear();
  dataset.qpos_size = dataset.qvel_size = 0;
  WriteD4rl(folder.path() / "x.hdf5", dataset);
  ExpectEqual(ReadD4rl(folder.path() / "x.hdf5"), dataset);
  EXPECT_FALSE(Hdf5File::Open(folder.path() / "x.hdf5").Has("infos"));
}

TEST(D4rl, BlocksOfAnySizeGiveTheSameFile) {
  const TemporaryFolder folder;
  const Dataset dataset = MakeDataset(9000, 11, 3);
  const DatasetWriteOptions options{.action_log_probs = true, .qpos_size = 2, .qvel_size = 3};
  D4rlWriter writer(folder.path() / "blocks.hdf5", 11, 3, options);
  std::size_t first = 0;
  for (const std::size_t count : {1, 7, 3000, 0, 5992}) {
    writer.Append(Slice(dataset, first, count));
    first += count;
  }
  ASSERT_EQ(first, dataset.rows);
  EXPECT_EQ(writer.rows(), dataset.rows);
  for (const auto& [key, text] : dataset.metadata) writer.WriteMetadata(key, text);
  writer.Finish();
  ExpectEqual(ReadD4rl(folder.path() / "blocks.hdf5"), dataset);
}

TEST(D4rl, ReaderGivesBlocks) {
  const TemporaryFolder folder;
  const Dataset dataset = MakeDataset(1000, 5, 2);
  WriteD4rl(folder.path() / "x.hdf5", dataset);
  const D4rlReader reader(folder.path() / "x.hdf5");
  Dataset expected = Slice(dataset, 333, 100);
  expected.metadata.clear();
  ExpectEqual(reader.Read(333, 100), expected);
}

TEST(D4rl, FlagsAreH5pysBooleans) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.hdf5";
  WriteD4rl(path, MakeDataset(100, 4, 2));
  const Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  for (const char* key : {"terminals", "timeouts"}) {
    const Hdf5Handle dataset(H5Dopen2(file.id(), key, H5P_DEFAULT), H5Dclose);
    const Hdf5Handle type(H5Dget_type(dataset.id()), H5Tclose);
    ASSERT_EQ(H5Tget_class(type.id()), H5T_ENUM);
    const Hdf5Handle base(H5Tget_super(type.id()), H5Tclose);
    EXPECT_GT(H5Tequal(base.id(), H5T_STD_I8LE), 0);
    ASSERT_EQ(H5Tget_nmembers(type.id()), 2);
    for (const auto& [name, value] : {std::pair("FALSE", 0), std::pair("TRUE", 1)}) {
      std::int8_t member = -1;
      ASSERT_GE(H5Tenum_valueof(type.id(), name, &member), 0);
      EXPECT_EQ(member, value);
    }
  }
}

TEST(D4rl, ArraysOfMetadataAreWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.hdf5";
  const std::vector<float> weights{1, 2, 3, 4, 5, 6};
  D4rlWriter writer(path, 4, 2);
  Dataset block = MakeDataset(10, 4, 2);
  writer.Append(block);
  writer.WriteMetadata("policy/fc0/weight", weights, {2, 3});
  writer.Finish();
  const Array<float> read = Hdf5File::Open(path).Read<float>("metadata/policy/fc0/weight");
  EXPECT_EQ(read.values, weights);
  EXPECT_EQ(read.shape, (Shape{2, 3}));
  EXPECT_TRUE(ReadD4rl(path).metadata.empty());
}

TEST(D4rl, UnfinishedWriterLeavesNothing) {
  const TemporaryFolder folder;
  {
    D4rlWriter writer(folder.path() / "x.hdf5", 4, 2);
    writer.Append(MakeDataset(1000, 4, 2));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "x.hdf5"));
    EXPECT_FALSE(IsEmptyFolder(folder.path()));
  }
  EXPECT_TRUE(IsEmptyFolder(folder.path()));
}

TEST(D4rl, MissingFolderIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "nowhere" / "x.hdf5";
  EXPECT_THAT(
      MessageOf<WorkError>([&] { D4rlWriter(path, 4, 2); }),
      AllOf(HasSubstr(path.string()), HasSubstr("there is no folder " + path.parent_path().string())));
}

}  // namespace
}  // namespace strider
