#include "core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/error.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// A folder of the test's own, with one file in it.
class FilesTest : public ::testing::Test {
 protected:
  FilesTest()
      : folder_(::testing::TempDir() + "strider_files_" + std::to_string(::getpid())),
        path_(folder_ / "file") {
    std::filesystem::create_directories(folder_);
    WriteTextWhole(path_, "old");
  }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }

  // That a failure left the old file, and nothing beside it.
  void ExpectUntouched() const {
    EXPECT_EQ(ReadText(path_), "old");
    const std::filesystem::directory_iterator entries(folder_);
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

// While it lives, no file can grow beyond `bytes`: what a full disk looks like.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST_F(FilesTest, WrittenTextReplacesTheOldOne) {
  WriteTextWhole(path_, std::string_view("new\0\n", 5));
  EXPECT_EQ(ReadText(path_), std::string("new\0\n", 5));
}

TEST_F(FilesTest, TheNewFileAppearsOnlyWhenItIsWhole) {
  WriteWhole(path_, [&](const std::filesystem::path& temporary) {
    EXPECT_EQ(temporary.parent_path(), folder_);
    std::ofstream(temporary) << "new";
    EXPECT_EQ(ReadText(path_), "old");
  });
  EXPECT_EQ(ReadText(path_), "new");
}

TEST_F(FilesTest, AWriterThatThrowsLeavesTheOldFile) {
  const auto write = [&] {
    WriteWhole(path_, [](const std::filesystem::path& temporary) {
      std::ofstream(temporary) << "half of a n";
      throw WorkError("interrupted");
    });
  };
  EXPECT_THAT(write, ThrowsMessage<WorkError>("interrupted"));
  ExpectUntouched();
}

TEST_F(FilesTest, AWritersComplaintNamesTheFileAskedFor) {
  const auto write = [&] {
    WriteWhole(path_, [](const std::filesystem::path& temporary) {
      throw WorkError("cannot write {}: No space left on device", temporary.string());
    });
  };
  EXPECT_THAT(write,
              ThrowsMessage<WorkError>("cannot write " + path_.string() + ": No space left on device"));
  ExpectUntouched();
}

TEST_F(FilesTest, AFullDiskLeavesTheOldFile) {
  const std::string text(1 << 20, 'x');
  {
    const FileSizeLimit limit(1 << 16);
    EXPECT_THAT([&] { WriteTextWhole(path_, text); },
                ThrowsMessage<WorkError>("cannot write " + path_.string() + ": File too large"));
  }
  ExpectUntouched();
}

TEST_F(FilesTest, PipesAndDevicesAreNotReplaced) {
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT([&] { WriteTextWhole(pipe, "text"); },
              ThrowsMessage<InputError>("cannot write " + pipe.string() +
                                        ": it is no regular file; expected a file's name"));
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  std::filesystem::remove(pipe);
  ExpectUntouched();
}

TEST_F(FilesTest, ALinkStaysOne) {
  const auto link = folder_ / "link";
  std::filesystem::create_symlink("file", link);
  WriteTextWhole(link, "new");
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(ReadText(path_), "new");
}

TEST_F(FilesTest, MissingFoldersAreNamed) {
  const auto path = folder_ / "none" / "file";
  EXPECT_THAT([&] { WriteTextWhole(path, "text"); },
              ThrowsMessage<WorkError>("cannot write " + path.string() + ": there is no folder " +
                                       (folder_ / "none").string()));
  ExpectUntouched();
}

TEST_F(FilesTest, AFolderInTheWayIsNamed) {
  EXPECT_THAT([&] { WriteTextWhole(folder_, "text"); },
              ThrowsMessage<WorkError>(HasSubstr("cannot write " + folder_.string())));
  ExpectUntouched();
}

TEST_F(FilesTest, AFolderIsNoText) {
  EXPECT_THAT([&] { ReadText(folder_); },
              ThrowsMessage<InputError>("cannot read " + folder_.string() + ": Is a directory"));
}

TEST_F(FilesTest, MissingFilesAreInputErrors) {
  const auto path = folder_ / "none";
  EXPECT_THAT([&] { ReadText(path); },
              ThrowsMessage<InputError>("cannot read " + path.string() + ": No such file or directory"));
}

}  // namespace
}  // namespace strider
