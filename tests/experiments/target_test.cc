// Runs that end at a return.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

class TargetTest : public ::testing::Test {
 protected:
  std::vector<GivenSetting> Settings(const std::string& target) const {
    return TinySettings("sac", "Hopper-v5", {}, {{"run.target_return", target}});
  }
  // The step of the last row of evaluations.csv.
  std::string LastEvaluation() const {
    const std::string text = ReadText(RunPaths{run()}.evaluations());
    const std::size_t line = text.rfind('\n', text.size() - 2) + 1;
    return text.substr(line, text.find(',', line) - line);
  }
  std::filesystem::path run() const { return folder_.path() / "run"; }

  TemporaryFolder folder_;
};

// Evaluations are at steps 45, 90 and 130, the end; every return of a hopper is above -1000.
TEST_F(TargetTest, ARunEndsAfterTheFirstEvaluationThatReachesIt) {
  ASSERT_EQ(TrainIn(run(), Settings("-1000")), TrainOutcome::kFinished);
  EXPECT_EQ(LastEvaluation(), "45");
  EXPECT_THAT(ReadText(RunPaths{run()}.progress()), HasSubstr("\n45,"));
  // It has reached it: nothing is left to do.
  ASSERT_EQ(ResumeIn(run()), TrainOutcome::kFinished);
  EXPECT_EQ(LastEvaluation(), "45");
}

TEST_F(TargetTest, AHigherTargetGoesOnWithTheSameBits) {
  ASSERT_EQ(TrainIn(run(), Settings("-1000")), TrainOutcome::kFinished);
  ASSERT_EQ(ResumeIn(run(), {}, {{"run.target_return", "inf", "test"}}), TrainOutcome::kFinished);
  EXPECT_EQ(LastEvaluation(), "130");
  const auto whole = folder_.path() / "whole";
  ASSERT_EQ(TrainIn(whole, Settings("inf")), TrainOutcome::kFinished);
  const RunBits bits = ReadBits(run());
  RunBits expected = ReadBits(whole);
  // The early end wrote a row of its own, which takes the episodes of the row after it.
  expected.progress = bits.progress;
  ExpectSameBits(bits, expected);
}

TEST_F(TargetTest, TargetsNeedEvaluations) {
  auto settings = Settings("100");
  settings.push_back({"run.eval_episodes", "0", "test"});
  EXPECT_THAT(MessageOf<InputError>([&] { Experiment{settings}; }),
              HasSubstr("run.target_return = 100 needs evaluations"));
}

TEST_F(TargetTest, NoReturnIsInfinite) {
  ASSERT_EQ(TrainIn(run(), Settings("-inf")), TrainOutcome::kFinished);
  EXPECT_EQ(LastEvaluation(), "130");
}

}  // namespace
}  // namespace strider
