// Writing where the system refuses: a limit on the size of files stands for a full disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/error.h"
#include "core/files.h"
#include "datasets/convert.h"
#include "datasets/d4rl.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

// Runs `work` in a child process in which no file may grow beyond `bytes`. True where the child ended by
// WorkError with a message that holds `text`, and ended in order (HDF5's own clean-up at exit included).
template <class Work>
bool FailsInOrder(rlim_t bytes, const std::string& text, const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr int kFailedAsExpected = 7;
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int status = 1;
    try {
      work();
    } catch (const WorkError& error) {
      if (std::string(error.what()).find(text) != std::string::npos) status = kFailedAsExpected;
    } catch (...) {
      status = 2;
    }
    std::exit(status);  // with HDF5's clean-up, which is what crashes after a failed write
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

class FullDisk : public ::testing::TestWithParam<rlim_t> {};

TEST_P(FullDisk, WriterFailsAndTheOldFileStays) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.hdf5";
  const Dataset old = MakeDataset(10, 4, 2);
  const Dataset large = MakeDataset(20000, 11, 3);
  WriteD4rl(path, old);
  EXPECT_TRUE(FailsInOrder(GetParam(), "File too large", [&] { WriteD4rl(path, large); }));
  EXPECT_EQ(ReadD4rl(path).observations, old.observations);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
      << "a part was left behind";
}

TEST_P(FullDisk, BlockwiseWriterFailsToo) {
  const TemporaryFolder folder;
  const Dataset dataset = MakeDataset(20000, 11, 3);
  EXPECT_TRUE(FailsInOrder(GetParam(), "cannot write", [&] {
    D4rlWriter writer(folder.path() / "x.hdf5", 11, 3);
    for (std::size_t first = 0; first < dataset.rows; first += 1000)
      writer.Append(Slice(dataset, first, 1000));
    writer.Finish();
  }));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_P(FullDisk, MinariFoldersAreWholeOrNotThere) {
  const TemporaryFolder folder;
  const Dataset dataset = MakeDataset(20000, 11, 3);
  EXPECT_TRUE(FailsInOrder(GetParam(), "cannot write",
                           [&] { WriteDataset(DatasetFormat::kMinari, folder.path() / "x-v0", dataset); }));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_P(FullDisk, ConversionLeavesTheOldFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.hdf5";
  const auto minari = folder.path() / "x-v0";
  const Dataset old = MakeDataset(10, 4, 2);
  WriteD4rl(path, old);
  WriteDataset(DatasetFormat::kMinari, minari, MakeDataset(20000, 11, 3));
  EXPECT_TRUE(
      FailsInOrder(GetParam(), "cannot write", [&] { ConvertDataset(minari, path, DatasetFormat::kD4rl); }));
  EXPECT_EQ(ReadD4rl(path).observations, old.observations);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

TEST_P(FullDisk, WholeFileFailsToo) {
  const TemporaryFolder folder;
  const std::vector<float> values(300000, 1.5F);
  EXPECT_TRUE(FailsInOrder(GetParam(), "cannot write", [&] {
    WriteWhole(folder.path() / "x.h5", [&](const std::filesystem::path& temporary) {
      Hdf5File file = Hdf5File::Create(temporary);
      file.Write<float>("values", values, {values.size()});
      file.Close();
    });
  }));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// At once, at the first chunks, in the middle, and while the last bytes are written.
INSTANTIATE_TEST_SUITE_P(Limits, FullDisk, ::testing::Values(0, 1000, 5000, 100000, 700000));

}  // namespace
}  // namespace strider
