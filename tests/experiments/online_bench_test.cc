#include "experiments/online_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/experiments/fake_peer.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<BenchResult> BenchWith(const std::string& peer_python) {
  OnlineBenchOptions options;
  options.repetitions = 1;
  options.seconds = 0.01;
  options.peer_python = peer_python;
  std::size_t reported = 0;
  auto results = BenchOnline(options, [&](const BenchResult&) { ++reported; });
  EXPECT_EQ(reported, results.size());
  return results;
}

TEST(OnlineBench, AsksThePeerForAsMuchWork) {
  // Knows what the requests say of the work, and no RLtools.
  const FakePeer peer(
      R"(case "$line" in *rltools*) echo null;; *'"hidden":[64,64]'*'"seconds":0.01'*) echo 2.0;; )"
      R"(*'"envs":8'*'"rollout":256'*) echo 4.0;; *) echo 8.0;; esac)");
  const auto results = BenchWith(peer.path());
  ASSERT_EQ(results.size(), 9);
  for (const BenchResult& result : results) {
    EXPECT_GT(result.ours, 0) << result.name;
    EXPECT_EQ(result.unit, &result < &results[7] ? "steps/s" : "updates/s") << result.name;
    EXPECT_EQ(result.ratio.has_value(), result.name.find("RLtools") == std::string::npos) << result.name;
  }
  EXPECT_EQ(results[0].peer, 2);
  EXPECT_EQ(results[2].peer, 8);
  EXPECT_EQ(results[3].peer, 4);
  // No update is much faster than LibTorch's products for it: counted tenfold they would show, whatever else
  // the machine does in these hundredths of a second.
  EXPECT_LT(*results[7].ratio, 10);
}

TEST(OnlineBench, BadPeersAreNamed) {
  EXPECT_THAT([] { BenchWith("/no/such/python"); },
              ThrowsMessage<InputError>(HasSubstr("cannot start '/no/such/python'")));
}

}  // namespace
}  // namespace strider
