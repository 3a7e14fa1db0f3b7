// Set functions: telescoping, gains that shrink, and the exact cases of the SubPO sheet, section 7.
#include "envs/submodular/set_function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "core/error.h"
#include "envs/submodular/gaussian_process.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kElements = 20;

Eigen::MatrixXd LineCovariance(const std::vector<double>& places) {
  PlanePoints points(static_cast<Eigen::Index>(places.size()), 2);
  for (Eigen::Index i = 0; i < points.rows(); ++i) points.row(i) << places[static_cast<std::size_t>(i)], 0;
  return Matern52(points, points, std::log(2.0), 1);
}

std::vector<std::vector<int>> RandomCovers(Pcg64& random, int points) {
  std::vector<std::vector<int>> covers(kElements);
  for (auto& cover : covers) {
    for (int i = 0; i < 5; ++i) cover.push_back(static_cast<int>(random.Integers(0, points)));
  }
  return covers;
}

std::vector<double> RandomWeights(Pcg64& random, int count) {
  std::vector<double> weights;
  for (int i = 0; i < count; ++i) weights.push_back(random.Random());
  return weights;
}

std::vector<int> RandomKinds(Pcg64& random) {
  std::vector<int> kinds;
  for (int i = 0; i < kElements; ++i) kinds.push_back(static_cast<int>(random.Integers(-1, 3)));
  return kinds;
}

// One of each kind, with a definition of its value that has nothing to do with how it is computed.
struct Case {
  std::string name;
  std::unique_ptr<SetFunction> function;
  std::function<double(const std::vector<int>&)> value;
};

std::vector<Case> Cases() {
  Pcg64 random(3);
  std::vector<Case> cases;
  const auto covers = RandomCovers(random, 30);
  const auto weights = RandomWeights(random, 30);
  const auto covered = [covers, weights](const std::vector<int>& list) {
    std::set<int> points;
    for (const int e : list)
      points.insert(covers[static_cast<std::size_t>(e)].begin(), covers[static_cast<std::size_t>(e)].end());
    double sum = 0;
    for (const int point : points) sum += weights[static_cast<std::size_t>(point)];
    return sum;
  };
  cases.push_back({"coverage", std::make_unique<Coverage>(covers, weights), covered});

  const auto kinds = RandomKinds(random);
  const std::vector<int> caps{2, 3, 1};
  const auto counted = [kinds, caps](const std::vector<int>& list) {
    const std::set<int> distinct(list.begin(), list.end());
    double sum = 0;
    for (int kind = 0; kind < 3; ++kind) {
      const auto count =
          std::ranges::count_if(distinct, [&](int e) { return kinds[static_cast<std::size_t>(e)] == kind; });
      sum += static_cast<double>(std::min<std::ptrdiff_t>(count, caps[static_cast<std::size_t>(kind)]));
    }
    return sum;
  };
  cases.push_back({"capped counts", std::make_unique<CappedCounts>(kinds, caps), counted});

  Eigen::MatrixXd benefits(7, kElements);
  for (double& benefit : benefits.reshaped()) benefit = random.Random();
  const auto located = [benefits](const std::vector<int>& list) {
    double sum = 0;
    for (Eigen::Index client = 0; client < benefits.rows(); ++client) {
      double best = 0;
      for (const int e : list) best = std::max(best, benefits(client, e));
      sum += best;
    }
    return sum;
  };
  cases.push_back({"facility location", std::make_unique<FacilityLocation>(benefits), located});

  std::vector<double> places;
  for (int i = 0; i < kElements; ++i) places.push_back(random.Uniform(0, 3));
  const Eigen::MatrixXd covariance = LineCovariance(places);
  const auto informed = [covariance](const std::vector<int>& list) {
    const auto size = static_cast<Eigen::Index>(list.size());
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(size, size);
    for (Eigen::Index i = 0; i < size; ++i) {
      for (Eigen::Index j = 0; j < size; ++j) {
        matrix(i, j) +=
            covariance(list[static_cast<std::size_t>(i)], list[static_cast<std::size_t>(j)]) / 0.01;
      }
    }
    return size == 0 ? 0 : 0.5 * std::log(matrix.determinant());
  };
  cases.push_back({"information gain", std::make_unique<InformationGain>(covariance, 0.01, 8), informed});

  const auto worth = RandomWeights(random, kElements);
  const auto added = [worth](const std::vector<int>& list) {
    double sum = 0;
    for (const int e : list) sum += worth[static_cast<std::size_t>(e)];
    return sum;
  };
  cases.push_back({"modular", std::make_unique<Modular>(worth), added});

  std::vector<Sum::Term> terms;
  terms.emplace_back(2.0, cases[0].function->Clone());
  terms.emplace_back(0.5, cases[1].function->Clone());
  const auto both = [covered, counted](const std::vector<int>& list) {
    return 2 * covered(list) + 0.5 * counted(list);
  };
  cases.push_back({"sum", std::make_unique<Sum>(std::move(terms)), both});
  return cases;
}

std::vector<int> RandomList(Pcg64& random, int size) {
  std::vector<int> list;
  for (int i = 0; i < size; ++i) list.push_back(static_cast<int>(random.Integers(0, kElements)));
  return list;
}

// V1: the gains of a random list, repeats included, add up to the value of its set by definition.
TEST(SetFunctionTest, GainsTelescope) {
  Pcg64 random(5);
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    for (int round = 0; round < 20; ++round) {
      test.function->Clear();
      EXPECT_EQ(test.function->value(), 0);
      std::vector<int> list;
      double sum = 0;
      for (const int element : RandomList(random, 10)) {
        const double gain = test.function->Gain(element);
        EXPECT_GE(gain, 0);
        EXPECT_EQ(test.function->Add(element), gain);
        sum += gain;
        list.push_back(element);
        ASSERT_NEAR(sum, test.value(list), 1e-9);
        ASSERT_NEAR(test.function->value(), test.value(list), 1e-9);
      }
    }
  }
}

// V1: a gain after a longer history is no larger than after a part of it.
TEST(SetFunctionTest, GainsShrink) {
  Pcg64 random(6);
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    for (int round = 0; round < 50; ++round) {
      const std::vector<int> list = RandomList(random, 8);
      test.function->Clear();
      const auto longer = test.function->Clone();
      for (std::size_t i = 0; i < list.size(); ++i) {
        longer->Add(list[i]);
        if (i % 2 == 0) test.function->Add(list[i]);
      }
      const int element = RandomList(random, 1)[0];
      EXPECT_LE(longer->Gain(element), test.function->Gain(element) + 1e-9);
    }
  }
}

TEST(SetFunctionTest, ACloneGoesItsOwnWay) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    test.function->Clear();
    test.function->Add(3);
    const auto clone = test.function->Clone();
    EXPECT_EQ(clone->value(), test.function->value());
    const double gain = test.function->Gain(4);
    clone->Add(4);
    EXPECT_EQ(test.function->Gain(4), gain);
  }
}

// V6, with the sheet's numbers.
TEST(SetFunctionTest, InformationGainsOfTheSheet) {
  Eigen::MatrixXd covariance = LineCovariance({0, 0.5, 1.3, 2});
  InformationGain gain(covariance, 0.01, 4);
  const double expected[] = {2.126491, 1.576283, 1.801975, 1.740889};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(gain.Add(i), expected[i], 2e-6);
  EXPECT_NEAR(gain.value(), 7.245637, 2e-6);
  gain.Clear();
  gain.Add(0);
  EXPECT_NEAR(gain.Gain(0), 0.343005, 2e-6);
  InformationGain precise(covariance, 1e-9, 1);
  precise.Add(0);
  EXPECT_NEAR(precise.Gain(0), std::log(2.0) / 2, 1e-6);  // .346574
}

// V7: greedy is no better than 1 - (1 - 1/2)^2 of the optimum here.
TEST(SetFunctionTest, TheGreedyBoundIsTight) {
  Coverage sets({{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}, {1, 2, 3, 7, 8, 9}},
                std::vector<double>(13, 1.0));
  sets.Add(2);
  EXPECT_EQ(sets.value() + std::max(sets.Gain(0), sets.Gain(1)), 9);
  sets.Clear();
  sets.Add(0);
  EXPECT_EQ(sets.value() + sets.Gain(1), 12);
}

TEST(SetFunctionTest, ModularLikeCountsRepeats) {
  const Coverage coverage({{0, 1}, {1, 2}}, {1, 2, 4});
  Modular modular = ModularLike(coverage);
  EXPECT_EQ(modular.Add(0) + modular.Add(0) + modular.Add(1), 3 + 3 + 6);
}

TEST(SetFunctionTest, ImpossibleFunctionsAreRefused) {
  EXPECT_THAT(
      [] {
        Coverage({{0}, {3}}, {1, 1, 1});
      },
      ThrowsMessage<InputError>("element 1 covers point 3; expected a point from 0 to 2"));
  EXPECT_THAT(
      [] {
        CappedCounts({0, 2}, {1, 1});
      },
      ThrowsMessage<InputError>("element 1 is of kind 2, of 2 that have a cap"));
  EXPECT_THAT([] { CappedCounts({0}, {-1}); }, ThrowsMessage<InputError>(HasSubstr("has cap -1")));
  EXPECT_THAT([] { FacilityLocation(Eigen::MatrixXd::Constant(2, 2, -0.5)); },
              ThrowsMessage<InputError>("a facility's benefit is -0.5; expected at least 0"));
  EXPECT_THAT([] { InformationGain(Eigen::MatrixXd::Identity(2, 2), 0, 1); },
              ThrowsMessage<InputError>(HasSubstr("the variance of the noise is 0")));
  EXPECT_THAT([] { InformationGain(Eigen::MatrixXd::Zero(2, 3), 1, 1); },
              ThrowsMessage<InputError>(HasSubstr("covariance of 2 x 3")));
  EXPECT_THAT([] { Sum({}); }, ThrowsMessage<InputError>(HasSubstr("no set functions")));
  EXPECT_THAT(
      [] {
        std::vector<Sum::Term> terms;
        terms.emplace_back(-1.0, std::make_unique<Modular>(std::vector<double>{1}));
        Sum(std::move(terms));
      },
      ThrowsMessage<InputError>("a set function has weight -1; expected at least 0"));
}

// The square of the number of elements: supermodular.
class Square final : public SetFunction {
 public:
  explicit Square(int size) : SetFunction(size) {}
  double Gain(int) const override { return 2 * count_ + 1; }
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<Square>(*this); }

 private:
  double Collect(int element) override {
    const double gain = Gain(element);
    ++count_;
    return gain;
  }
  void Forget() override { count_ = 0; }
  double count_ = 0;
};

TEST(CheckTest, FindsWhatIsNotSubmodularOrNotMonotone) {
  for (const Case& test : Cases()) {
    Pcg64 random(1);
    test.function->Clear();
    EXPECT_NO_THROW(CheckMonotoneSubmodular(*test.function, test.name, 1000, random)) << test.name;
  }
  Pcg64 random(1);
  EXPECT_THAT([&] { CheckMonotoneSubmodular(Square(6), "the square", 100, random); },
              ThrowsMessage<InputError>(HasSubstr("the square is not submodular: element ")));
  const Coverage losses({{0}, {1}, {2}}, {1, -1, 1});
  EXPECT_THAT([&] { CheckMonotoneSubmodular(losses, "a loss", 100, random); },
              ThrowsMessage<InputError>(HasSubstr("a loss is not monotone: element 1 gains -1 after {")));
  EXPECT_NO_THROW(CheckMonotoneSubmodular(losses, "a loss", 0, random));
  EXPECT_NO_THROW(CheckMonotoneSubmodular(Square(1), "one element", 100, random));
}

}  // namespace
}  // namespace strider
