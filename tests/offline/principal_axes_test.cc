// Distances are what they were, and the axes are those of the rows.
#include "offline/principal_axes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "core/random.h"

namespace strider {
namespace {

// Rows of `width` columns, of which those from 1 on are a mix of independent normals: the deviations fall
// from one to the next, and the directions are far from the columns.
std::vector<float> MixedRows(std::size_t count, std::size_t width, double offset) {
  Pcg64 random(3);
  std::vector<double> mix((width - 1) * (width - 1));
  for (double& x : mix) x = random.StandardNormal();
  std::vector<float> rows;
  for (std::size_t row = 0; row < count; ++row) {
    rows.push_back(static_cast<float>(1000 * random.StandardNormal()));  // no business of the axes
    std::vector<double> sources;
    for (std::size_t i = 0; i + 1 < width; ++i)
      sources.push_back(random.StandardNormal() / (1.0 + static_cast<double>(i)));
    for (std::size_t j = 0; j + 1 < width; ++j) {
      double x = offset;
      for (std::size_t i = 0; i + 1 < width; ++i) x += mix[i * (width - 1) + j] * sources[i];
      rows.push_back(static_cast<float>(x));
    }
  }
  return rows;
}

// In double.
double Norm(const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    squares += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  }
  return std::sqrt(squares);
}

class Widths : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Widths, TurnedDistancesAreWhatTheyWereButForTheStatedRounding) {
  const std::size_t size = GetParam();
  const std::size_t width = size + 1;
  const std::vector<float> rows = MixedRows(300, width, 50);
  const PrincipalAxes axes(rows, width, 1, size);
  const std::vector<float> nothing(size);
  const auto row = [&](std::size_t i) {
    return std::vector<float>(&rows[i * width + 1], &rows[i * width + 1] + size);
  };
  const auto turned = [&](std::size_t i) {
    std::vector<float> numbers = row(i);
    axes.Turn(numbers.data(), numbers.data());
    return numbers;
  };
  for (std::size_t i = 1; i < 300; ++i) {
    const double room = PrincipalAxes::kError * (Norm(turned(0), nothing) + Norm(turned(i), nothing));
    EXPECT_NEAR(Norm(turned(0), turned(i)), Norm(row(0), row(i)), room) << "row " << i;
  }
}

TEST_P(Widths, ColumnsAreUncorrelatedAndVaryLessFromOneToTheNext) {
  const std::size_t size = GetParam();
  const std::size_t width = size + 1;
  const std::vector<float> rows = MixedRows(500, width, -7);
  const PrincipalAxes axes(rows, width, 1, size);
  std::vector<std::vector<double>> columns(size);
  for (std::size_t i = 0; i < 500; ++i) {
    std::vector<float> numbers(size);
    axes.Turn(&rows[i * width + 1], numbers.data());
    for (std::size_t j = 0; j < size; ++j) columns[j].push_back(static_cast<double>(numbers[j]));
  }
  const auto product = [&](std::size_t j, std::size_t k) {
    return std::inner_product(columns[j].begin(), columns[j].end(), columns[k].begin(), 0.0);
  };
  for (std::size_t j = 0; j < size; ++j) {
    EXPECT_NEAR(std::accumulate(columns[j].begin(), columns[j].end(), 0.0), 0, 1e-2) << "column " << j;
    if (j > 0) {
      EXPECT_GE(product(j - 1, j - 1), product(j, j)) << "column " << j;
    }
    for (std::size_t k = 0; k < j; ++k) {
      EXPECT_NEAR(product(j, k), 0, 1e-5 * product(0, 0)) << "columns " << j << " and " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Some, Widths, ::testing::Values(1, 3, 8, 17, 32, 33, 70));

// Where nothing varies there is nothing to turn, but rows that come later are still told apart.
TEST(PrincipalAxes, OfEqualRowsKeepDistances) {
  const std::vector<float> rows = {2, 3, 2, 3, 2, 3};
  const PrincipalAxes axes(rows, 2, 0, 2);
  std::vector<float> other = {5, 7};
  axes.Turn(other.data(), other.data());
  std::vector<float> same = {2, 3};
  axes.Turn(same.data(), same.data());
  EXPECT_EQ(same, (std::vector<float>{0, 0}));
  EXPECT_NEAR(Norm(other, same), 5, 1e-6);
}

TEST(PrincipalAxes, OfHugeNumbersKeepDistances) {
  std::vector<float> rows = {1e36F, -1e36F, -1e36F, 1e36F, 0, 2e35F};
  const PrincipalAxes axes(rows, 2, 0, 2);
  std::vector<float> turned(6);
  for (std::size_t i = 0; i < 6; i += 2) axes.Turn(&rows[i], &turned[i]);
  for (const std::size_t i : {0U, 2U}) {
    const double before = std::hypot(static_cast<double>(rows[i]) - static_cast<double>(rows[4]),
                                     static_cast<double>(rows[i + 1]) - static_cast<double>(rows[5]));
    const double after = std::hypot(static_cast<double>(turned[i]) - static_cast<double>(turned[4]),
                                    static_cast<double>(turned[i + 1]) - static_cast<double>(turned[5]));
    EXPECT_NEAR(after / before, 1, 1e-6);
  }
}

// More rows than are looked at.
TEST(PrincipalAxes, OfManyRowsAreThoseOfSome) {
  const std::vector<float> rows = MixedRows(120000, 4, 2);
  const PrincipalAxes axes(rows, 4, 1, 3);
  double first = 0;
  double last = 0;
  for (std::size_t i = 0; i < 120000; ++i) {
    std::vector<float> turned(3);
    axes.Turn(&rows[4 * i + 1], turned.data());
    first += static_cast<double>(turned[0]) * static_cast<double>(turned[0]);
    last += static_cast<double>(turned[2]) * static_cast<double>(turned[2]);
  }
  EXPECT_GT(first, 4 * last);
}

}  // namespace
}  // namespace strider
