#include "datasets/dataset_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "datasets/d4rl.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void ExpectEqual(const DatasetView& view, const Dataset& dataset) {
  EXPECT_EQ(view.rows, dataset.rows);
  EXPECT_EQ(view.observation_size, dataset.observation_size);
  EXPECT_EQ(view.action_size, dataset.action_size);
  EXPECT_TRUE(std::ranges::equal(view.observations, dataset.observations));
  EXPECT_TRUE(std::ranges::equal(view.actions, dataset.actions));
  EXPECT_TRUE(std::ranges::equal(view.rewards, dataset.rewards));
  EXPECT_TRUE(std::ranges::equal(view.terminals, dataset.terminals));
  EXPECT_TRUE(std::ranges::equal(view.timeouts, dataset.timeouts));
}

// Runs `work` in a child process; its exit code, 99 where it threw, or minus the signal that ended it.
pid_t Start(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int status = 99;
  try {
    status = work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::_Exit(status);
}

int ExitCode(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class DatasetCache : public ::testing::Test {
 protected:
  DatasetCache() { ::setenv("XDG_CACHE_HOME", home_.path().c_str(), 1); }

  std::filesystem::path WriteSource(const Dataset& dataset) const {
    WriteD4rl(source_, dataset);
    return source_;
  }

  // Not compressed, so that it is quick, and its size is the same for any values; into the file that is
  // there.
  void WritePlain(const Dataset& dataset) const {
    Hdf5File file = Hdf5File::Create(source_);
    file.Write<float>("observations", dataset.observations, {dataset.rows, dataset.observation_size});
    file.Write<float>("actions", dataset.actions, {dataset.rows, dataset.action_size});
    file.Write<float>("rewards", dataset.rewards, {dataset.rows});
    file.Write<std::uint8_t>("terminals", dataset.terminals, {dataset.rows});
    file.Write<std::uint8_t>("timeouts", dataset.timeouts, {dataset.rows});
    file.Close();
  }

  // Of the cache beside the source.
  std::filesystem::path columns() const { return beside_ / "columns"; }
  std::filesystem::path header() const { return beside_ / "header"; }

  static ino_t InodeOf(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_ino;
  }

  std::vector<std::string> CacheFiles() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(beside_)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  void Open() const { const CachedDataset opened(source_); }

  // Opens the source, which must find the cache unfit and build it again, and then find it fit.
  void ExpectRebuilt(const Dataset& dataset) const {
    const CachedDataset rebuilt(source_);
    EXPECT_TRUE(rebuilt.is_mapped()) << rebuilt.problem();
    ExpectEqual(rebuilt.columns(), dataset);
    const ino_t inode = InodeOf(columns());
    const CachedDataset again(source_);
    ExpectEqual(again.columns(), dataset);
    EXPECT_EQ(InodeOf(columns()), inode) << "built once more";
  }

  TemporaryFolder folder_;
  TemporaryFolder home_;
  std::filesystem::path source_ = folder_.path() / "x.hdf5";
  std::filesystem::path beside_ = folder_.path() / "x.hdf5.strider-cache";
};

TEST_F(DatasetCache, FirstOpeningBuildsAndTheSecondMaps) {
  const Dataset dataset = MakeDataset(5000, 11, 3);
  WriteSource(dataset);
  const CachedDataset first(source_);
  EXPECT_TRUE(first.is_mapped());
  ExpectEqual(first.columns(), dataset);
  EXPECT_THAT(CacheFiles(), ElementsAre("columns", "header"));
  const ino_t inode = InodeOf(columns());
  const CachedDataset second(source_);
  EXPECT_TRUE(second.is_mapped());
  EXPECT_EQ(second.problem(), "");
  ExpectEqual(second.columns(), dataset);
  EXPECT_EQ(InodeOf(columns()), inode);
  EXPECT_TRUE(std::filesystem::is_empty(home_.path()));
}

// More than is decoded at a time, and sizes that are no multiples of anything.
TEST_F(DatasetCache, LargeSourcesAreBuiltInBlocks) {
  const Dataset dataset = MakeDataset(100003, 201, 3);
  WritePlain(dataset);
  ExpectEqual(CachedDataset(source_).columns(), dataset);
  ExpectEqual(CachedDataset(source_).columns(), dataset);
}

TEST_F(DatasetCache, GivesTheSameTransitions) {
  for (const char* name : {"gzip_full", "contiguous_min", "no_timeouts", "other_dtypes"}) {
    const auto golden = GoldenPath(fmt::format("datasets/d4rl/hopper_random_{}.hdf5", name));
    std::filesystem::copy_file(golden, source_, std::filesystem::copy_options::overwrite_existing);
    const ViewOptions view{.max_episode_steps = 25};
    const Transitions direct = QlearningTransitions(ReadD4rl(golden), view);
    for (int opening = 0; opening < 2; ++opening) {
      const CachedDataset cached(source_);
      const Transitions mapped = QlearningTransitions(cached.columns(), view);
      EXPECT_EQ(mapped.observations, direct.observations) << name;
      EXPECT_EQ(mapped.actions, direct.actions) << name;
      EXPECT_EQ(mapped.rewards, direct.rewards) << name;
      EXPECT_EQ(mapped.next_observations, direct.next_observations) << name;
      EXPECT_EQ(mapped.terminals, direct.terminals) << name;
    }
  }
}

TEST_F(DatasetCache, IsKeptOnlyWhereItIsWanted) {
  const Dataset dataset = MakeDataset(100, 4, 2);
  WriteSource(dataset);
  const CachedDataset loaded(source_, {}, UseCache::kNo);
  EXPECT_FALSE(loaded.is_mapped());
  EXPECT_EQ(loaded.problem(), "");
  ExpectEqual(loaded.columns(), dataset);
  EXPECT_FALSE(CachedDataset(source_, {.allow_non_finite = true}).is_mapped());
  EXPECT_FALSE(std::filesystem::exists(beside_));
  EXPECT_TRUE(std::filesystem::is_empty(home_.path()));
}

TEST_F(DatasetCache, MovedObjectsKeepTheirColumns) {
  const Dataset dataset = MakeDataset(100, 4, 2);
  WriteSource(dataset);
  for (const UseCache use : {UseCache::kYes, UseCache::kNo}) {
    CachedDataset from(source_, {}, use);
    const CachedDataset to = std::move(from);
    ExpectEqual(to.columns(), dataset);
  }
}

TEST_F(DatasetCache, AnotherSourceUnderTheNameIsRead) {
  WriteSource(MakeDataset(100, 4, 2));
  Open();
  const Dataset other = MakeDataset(77, 5, 1);
  WriteSource(other);
  ExpectRebuilt(other);
}

// The size and the time of modification are those of before.
TEST_F(DatasetCache, ASourceChangedInPlaceIsRead) {
  Dataset dataset = MakeDataset(100, 4, 2);
  WritePlain(dataset);
  const auto time = std::filesystem::last_write_time(source_);
  const auto size = std::filesystem::file_size(source_);
  const ino_t inode = InodeOf(source_);
  Open();
  dataset.rewards[50] += 1;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a tick of the file system's clock
  WritePlain(dataset);
  std::filesystem::last_write_time(source_, time);
  ASSERT_EQ(std::filesystem::file_size(source_), size);
  ASSERT_EQ(InodeOf(source_), inode);
  ExpectRebuilt(dataset);
}

TEST_F(DatasetCache, ATouchedOrCopiedSourceIsNotDecodedAgain) {
  const Dataset dataset = MakeDataset(1000, 4, 2);
  WriteSource(dataset);
  Open();
  const ino_t inode = InodeOf(columns());
  std::filesystem::last_write_time(source_, std::filesystem::file_time_type::clock::now());
  ExpectEqual(CachedDataset(source_).columns(), dataset);
  EXPECT_EQ(InodeOf(columns()), inode);
  std::filesystem::copy_file(source_, folder_.path() / "copy");
  std::filesystem::rename(folder_.path() / "copy", source_);
  ExpectEqual(CachedDataset(source_).columns(), dataset);
  EXPECT_EQ(InodeOf(columns()), inode);
  // The header has been renewed: without it the columns cannot be used.
  const ino_t header_inode = InodeOf(header());
  ExpectEqual(CachedDataset(source_).columns(), dataset);
  EXPECT_EQ(InodeOf(header()), header_inode);
}

TEST_F(DatasetCache, DamagedCachesAreBuiltAgain) {
  const Dataset dataset = MakeDataset(1000, 4, 2);
  WriteSource(dataset);
  Open();
  const auto tick = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };

  std::filesystem::resize_file(columns(), std::filesystem::file_size(columns()) / 2);
  ExpectRebuilt(dataset);
  std::filesystem::resize_file(columns(), 0);
  ExpectRebuilt(dataset);
  std::filesystem::remove(columns());
  ExpectRebuilt(dataset);
  {
    tick();
    const auto time = std::filesystem::last_write_time(columns());
    std::fstream file(columns(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(777);
    file.put('x');
    file.close();
    std::filesystem::last_write_time(columns(), time);
  }
  ExpectRebuilt(dataset);

  const std::string sound = ReadText(header());
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, sound.size() - 1}) {
    std::filesystem::resize_file(header(), size);
    ExpectRebuilt(dataset);
  }
  const std::string kept = ReadText(header());
  for (std::size_t at = 0; at < kept.size(); at += 7) {
    std::string bytes = kept;
    bytes[at] = static_cast<char>(~bytes[at]);
    WriteTextWhole(header(), bytes);
    const CachedDataset opened(source_);
    ExpectEqual(opened.columns(), dataset);
    EXPECT_TRUE(opened.is_mapped());
  }
  std::filesystem::remove(header());
  std::filesystem::create_directory(header());  // cannot be replaced by a file
  const CachedDataset elsewhere(source_);
  EXPECT_TRUE(elsewhere.is_mapped());
  ExpectEqual(elsewhere.columns(), dataset);
}

// Sizes that a header claims are held against the file, even where its checksum is right.
TEST_F(DatasetCache, ClaimsAreNotBelieved) {
  const Dataset dataset = MakeDataset(1000, 4, 2);
  WriteSource(dataset);
  Open();
  const std::string sound = ReadText(header());
  for (const std::uint64_t rows :
       {std::uint64_t{0}, std::uint64_t{1001}, std::uint64_t{2000}, std::uint64_t{1} << 60}) {
    std::string bytes = sound;
    const std::uint64_t truth = dataset.rows;
    const std::string pattern(reinterpret_cast<const char*>(&truth), sizeof(truth));
    const std::size_t at = bytes.rfind(pattern);
    ASSERT_NE(at, std::string::npos);
    std::memcpy(bytes.data() + at, &rows, sizeof(rows));
    const std::uint64_t checksum = libdeflate_crc32(0, bytes.data(), bytes.size() - 8);
    std::memcpy(bytes.data() + bytes.size() - 8, &checksum, sizeof(checksum));
    WriteTextWhole(header(), bytes);
    ExpectEqual(CachedDataset(source_).columns(), dataset);
    WriteTextWhole(header(), sound);
  }
}

TEST_F(DatasetCache, IsElsewhereWhereItCannotBeBeside) {
  const Dataset dataset = MakeDataset(1000, 4, 2);
  WriteSource(dataset);
  folder_.Write("x.hdf5.strider-cache", "in the way");
  for (int opening = 0; opening < 2; ++opening) {
    const CachedDataset cached(source_);
    EXPECT_TRUE(cached.is_mapped());
    EXPECT_EQ(cached.problem(), "");
    ExpectEqual(cached.columns(), dataset);
  }
  EXPECT_TRUE(std::filesystem::is_directory(home_.path() / "strider"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home_.path() / "strider"), {}), 1);
  // Another file of the same name has its own.
  const TemporaryFolder other;
  const Dataset more = MakeDataset(7, 4, 2);
  WriteD4rl(other.path() / "x.hdf5", more);
  other.Write("x.hdf5.strider-cache", "in the way");
  ExpectEqual(CachedDataset(other.path() / "x.hdf5").columns(), more);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home_.path() / "strider"), {}), 2);
}

TEST_F(DatasetCache, IsInMemoryWhereNothingCanBeWritten) {
  const Dataset dataset = MakeDataset(1000, 4, 2);
  WriteSource(dataset);
  folder_.Write("x.hdf5.strider-cache", "in the way");
  home_.Write("strider", "in the way");
  const CachedDataset loaded(source_);
  EXPECT_FALSE(loaded.is_mapped());
  EXPECT_THAT(loaded.problem(), HasSubstr("cannot write " + home_.path().string()));
  ExpectEqual(loaded.columns(), dataset);
}

TEST_F(DatasetCache, ReadOnlyFoldersAreLeftAlone) {
  const Dataset dataset = MakeDataset(1000, 4, 2);
  WriteSource(dataset);
  std::filesystem::permissions(home_.path(), std::filesystem::perms::all);
  constexpr auto kReadOnly = static_cast<std::filesystem::perms>(0555);
  std::filesystem::permissions(folder_.path(), kReadOnly);
  std::filesystem::permissions(source_, kReadOnly);
  const int status = ExitCode(Start([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;  // root may write everywhere
    const CachedDataset cached(source_);
    return cached.is_mapped() && std::ranges::equal(cached.columns().rewards, dataset.rewards) ? 0 : 1;
  }));
  EXPECT_EQ(status, 0);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::owner_all);
  EXPECT_FALSE(std::filesystem::exists(beside_));
  EXPECT_FALSE(std::filesystem::is_empty(home_.path()));
}

TEST_F(DatasetCache, AFullDiskMeansMemory) {
  const Dataset dataset = MakeDataset(20000, 11, 3);
  WriteSource(dataset);
  for (const rlim_t bytes : {0, 100, 5000, 700000}) {
    const int status = ExitCode(Start([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{bytes, bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      const CachedDataset loaded(source_);
      const bool said = loaded.problem().find("File too large") != std::string::npos;
      return !loaded.is_mapped() && said && std::ranges::equal(loaded.columns().rewards, dataset.rewards) ? 0
                                                                                                          : 1;
    }));
    EXPECT_EQ(status, 0) << bytes;
    EXPECT_FALSE(std::filesystem::exists(beside_)) << bytes;
  }
}

TEST_F(DatasetCache, ProcessesThatOpenAtOnceAllGetIt) {
  const Dataset dataset = MakeDataset(60000, 11, 3);
  WriteSource(dataset);
  for (int round = 0; round < 3; ++round) {
    std::filesystem::remove_all(beside_);
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
      children.push_back(Start([&] {
        const CachedDataset cached(source_);
        const DatasetView& view = cached.columns();
        return cached.is_mapped() && std::ranges::equal(view.observations, dataset.observations) &&
                       std::ranges::equal(view.timeouts, dataset.timeouts)
                   ? 0
                   : 1;
      }));
    }
    for (const pid_t child : children) EXPECT_EQ(ExitCode(child), 0);
    EXPECT_THAT(CacheFiles(), ElementsAre("columns", "header"));
  }
}

TEST_F(DatasetCache, SurvivesKillsInTheMiddle) {
  const Dataset dataset = MakeDataset(100000, 40, 3);
  WriteSource(dataset);
  int killed = 0;
  for (int trial = 0; trial < 12; ++trial) {
    std::filesystem::remove_all(beside_);
    const pid_t child = Start([&] { return CachedDataset(source_).is_mapped() ? 0 : 1; });
    // After more and more files have come up in the cache; with the last ones it is done.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto begun = [&] {
      std::error_code error;
      return !std::filesystem::is_empty(beside_, error) && !error;
    };
    while (!begun() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(4 * trial));
    ::kill(child, SIGKILL);
    if (ExitCode(child) == -SIGKILL) ++killed;
    const CachedDataset cached(source_);
    EXPECT_TRUE(cached.is_mapped()) << cached.problem();
    ExpectEqual(cached.columns(), dataset);
    EXPECT_THAT(CacheFiles(), ElementsAre("columns", "header"));
  }
  EXPECT_GT(killed, 3);
}

TEST_F(DatasetCache, BadSourcesAreNamedAndLeaveNothing) {
  const auto missing = folder_.path() / "missing.hdf5";
  EXPECT_EQ(MessageOf<InputError>([&] { CachedDataset{missing}; }),
            MessageOf<InputError>([&] { OpenDataset(missing); }));
  for (const char* name : {"nan_rewards", "corrupt_chunk", "missing_actions", "huge_claimed_shape"}) {
    const auto golden = GoldenPath(fmt::format("datasets/malformed/{}.hdf5", name));
    std::filesystem::copy_file(golden, source_, std::filesystem::copy_options::overwrite_existing);
    std::string expected = MessageOf<InputError>([&] { ReadD4rl(golden); });
    expected.replace(0, golden.string().size(), source_.string());
    EXPECT_EQ(MessageOf<InputError>([&] { CachedDataset{source_}; }), expected);
    EXPECT_FALSE(std::filesystem::exists(beside_)) << name;
  }
}

TEST_F(DatasetCache, WidthsMustFitTheEnvironment) {
  WriteSource(MakeDataset(100, 4, 2));
  const auto message = [&] {
    return MessageOf<InputError>([&] { CachedDataset(source_, {.observation_size = 11, .action_size = 2}); });
  };
  const std::string first = message();
  EXPECT_EQ(first, source_.string() + ": observations: has 4 columns, expected 11 as the environment's");
  const CachedDataset fits(source_, {.observation_size = 4, .action_size = 2});
  EXPECT_EQ(message(), first);
}

}  // namespace
}  // namespace strider
