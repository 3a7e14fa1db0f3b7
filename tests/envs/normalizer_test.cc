#include "envs/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

std::vector<double> Draws(std::size_t count) {
  Pcg64 random(5);
  std::vector<double> rows;
  for (std::size_t i = 0; i < count; ++i) {
    rows.push_back(100 + 3 * random.StandardNormal());
    rows.push_back(-0.01 * random.Random());
  }
  return rows;
}

// A prior of weight 1e-4 with mean 0 and variance 1, and n rows, all at once.
TEST(RunningMoments, EqualTheClosedForm) {
  const std::vector<double> rows = Draws(1000);
  RunningMoments moments(2);
  moments.Update(rows);
  constexpr double kPrior = 1e-4;
  for (std::size_t i = 0; i < 2; ++i) {
    double sum = 0;
    for (std::size_t k = i; k < rows.size(); k += 2) sum += rows[k];
    const double mean = sum / (1000 + kPrior);
    double squares = kPrior * (1 + mean * mean);  // the prior's spread about the common mean
    for (std::size_t k = i; k < rows.size(); k += 2) squares += (rows[k] - mean) * (rows[k] - mean);
    EXPECT_NEAR(moments.mean()[i], mean, 1e-12 * std::abs(mean));
    EXPECT_NEAR(moments.variance()[i], squares / (1000 + kPrior), 1e-10 * squares / 1000);
  }
}

TEST(RunningMoments, MergedBatchesEqualOnePass) {
  const std::vector<double> rows = Draws(1000);
  RunningMoments whole(2);
  whole.Update(rows);
  RunningMoments merged(2);
  const std::span<const double> all(rows);
  std::size_t first = 0;
  for (const std::size_t count : {1, 16, 300, 683}) {
    merged.Update(all.subspan(2 * first, 2 * count));
    first += count;
  }
  ASSERT_EQ(first, 1000);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(merged.mean()[i], whole.mean()[i], 1e-12 * std::abs(whole.mean()[i]));
    EXPECT_NEAR(merged.variance()[i], whole.variance()[i], 1e-9 * whole.variance()[i]);
  }
}

TEST(RunningMoments, TransformScalesAndClips) {
  RunningMoments moments(1);  // mean 0, variance 1
  std::vector<float> out(3);
  moments.Transform(10).Apply(std::vector<double>{0.5, 12, -1e300}, out);
  EXPECT_THAT(out, ElementsAre(FloatNear(0.5F, 1e-6F), 10, -10));
  moments.Update(std::vector<double>{2, 4, 2, 4});  // nearly mean 3, variance 1
  moments.Transform(10).Apply(std::vector<double>{3, 5, 1}, out);
  EXPECT_THAT(out, ElementsAre(FloatNear(0, 1e-3F), FloatNear(2, 1e-2F), FloatNear(-2, 1e-2F)));
}

TEST(RunningMoments, SaveAndLoadGoOnAlike) {
  RunningMoments a(2);
  a.Update(Draws(10));
  StateWriter saved;
  a.Save(saved);
  RunningMoments b(2);
  StateReader reader(saved.bytes());
  b.Load(reader);
  EXPECT_EQ(reader.remaining(), 0);
  const std::vector<double> more = Draws(7);
  a.Update(more);
  b.Update(more);
  EXPECT_EQ(a.mean(), b.mean());
  EXPECT_EQ(a.variance(), b.variance());
}

TEST(ObservationTransform, EmptyIsTheIdentity) {
  const ObservationTransform transform;
  std::vector<float> out(2);
  transform.Apply(std::vector<double>{0.1, -1e20}, out);
  EXPECT_THAT(out, ElementsAre(0.1F, -1e20F));
}

TEST(ObservationTransform, WorksComponentByComponent) {
  const ObservationTransform transform{{1, 10}, {2, 0.5}, 3};
  std::vector<float> out(4);
  transform.Apply(std::vector<double>{2, 12, 0.5, -100}, out);
  EXPECT_THAT(out, ElementsAre(2, 1, -1, -3));
}

// MDPO sheet, section 6, by hand: discount 0.5, two environments.
TEST(RewardScaler, DividesByTheDeviationOfTheDiscountedReturn) {
  RewardScaler scaler(2, 0.5, 10);
  RunningMoments returns(1);
  const auto scale = [&returns](std::vector<double> g) {
    returns.Update(g);
    return 1 / std::sqrt(returns.variance()[0] + 1e-8);
  };
  std::vector<double> rewards = {1, 3};
  scaler.Scale(rewards, std::vector<std::uint8_t>{0, 1});
  double expected = scale({1, 3});
  EXPECT_THAT(rewards, ElementsAre(1 * expected, 3 * expected));

  // The first goes on with 0.5 * 1 + 2, the second starts afresh.
  rewards = {2, 2};
  scaler.Scale(rewards, std::vector<std::uint8_t>{0, 0});
  expected = scale({2.5, 2});
  EXPECT_THAT(rewards, ElementsAre(2 * expected, 2 * expected));

  // A reward out of all proportion is cut off.
  RewardScaler steady(1, 0, 10);
  std::vector<double> reward(1);
  for (int i = 0; i < 1000; ++i) {
    reward[0] = i % 2;
    steady.Scale(reward, std::vector<std::uint8_t>{0});
  }
  reward[0] = -1e3;
  steady.Scale(reward, std::vector<std::uint8_t>{0});
  EXPECT_EQ(reward[0], -10);
}

// Online baselines sheet, section 9, test 2.
TEST(RunningMoments, Test2OfTheBaselinesSheet) {
  RunningMoments moments(1);
  moments.Update(std::vector<double>{1});
  EXPECT_NEAR(moments.mean()[0], 0.9999, 1e-6);
  EXPECT_NEAR(moments.variance()[0], 1.99970e-4, 1e-9);
  moments.Update(std::vector<double>{3});
  EXPECT_NEAR(moments.mean()[0], 1.9999, 1e-6);
  EXPECT_NEAR(moments.variance()[0], 1.000200, 1e-6);
}

// CleanRL's and Gymnasium's rule, online baselines sheet, section 2: a terminal reward starts the return
// anew and stays in it; the time limit is not shown to it and changes nothing.
TEST(RewardScaler, MayForgetAtTerminationOnly) {
  RewardScaler scaler(1, 0.5, 10, ReturnReset::kAtTermination);
  RunningMoments returns(1);
  const auto expect_scaled_by = [&](double reward, std::uint8_t terminated, double g) {
    std::vector<double> rewards = {reward};
    scaler.Scale(rewards, std::vector<std::uint8_t>{terminated});
    returns.Update(std::vector<double>{g});
    EXPECT_THAT(rewards, ElementsAre(reward * (1 / std::sqrt(returns.variance()[0] + 1e-8))));
  };
  expect_scaled_by(0.01, 0, 0.01);
  expect_scaled_by(0.02, 0, 0.025);
  expect_scaled_by(0.03, 1, 0.03);   // not 0.0425
  expect_scaled_by(0.01, 0, 0.025);  // not 0.01
}

TEST(RewardScaler, SaveAndLoadGoOnAlike) {
  RewardScaler a(2, 0.9, 10);
  std::vector<double> rewards = {1, 3};
  a.Scale(rewards, std::vector<std::uint8_t>{0, 0});
  StateWriter saved;
  a.Save(saved);
  RewardScaler b(2, 0.9, 10);
  StateReader reader(saved.bytes());
  b.Load(reader);
  std::vector<double> from_a = {2, -1};
  std::vector<double> from_b = {2, -1};
  a.Scale(from_a, std::vector<std::uint8_t>{0, 0});
  b.Scale(from_b, std::vector<std::uint8_t>{0, 0});
  EXPECT_EQ(from_a, from_b);
}

}  // namespace
}  // namespace strider
