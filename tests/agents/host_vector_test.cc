#include "agents/nn/host_vector.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace strider::nn {
namespace {

// Floats of every size: one in 997 of those from 0 on by their bits, infinity among them.
std::vector<float> ManyFloats() {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < std::bit_cast<std::uint32_t>(std::numeric_limits<float>::infinity());
       bits += 997) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  x.push_back(std::numeric_limits<float>::infinity());
  x.push_back(-x.back());
  return x;
}

TEST(HostVector, TanhIsNearTheRealOne) {
  const std::vector<float> x = ManyFloats();
  std::vector<float> y = x;
  TanhInPlace(y.data(), static_cast<std::int64_t>(y.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double real = std::tanh(static_cast<double>(x[i]));
    const auto nearest = static_cast<float>(std::abs(real));
    const double unit = static_cast<double>(nearest - std::nextafter(nearest, 0.0F));
    ASSERT_LE(std::abs(static_cast<double>(y[i]) - real), 6 * unit) << x[i];
    ASSERT_LE(std::abs(y[i]), 1) << x[i];
    ASSERT_EQ(std::signbit(y[i]), std::signbit(x[i])) << x[i];
  }
}

TEST(HostVector, AnEntryIsTheSameWhereverItStands) {
  for (const float x : {-30.0F, -1.7F, -1e-20F, 0.0F, 0.3F, 2.5F, 9.1F}) {
    std::vector<float> row(67, x);
    TanhInPlace(row.data(), 67);
    float alone = x;
    TanhInPlace(&alone, 1);
    for (const float y : row) EXPECT_EQ(y, alone);
  }
}

TEST(HostVector, NotANumberStaysOne) {
  std::vector<float> x(33, std::numeric_limits<float>::quiet_NaN());
  TanhInPlace(x.data(), 33);
  for (const float y : x) EXPECT_TRUE(std::isnan(y));
  ReluInPlace(x.data(), 33);
  for (const float y : x) EXPECT_TRUE(std::isnan(y));
}

TEST(HostVector, GradientsPassByTheSlope) {
  const std::vector<float> value = {-0.5F, 0, 0.5F, 1};
  std::vector<float> gradient = {4, 3, 8, 5};
  PassTanh(value.data(), gradient.data(), 4);
  EXPECT_EQ(gradient, (std::vector<float>{3, 3, 6, 0}));
  PassRelu(value.data(), gradient.data(), 4);
  EXPECT_EQ(gradient, (std::vector<float>{0, 0, 6, 0}));
}

TEST(HostVector, RowsAreAdded) {
  const std::vector<float> rows = {1, 2, 3, 10, 20, 30};
  std::vector<float> sum(3, 7);
  AddRows(rows.data(), 2, 3, sum.data());
  EXPECT_EQ(sum, (std::vector<float>{18, 29, 40}));
}

}  // namespace
}  // namespace strider::nn
