// The toy cases V1 to V3, V6 and V7 of the dataset-metrics sheet, section 7.
#include "datasets/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "datasets/d4rl.h"
#include "datasets/merge.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
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

PairCounter Count(const Pairs& pairs, const ColumnLimits& limits) {
  PairCounter counter(limits);
  counter.Add(pairs.states, pairs.actions, pairs.states.size());
  return counter;
}

TEST(Metrics, ToyCaseV1) {
  const ColumnLimits limits = LimitsOf(ToyReference());
  const PairCounter data = Count(ToyData(), limits);
  const PairCounter reference = Count(ToyReference(), limits);
  EXPECT_EQ(data.unique(), 4);
  EXPECT_EQ(reference.unique(), 6);
  EXPECT_NEAR(Saco(data.unique(), reference.unique()), .666667, 5e-7);
  EXPECT_NEAR(LogSaco(data.unique(), reference.unique()), .773706, 5e-7);
  EXPECT_NEAR(data.Entropy().value(), 1.329661, 5e-7);
  EXPECT_NEAR(std::exp(data.Entropy().value()), 3.779763, 5e-7);
  EXPECT_NEAR(reference.Entropy().value(), 1.732868, 5e-7);
  EXPECT_NEAR(std::exp(reference.Entropy().value()), 5.656854, 5e-7);
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
  for (const bool with_trailing : {false, true}) {
    Summarizer summarizer({.observation_size = 1, .action_size = 1});
    summarizer.Add(ToyEpisodes(with_trailing));
    EXPECT_NEAR(TrajectoryQuality(summarizer.Finish().mean_return.value(), .5, 4), .428571, 5e-7);
  }
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
  EXPECT_EQ(TrajectoryQuality(.3, .3, 4), 0.0);

  PairCounter growing(limits);
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
  EXPECT_NEAR(TrajectoryQuality(kScale * 2 + kShift, kScale * .5 + kShift, kScale * 4 + kShift),
              TrajectoryQuality(2, .5, 4), 1e-12);
}

// Counts of transitions of a three-state chain, written as data in which each comes as often as its exact
// occupancy says.
struct Occupancy {
  float state, action, reward, next;
  int count;
};

// Entropies of (s, a) and of (s, a, r, s').
std::pair<double, double> Entropies(const std::vector<Occupancy>& occupancies) {
  std::vector<float> states;
  std::vector<float> actions;
  std::vector<float> outcomes;  // (rows x 3) state, reward, next state
  for (const auto& [state, action, reward, next, count] : occupancies) {
    for (int i = 0; i < count; ++i) {
      states.push_back(state);
      actions.push_back(action);
      outcomes.insert(outcomes.end(), {state, reward, next});
    }
  }
  const auto entropy = [&](const std::vector<float>& rows, std::size_t width) {
    ColumnLimits limits(width + 1);
    limits.Add(rows, actions, actions.size());
    PairCounter counter(limits);
    counter.Add(rows, actions, actions.size());
    return counter.Entropy().value();
  };
  return {entropy(states, 1), entropy(outcomes, 3)};
}

TEST(Metrics, EntropyFollowsTheChainRuleV6) {
  std::vector<Occupancy> occupancies = {
      {0, 0, 0, 1, 40}, {0, 1, 1, 2, 10}, {1, 0, 0, 2, 30}, {2, 1, .5, 0, 20}};
  const auto [pairs, transitions] = Entropies(occupancies);
  EXPECT_NEAR(pairs, -(.4 * std::log(.4) + .1 * std::log(.1) + .3 * std::log(.3) + .2 * std::log(.2)), 1e-12);
  EXPECT_NEAR(transitions, pairs, 1e-12) << "a deterministic process adds nothing";

  // A fair coin decides where (1, 0) leads.
  occupancies[2].count = 15;
  occupancies.push_back({1, 0, 0, 0, 15});
  const auto [same_pairs, coin] = Entropies(occupancies);
  EXPECT_NEAR(same_pairs, pairs, 1e-12);
  EXPECT_NEAR(coin - pairs, .3 * std::log(2), 1e-12);
}

// Rows whose observations count up, so that a transition is true where the next one is one more, in episodes
// of `length` rows that the step limit cuts.
Dataset CountingUp(std::size_t rows, std::size_t length, float first) {
  Dataset dataset;
  dataset.rows = rows;
  dataset.observation_size = 1;
  dataset.action_size = 1;
  for (std::size_t row = 0; row < rows; ++row) {
    dataset.observations.push_back(first + static_cast<float>(row));
    dataset.timeouts.push_back(row % length == length - 1 ? 1 : 0);
  }
  dataset.actions.assign(rows, 0);
  dataset.rewards.assign(rows, 0);
  dataset.terminals.assign(rows, 0);
  return dataset;
}

std::size_t SpuriousTransitions(const Dataset& dataset) {
  const Transitions transitions = QlearningTransitions(dataset);
  std::size_t spurious = 0;
  for (std::size_t i = 0; i < transitions.size; ++i) {
    spurious += transitions.next_observations[i] != transitions.observations[i] + 1 ? 1 : 0;
  }
  return spurious;
}

// 0.8 N rows of one policy and 0.2 N of another.
TEST(Metrics, AMixedDatasetHasOneSpuriousTransitionV7) {
  constexpr std::size_t kRows = 200;
  for (const auto& [length, spurious] : {std::pair{30, 1}, std::pair{40, 0}}) {
    const Dataset random = CountingUp(kRows * 8 / 10, static_cast<std::size_t>(length), 0);
    const Dataset expert = CountingUp(kRows * 2 / 10, static_cast<std::size_t>(length), 5000);
    Dataset mixed = random;
    mixed.rows = kRows;
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(mixed.observations, expert.observations);
    append(mixed.actions, expert.actions);
    append(mixed.rewards, expert.rewards);
    append(mixed.terminals, expert.terminals);
    append(mixed.timeouts, expert.timeouts);
    EXPECT_EQ(SpuriousTransitions(mixed), spurious) << "episodes of " << length;

    // Merging files marks the border, so that nobody learns from it.
    const TemporaryFolder folder;
    WriteD4rl(folder.path() / "random.hdf5", random);
    WriteD4rl(folder.path() / "expert.hdf5", expert);
    MergeDatasets({folder.path() / "random.hdf5", folder.path() / "expert.hdf5"},
                  folder.path() / "mixed.hdf5");
    const Dataset merged = ReadDataset(folder.path() / "mixed.hdf5");
    EXPECT_EQ(merged.observations, mixed.observations);
    EXPECT_EQ(SpuriousTransitions(merged), 0) << "episodes of " << length;
  }
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

  const auto opened = OpenDataset(folder.path() / "data.hdf5");
  const auto opened_reference = OpenDataset(folder.path() / "reference.hdf5");
  MetricReferences references{.coverage = MeasureCoverage(*opened_reference),
                              .min_return = ReferenceReturn{.5, "given"},
                              .max_return = ReferenceReturn{4, "given"}};
  EXPECT_EQ(references.coverage->unique_state_actions, 6);
  const DatasetMetrics metrics = MeasureDataset(*opened, references);
  EXPECT_EQ(metrics.summary.rows, 6);
  EXPECT_EQ(metrics.summary.episodes, 2);
  EXPECT_EQ(metrics.unique_state_actions, 4);
  EXPECT_NEAR(metrics.saco.value(), .666667, 5e-7);
  EXPECT_NEAR(metrics.lsaco.value(), .773706, 5e-7);
  EXPECT_NEAR(metrics.entropy.value(), 1.329661, 5e-7);
  EXPECT_NEAR(metrics.tq.value(), .428571, 5e-7);
  EXPECT_EQ(metrics.summary.mean_return.value(), 2);
  EXPECT_EQ(metrics.limits_source, (folder.path() / "reference.hdf5").string());
  // Three states and two actions, each in a bin of its own, of the hundred.
  EXPECT_THAT(metrics.coverage, ElementsAre(.03, .02));
  EXPECT_EQ(MeasureDataset(*opened_reference, references).saco.value(), 1.0);

  const DatasetMetrics alone = MeasureDataset(*opened);
  EXPECT_FALSE(alone.saco);
  EXPECT_FALSE(alone.tq);
  EXPECT_EQ(alone.limits_source, alone.path);

  // A number alone bounds no bins.
  references.coverage = CoverageReference{.unique_state_actions = 8, .source = "given"};
  references.max_return.reset();
  const DatasetMetrics given = MeasureDataset(*opened, references, {.bins = 7});
  EXPECT_EQ(given.saco.value(), .5);
  EXPECT_FALSE(given.tq);
  references.coverage->unique_state_actions = 1;
  EXPECT_EQ(MeasureDataset(*opened, references).saco.value(), 4);
  EXPECT_FALSE(MeasureDataset(*opened, references).lsaco) << "nothing can be divided by ln 1";
  EXPECT_EQ(given.bins, 7);
  EXPECT_EQ(given.limits_source, given.path);
}

// The files in the golden folder hold the sheet's toys, written by h5py.
TEST(Metrics, GoldenFilesGiveTheSheetsNumbers) {
  const auto toy = OpenDataset(GoldenPath("datasets/metrics/toy.hdf5"));
  const auto reference = OpenDataset(GoldenPath("datasets/metrics/toy_reference.hdf5"));
  for (const auto counting : {Counting::kExact, Counting::kHyperLogLog}) {
    const MetricOptions options{.counting = counting};
    const MetricReferences references{.coverage = MeasureCoverage(*reference, options),
                                      .min_return = ReferenceReturn{.5, "given"},
                                      .max_return = ReferenceReturn{4, "given"}};
    const DatasetMetrics metrics = MeasureDataset(*toy, references, options);
    EXPECT_EQ(metrics.unique_state_actions, 4);
    EXPECT_EQ(references.coverage->unique_state_actions, 6);
    EXPECT_NEAR(metrics.saco.value(), .666667, 5e-7);
    EXPECT_NEAR(metrics.lsaco.value(), .773706, 5e-7);
    EXPECT_NEAR(metrics.tq.value(), .428571, 5e-7);
    EXPECT_EQ(metrics.summary.episodes, 2);
    EXPECT_EQ(metrics.summary.unfinished_rows, 2);
    EXPECT_EQ(metrics.entropy.has_value(), counting == Counting::kExact);
    EXPECT_NEAR(metrics.entropy.value_or(1.329661), 1.329661, 5e-7);
    EXPECT_EQ(metrics.error_bound > 0, counting == Counting::kHyperLogLog);
  }
}

// Rows of a file are read in blocks; more than one here.
TEST(Metrics, ReadsLargeFilesInBlocks) {
  const TemporaryFolder folder;
  const Dataset dataset = MakeDataset(150000, 2, 1);
  WriteD4rl(folder.path() / "data.hdf5", dataset);
  const auto reader = OpenDataset(folder.path() / "data.hdf5");
  std::vector<std::pair<std::size_t, std::size_t>> heard;
  const DatasetMetrics metrics =
      MeasureDataset(*reader, {}, {.bins = 24, .progress = [&](std::size_t done, std::size_t total) {
                                     heard.emplace_back(done, total);
                                   }});
  ASSERT_GT(heard.size(), 1) << "several blocks";
  EXPECT_EQ(heard.back(), std::pair(dataset.rows, dataset.rows)) << "read once";
  PairCounter counter(metrics.limits, 24);
  counter.Add(dataset.observations, dataset.actions, dataset.rows);
  EXPECT_EQ(metrics.unique_state_actions, counter.unique());
  EXPECT_EQ(metrics.entropy, counter.Entropy());
  EXPECT_EQ(metrics.coverage, counter.Coverage());
  const std::vector<Episode> episodes = Episodes(dataset);
  double sum = 0;
  for (const Episode& episode : episodes) sum += episode.episode_return;
  EXPECT_EQ(metrics.summary.episodes, episodes.size());
  EXPECT_EQ(metrics.summary.mean_return.value(), sum / static_cast<double>(episodes.size()));

  const DatasetMetrics sketched =
      MeasureDataset(*reader, {}, {.bins = 24, .counting = Counting::kHyperLogLog});
  const auto exact = static_cast<double>(metrics.unique_state_actions);
  EXPECT_NEAR(static_cast<double>(sketched.unique_state_actions), exact, sketched.error_bound * exact);
  EXPECT_NE(sketched.unique_state_actions, metrics.unique_state_actions) << "an estimate, by its nature";
  EXPECT_EQ(sketched.coverage, metrics.coverage);
}

// The same pairs counted both ways, with a number of distinct ones that differs from seed to seed.
TEST(Metrics, HyperLogLogAgreesWithTheExactCountOverAHundredSeeds) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Pcg64 random(seed);
    const auto rows = static_cast<std::size_t>(random.Integers(100, 20000));
    std::vector<float> observations;
    std::vector<float> actions;
    for (std::size_t row = 0; row < rows; ++row) {
      observations.push_back(static_cast<float>(random.StandardNormal()));
      observations.push_back(static_cast<float>(random.StandardNormal()));
      actions.push_back(static_cast<float>(random.Uniform(-1, 1)));
    }
    ColumnLimits limits(3);
    limits.Add(observations, actions, rows);
    PairCounter exact(limits, 50);
    PairCounter sketch(limits, 50, Counting::kHyperLogLog);
    exact.Add(observations, actions, rows);
    sketch.Add(observations, actions, rows);
    const auto unique = static_cast<double>(exact.unique());
    ASSERT_NEAR(static_cast<double>(sketch.unique()), unique, sketch.ErrorBound() * unique + .5) << seed;
  }
}

// More rows than are kept in memory are read twice, unless a reference bounds the bins.
class Zeros final : public DatasetReader {
 public:
  explicit Zeros(std::size_t rows) : DatasetReader("zeros") {
    SetLayout({.rows = rows, .observation_size = 900, .action_size = 100}, {});
  }
  std::map<std::string, std::string> Metadata() const override { return {}; }
  Dataset Read(std::size_t first, std::size_t count, const DatasetColumns&) const override {
    Dataset block;
    block.rows = count;
    block.observations.assign(count * 900, first == 0 ? 0.0F : 1.0F);
    block.actions.assign(count * 100, 0);
    block.rewards.assign(count, 1);
    block.terminals.assign(count, 0);
    block.timeouts.assign(count, 1);
    return block;
  }
};

TEST(Metrics, ReadsTwiceWhatIsTooLargeToKeep) {
  const Zeros reader(80000);  // 320 MB
  std::vector<std::pair<std::size_t, std::size_t>> heard;
  const MetricOptions options{
      .progress = [&](std::size_t done, std::size_t total) { heard.emplace_back(done, total); }};
  const DatasetMetrics metrics = MeasureDataset(reader, {}, options);
  EXPECT_EQ(heard.back(), std::pair(std::size_t{160000}, std::size_t{160000}));
  EXPECT_EQ(metrics.unique_state_actions, 2);
  EXPECT_EQ(metrics.summary.rows, 80000);
  EXPECT_EQ(metrics.summary.episodes, 80000);
  const MetricReferences references{
      .coverage = CoverageReference{.unique_state_actions = 2, .limits = metrics.limits, .source = "zeros"}};
  EXPECT_EQ(MeasureDataset(reader, references, options).saco.value(), 1);
  EXPECT_EQ(heard.back(), std::pair(std::size_t{80000}, std::size_t{80000}));
}

TEST(Metrics, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  WriteD4rl(folder.path() / "a.hdf5", MakeDataset(20, 3, 1));
  WriteD4rl(folder.path() / "b.hdf5", MakeDataset(20, 4, 1));
  const auto a = OpenDataset(folder.path() / "a.hdf5");
  const auto b = OpenDataset(folder.path() / "b.hdf5");
  const MetricReferences references{.coverage = MeasureCoverage(*a)};
  EXPECT_THAT(
      MessageOf<InputError>([&] { MeasureDataset(*b, references); }),
      AllOf(HasSubstr("b.hdf5"), HasSubstr("has 5 columns"), HasSubstr("expected 4"), HasSubstr("a.hdf5")));
  EXPECT_THAT(MessageOf<InputError>([&] { MeasureCoverage(*a, {.bins = 256}); }),
              HasSubstr("bins: 256 is out of range, expected 2 to 255"));
  EXPECT_THAT(MessageOf<InputError>([&] { MeasureCoverage(*a, {.bins = 1}); }),
              HasSubstr("bins: 1 is out of range"));
  const auto nan = OpenDataset(GoldenPath("datasets/malformed/nan_observations.hdf5"));
  EXPECT_THAT(MessageOf<InputError>([&] { MeasureDataset(*nan); }),
              AllOf(HasSubstr("nan_observations.hdf5"), HasSubstr("row "), HasSubstr("nan")));
}

}  // namespace
}  // namespace strider
