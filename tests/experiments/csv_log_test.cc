#include "experiments/csv_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <limits>
#include <stdexcept>

#include "core/error.h"
#include "core/files.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

CsvRow Row(std::int64_t step) {
  return {{"step", static_cast<double>(step)},
          {"loss", 1.0 / static_cast<double>(step)},
          {"return", step < 3 ? std::nullopt : std::optional<double>(10.0 * static_cast<double>(step))}};
}

TEST(CsvLog, WritesHeaderAndShortestNumbers) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "progress.csv";
  CsvLog log(path);
  EXPECT_EQ(ReadText(path), "");
  log.Append({{"step", 1000000}, {"seconds", 0.1}, {"loss", std::nullopt}});
  log.Append({{"step", 2000000}, {"loss", std::numeric_limits<double>::quiet_NaN()}});
  log.Append({{"loss", 1e-300}, {"step", 3000000}, {"seconds", -1.0 / 3}});
  // Without closing: each row is there as soon as Append returns.
  EXPECT_EQ(ReadText(path),
            "step,seconds,loss\n1000000,0.1,\n2000000,,nan\n3000000,-0.3333333333333333,1e-300\n");
}

TEST(CsvLog, NumbersReadBackToTheSameBits) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "log.csv";
  const double values[] = {0.1 + 0.2, 1e22, 5e-324, -0.0, 123456789012345680.0};
  CsvLog log(path);
  for (const double value : values) log.Append({{"step", 1}, {"value", value}});
  const std::vector<double> read = CsvTable(path).FullColumn("value");
  ASSERT_EQ(read.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(std::signbit(read[i]), std::signbit(values[i]));
    EXPECT_EQ(read[i], values[i]);
  }
}

TEST(CsvLog, RefusesNewColumns) {
  const TemporaryFolder folder;
  CsvLog log(folder.path() / "log.csv");
  log.Append(Row(1));
  EXPECT_THAT(MessageOf<std::logic_error>([&] {
                log.Append({{"step", 2}, {"los", 1}});
              }),
              HasSubstr("has no column 'los'"));
}

TEST(CsvLog, ResumesAfterTheCheckpointsStep) {
  const TemporaryFolder folder;
  const auto whole = folder.path() / "whole.csv";
  const auto broken = folder.path() / "broken.csv";
  {
    CsvLog log(whole);
    for (int step = 1; step <= 6; ++step) log.Append(Row(step));
  }
  {
    CsvLog log(broken);
    for (int step = 1; step <= 5; ++step) log.Append(Row(step));
  }
  std::ofstream(broken, std::ios::app) << "6,0.1666";  // killed in mid-row
  CsvLog resumed(broken, 3);
  for (int step = 4; step <= 6; ++step) resumed.Append(Row(step));
  EXPECT_EQ(ReadText(broken), ReadText(whole));
}

TEST(CsvLog, ResumesFromNothing) {
  const TemporaryFolder folder;
  const auto missing = folder.path() / "missing.csv";
  CsvLog(missing, 100).Append(Row(1));
  EXPECT_EQ(ReadText(missing), "step,loss,return\n1,1,\n");
  // Killed while the header was written, or with all rows beyond the checkpoint.
  for (const char* text : {"step,lo", "step,old\n", "step,old\n7,1\n"}) {
    const auto path = folder.Write("beyond.csv", text);
    CsvLog(path, 0).Append(Row(1));
    EXPECT_EQ(ReadText(path), "step,loss,return\n1,1,\n") << text;
  }
}

TEST(CsvLog, ResumeRefusesWhatIsNotALog) {
  const TemporaryFolder folder;
  const auto other = folder.Write("other.csv", "name,value\na,1\n");
  EXPECT_THAT(MessageOf<InputError>([&] { CsvLog(other, 5); }),
              HasSubstr("other.csv:1: the first column is 'name'; expected 'step'"));
  const auto broken = folder.Write("broken.csv", "step,value\n1,1\nx2,1\n3,1\n");
  EXPECT_THAT(MessageOf<InputError>([&] { CsvLog(broken, 5); }),
              HasSubstr("broken.csv:3: column 'step' holds 'x2'; expected a number"));
  EXPECT_EQ(ReadText(broken), "step,value\n1,1\nx2,1\n3,1\n") << "a refused file must stay as it is";
}

TEST(CsvLog, SurvivesSigkill) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "progress.csv";
  const pid_t child = ::fork();
  if (child == 0) {
    CsvLog log(path);
    for (int step = 1; step <= 3; ++step) log.Append(Row(step));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(CsvTable(path).FullColumn("step"), ElementsAre(1, 2, 3));
}

TEST(CsvLog, FullDiskIsAnErrorThatNamesTheFile) {
  CsvLog log("/dev/full");
  EXPECT_THAT(MessageOf<WorkError>([&] { log.Append(Row(1)); }),
              HasSubstr("cannot write /dev/full: No space left on device"));
  EXPECT_THAT(MessageOf<WorkError>([] { CsvLog("/nowhere/progress.csv"); }),
              HasSubstr("cannot write /nowhere/progress.csv: No such file"));
}

TEST(CsvTable, ReadsColumnsByName) {
  const TemporaryFolder folder;
  const CsvTable table(folder.Write("t.csv", "step,return,normalised\n1,-2.5,\n2,1e3,50\n3,4"));
  EXPECT_EQ(table.rows(), 2U) << "the unfinished last line does not count";
  EXPECT_THAT(table.columns(), ElementsAre("step", "return", "normalised"));
  EXPECT_TRUE(table.Has("return"));
  EXPECT_FALSE(table.Has("length"));
  EXPECT_THAT(table.FullColumn("return"), ElementsAre(-2.5, 1000));
  EXPECT_THAT(table.Column("normalised"), ElementsAre(std::nullopt, Optional(50.0)));
  EXPECT_THAT(MessageOf<InputError>([&] { table.FullColumn("normalised"); }),
              HasSubstr("t.csv:2: column 'normalised' is empty; expected a number"));
  EXPECT_THAT(MessageOf<InputError>([&] { table.Column("length"); }),
              HasSubstr("t.csv: no column 'length'; it has step, return, normalised"));
}

TEST(CsvTable, BadFilesAreNamedWithTheirLine) {
  const TemporaryFolder folder;
  const auto message = [&folder](std::string_view text) {
    const auto path = folder.Write("bad.csv", text);
    return MessageOf<InputError>([&] { CsvTable{path}; });
  };
  EXPECT_THAT(message(""), HasSubstr("bad.csv is empty; expected a line of column names"));
  EXPECT_THAT(message("step,return\n1,2\n2,12a\n"), HasSubstr("bad.csv:3: column 'return' holds '12a'"));
  EXPECT_THAT(message("step,return\n1\n"), HasSubstr("bad.csv:2: 1 cells; expected 2"));
  EXPECT_THAT(message("step,return\n1,2,3\n"), HasSubstr("bad.csv:2: 3 cells; expected 2"));
  EXPECT_THAT(message("step,return\n1,2\n\n"), HasSubstr("bad.csv:3: 1 cells; expected 2"));
  EXPECT_THAT(MessageOf<InputError>([&] { CsvTable(folder.path() / "none.csv"); }),
              HasSubstr("none.csv: No such file or directory"));
}

}  // namespace
}  // namespace strider
