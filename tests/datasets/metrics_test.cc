// The toy cases V1 to V4 of the dataset-metrics sheet, section 7, and the table of its section 2.
#include "datasets/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "datasets/d4rl.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

// Pairs of a state and an action, one number each.
struct Pairs {
  std::vector<float> states;
  std::vector<float> actions;

  void Add(float state, float action) {
    states.push_back(state);
    actions.push_back(action);
  }
};

Pairs ToyData() { return {{0, 0, 1, 0, 2, 2}, {0, 1, 0, 0, 1, 1}}; }

Pairs ToyReference() {
  Pairs pairs;
  for (const float state : {0.0F, 1.0F, 2.0F}) {
    for (const float action : {0.0F, 1.0F}) pairs.Add(state, action);
  }
  pairs.Add(0, 0);
  pairs.Add(0, 1);
  return pairs;
}

ColumnLimits LimitsOf(const Pairs& pairs) {
  ColumnLimits limits(2);
  limits.Add(pairs.states, pairs.actions, pairs.states.size());
  return limits;
}

UniqueCounter Count(const Pairs& pairs, const ColumnLimits& limits) {
  UniqueCounter counter(limits);
  counter.Add(pairs.states, pairs.actions, pairs.states.size());
  return counter;
}

TEST(Metrics, ToyCaseV1) {
  const ColumnLimits limits = LimitsOf(ToyReference());
  const UniqueCounter data = Count(ToyData(), limits);
  const UniqueCounter reference = Count(ToyReference(), limits);
  EXPECT_EQ(data.unique(), 4);
  EXPECT_EQ(reference.unique(), 6);
  EXPECT_NEAR(Saco(data.unique(), reference.unique()), .666667, 5e-7);
  EXPECT_NEAR(LogSaco(data.unique(), reference.unique()), .773706, 5e-7);
  EXPECT_NEAR(data.Entropy(), 1.329661, 5e-7);
  EXPECT_NEAR(std::exp(data.Entropy()), 3.779763, 5e-7);
  EXPECT_NEAR(reference.Entropy(), 1.732868, 5e-7);
  EXPECT_NEAR(std::exp(reference.Entropy()), 5.656854, 5e-7);
}

// Four rows in two episodes of returns 1 and 3, and an unfinished one.
Dataset ToyEpisodes(bool with_trailing) {
  Dataset dataset;
  dataset.rows = with_trailing ? 6 : 4;
  dataset.observation_size = 1;
  dataset.action_size = 1;
  dataset.observations = {0, 1, 2, 3, 4, 5};
  dataset.actions = {0, 1, 0, 1, 0, 1};
  dataset.rewards = {.5F, .5F, 1, 2, 100, 100};
  dataset.terminals = {0, 1, 0, 0, 0, 0};
  dataset.timeouts = {0, 0, 0, 1, 0, 0};
  return Slice(dataset, 0, dataset.rows);
}

TEST(Metrics, ToyCaseV2) {
  const ReferenceScore returns{.5, 4};
  for (const bool with_trailing : {false, true}) {
    const auto mean = MeanReturn(Episodes(ToyEpisodes(with_trailing), {}, with_trailing));
    ASSERT_TRUE(mean);
    EXPECT_NEAR(TrajectoryQuality(*mean, returns), .428571, 5e-7);
  }
  EXPECT_FALSE(MeanReturn({}));
}

TEST(Metrics, InvariancesV3) {
  const ColumnLimits limits = LimitsOf(ToyReference());
  Pairs pairs = ToyReference();
  std::reverse(pairs.states.begin(), pairs.states.end());
  std::reverse(pairs.actions.begin(), pairs.actions.end());
  EXPECT_EQ(Count(pairs, limits).unique(), 6) << "permuted";
  for (const auto& [state, action] : {std::pair(1.0F, 1.0F), std::pair(2.0F, 0.0F)}) pairs.Add(state, action);
  EXPECT_EQ(Count(pairs, limits).unique(), 6) << "duplicated";
  EXPECT_EQ(Saco(6, 6), 1.0);
  EXPECT_EQ(TrajectoryQuality(.3, {.3, 4}), 0.0);

  UniqueCounter growing(limits);
  std::size_t before = 0;
  const Pairs all = ToyReference();
  for (std::size_t i = 0; i < all.states.size(); ++i) {
    growing.Add(std::span(&all.states[i], 1), std::span(&all.actions[i], 1), 1);
    EXPECT_GE(growing.unique(), before);
    before = growing.unique();
  }
  EXPECT_EQ(before, 6);

  // Rewards a r + b in episodes of one length L move returns and references alike, by a R + b L.
  constexpr double kScale = 2.5;
  constexpr double kShift = -3.0 * 10;
  EXPECT_NEAR(TrajectoryQuality(kScale * 2 + kShift, {kScale * .5 + kShift, kScale * 4 + kShift}),
              TrajectoryQuality(2, {.5, 4}), 1e-12);
}

TEST(Metrics, DigitisesAsNumpyV4) {
  const Digitizer unit(0, 1, 100);
  EXPECT_EQ(unit(0), 1);
  EXPECT_EQ(unit(.0101), 1);
  EXPECT_EQ(unit(.0102), 2);
  EXPECT_EQ(unit(.5), 50);
  EXPECT_EQ(unit(.999), 99);
  EXPECT_EQ(unit(1), 100);
  EXPECT_EQ(unit(-.1), 0);
  EXPECT_EQ(unit(1.1), 100);
  EXPECT_EQ(Digitizer(3, 3, 100)(3), 100) << "constant column";
  EXPECT_EQ(unit(std::nan("")), 100);
}

// The definition itself, number of edges <= value, at the edges and beside them.
TEST(Metrics, DigitiserCountsEdges) {
  for (const int bins : {2, 5, 100, 255}) {
    const double low = -0.37;
    const double high = 1.91;
    const Digitizer digitizer(low, high, bins);
    std::vector<double> edges;
    const double step = (high - low) / (bins - 1);
    for (int k = 0; k + 1 < bins; ++k) edges.push_back(k * step + low);
    edges.push_back(high);
    for (const double edge : edges) {
      for (const double value :
           {std::nextafter(edge, -10.0), edge, std::nextafter(edge, 10.0), edge + step / 3}) {
        const auto expected = std::count_if(edges.begin(), edges.end(), [&](double e) { return e <= value; });
        EXPECT_EQ(digitizer(value), expected) << value;
      }
    }
  }
}

// Against a set of rows, with more rows than the table holds at first.
TEST(Metrics, CountsExactly) {
  const Dataset dataset = MakeDataset(20000, 2, 1);
  ColumnLimits limits(3);
  limits.Add(dataset.observations, dataset.actions, dataset.rows);
  constexpr int kBins = 24;
  UniqueCounter counter(limits, kBins);
  counter.Add(dataset.observations, dataset.actions, dataset.rows);
  std::map<std::vector<int>, double> expected;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    const double values[] = {dataset.observations[2 * row], dataset.observations[2 * row + 1],
                             dataset.actions[row]};
    std::vector<int> code;
    for (std::size_t k = 0; k < 3; ++k)
      code.push_back(Digitizer(limits.low(k), limits.high(k), kBins)(values[k]));
    ++expected[code];
  }
  ASSERT_GT(expected.size(), 5000);
  ASSERT_LT(expected.size(), dataset.rows);
  EXPECT_EQ(counter.unique(), expected.size());
  double entropy = 0;
  for (const auto& [code, count] : expected) {
    const double p = count / static_cast<double>(dataset.rows);
    entropy -= p * std::log(p);
  }
  EXPECT_NEAR(counter.Entropy(), entropy, 1e-9);
}

// So many distinct rows that some of their 32-bit hashes are equal: only the rows themselves tell them apart.
TEST(Metrics, CountsExactlyWhereHashesCollide) {
  constexpr std::size_t kSide = 100;
  std::vector<float> observations;
  std::vector<float> actions;
  for (std::size_t i = 0; i < kSide * kSide * kSide; ++i) {
    observations.push_back(static_cast<float>(i / kSide / kSide));
    observations.push_back(static_cast<float>(i / kSide % kSide));
    actions.push_back(static_cast<float>(i % kSide));
  }
  ColumnLimits limits(3);
  limits.Add(observations, actions, actions.size());
  UniqueCounter counter(limits, kSide);
  counter.Add(observations, actions, actions.size());
  EXPECT_EQ(counter.unique(), actions.size());
  EXPECT_NEAR(counter.Entropy(), std::log(static_cast<double>(actions.size())), 1e-9);
}

TEST(Metrics, MeasuresAFileAgainstAReference) {
  const TemporaryFolder folder;
  const Pairs pairs = ToyReference();
  Dataset reference;
  reference.rows = 8;
  reference.observation_size = 1;
  reference.action_size = 1;
  reference.observations = pairs.states;
  reference.actions = pairs.actions;
  reference.rewards.assign(8, 0);
  reference.terminals.assign(8, 0);
  WriteD4rl(folder.path() / "reference.hdf5", reference);

  Dataset data = ToyEpisodes(true);
  const Pairs toy = ToyData();
  data.observations = toy.states;
  data.actions = toy.actions;
  WriteD4rl(folder.path() / "data.hdf5", data);

  const CoverageReference coverage = MeasureCoverage(folder.path() / "reference.hdf5");
  EXPECT_EQ(coverage.unique_state_actions, 6);
  const DatasetMetrics metrics =
      MeasureDataset(folder.path() / "data.hdf5", &coverage, {.returns = ReferenceScore{.5, 4}});
  EXPECT_EQ(metrics.rows, 6);
  EXPECT_EQ(metrics.episodes, 2);
  EXPECT_EQ(metrics.unique_state_actions, 4);
  EXPECT_NEAR(metrics.saco.value(), .666667, 5e-7);
  EXPECT_NEAR(metrics.lsaco.value(), .773706, 5e-7);
  EXPECT_NEAR(metrics.entropy, 1.329661, 5e-7);
  EXPECT_NEAR(metrics.tq.value(), .428571, 5e-7);
  EXPECT_EQ(metrics.mean_return.value(), 2);
  EXPECT_EQ(metrics.references.unique_state_actions.value(), 6);
  EXPECT_EQ(metrics.references.limits_source, (folder.path() / "reference.hdf5").string());
  EXPECT_EQ(MeasureDataset(folder.path() / "reference.hdf5", &coverage).saco.value(), 1.0);

  const DatasetMetrics alone = MeasureDataset(folder.path() / "data.hdf5", nullptr);
  EXPECT_FALSE(alone.saco);
  EXPECT_FALSE(alone.tq);
  EXPECT_EQ(alone.references.limits_source, alone.path);
}

TEST(Metrics, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  WriteD4rl(folder.path() / "a.hdf5", MakeDataset(20, 3, 1));
  WriteD4rl(folder.path() / "b.hdf5", MakeDataset(20, 4, 1));
  const CoverageReference coverage = MeasureCoverage(folder.path() / "a.hdf5");
  EXPECT_THAT(
      MessageOf<InputError>([&] { MeasureDataset(folder.path() / "b.hdf5", &coverage); }),
      AllOf(HasSubstr("b.hdf5"), HasSubstr("has 5 columns"), HasSubstr("expected 4"), HasSubstr("a.hdf5")));
  EXPECT_THAT(MessageOf<InputError>([&] { MeasureCoverage(folder.path() / "a.hdf5", 256); }),
              HasSubstr("bins: 256 is out of range, expected 2 to 255"));
}

}  // namespace
}  // namespace strider
