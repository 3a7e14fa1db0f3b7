#include "agents/nn/host_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/random.h"

namespace strider::nn {
namespace {

std::vector<float> Numbers(std::int64_t count, std::uint64_t seed) {
  Pcg64 random(seed);
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& x : numbers) x = static_cast<float>(random.StandardNormal());
  return numbers;
}

struct Sizes {
  std::int64_t rows;
  std::int64_t inner;
  std::int64_t columns;
};

class HostProductOf : public ::testing::TestWithParam<Sizes> {};

// Against sums in double, with both factors as they lie and transposed, and with each kind of start.
TEST_P(HostProductOf, IsTheSumOfProducts) {
  const auto [rows, inner, columns] = GetParam();
  const std::vector<float> a = Numbers(rows * inner, 1);
  const std::vector<float> b = Numbers(inner * columns, 2);
  const std::vector<float> start = Numbers(rows * columns, 3);
  for (const StridedMatrix& left : {StridedMatrix{a.data(), inner, 1}, StridedMatrix{a.data(), 1, rows}}) {
    for (const StridedMatrix& right :
         {StridedMatrix{b.data(), columns, 1}, StridedMatrix{b.data(), 1, inner}}) {
      for (const std::ptrdiff_t start_row : {std::ptrdiff_t{-1}, std::ptrdiff_t{0}, columns}) {
        // One number behind the result must stay what it is.
        std::vector<float> out(static_cast<std::size_t>(rows * columns) + 1, 7.0F);
        Multiply({.rows = rows,
                  .inner = inner,
                  .columns = columns,
                  .a = left,
                  .b = right,
                  .start = start_row < 0 ? nullptr : start.data(),
                  .start_row = start_row,
                  .out = out.data()});
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t j = 0; j < columns; ++j) {
            double sum = start_row < 0 ? 0 : start[static_cast<std::size_t>(i * start_row + j)];
            double size = std::abs(sum);
            for (std::int64_t k = 0; k < inner; ++k) {
              const double term = static_cast<double>(left.data[i * left.row + k * left.column]) *
                                  right.data[k * right.row + j * right.column];
              sum += term;
              size += std::abs(term);
            }
            ASSERT_NEAR(out[static_cast<std::size_t>(i * columns + j)], sum, 1e-6 * size) << i << ", " << j;
          }
        }
        EXPECT_EQ(out.back(), 7.0F);
      }
    }
  }
}

// Whole vectors and what is left beside them, whole tiles and what is left below them.
INSTANTIATE_TEST_SUITE_P(Sizes, HostProductOf,
                         ::testing::Values(Sizes{1, 1, 1}, Sizes{6, 3, 64}, Sizes{100, 64, 64},
                                           Sizes{7, 100, 33}, Sizes{5, 2, 15}, Sizes{13, 128, 128},
                                           Sizes{64, 100, 4}, Sizes{100, 64, 1}, Sizes{2, 17, 95},
                                           Sizes{63, 9, 48}, Sizes{90, 30, 208}));

TEST(HostProduct, AddsToWhatIsThere) {
  const std::vector<float> a = Numbers(12, 1);
  const std::vector<float> b = Numbers(20, 2);
  std::vector<float> twice(15);
  const Product once = {
      .rows = 3, .inner = 4, .columns = 5, .a = {a.data(), 4, 1}, .b = {b.data(), 5, 1}, .out = twice.data()};
  Multiply(once);
  const std::vector<float> single = twice;
  Product again = once;
  again.start = twice.data();
  again.start_row = 5;
  Multiply(again);
  for (std::size_t i = 0; i < single.size(); ++i) EXPECT_NEAR(twice[i], 2 * single[i], 1e-6);
}

TEST(HostProduct, RowsDoNotDependOnEachOther) {
  constexpr std::int64_t kRows = 100;  // one row is computed where b lies, so many from a copy
  constexpr std::int64_t kWidth = 48;
  const std::vector<float> a = Numbers(kRows * kWidth, 1);
  const std::vector<float> b = Numbers(kWidth * kWidth, 2);
  std::vector<float> all(kRows * kWidth);
  Product product = {.rows = kRows,
                     .inner = kWidth,
                     .columns = kWidth,
                     .a = {a.data(), kWidth, 1},
                     .b = {b.data(), kWidth, 1},
                     .out = all.data()};
  Multiply(product);
  std::vector<float> one(kWidth);
  for (std::int64_t row = 0; row < kRows; ++row) {
    product.rows = 1;
    product.a.data = a.data() + row * kWidth;
    product.out = one.data();
    Multiply(product);
    for (std::size_t j = 0; j < one.size(); ++j) {
      ASSERT_EQ(one[j], all[static_cast<std::size_t>(row * kWidth) + j]) << row;
    }
  }
}

}  // namespace
}  // namespace strider::nn
