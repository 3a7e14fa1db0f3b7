#include "experiments/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A screen and a clock for a bar to use.
struct Stage {
  std::vector<std::string> shown;
  double now = 100;

  ProgressOutput Output(bool terminal, int width = 120) {
    return {.write = [this](std::string_view text) { shown.emplace_back(text); },
            .seconds = [this] { return now; },
            .terminal = terminal,
            .width = width};
  }
};

TEST(ProgressBar, PlainLinesAtMostEveryTenSeconds) {
  Stage stage;
  ProgressBar bar("td3bc hopper", 10000, "updates", stage.Output(false));
  for (int step = 1; step <= 6000; ++step) {
    stage.now = 100 + step / 200.0;  // 200 updates a second: 30 s
    bar.Update(step, "return 12");
  }
  bar.Finish();
  EXPECT_THAT(stage.shown,
              ElementsAre("td3bc hopper    0 %  0/10,000 updates\n",
                          "td3bc hopper   20 %  2,000/10,000 updates  200/s  ETA 0:40  return 12\n",
                          "td3bc hopper   40 %  4,000/10,000 updates  200/s  ETA 0:30  return 12\n",
                          "td3bc hopper   60 %  6,000/10,000 updates  200/s  ETA 0:20  return 12\n",
                          "td3bc hopper   60 %  6,000/10,000 updates  200/s  in 0:30  return 12\n"));
}

TEST(ProgressBar, RewritesOneLineOnATerminal) {
  Stage stage;
  {
    ProgressBar bar("demo", 1000, "steps", stage.Output(true));
    EXPECT_EQ(stage.shown.size(), 1U) << "there from the start";
    stage.now += 0.05;
    bar.Update(1);
    EXPECT_EQ(stage.shown.size(), 1U) << "too soon";
    stage.now += 0.95;
    bar.Update(500);
  }
  ASSERT_EQ(stage.shown.size(), 3U);
  EXPECT_THAT(stage.shown[1],
              StartsWith("\rdemo  ━━━━━━━━━━━━━━━───────────────   50 %  500/1,000 steps  500/s"));
  EXPECT_THAT(stage.shown[1], EndsWith("\x1b[K"));
  EXPECT_EQ(stage.shown[2], "\n") << "whoever writes next starts on a line of his own";
}

TEST(ProgressBar, NarrowTerminalsLoseTheBarThenTheEnd) {
  Stage stage;
  ProgressBar bar("demo", 1000, "steps", stage.Output(true, 25));
  EXPECT_EQ(stage.shown[0], "\rdemo    0 %  0/1,000 ste\x1b[K");
}

TEST(ProgressBar, ResumedRunCountsItsOwnSteps) {
  Stage stage;
  ProgressBar bar("demo", 2000000, "steps", stage.Output(false), 1000000);
  stage.now += 10;
  bar.Update(1100000);
  EXPECT_THAT(stage.shown[1], HasSubstr(" 55 %  1,100,000/2,000,000 steps  10.0k/s  ETA 1:30"));
  stage.now += 90;
  bar.Update(2000000);
  bar.Finish();
  EXPECT_THAT(stage.shown.back(), HasSubstr("100 %  2,000,000/2,000,000 steps  10.0k/s  in 1:40"));
  const std::size_t lines = stage.shown.size();
  bar.Finish();
  stage.now += 100;
  bar.Update(5);
  EXPECT_EQ(stage.shown.size(), lines) << "nothing after the end";
}

TEST(ProgressBar, SpeedFollowsThePresent) {
  Stage stage;
  ProgressBar bar("demo", 100000, "steps", stage.Output(false));
  stage.now += 10;
  bar.Update(10000);  // a quick start: 1000 a second
  for (int i = 1; i <= 20; ++i) {
    stage.now += 10;
    bar.Update(10000 + 100 * i);  // then 10 a second for 200 s
  }
  // Over all it is 57 a second; of the quick start exp(-200/30) is left, which makes it 10.36: 88,000 take
  // 8495 s.
  EXPECT_THAT(stage.shown.back(), HasSubstr(" steps  10/s  ETA 2:21:3"));
}

TEST(ProgressBar, NothingToDoIsDone) {
  Stage stage;
  ProgressBar bar("demo", 0, "steps", stage.Output(false));
  EXPECT_EQ(stage.shown[0], "demo  100 %  0/0 steps\n");
}

TEST(ProgressBar, QuietStandardErrorSaysNothing) {
  testing::internal::CaptureStderr();
  StandardError(true).write("a line\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  testing::internal::CaptureStderr();
  StandardError(false).write("a line\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "a line\n");
}

}  // namespace
}  // namespace strider
