#include "core/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct SampleConfig {
  double discount = 0.99;
  double rate = 3e-4;
  int batch = 256;
  std::int64_t steps = 1'000'000;
  bool clipped = true;
  std::string activation = "tanh";
  std::vector<int> hidden{64, 64};
  std::vector<double> range{-1, INFINITY};
  double shift = 0;
  double width = 1;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("rate", rate, "step size", Above(0));
    visit("batch", batch, "transitions per update", AtLeast(1));
    visit("steps", steps, "steps");
    visit("clipped", clipped, "whether to clip");
    visit("activation", activation, "of hidden layers", OneOf({"tanh", "relu"}));
    visit("hidden", hidden, "widths of hidden layers", AtLeast(1));
    visit("range", range, "low,high");
    visit("shift", shift, "a shift", Finite());
    visit("width", width, "of a Gaussian", WithContinuousActions(Above(0)));
  }
};

struct FileConfig {
  std::string dataset = "a.hdf5";
  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("dataset", dataset, "file to learn from");
  }
};

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() { list_.Add("agent", config_); }

  void ExpectRefused(std::string_view key, std::string_view value, const std::string& expected) {
    const std::string before = list_.Text();
    EXPECT_THAT([&] { list_.Set(key, value); },
                ThrowsMessage<InputError>(
                    fmt::format("{} = '{}' is not accepted; expected {}", key, value, expected)));
    EXPECT_EQ(list_.Text(), before);
  }

  SampleConfig config_;
  SettingList list_;
};

TEST_F(SettingsTest, TextHoldsEverySettingInOrder) {
  EXPECT_EQ(list_.Text(),
            "agent.discount = 0.99\nagent.rate = 0.0003\nagent.batch = 256\nagent.steps = 1000000\n"
            "agent.clipped = true\nagent.activation = tanh\nagent.hidden = 64,64\nagent.range = -1,inf\n"
            "agent.shift = 0\nagent.width = 1\n");
}

TEST_F(SettingsTest, SetChangesTheField) {
  list_.Set("agent.discount", "0.5");
  list_.Set("agent.batch", "7");
  list_.Set("agent.steps", "5000000000");
  list_.Set("agent.clipped", "false");
  list_.Set("agent.activation", "relu");
  list_.Set("agent.hidden", "8,16,32");
  list_.Set("agent.range", "-inf,2.5");
  EXPECT_EQ(config_.discount, 0.5);
  EXPECT_EQ(config_.batch, 7);
  EXPECT_EQ(config_.steps, 5'000'000'000);
  EXPECT_FALSE(config_.clipped);
  EXPECT_EQ(config_.activation, "relu");
  EXPECT_THAT(config_.hidden, ElementsAre(8, 16, 32));
  EXPECT_THAT(config_.range, ElementsAre(-INFINITY, 2.5));
}

TEST_F(SettingsTest, PrintedValuesReadBackToTheSameBits) {
  for (const double value : {0.1, 1.0 / 3.0, 5e-324, 0.30000000000000004}) {
    config_.rate = value;
    const std::string text = list_.Find("agent.rate")->get();
    config_.rate = 1;
    list_.Set("agent.rate", text);
    EXPECT_EQ(config_.rate, value);
  }
}

TEST_F(SettingsTest, ValuesOutOfRangeAreRefused) {
  for (const auto* value : {"-0.01", "1.5", "nan", "", "0.5x", "half", " 0.5"}) {
    ExpectRefused("agent.discount", value, "a number in [0, 1]");
  }
  ExpectRefused("agent.rate", "0", "a number above 0");
  ExpectRefused("agent.rate", "inf", "a number above 0, of 3.4e+38 at most in size");
  for (const auto* value : {"inf", "-inf", "-1e39", "1e300"}) {
    ExpectRefused("agent.shift", value, "a number that is finite, of 3.4e+38 at most in size");
  }
  ExpectRefused("agent.rate", "1e39", "a number above 0, of 3.4e+38 at most in size");
  ExpectRefused("agent.batch", "0", "a whole number at least 1");
  ExpectRefused("agent.batch", "2.5", "a whole number at least 1");
  ExpectRefused("agent.batch", "99999999999", "a whole number at least 1, of 2147483647 at most in size");
  ExpectRefused("agent.steps", "1e6", "a whole number");
  ExpectRefused("agent.clipped", "yes", "true or false");
  ExpectRefused("agent.activation", "relU", "one of tanh, relu");
}

TEST_F(SettingsTest, TextThatAConfigFileCannotHoldIsRefused) {
  FileConfig config;
  SettingList list;
  list.Add("run", config);
  for (const auto* value : {"a#b.hdf5", "a\nb", " a.hdf5", "a.hdf5\t"}) {
    EXPECT_THAT([&] { list.Set("run.dataset", value); },
                ThrowsMessage<InputError>(AllOf(HasSubstr("run.dataset = "), HasSubstr("without '#'"))))
        << value;
  }
  EXPECT_EQ(config.dataset, "a.hdf5");
  list.Set("run.dataset", "my data, new/a=b.hdf5");
  EXPECT_EQ(config.dataset, "my data, new/a=b.hdf5");
  list.Set("run.dataset", "");
  EXPECT_EQ(config.dataset, "");
}

struct MapConfig {
  std::string map = "synthetic";
  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("map", map, "a map", FileOr("synthetic"));
  }
};

// Whoever reads it later may stand in another folder.
TEST_F(SettingsTest, FilesAreNamedByTheirWholePath) {
  MapConfig config;
  SettingList list;
  list.Add("env", config);
  EXPECT_EQ(list.Find("env.map")->expected, "text that names a file, or synthetic");
  list.Set("env.map", "maps/../m.csv");
  EXPECT_EQ(config.map, (std::filesystem::current_path() / "m.csv").string());
  list.Set("env.map", "/maps/m.csv");
  EXPECT_EQ(config.map, "/maps/m.csv");
  list.Set("env.map", "synthetic");
  EXPECT_EQ(config.map, "synthetic");
  EXPECT_THAT([&] { list.Set("env.map", ""); },
              ThrowsMessage<InputError>(
                  "env.map = '' is not accepted; expected text that names a file, or synthetic"));
  EXPECT_EQ(config.map, "synthetic");
}

TEST_F(SettingsTest, ThoseOfOneKindOfActionSaySo) {
  EXPECT_EQ(list_.Find("agent.width")->help, "of a Gaussian; continuous actions only");
  EXPECT_EQ(list_.Find("agent.width")->actions, "continuous");
  EXPECT_EQ(list_.Find("agent.rate")->actions, "");
  ExpectRefused("agent.width", "0", "a number above 0");
}

TEST_F(SettingsTest, ListsAreCheckedElementByElement) {
  for (const auto* value : {"64,0", "64,,64", "64;64", "64,wide"}) {
    EXPECT_THAT([&] { list_.Set("agent.hidden", value); },
                ThrowsMessage<InputError>(HasSubstr("agent.hidden = ")))
        << value;
  }
  EXPECT_THAT(config_.hidden, ElementsAre(64, 64));
}

TEST_F(SettingsTest, UnknownKeysSuggestTheNearest) {
  EXPECT_THAT([&] { list_.Set("agent.discuont", "1"); },
              ThrowsMessage<InputError>("unknown setting 'agent.discuont'; did you mean 'agent.discount'?"));
  EXPECT_EQ(list_.Find("agent.discuont"), nullptr);
}

TEST_F(SettingsTest, HelpStatesWhatIsExpected) {
  const Setting* setting = list_.Find("agent.hidden");
  ASSERT_NE(setting, nullptr);
  EXPECT_EQ(setting->help, "widths of hidden layers");
  EXPECT_EQ(setting->expected, "whole numbers separated by commas at least 1");
}

}  // namespace
}  // namespace strider
