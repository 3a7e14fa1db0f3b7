#include "experiments/offline_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "experiments/collect.h"
#include "tests/experiments/fake_peer.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Gt;

std::vector<BenchResult> BenchWith(const std::string& peer_python, const std::string& dataset = "") {
  std::size_t reported = 0;
  auto results = BenchOffline({.repetitions = 2,
                               .threads = 1,
                               .rows = 3000,
                               .seconds = 0.01,
                               .dataset = dataset,
                               .peer_python = peer_python},
                              [&](const BenchResult&) { ++reported; });
  EXPECT_EQ(reported, results.size());
  return results;
}

std::vector<std::string> Units(const std::vector<BenchResult>& results) {
  std::vector<std::string> units;
  for (const BenchResult& result : results) units.push_back(result.unit);
  return units;
}

TEST(OfflineBenchTest, NeedsNoPeer) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "random.hdf5";
  CollectRandomly("Hopper-v5", 500, dataset);
  const auto results = BenchWith("", dataset.string());
  const char* rate = "queries/s";
  EXPECT_THAT(Units(results), ElementsAre("x raw columns", "updates/s", "updates/s", "s", rate, rate, rate,
                                          rate, "s", rate, rate, rate, rate));
  EXPECT_THAT(results, Each(Field(&BenchResult::ours, Gt(0))));
  for (const BenchResult& result : results) EXPECT_FALSE(result.peer) << result.name;
}

// A peer that cannot search but can update.
TEST(OfflineBenchTest, AsksThePeerInTurns) {
  const FakePeer peer(R"(case "$line" in *torch*) echo 50.0;; *) echo null;; esac)");
  const auto results = BenchWith(peer.path());
  ASSERT_EQ(results.size(), 8);
  EXPECT_EQ(results[1].peer, 50);
  EXPECT_TRUE(results[1].ratio);
  for (const std::size_t other : {2, 3, 4, 5, 6, 7}) EXPECT_FALSE(results[other].peer) << results[other].name;
}

TEST(OfflineBenchTest, AnswerFartherThanThePeersIsAnError) {
  const std::vector<FoundNeighbour> ours = {{3, 0.5}, {8, 2}};
  EXPECT_NO_THROW(CheckNeighbours(ours, ours));
  EXPECT_NO_THROW(CheckNeighbours(ours, std::vector<FoundNeighbour>{{4, 0.5}, {0, 100}}));
  EXPECT_EQ(MessageOf<WorkError>([&] {
              CheckNeighbours(ours, std::vector<FoundNeighbour>{{3, 0.5}, {7, 1.5}});
            }),
            "the search found row 8 at squared distance 2, but SciPy row 7 at 1.5");
}

// The file of a peer that answers every query with row 0 is read, and is no reason to complain.
TEST(OfflineBenchTest, PeersFartherAnswersAreAccepted) {
  const FakePeer peer(
      R"sh(case "$line" in *'"query"'*) echo "$line" | sed 's/.*"answers":"\([^"]*\)".*/\1/' | xargs -I F dd if=/dev/zero of=F bs=8 count=256 2>/dev/null; echo 9.0;; *) echo 2.0;; esac)sh");
  const auto results = BenchWith(peer.path());
  ASSERT_EQ(results.size(), 8);
  EXPECT_EQ(results[4].peer, 9);
  EXPECT_EQ(results[3].peer, 2);  // seconds of building
}

}  // namespace
}  // namespace strider
