// Signals, kills and full disks in the middle of the work: nothing that was written is lost, and what goes on
// ends like what was never disturbed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "datasets/d4rl.h"
#include "experiments/run_directory.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr int kSteps = 1200;

Words TrainWords(const std::filesystem::path& out, const Words& more = {}) {
  Words words = {"train",  "td3", "--env",     "Hopper-v5", "--out",  out, "--steps", std::to_string(kSteps),
                 "--seed", "8",   "--threads", "1",         "--quiet"};
  for (const char* setting : {"agent.hidden=32,32", "agent.batch_size=32", "agent.buffer_size=700",
                              "agent.learning_starts=60", "run.log_interval=20", "run.eval_interval=300",
                              "run.eval_episodes=2", "run.checkpoint_interval=50"}) {
    words.insert(words.end(), {"--set", setting});
  }
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool HasEnded(pid_t process) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

// Waits until something is so, or the process has ended.
void WaitUntil(const std::function<bool()>& is_so, pid_t process) {
  while (!is_so() && !HasEnded(process)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

// Waits until a run's progress.csv has that many rows, or the process has ended.
void WaitForRows(const std::filesystem::path& run, std::ptrdiff_t rows, pid_t process) {
  const auto has_rows = [&] {
    std::ifstream in(RunPaths{run}.progress());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return std::ranges::count(text, '\n') > rows;
  };
  WaitUntil(has_rows, process);
}

// Whether a process has a handler of its own for a signal.
bool Catches(int signal, pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  std::string word;
  while (status >> word && word != "SigCgt:") continue;
  status >> word;
  return (std::stoull(word, nullptr, 16) >> (signal - 1) & 1U) != 0;
}

// The same run, never disturbed.
class Interruption : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const TemporaryFolder folder;
    const Finished finished = Strider(TrainWords(folder.path() / "run"));
    ASSERT_EQ(finished.code, 0) << finished.message;
    undisturbed_ = ReadBits(folder.path() / "run");
  }

  void ExpectResumes(const std::filesystem::path& run) const {
    const Finished finished = Strider(TrainWords(run, {"--resume"}));
    ASSERT_EQ(finished.code, 0) << finished.message;
    ExpectSameBits(ReadBits(run), undisturbed_);
  }

  static RunBits undisturbed_;
  TemporaryFolder folder_;
};

RunBits Interruption::undisturbed_;

TEST_F(Interruption, StopSignalsWriteACheckpointAndSayHowToGoOn) {
  for (const auto& [signal, code] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143)}) {
    const auto run = folder_.path() / std::to_string(signal);
    RunOptions options;
    options.meanwhile = [&](pid_t process) {
      WaitForRows(run, 7, process);
      ::kill(process, signal);
    };
    const Finished stopped = Strider(TrainWords(run), options);
    EXPECT_EQ(stopped.code, code) << stopped.message;
    EXPECT_THAT(stopped.message,
                AllOf(HasSubstr("stopping; a second signal ends it at once"), HasSubstr("stopped in"),
                      HasSubstr("--resume"), HasSubstr(run.string())));
    EXPECT_TRUE(std::filesystem::exists(RunPaths{run}.checkpoint()));
    EXPECT_NE(ReadBits(run).progress, undisturbed_.progress) << "it was not stopped in the middle";
    ExpectResumes(run);
  }
}

// Whoever wants out at once needs not know which signal was the first.
TEST_F(Interruption, SecondSignalOfTheOtherKindEndsAtOnce) {
  const auto run = folder_.path() / "run";
  RunOptions options;
  options.meanwhile = [&](pid_t process) {
    // A rollout of two million steps, which takes seconds, is under way: only after it would the run stop.
    WaitUntil([&] { return std::filesystem::exists(RunPaths{run}.config()); }, process);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ::kill(process, SIGINT);
    WaitUntil([&] { return !Catches(SIGTERM, process); }, process);
    ::kill(process, SIGTERM);
  };
  const Finished ended = Strider({"train", "ppo", "--env", "Pendulum-v1", "--out", run, "--steps", "2000000",
                                  "--quiet", "--set", "agent.rollout_steps=2000000"},
                                 options);
  EXPECT_EQ(ended.killed_by, SIGTERM) << ended.code << ": " << ended.message;
  EXPECT_THAT(ended.message, HasSubstr("stopping; a second signal ends it at once"));
}

// Random moments, the first before anything is written perhaps; the numbers are in the failure message.
TEST_F(Interruption, KillsAtRandomMomentsChangeNothing) {
  std::random_device device;
  const auto run = folder_.path() / "run";
  std::string moments;
  int kills = 0;
  for (const int rows : {-1, 2, 11, 30}) {
    const auto wait = std::chrono::milliseconds(device() % (rows < 0 ? 600 : 60));
    moments += fmt::format(" {} rows + {} ms,", rows, wait.count());
    RunOptions options;
    options.meanwhile = [&](pid_t process) {
      if (rows >= 0) WaitForRows(run, rows, process);
      std::this_thread::sleep_for(wait);
      ::kill(process, SIGKILL);
    };
    const Finished killed = Strider(TrainWords(run, {"--resume"}), options);
    kills += killed.killed_by == SIGKILL ? 1 : 0;
    ASSERT_TRUE(killed.killed_by == SIGKILL || killed.code == 0) << killed.message << moments;
  }
  EXPECT_GE(kills, 3) << moments;
  SCOPED_TRACE("killed at" + moments);
  ExpectResumes(run);
}

TEST_F(Interruption, FullDiskEndsTheRunAndLeavesTheLastCheckpoint) {
  const auto run = folder_.path() / "run";
  RunOptions stop;
  stop.meanwhile = [&](pid_t process) {
    WaitForRows(run, 5, process);
    ::kill(process, SIGTERM);
  };
  ASSERT_EQ(Strider(TrainWords(run), stop).code, 143);
  const RunBits before = ReadBits(run);

  // The checkpoint grows with the replay buffer.
  RunOptions full;
  full.largest_file = std::filesystem::file_size(RunPaths{run}.checkpoint()) + 2000;
  const Finished finished = Strider(TrainWords(run, {"--resume"}), full);
  EXPECT_EQ(finished.code, 1) << finished.message;
  EXPECT_THAT(finished.message, AllOf(HasSubstr("strider: cannot write"), HasSubstr("checkpoint.hdf5"),
                                      HasSubstr("File too large")));
  EXPECT_GE(ReadBits(run).state.size(), before.state.size()) << "the last checkpoint is gone";
  for (const auto& entry : std::filesystem::directory_iterator(RunPaths{run}.checkpoint().parent_path())) {
    EXPECT_EQ(entry.path(), RunPaths{run}.checkpoint()) << "a part was left behind";
  }
  ExpectResumes(run);
}

TEST_F(Interruption, FullDiskBeforeTheFirstRowLeavesNoRun) {
  RunOptions full;
  full.largest_file = 300;  // config.cfg is larger
  const Finished finished = Strider(TrainWords(folder_.path() / "run"), full);
  EXPECT_EQ(finished.code, 1) << finished.message;
  EXPECT_THAT(finished.message, HasSubstr("strider: cannot write"));
  EXPECT_FALSE(IsRun(folder_.path() / "run"));
  ExpectResumes(folder_.path() / "run");
}

Words CollectWords(const std::filesystem::path& out, const std::string& steps) {
  return {"collect", "--policy", "random", "--env", "Hopper-v5", "--steps", steps, "--out", out, "--quiet"};
}

TEST(InterruptedCollection, FullDiskLeavesAnOlderFileAsItWas) {
  const TemporaryFolder folder;
  const auto out = folder.path() / "data.hdf5";
  ASSERT_EQ(Strider(CollectWords(out, "20")).code, 0);
  RunOptions full;
  full.largest_file = 200000;
  const Finished finished = Strider(CollectWords(out, "50000"), full);
  EXPECT_EQ(finished.code, 1) << finished.message;
  EXPECT_THAT(finished.message, AllOf(HasSubstr("strider: cannot write"), HasSubstr(out.string())));
  EXPECT_EQ(ReadD4rl(out).rows, 20);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(InterruptedCollection, StopSignalLeavesNothing) {
  const TemporaryFolder folder;
  RunOptions options;
  options.meanwhile = [&](pid_t process) {
    // The file grows beside its place from the first moment on.
    WaitUntil([&] { return !std::filesystem::is_empty(folder.path()); }, process);
    ::kill(process, SIGINT);
  };
  const Finished finished = Strider(CollectWords(folder.path() / "data.hdf5", "100000000"), options);
  EXPECT_EQ(finished.code, 130) << finished.message;
  EXPECT_THAT(finished.message, HasSubstr("nothing was written"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace strider
