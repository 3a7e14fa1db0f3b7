// `strider sweep`: all combinations run, what is there is not run again, and what fails is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "core/files.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPage =
    "run.agent = td3\nrun.env = Pendulum-v1\nrun.eval_episodes = 1\nrun.seed = 0..1\n"
    "agent.hidden = 8\nagent.batch_size = 8 | 16\nagent.learning_starts = 20\nagent.buffer_size = 300\n";

class SweepProgram : public ::testing::Test {
 protected:
  Finished Sweep(const RunOptions& options = {}) const {
    return Strider({"sweep", folder_.path() / "page.cfg", "--out", out_, "--jobs", "2", "--quiet"}, options);
  }

  std::string Progress(const std::string& run) const { return ReadText(RunPaths{out_ / run}.progress()); }

  const TemporaryFolder folder_;
  const std::filesystem::path out_ = folder_.path() / "out";
};

TEST_F(SweepProgram, RunsAllOnceAndAgainOnlyWhatIsMissing) {
  folder_.Write("page.cfg", std::string(kPage) + "run.steps = 300\n");
  ASSERT_EQ(Sweep().code, 0);
  const std::string progress = Progress("batch_size=8/seed_1");
  EXPECT_THAT(progress, HasSubstr("\n300,"));
  EXPECT_NE(progress, Progress("batch_size=16/seed_1"));
  std::filesystem::remove_all(out_ / "batch_size=16/seed_0");
  ASSERT_EQ(Sweep().code, 0);
  EXPECT_EQ(Progress("batch_size=8/seed_1"), progress);  // its seconds too
  EXPECT_THAT(Progress("batch_size=16/seed_0"), HasSubstr("\n300,"));
}

TEST_F(SweepProgram, NamesTheLogOfWhatFails) {
  folder_.Write("page.cfg", "run.agent = bc\nrun.dataset = gone.hdf5\n");
  const Finished finished = Sweep();
  EXPECT_EQ(finished.code, 1);
  const auto log = out_ / "seed_0.log";
  EXPECT_THAT(finished.message, HasSubstr(log.string()));
  EXPECT_THAT(ReadText(log), HasSubstr("gone.hdf5"));
}

TEST_F(SweepProgram, AStopLetsRunsWriteCheckpoints) {
  folder_.Write("page.cfg", std::string(kPage) + "run.checkpoint_interval = 20\nrun.steps = 3000\n");
  const RunPaths first{out_ / "batch_size=8/seed_0"};
  RunOptions options;
  options.meanwhile = [&](pid_t process) {
    // A process that has ended is there until it is waited for.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!std::filesystem::exists(first.checkpoint()) && std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ::kill(process, SIGTERM);
  };
  const Finished stopped = Sweep(options);
  EXPECT_EQ(stopped.code, 143) << stopped.message;
  EXPECT_THAT(stopped.message, HasSubstr("the same command goes on"));
  EXPECT_THAT(ReadText(out_ / "batch_size=8/seed_0.log"), HasSubstr("stopped in"));
  ASSERT_EQ(Sweep().code, 0);
  EXPECT_THAT(Progress("batch_size=8/seed_0"), HasSubstr("\n3000,"));
}

}  // namespace
}  // namespace strider
