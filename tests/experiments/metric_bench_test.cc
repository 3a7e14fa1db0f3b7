#include "experiments/metric_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/metrics.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

std::vector<BenchResult> BenchWith(const std::string& peer_python) {
  std::size_t reported = 0;
  auto results = BenchMetrics({.rows = 2000, .repetitions = 3, .peer_rows = 500, .peer_python = peer_python},
                              [&](const BenchResult&) { ++reported; });
  EXPECT_EQ(reported, results.size());
  return results;
}

TEST(MetricBench, MeasuresBothWaysOfCountingAndReading) {
  const auto results = BenchWith("");
  ASSERT_EQ(results.size(), 3);
  EXPECT_EQ(results[0].name, "SACo, TQ 2000 x (17+6) exact");
  EXPECT_THAT(results[1].name, HasSubstr("hll"));
  EXPECT_THAT(results[2].name, HasSubstr("with reading"));
  for (const BenchResult& result : results) {
    EXPECT_GT(result.ours, 0);
    EXPECT_EQ(result.unit, "rows/s");
    EXPECT_FALSE(result.peer);
  }
}

// A program in the peer's place that took two seconds for the rows and as long to read them.
TEST(MetricBench, RatesThePeerByTheRowsThatItWasGiven) {
  const TemporaryFolder folder;
  const auto peer = folder.Write(
      "peer", "#!/bin/sh\nwhile read -r line; do echo '{\"seconds\": 2, \"read_seconds\": 2}'; done\n");
  std::filesystem::permissions(peer, std::filesystem::perms::owner_all);
  const auto results = BenchWith(peer);
  EXPECT_EQ(results[0].peer.value(), 250);
  EXPECT_EQ(results[2].peer.value(), 125);
  EXPECT_GT(results[0].ratio.value(), 1);
}

TEST(MetricBench, RefusesPeersThatAreNone) {
  EXPECT_THAT(MessageOf<InputError>([] { BenchWith("/not/there"); }), HasSubstr("cannot start '/not/there'"));
  const TemporaryFolder folder;
  const auto peer = folder.Write("peer", "#!/bin/sh\nread -r line; echo nothing\n");
  std::filesystem::permissions(peer, std::filesystem::perms::owner_all);
  EXPECT_THAT(MessageOf<WorkError>([&] { BenchWith(peer); }),
              HasSubstr("answered 'nothing', expected a JSON object"));
}

// The benchmark's data are hard to count: no two rows alike.
TEST(MetricBench, WalksDoNotRepeat) {
  const Dataset walk = MakeWalk(5000, 17, 6);
  Summarizer summarizer({.rows = walk.rows, .observation_size = 17, .action_size = 6});
  summarizer.Add(walk);
  const DatasetSummary summary = summarizer.Finish();
  EXPECT_EQ(summary.episodes, 5);
  EXPECT_GT(summary.action_saturation.value(), .05);
  PairCounter counter(summary.limits);
  counter.Add(walk.observations, walk.actions, walk.rows);
  EXPECT_EQ(counter.unique(), 5000);
}

}  // namespace
}  // namespace strider
