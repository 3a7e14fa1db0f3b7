#include "experiments/dataset_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "tests/experiments/fake_peer.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<BenchResult> BenchWith(const std::string& peer_python) {
  DatasetBenchOptions options;
  options.repetitions = 2;
  options.rows = 3000;
  options.peer_python = peer_python;
  std::size_t reported = 0;
  auto results = BenchDatasets(options, [&](const BenchResult&) { ++reported; });
  EXPECT_EQ(reported, results.size());
  return results;
}

std::set<std::string> BenchFolders() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path())) {
    if (entry.path().filename() == fmt::format("strider-bench-{}", getpid())) names.insert(entry.path());
  }
  return names;
}

TEST(DatasetBenchTest, NeedsNoPeer) {
  const auto results = BenchWith("");
  std::vector<std::string> units;
  for (const BenchResult& result : results) {
    EXPECT_GT(result.ours, 0) << result.name;
    EXPECT_FALSE(result.peer) << result.name;
    EXPECT_FALSE(result.ratio) << result.name;
    units.push_back(result.unit);
  }
  EXPECT_THAT(units, ElementsAre("rows/s", "rows/s", "ms", "ms", "rows/s"));
  EXPECT_TRUE(BenchFolders().empty());
}

// What it is asked for it does not do, so that Strider has to write the file.
TEST(DatasetBenchTest, AsksThePeerInTurns) {
  const FakePeer peer(R"(case "$line" in *write*) echo null;; *) echo 50.0;; esac)");
  const auto results = BenchWith(peer.path());
  ASSERT_EQ(results.size(), 5);
  for (const std::size_t loading : {0, 1}) {
    EXPECT_EQ(results[loading].peer, 50);
    ASSERT_TRUE(results[loading].ratio);
    EXPECT_GT(*results[loading].ratio, 0);
  }
  EXPECT_FALSE(results[4].peer);
}

TEST(DatasetBenchTest, BadPeersAreNamed) {
  EXPECT_THAT([] { BenchWith("/no/such/python"); },
              ThrowsMessage<InputError>("cannot start '/no/such/python': No such file or directory"));
  const FakePeer dying("exit 1");
  EXPECT_THAT([&] { BenchWith(dying.path()); },
              ThrowsMessage<WorkError>(HasSubstr("ended before it had answered")));
  EXPECT_TRUE(BenchFolders().empty());
}

}  // namespace
}  // namespace strider
