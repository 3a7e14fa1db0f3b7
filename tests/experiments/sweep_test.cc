#include "experiments/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<SweepRun> Expand(const std::string& text) { return ExpandSweep(ParseConfig(text, "page.cfg")); }

std::vector<std::string> FoldersOf(const std::vector<SweepRun>& runs) {
  std::vector<std::string> folders;
  for (const SweepRun& run : runs) folders.push_back(run.folder.string());
  return folders;
}

TEST(ExpandSweep, MakesEveryCombination) {
  const auto runs =
      Expand("run.agent = sac | td3\nrun.env = Pendulum-v1\nagent.discount = 0.9 | 99e-2\nrun.seed = 3..4\n");
  EXPECT_THAT(FoldersOf(runs),
              ElementsAre("sac_discount=0.9/seed_3", "sac_discount=0.9/seed_4", "sac_discount=99e-2/seed_3",
                          "sac_discount=99e-2/seed_4", "td3_discount=0.9/seed_3", "td3_discount=0.9/seed_4",
                          "td3_discount=99e-2/seed_3", "td3_discount=99e-2/seed_4"));
  ASSERT_EQ(runs[6].settings.size(), 4U);
  EXPECT_EQ(runs[6].settings[0].value, "td3");
  EXPECT_EQ(runs[6].settings[2].value, "99e-2");
  EXPECT_EQ(runs[6].settings[3].value, "3");
}

TEST(ExpandSweep, NamesDatasetsByTheirFiles) {
  EXPECT_THAT(FoldersOf(Expand("run.agent = bc\nrun.dataset = a/medium.hdf5|a/mixed.hdf5\n")),
              ElementsAre("medium/seed_0", "mixed/seed_0"));
  EXPECT_THAT(MessageOf<InputError>([] { Expand("run.agent = bc\nrun.dataset = a/x.hdf5 | b/x.hdf5\n"); }),
              HasSubstr("two runs would share the folder x/seed_0"));
}

TEST(ExpandSweep, RefusesWrongSettingsBeforeAnythingStarts) {
  const auto message = [](const std::string& text) {
    return MessageOf<InputError>([&] { Expand("run.agent = sac\nrun.env = Pendulum-v1\n" + text); });
  };
  EXPECT_THAT(message("agent.discount = 0.9 | 2\n"), AllOf(HasSubstr("page.cfg:3"), HasSubstr("discount")));
  EXPECT_THAT(message("run.seed = 4..1\n"), HasSubstr("expected a range from a smaller to a larger seed"));
  EXPECT_THAT(message("run.seed = 0..1000000\n"), HasSubstr("at most 100000"));
  EXPECT_THAT(message("run.seed = 0..b\n"), HasSubstr("'b' is no whole number"));
  EXPECT_THAT(message("agent.lamda = 1 | 2\n"), HasSubstr("lamda"));
  EXPECT_THAT(MessageOf<InputError>([] {
                Expand(
                    "run.agent = td3bc\nrun.dataset = x.hdf5\nrun.env = Hopper-v5\nrun.steps = 10\n"
                    "run.online_from = 5 | 50\n");
              }),
              HasSubstr("run.online_from = 50 is not before run.steps = 10"));
}

TEST(SlurmScript, HasATaskForEachRun) {
  const auto runs = Expand("run.agent = bc\nrun.dataset = it's.hdf5\nrun.seed = 0..1\n");
  const std::string script = SlurmScript(runs, "/out", "/bin/strider");
  EXPECT_THAT(script, HasSubstr("#SBATCH --array=0-1\n"));
  EXPECT_THAT(script, HasSubstr("  1) exec '/bin/strider' 'train' '--out' '/out/seed_1' '--resume' '--quiet' "
                                "'--set' 'run.agent=bc' '--set' 'run.dataset=it'\\''s.hdf5' "
                                "'--set' 'run.seed=1' ;;\n"));
}

}  // namespace
}  // namespace strider
