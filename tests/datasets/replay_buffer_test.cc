#include "datasets/replay_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Step `number` of `streams` environments: row i has the observation (number, i) and ends as the flags say.
void AppendStep(ReplayBuffer& buffer, std::size_t streams, int number, std::uint8_t terminal = 0,
                std::uint8_t timeout = 0) {
  std::vector<double> observations;
  std::vector<double> next_observations;
  for (std::size_t i = 0; i < streams; ++i) {
    observations.insert(observations.end(), {1.0 * number, 1.0 * static_cast<double>(i)});
    next_observations.insert(next_observations.end(), {number + 1.0, 1.0 * static_cast<double>(i)});
  }
  const std::vector<float> actions(streams, 0.5F * static_cast<float>(number));
  const std::vector<double> rewards(streams, 0.1 * number);
  const std::vector<std::uint8_t> terminals(streams, terminal);
  const std::vector<std::uint8_t> timeouts(streams, timeout);
  buffer.Append(StepRows<double>{observations, actions, rewards, next_observations, terminals, timeouts});
}

TEST(ReplayBuffer, OverwritesTheOldest) {
  ReplayBuffer buffer(3, 2, 1);
  for (int number = 0; number < 5; ++number)
    AppendStep(buffer, 1, number, number == 3 ? 1 : 0, number == 4 ? 1 : 0);
  EXPECT_EQ(buffer.size(), 3);
  EXPECT_EQ(buffer.total(), 5);
  EXPECT_THAT(buffer.observations(), ElementsAre(3, 0, 4, 0, 2, 0));
  EXPECT_THAT(buffer.next_observations(), ElementsAre(4, 0, 5, 0, 3, 0));
  EXPECT_THAT(buffer.actions(), ElementsAre(1.5F, 2.0F, 1.0F));
  EXPECT_THAT(buffer.rewards(), ElementsAre(static_cast<float>(0.1 * 3), 0.4F, 0.2F));
  EXPECT_THAT(buffer.terminals(), ElementsAre(1, 0, 0));
  EXPECT_THAT(buffer.timeouts(), ElementsAre(0, 1, 0));
}

TEST(ReplayBuffer, CapacityIsWholeSteps) {
  ReplayBuffer buffer(10, 2, 1, 4);
  EXPECT_EQ(buffer.capacity(), 12);
  for (int number = 0; number < 4; ++number) AppendStep(buffer, 4, number);
  EXPECT_EQ(buffer.size(), 12);
  EXPECT_EQ(buffer.total(), 16);
  EXPECT_THAT(buffer.observations().first(4), ElementsAre(3, 0, 3, 1));
}

TEST(ReplayBuffer, AcceptsFloatRows) {
  ReplayBuffer buffer(2, 1, 1);
  const std::vector<float> one{1.25F};
  const std::vector<std::uint8_t> flag{1};
  buffer.Append(StepRows<float>{one, one, one, one, flag, flag});
  EXPECT_THAT(buffer.observations(), ElementsAre(1.25F));
  EXPECT_THAT(buffer.terminals(), ElementsAre(1));
}

TEST(ReplayBuffer, SavedAndLoadedItGoesOnAlike) {
  ReplayBuffer original(6, 2, 1, 2);
  for (int number = 0; number < 5; ++number) AppendStep(original, 2, number, number == 1 ? 1 : 0);
  StateWriter out;
  original.Save(out);
  ReplayBuffer copy(6, 2, 1, 2);
  StateReader in(out.bytes());
  copy.Load(in);
  EXPECT_EQ(in.remaining(), 0);
  EXPECT_EQ(copy.total(), original.total());
  AppendStep(original, 2, 5, 0, 1);
  AppendStep(copy, 2, 5, 0, 1);
  StateWriter first;
  StateWriter second;
  original.Save(first);
  copy.Save(second);
  EXPECT_EQ(first.bytes(), second.bytes());
}

TEST(ReplayBuffer, RefusesAnotherSize) {
  StateWriter out;
  ReplayBuffer(6, 2, 1).Save(out);
  ReplayBuffer other(6, 3, 1);
  EXPECT_THAT(MessageOf<InputError>([&] {
                StateReader in(out.bytes());
                other.Load(in);
              }),
              HasSubstr("has a size of 2 where this run's has 3"));
}

TEST(ReplayBuffer, BecomesADatasetOfEpisodes) {
  ReplayBuffer buffer(6, 2, 1, 2);
  for (int number = 0; number < 4; ++number) AppendStep(buffer, 2, number, number == 2 ? 1 : 0);
  const Dataset dataset = buffer.ToDataset();
  EXPECT_EQ(dataset.rows, 6);
  // Steps 1, 2, 3 of environment 0, then those of environment 1.
  EXPECT_THAT(dataset.observations, ElementsAre(1, 0, 2, 0, 3, 0, 1, 1, 2, 1, 3, 1));
  EXPECT_THAT(dataset.next_observations, ElementsAre(2, 0, 3, 0, 4, 0, 2, 1, 3, 1, 4, 1));
  EXPECT_THAT(dataset.terminals, ElementsAre(0, 1, 0, 0, 1, 0));
  // Environment 0 was cut in mid-episode: nobody may connect it with environment 1.
  EXPECT_THAT(dataset.timeouts, ElementsAre(0, 0, 1, 0, 0, 0));
  EXPECT_THAT(QlearningRows(dataset), ElementsAre(0, 1, 3, 4));
}

TEST(UniformSampler, IsUniformAndInRange) {
  constexpr std::size_t kSize = 7;
  constexpr std::size_t kDraws = 70000;
  UniformSampler sampler{Pcg64(3)};
  std::vector<std::int64_t> rows(kDraws);
  sampler.Sample(kSize, rows);
  std::vector<double> counts(kSize, 0.0);
  for (const std::int64_t row : rows) {
    ASSERT_GE(row, 0);
    ASSERT_LT(row, static_cast<std::int64_t>(kSize));
    ++counts[static_cast<std::size_t>(row)];
  }
  constexpr double kExpected = static_cast<double>(kDraws) / kSize;
  const double deviation = std::sqrt(kExpected * (1.0 - 1.0 / kSize));
  for (const double count : counts) EXPECT_NEAR(count, kExpected, 4.5 * deviation);
}

TEST(UniformSampler, IsNumpysStreamAndCanBeResumed) {
  UniformSampler sampler{Pcg64(3)};
  std::vector<std::int64_t> rows(5);
  sampler.Sample(1000, rows);
  Pcg64 random(3);
  for (const std::int64_t row : rows) EXPECT_EQ(row, random.Integers(0, 1000));
  StateWriter out;
  sampler.Save(out);
  UniformSampler resumed{Pcg64(0)};
  StateReader in(out.bytes());
  resumed.Load(in);
  std::vector<std::int64_t> again(5);
  sampler.Sample(10, rows);
  resumed.Sample(10, again);
  EXPECT_EQ(rows, again);
}

}  // namespace
}  // namespace strider
