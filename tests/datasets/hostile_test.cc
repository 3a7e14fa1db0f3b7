// Files made to do harm: an error each, in little memory, and no crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "core/error.h"
#include "datasets/convert.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"
#include "datasets/split.h"
#include "datasets/validate.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

long PeakKib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

Hdf5Handle OpenToWrite(const std::filesystem::path& path) {
  return {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose};
}

// Claims rows of float32 that are nowhere; `chunk` 0: not chunked.
void MakeHollow(hid_t file, const char* key, std::vector<hsize_t> shape, std::vector<hsize_t> chunk = {}) {
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (!chunk.empty()) {
    H5Pset_chunk(list.id(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(list.id(), 4);
  }
  H5Pset_fill_time(list.id(), H5D_FILL_TIME_NEVER);
  H5Pset_alloc_time(list.id(), H5D_ALLOC_TIME_LATE);
  const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.id(), 1);
  const Hdf5Handle made(
      H5Dcreate2(file, key, H5T_NATIVE_FLOAT, space.id(), links.id(), list.id(), H5P_DEFAULT), H5Dclose);
  ASSERT_TRUE(made.valid()) << key;
}

class HostileTest : public ::testing::Test {
 protected:
  HostileTest() { WriteD4rl(path(), MakeDataset(60, 3, 2)); }

  ~HostileTest() override { EXPECT_LT(PeakKib() - before_, 200 * 1024) << "too much memory was taken"; }

  std::filesystem::path path() const { return folder_.path() / "x.hdf5"; }

  void Remove(const char* key) const { H5Ldelete(OpenToWrite(path()).id(), key, H5P_DEFAULT); }

  // The file is refused by all that reads it.
  void ExpectRefused(const std::string& what) const {
    EXPECT_THAT(MessageOf<InputError>([&] { ReadDataset(path()); }), HasSubstr(what));
    const std::vector<Defect> defects = Validate(path());
    ASSERT_THAT(defects, Not(IsEmpty()));
    EXPECT_EQ(defects[0].severity, Severity::kError);
    MessageOf<InputError>([&] { ConvertDataset(path(), folder_.path() / "m-v0", DatasetFormat::kMinari); });
  }

  // The file is read; and the work that looks at all its keys is refused, or copes.
  void ExpectRead() const {
    EXPECT_EQ(ReadDataset(path()).rows, 60);
    Validate(path());
    try {
      ConvertDataset(path(), folder_.path() / "m-v0", DatasetFormat::kMinari);
    } catch (const InputError&) {
    }
    try {
      SplitDataset(path(), {folder_.path() / "a.hdf5", folder_.path() / "b.hdf5"}, {0.5});
    } catch (const InputError&) {
    }
  }

  TemporaryFolder folder_;
  long before_ = PeakKib();
};

constexpr hsize_t kHuge = hsize_t{1} << 60;

TEST_F(HostileTest, ClaimsOfRowsThatAreNowhere) {
  {
    const Hdf5Handle file(H5Fcreate(path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    MakeHollow(file.id(), "observations", {kHuge, 3}, {1024, 3});
    MakeHollow(file.id(), "actions", {kHuge, 2}, {1024, 2});
    MakeHollow(file.id(), "rewards", {kHuge}, {1024});
    MakeHollow(file.id(), "terminals", {kHuge}, {1024});
    MakeHollow(file.id(), "timeouts", {kHuge}, {1024});
  }
  ExpectRefused("observations: ");
}

TEST_F(HostileTest, OneColumnThatClaimsTooMuch) {
  Remove("infos/qpos");
  MakeHollow(OpenToWrite(path()).id(), "infos/qpos", {60, hsize_t{1} << 40}, {1, 1024});
  ExpectRefused("infos/qpos: claims shape (60, 1099511627776) but only 0 bytes are stored");
}

TEST_F(HostileTest, NoRowsOfEndlessWidth) {
  for (const char* key : {"observations", "actions", "rewards", "terminals", "timeouts", "next_observations",
                          "infos/qpos", "infos/qvel", "infos/action_log_probs"}) {
    Remove(key);
  }
  MakeHollow(OpenToWrite(path()).id(), "observations", {0, kHuge}, {1, 1024});
  MakeHollow(OpenToWrite(path()).id(), "actions", {0, kHuge}, {1, 1024});
  MakeHollow(OpenToWrite(path()).id(), "rewards", {0}, {1024});
  MakeHollow(OpenToWrite(path()).id(), "terminals", {0}, {1024});
  ExpectRefused("observations: has 0 rows");
}

TEST_F(HostileTest, ChunksThatFillTheMemory) {
  Remove("rewards");
  {
    const Hdf5Handle file = OpenToWrite(path());
    const hsize_t rows = 60;
    const hsize_t limit = H5S_UNLIMITED;
    const hsize_t chunk = hsize_t{1} << 29;  // 2 GiB
    const Hdf5Handle space(H5Screate_simple(1, &rows, &limit), H5Sclose);
    const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(list.id(), 1, &chunk);
    H5Pset_deflate(list.id(), 9);
    const Hdf5Handle made(
        H5Dcreate2(file.id(), "rewards", H5T_NATIVE_FLOAT, space.id(), H5P_DEFAULT, list.id(), H5P_DEFAULT),
        H5Dclose);
    ASSERT_TRUE(made.valid());
  }
  ExpectRefused("rewards: claims chunks of shape (536870912,) but only 0 bytes are stored");
}

TEST_F(HostileTest, LinksInACircle) {
  Remove("observations");
  H5Lcreate_soft("/round", OpenToWrite(path()).id(), "observations", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/observations", OpenToWrite(path()).id(), "round", H5P_DEFAULT, H5P_DEFAULT);
  ExpectRefused("observations: is a link to nothing, or damaged");
}

TEST_F(HostileTest, GroupsThatHoldThemselves) {
  {
    const Hdf5Handle file = OpenToWrite(path());
    for (const char* group : {"metadata", "infos"}) {
      for (int i = 0; i < 40; ++i) {
        const std::string name = fmt::format("{}/again_{}", group, i);
        ASSERT_GE(H5Lcreate_hard(file.id(), group, file.id(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), 0);
      }
    }
    ASSERT_GE(H5Lcreate_hard(file.id(), "/", file.id(), "metadata/root", H5P_DEFAULT, H5P_DEFAULT), 0);
    ASSERT_GE(H5Lcreate_soft("/infos", file.id(), "infos/soft", H5P_DEFAULT, H5P_DEFAULT), 0);
  }
  ExpectRead();
  EXPECT_THAT(
      MessageOf<InputError>([&] { ConvertDataset(path(), folder_.path() / "n-v0", DatasetFormat::kMinari); }),
      HasSubstr("groups inside one another"));
}

TEST_F(HostileTest, GroupsNestedWithoutEnd) {
  {
    const Hdf5Handle file = OpenToWrite(path());
    for (const char* top : {"metadata", "infos", "more"}) {
      Hdf5Handle group(
          H5Gcreate2(file.id(), fmt::format("{}/deep", top).c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
          H5Gclose);
      if (!group.valid())
        group = {H5Gcreate2(file.id(), top, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
      for (int i = 0; i < 3000; ++i) {
        group = {H5Gcreate2(group.id(), "x", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
      }
    }
  }
  ExpectRead();
}

TEST_F(HostileTest, OtherFilesAreNotRead) {
  const auto secret = folder_.path() / "whole.hdf5";  // where the link leads
  std::filesystem::copy_file(GoldenPath("datasets/malformed/whole.hdf5"), secret);
  std::filesystem::copy_file(GoldenPath("datasets/hostile/linked_rewards.hdf5"), path(),
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(path(), std::filesystem::perms::owner_all);
  ExpectRefused("rewards: is a link into another file (not followed)");

  WriteD4rl(path(), MakeDataset(60, 3, 2));
  Remove("rewards");
  const auto raw = folder_.Write("raw", std::string(60 * 4, 'x'));
  {
    const Hdf5Handle file = OpenToWrite(path());
    const hsize_t rows = 60;
    const Hdf5Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
    const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_external(list.id(), raw.c_str(), 0, 60 * 4);
    const Hdf5Handle made(
        H5Dcreate2(file.id(), "rewards", H5T_NATIVE_FLOAT, space.id(), H5P_DEFAULT, list.id(), H5P_DEFAULT),
        H5Dclose);
    ASSERT_TRUE(made.valid());
  }
  ExpectRefused("rewards: is stored in other files (which are not read)");

  Remove("rewards");
  {
    const Hdf5Handle file = OpenToWrite(path());
    const hsize_t rows = 60;
    const Hdf5Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
    const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_virtual(list.id(), space.id(), secret.c_str(), "/rewards", space.id());
    const Hdf5Handle made(
        H5Dcreate2(file.id(), "rewards", H5T_NATIVE_FLOAT, space.id(), H5P_DEFAULT, list.id(), H5P_DEFAULT),
        H5Dclose);
    ASSERT_TRUE(made.valid());
  }
  ExpectRefused("rewards: is stored in other files (which are not read)");
}

TEST_F(HostileTest, TypesOfOddKinds) {
  Remove("rewards");
  {
    const Hdf5Handle file = OpenToWrite(path());
    const hsize_t rows = 60;
    const Hdf5Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
    const Hdf5Handle type(H5Tvlen_create(H5T_NATIVE_FLOAT), H5Tclose);
    const Hdf5Handle made(
        H5Dcreate2(file.id(), "rewards", type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose);
    ASSERT_TRUE(made.valid());
  }
  ExpectRefused("rewards: is an unsupported type");
}

// ---- the same for Minari's folder

class HostileMinariTest : public HostileTest {
 protected:
  HostileMinariTest() {
    std::filesystem::copy(GoldenPath("datasets/minari/golden/pendulum-v0"), root(),
                          std::filesystem::copy_options::recursive);
    std::filesystem::permissions(data(), std::filesystem::perms::owner_all);
  }

  std::filesystem::path root() const { return folder_.path() / "minari"; }
  std::filesystem::path data() const { return root() / "data/main_data.hdf5"; }

  void ExpectMinariRefused(const std::string& what) const {
    EXPECT_THAT(MessageOf<InputError>([&] { ReadDataset(root()); }), HasSubstr(what));
    const std::vector<Defect> defects = Validate(root());
    ASSERT_THAT(defects, Not(IsEmpty()));
    EXPECT_EQ(defects[0].severity, Severity::kError);
    MessageOf<InputError>([&] { ConvertDataset(root(), folder_.path() / "y.hdf5", DatasetFormat::kD4rl); });
  }
};

TEST_F(HostileMinariTest, ClaimsOfRowsThatAreNowhere) {
  {
    const Hdf5Handle file = OpenToWrite(data());
    for (const char* key : {"episode_1/rewards", "episode_1/observations", "episode_1/actions"}) {
      H5Ldelete(file.id(), key, H5P_DEFAULT);
    }
    MakeHollow(file.id(), "episode_1/rewards", {kHuge}, {1024});
    MakeHollow(file.id(), "episode_1/observations", {kHuge + 1, 3}, {1024, 3});
    MakeHollow(file.id(), "episode_1/actions", {kHuge, 1}, {1024, 1});
  }
  ExpectMinariRefused("episode_1/rewards: ");
}

TEST_F(HostileMinariTest, EpisodesThatAreEachOther) {
  {
    const Hdf5Handle file = OpenToWrite(data());
    H5Ldelete(file.id(), "episode_1", H5P_DEFAULT);
    H5Lcreate_soft("/episode_1", file.id(), "episode_1", H5P_DEFAULT, H5P_DEFAULT);
  }
  ExpectMinariRefused("episode_1: is a link to nothing, or damaged");
}

TEST_F(HostileMinariTest, GroupsThatHoldThemselves) {
  {
    const Hdf5Handle file = OpenToWrite(data());
    for (int i = 0; i < 40; ++i) {
      const std::string name = fmt::format("episode_0/infos/again_{}", i);
      ASSERT_GE(
          H5Lcreate_hard(file.id(), "episode_0/infos", file.id(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), 0);
    }
  }
  EXPECT_EQ(ReadDataset(root()).rows, 120);
  EXPECT_THAT(
      MessageOf<InputError>([&] { ConvertDataset(root(), folder_.path() / "y.hdf5", DatasetFormat::kD4rl); }),
      HasSubstr("groups inside one another"));
}

}  // namespace
}  // namespace strider
