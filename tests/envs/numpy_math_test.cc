// numpy's scalars: golden/rng/numpy_math.h5, which is our own recording.
#include "envs/classic/numpy_math.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::ElementsAreArray;

template <class Real>
Real Square(Real x) {
  return Squared(std::array{x})[0];
}

class NumpyMathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Other people's golden data need not have it.
    const auto path = GoldenPath("rng/numpy_math.h5");
    if (std::getenv("STRIDER_GOLDEN") != nullptr && !std::filesystem::exists(path)) GTEST_SKIP();
    file_ = std::make_unique<GoldenFile>(path);
  }

  std::vector<double> Read(const std::string& name) const { return file_->Read(name).values; }

 private:
  std::unique_ptr<GoldenFile> file_;
};

TEST_F(NumpyMathTest, SquaresAreTheCLibrarysPow) {
  const auto numbers = Read("number");
  const auto squares = Read("square");
  int unlike_products = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(Square(numbers[i]), squares[i]) << numbers[i];
    unlike_products += numbers[i] * numbers[i] != squares[i] ? 1 : 0;
  }
  EXPECT_GT(unlike_products, 100);
}

TEST_F(NumpyMathTest, SinglePrecisionSquaresAreTheCLibrarysPow) {
  const auto numbers = Read("number_f32");
  const auto squares = Read("square_f32");
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(Square(static_cast<float>(numbers[i])), static_cast<float>(squares[i])) << numbers[i];
  }
}

TEST_F(NumpyMathTest, SinglePrecisionSinesAreNumpys) {
  const auto angles = Read("angle_f32");
  const auto sines = Read("sine_f32");
  const auto cosines = Read("cosine_f32");
  int unlike_library = 0;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const auto angle = static_cast<float>(angles[i]);
    EXPECT_EQ(NumpySine(angle), static_cast<float>(sines[i])) << angle;
    EXPECT_EQ(NumpyCosine(angle), static_cast<float>(cosines[i])) << angle;
    unlike_library += std::sin(angle) != static_cast<float>(sines[i]) ? 1 : 0;
  }
  EXPECT_GT(unlike_library, 0);
}

TEST_F(NumpyMathTest, NumbersSideBySideDoNotMix) {
  const auto numbers = Read("number");
  const auto squares = Read("square");
  for (std::size_t i = 0; i + 16 <= numbers.size(); i += 16) {
    std::array<double, 16> lanes{};
    std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>(i), 16, lanes.begin());
    EXPECT_THAT(Squared(lanes), ElementsAreArray(squares.data() + i, 16));
  }
}

TEST(SquaredTest, TheRestOfTheNumbers) {
  for (const double x : {0.0, -0.0, 1e200, 1e-200, HUGE_VAL, 3.0, -0.5}) EXPECT_EQ(Square(x), x * x) << x;
  for (const float x : {0.0F, -0.0F, 1e30F, 1e-30F, HUGE_VALF, 3.0F, -0.5F}) EXPECT_EQ(Square(x), x * x) << x;
  EXPECT_TRUE(std::isnan(Square(std::nan(""))));
}

}  // namespace
}  // namespace strider
