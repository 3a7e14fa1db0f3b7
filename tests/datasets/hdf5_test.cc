#include "datasets/hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadMessage(const Hdf5File& file, const std::string& key) {
  return MessageOf<InputError>([&] { file.Read<float>(key); });
}

TEST(Hdf5, ReadsBackWhatWasWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  std::vector<double> numbers(3000);
  std::iota(numbers.begin(), numbers.end(), 0.1);
  const std::vector<std::int64_t> large{std::int64_t{1} << 62, -5};
  const std::string bytes("a\0b\xff", 4);
  {
    Hdf5File file = Hdf5File::Create(path);
    file.Write<double>("a/b/plain", numbers, {1000, 3});
    file.Write<double>("a/b/small", numbers, {1000, 3}, {.compress = true});
    file.Write<std::int64_t>("large", large, {2});
    file.Write<float>("empty", {}, {0, 4}, {.compress = true});
    file.WriteScalar("scalar", 2.5F);
    file.WriteString("text", "relu");
    file.WriteString("no text", "");
    file.WriteBytes("bytes", bytes);
    file.Close();
  }
  const Hdf5File file = Hdf5File::Open(path);
  for (const auto* key : {"a/b/plain", "a/b/small"}) {
    const Array<double> array = file.Read<double>(key);
    EXPECT_THAT(array.shape, ElementsAre(1000, 3));
    EXPECT_EQ(array.values, numbers);
  }
  EXPECT_LT(file.Info("a/b/small").stored_bytes, file.Info("a/b/plain").stored_bytes);
  EXPECT_EQ(file.Read<std::int64_t>("large").values, large);
  EXPECT_THAT(file.Read<float>("empty").shape, ElementsAre(0, 4));
  EXPECT_EQ(file.ReadScalar<double>("scalar"), 2.5);
  EXPECT_EQ(file.ReadScalar<std::int32_t>("scalar"), 2);
  EXPECT_EQ(file.ReadString("text"), "relu");
  EXPECT_EQ(file.ReadString("no text"), "");
  EXPECT_EQ(file.ReadBytes("bytes"), bytes);
  std::vector<double> rows(6);
  file.ReadRows<double>("a/b/small", 500, 2, rows);
  EXPECT_THAT(rows, ElementsAre(numbers[1500], numbers[1501], numbers[1502], numbers[1503], numbers[1504],
                                numbers[1505]));
  EXPECT_THAT(file.Names(), ElementsAre("a", "bytes", "empty", "large", "no text", "scalar", "text"));
  EXPECT_THAT(file.Names("a/b"), ElementsAre("plain", "small"));
  EXPECT_TRUE(file.Has("a/b/plain"));
  EXPECT_TRUE(file.Has("/a/b"));
  EXPECT_FALSE(file.Has("a/c/plain"));
  EXPECT_FALSE(file.Has("text/c"));
}

// HDF5 would note the second in which an object was made.
TEST(Hdf5, WritesEqualFilesAtAnyTime) {
  const TemporaryFolder folder;
  const std::vector<double> numbers(3000, 0.5);
  std::vector<std::string> files;
  for (const char* name : {"first.h5", "second.h5"}) {
    Hdf5File file = Hdf5File::Create(folder.path() / name);
    file.Write<double>("a/plain", numbers, {1000, 3});
    file.Write<double>("a/small", numbers, {1000, 3}, {.compress = true});
    file.WriteString("text", "relu");
    file.CreateGroup("group");
    file.Close();
    files.push_back(ReadText(folder.path() / name));
    if (files.size() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  }
  EXPECT_TRUE(files[0] == files[1]);
}

TEST(Hdf5, ReadsWhatOthersWrote) {
  const Hdf5File policy = Hdf5File::Open(GoldenPath("datasets/d4rl/hopper_random_policy_metadata.hdf5"));
  EXPECT_EQ(policy.ReadString("metadata/algorithm"), "SAC");
  EXPECT_GT(policy.ReadScalar<std::int32_t>("metadata/iteration"), 0);
  EXPECT_EQ(policy.Info("metadata/policy").kind, Hdf5Kind::kGroup);
  EXPECT_EQ(policy.Info("terminals").kind, Hdf5Kind::kFlag);
  const Hdf5File expected = Hdf5File::Open(GoldenPath("datasets/d4rl/expected.h5"));
  EXPECT_TRUE(expected.HasAttribute("", "max_path"));
  EXPECT_FALSE(expected.HasAttribute("", "nothing"));
  EXPECT_GT(expected.ReadAttribute<std::int64_t>("", "max_path").values.at(0), 0);
  const Hdf5File environment = Hdf5File::Open(GoldenPath("envs/Hopper-v5.h5"));
  EXPECT_EQ(environment.ReadStringAttribute("", "env_id"), "Hopper-v5");
}

TEST(Hdf5, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  {
    Hdf5File file = Hdf5File::Create(path);
    file.WriteString("group/text", "words");
    file.Write<float>("two", std::vector<float>{1, 2}, {2});
    file.Close();
  }
  const Hdf5File file = Hdf5File::Open(path);
  EXPECT_EQ(ReadMessage(file, "nothing"), path.string() + ": nothing: is missing");
  EXPECT_EQ(ReadMessage(file, "group"), path.string() + ": group: is a group, expected numbers");
  EXPECT_EQ(ReadMessage(file, "group/text"), path.string() + ": group/text: is text, expected numbers");
  EXPECT_THAT(MessageOf<InputError>([&] { file.ReadString("two"); }),
              HasSubstr("two: is 32-bit float, expected text"));
  EXPECT_THAT(MessageOf<InputError>([&] { file.ReadScalar<float>("two"); }),
              HasSubstr("two: has shape (2,), expected one number"));
  EXPECT_THAT(MessageOf<InputError>([&] { file.Names("two"); }),
              HasSubstr("two: is 32-bit float, expected a group"));
  EXPECT_THAT(MessageOf<InputError>([&] { file.ReadAttribute<float>("two", "unit"); }),
              HasSubstr("two@unit: attribute is missing"));
  std::vector<float> rows(2);
  EXPECT_THAT(MessageOf<InputError>([&] { file.ReadRows<float>("two", 1, 2, rows); }),
              HasSubstr("shape (2,) does not hold"));
}

TEST(Hdf5, RefusesFilesThatAreNone) {
  const TemporaryFolder folder;
  const auto open = [](const std::filesystem::path& path) {
    return MessageOf<InputError>([&] { Hdf5File::Open(path); });
  };
  const auto missing = folder.path() / "missing.h5";
  EXPECT_EQ(open(missing), missing.string() + ": no such file");
  EXPECT_EQ(open(folder.path()), folder.path().string() + ": is a folder, expected an HDF5 file");
  const auto text = folder.Write("text.h5", "observations,actions\n");
  EXPECT_EQ(open(text), text.string() + ": is not an HDF5 file");
}

TEST(Hdf5, RefusesClaimsWithNothingBehindThem) {
  const Hdf5File file = Hdf5File::Open(GoldenPath("datasets/malformed/huge_claimed_shape.hdf5"));
  EXPECT_THAT(ReadMessage(file, "rewards"),
              AllOf(HasSubstr("(1099511627776,)"), HasSubstr("0 bytes are stored")));
  Hdf5Info info;
  info.kind = Hdf5Kind::kFloat;
  info.shape = {std::size_t{1} << 40, std::size_t{1} << 40};
  EXPECT_THAT(ClaimProblem(info), HasSubstr("larger than any file"));
  info.shape = {1000000, 100};
  info.stored_bytes = 400000000;
  EXPECT_EQ(ClaimProblem(info), "");
}

TEST(Hdf5, GrowsRowByRow) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  std::vector<float> numbers(70000);  // more than one chunk
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  {
    Hdf5File file = Hdf5File::Create(path);
    Hdf5Appender column = Hdf5Appender::Create<float>(file, "column", {2});
    const std::span<const float> all(numbers);
    column.Append<float>(all.first(2));
    column.Append<float>({});
    column.Append<float>(all.subspan(2, 60000));
    column.Append<float>(all.subspan(60002));
    column.Close();
    file.Close();
  }
  const Array<float> array = Hdf5File::Open(path).Read<float>("column");
  EXPECT_THAT(array.shape, ElementsAre(35000, 2));
  EXPECT_EQ(array.values, numbers);
}

}  // namespace
}  // namespace strider
