#include "core/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

TEST(StateTest, ValuesComeBackInOrder) {
  StateWriter out;
  out.Put(3.5);
  const std::vector<int> list{1, 2, 3};
  out.PutSpan(std::span(list));
  out.PutSpan(std::span(list));
  out.Put(true);
  StateReader in(out.bytes());
  EXPECT_EQ(in.Get<double>(), 3.5);
  EXPECT_THAT(in.GetVector<int>(), ElementsAre(1, 2, 3));
  std::array<int, 3> filled{};
  in.GetSpan(std::span<int>(filled));
  EXPECT_THAT(filled, ElementsAre(1, 2, 3));
  EXPECT_TRUE(in.Get<bool>());
  EXPECT_EQ(in.remaining(), 0);
}

TEST(StateTest, WrongLengthsAreErrors) {
  StateWriter out;
  const std::vector<double> list{1, 2, 3};
  out.PutSpan(std::span(list));
  std::array<double, 2> two{};
  StateReader in(out.bytes());
  EXPECT_THAT([&] { in.GetSpan(std::span<double>(two)); },
              ThrowsMessage<InputError>("saved state holds 3 values where 2 were expected"));
}

TEST(StateTest, BytesThatEndTooEarlyAreErrors) {
  StateWriter out;
  const std::vector<double> list{1, 2, 3};
  out.PutSpan(std::span(list));
  const std::string_view cut = std::string_view(out.bytes()).substr(0, 20);
  EXPECT_THAT([&] { StateReader(cut).GetVector<double>(); },
              ThrowsMessage<InputError>("saved state ends too early"));
  EXPECT_THAT([&] { StateReader("abc").Get<double>(); },
              ThrowsMessage<InputError>("saved state ends too early"));
}

TEST(StateTest, AbsurdLengthsAreErrorsAndNotAllocations) {
  StateWriter out;
  out.Put(~std::uint64_t{0});
  EXPECT_THAT([&] { StateReader(out.bytes()).GetVector<double>(); },
              ThrowsMessage<InputError>("saved state ends too early"));
}

}  // namespace
}  // namespace strider
