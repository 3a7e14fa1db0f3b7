#include "experiments/env_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/experiments/fake_peer.h"

namespace strider {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

std::vector<BenchResult> BenchWith(const std::vector<std::string>& ids, const std::string& peer_python) {
  EnvBenchOptions options;
  options.repetitions = 3;
  options.seconds = 0.002;
  options.peer_python = peer_python;
  int reported = 0;
  auto results = BenchEnvs(ids, options, [&](const BenchResult&) { ++reported; });
  EXPECT_EQ(reported, results.size());
  return results;
}

std::vector<std::string> Names(const std::vector<BenchResult>& results) {
  std::vector<std::string> names;
  for (const BenchResult& result : results) names.push_back(result.name);
  return names;
}

TEST(EnvBenchTest, RobotsAreMeasuredFourWays) {
  const auto results = BenchWith({"HalfCheetah-v5"}, "");
  EXPECT_THAT(Names(results),
              ElementsAre("HalfCheetah-v5 vs mj_step", "HalfCheetah-v5 vs gymnasium",
                          "HalfCheetah-v5 x64 vs envpool", "HalfCheetah-v5 x64 vs mujoco.rollout"));
  for (const BenchResult& result : results) {
    EXPECT_GT(result.ours, 0);
    EXPECT_EQ(result.unit, "steps/s");
    // Only the bare loop is ours to run.
    EXPECT_EQ(result.peer.has_value(), result.name == "HalfCheetah-v5 vs mj_step");
    EXPECT_EQ(result.ratio.has_value(), result.peer.has_value());
  }
}

TEST(EnvBenchTest, PeersAnswerInTurns) {
  const FakePeer peer("echo 50.0");
  const auto results = BenchWith({"Pendulum-v1"}, peer.path());
  ASSERT_THAT(Names(results), ElementsAre("Pendulum-v1 vs gymnasium", "Pendulum-v1 x1024 vs envpool"));
  for (const BenchResult& result : results) {
    EXPECT_EQ(result.peer, 50);
    EXPECT_EQ(result.ratio, result.ours / 50);
  }
}

TEST(EnvBenchTest, WhatAPeerCannotDoStaysEmpty) {
  const FakePeer peer("echo null");
  for (const BenchResult& result : BenchWith({"Pendulum-v1"}, peer.path())) {
    EXPECT_GT(result.ours, 0);
    EXPECT_FALSE(result.peer);
    EXPECT_FALSE(result.ratio);
  }
}

TEST(EnvBenchTest, ClassicAndNewestEnvironmentsAreBenched) {
  const auto ids = BenchedEnvIds();
  for (const auto* id : {"HalfCheetah-v5", "CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0"}) {
    EXPECT_THAT(ids, Contains(id));
  }
  EXPECT_THAT(ids, Not(Contains("CartPole-v0")));
}

TEST(EnvBenchTest, TheMachineIsDescribed) {
  const auto machine = DescribeMachine();
  for (const auto* key : {"processor", "cores", "load", "compiler", "mujoco", "hdf5"})
    EXPECT_TRUE(machine.contains(key));
}

TEST(EnvBenchTest, BadInputIsNamed) {
  EXPECT_THAT([] { BenchWith({"Pendulum-v2"}, ""); },
              ThrowsMessage<InputError>(HasSubstr("unknown environment 'Pendulum-v2'")));
  EXPECT_THAT([] { BenchWith({"Pendulum-v1"}, "/no/such/python"); },
              ThrowsMessage<InputError>("cannot start '/no/such/python': No such file or directory"));
  const FakePeer dying("exit 1");
  EXPECT_THAT([&] { BenchWith({"Pendulum-v1"}, dying.path()); },
              ThrowsMessage<WorkError>(HasSubstr("ended before it had answered")));
}

}  // namespace
}  // namespace strider
