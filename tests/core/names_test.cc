#include "core/names.h"

#include <gtest/gtest.h>

namespace strider {
namespace {

const std::vector<std::string> kNames{"Hopper-v5", "Walker2d-v5", "HalfCheetah-v5"};

TEST(NamesTest, SlipsOfTheHandFindTheirName) {
  EXPECT_EQ(NearestName("Hoper-v5", kNames), "Hopper-v5");
  EXPECT_EQ(NearestName("hopper-v5", kNames), "Hopper-v5");
  EXPECT_EQ(NearestName("HalfCheetah-v2", kNames), "HalfCheetah-v5");
}

TEST(NamesTest, OtherWordsFindNone) {
  EXPECT_EQ(NearestName("MountainCar", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName("", std::vector<std::string>{"bc"}), "") << "as short as a slip";
  EXPECT_EQ(NearestName("Hopper-v5", {}), "");
}

TEST(NamesTest, ErrorsSuggestOrList) {
  EXPECT_STREQ(UnknownName("environment", "Hoper-v5", kNames).what(),
               "unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'?");
  EXPECT_STREQ(UnknownName("environment", "MountainCar", kNames).what(),
               "unknown environment 'MountainCar'; expected one of: Hopper-v5, Walker2d-v5, HalfCheetah-v5");
}

}  // namespace
}  // namespace strider
