#include "datasets/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "datasets/d4rl.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One dataset without a fault; each test plants one.
Dataset Sound() { return MakeDataset(100, 3, 2); }

std::vector<Defect> Find(const Dataset& dataset, int max_episode_steps = 1000) {
  return ValidateContents(dataset, {.max_episode_steps = max_episode_steps});
}

// Expects exactly one defect.
void ExpectOnly(const Dataset& dataset, DefectKind kind, const std::vector<std::size_t>& rows,
                const char* text, int max_episode_steps = 1000) {
  const std::vector<Defect> defects = Find(dataset, max_episode_steps);
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].kind, kind) << defects[0].message;
  EXPECT_EQ(defects[0].rows, rows);
  EXPECT_THAT(defects[0].message, HasSubstr(text));
}

TEST(Validate, SoundDataHaveNoDefect) {
  EXPECT_THAT(Find(Sound()), IsEmpty());
  // A task without an end of its own: time-outs only, all at the same step.
  Dataset endless = Sound();
  for (std::size_t row = 0; row < 100; ++row) {
    endless.terminals[row] = 0;
    endless.timeouts[row] = row % 25 == 24 ? 1 : 0;
  }
  endless.next_observations.clear();
  EXPECT_THAT(Find(endless), IsEmpty());
}

TEST(Validate, FindsNonFiniteValues) {
  Dataset dataset = Sound();
  dataset.actions[2 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
  ExpectOnly(dataset, DefectKind::kNonFinite, {4}, "actions: 1 values in 1 rows");
  dataset = Sound();
  dataset.qvel[3 * 99] = std::numeric_limits<double>::infinity();
  ExpectOnly(dataset, DefectKind::kNonFinite, {99}, "infos/qvel");
}

TEST(Validate, FindsMissingTerminals) {
  Dataset dataset = Sound();
  dataset.next_observations.clear();
  dataset.terminals.assign(100, 0);
  dataset.timeouts.assign(100, 0);
  ExpectOnly(dataset, DefectKind::kNoTerminals, {}, "terminals: is never set");
}

TEST(Validate, FindsUnmarkedEnds) {
  Dataset dataset = Sound();
  dataset.terminals[13] = 0;
  dataset.timeouts[29] = 0;
  ExpectOnly(dataset, DefectKind::kUnmarkedEnd, {13, 29}, "2 episode ends are not marked");
}

TEST(Validate, FindsCrossedBorders) {
  Dataset dataset = Sound();
  for (std::size_t k = 0; k < 3; ++k) dataset.next_observations[3 * 9 + k] = dataset.observations[3 * 10 + k];
  ExpectOnly(dataset, DefectKind::kCrossedBorder, {9}, "next_observations: 1 rows that end an episode");
}

TEST(Validate, FindsTimeoutsStoredAsTerminals) {
  Dataset dataset = Sound();
  dataset.next_observations.clear();
  dataset.timeouts.assign(100, 0);
  dataset.terminals.assign(100, 0);
  for (const std::size_t row : {24, 49, 59, 84}) dataset.terminals[row] = 1;
  ExpectOnly(dataset, DefectKind::kTimeoutAsTerminal, {24, 49, 84}, "3 episodes end in a terminal at exactly",
             25);
  // All of one length, whatever the limit is said to be.
  dataset.terminals.assign(100, 0);
  for (const std::size_t row : {19, 39, 59}) dataset.terminals[row] = 1;
  ExpectOnly(dataset, DefectKind::kTimeoutAsTerminal, {19, 39, 59}, "3 episodes");
  // With both marks set everywhere.
  for (const std::size_t row : {79, 99}) dataset.terminals[row] = 1;
  dataset.timeouts = dataset.terminals;
  ExpectOnly(dataset, DefectKind::kTimeoutAsTerminal, {19, 39, 59, 79, 99}, "5 episodes");
}

TEST(Validate, FindsActionsOutOfRange) {
  Dataset dataset = Sound();
  dataset.actions[2 * 50] = -1.01F;
  dataset.actions[2 * 51 + 1] = 7.5F;
  ExpectOnly(dataset, DefectKind::kActionRange, {50, 51}, "actions: 2 rows lie outside [-1, 1]");
}

TEST(Validate, FindsRepeatedBlocks) {
  Dataset dataset = Sound();
  dataset.next_observations.clear();
  std::copy_n(dataset.observations.begin() + 3 * 10, 3 * 20, dataset.observations.begin() + 3 * 60);
  std::copy_n(dataset.actions.begin() + 2 * 10, 2 * 20, dataset.actions.begin() + 2 * 60);
  std::copy_n(dataset.rewards.begin() + 10, 20, dataset.rewards.begin() + 60);
  ExpectOnly(dataset, DefectKind::kDuplicateBlock, {60}, "1 blocks with 20 rows");
}

TEST(Validate, FindsEmptiness) {
  const std::vector<Defect> defects = Find({});
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].kind, DefectKind::kEmpty);
  EXPECT_EQ(defects[0].severity, Severity::kError);
}

TEST(Validate, ListsAtMostSoManyRows) {
  Dataset dataset = Sound();
  dataset.actions.assign(200, 2.0F);
  const std::vector<Defect> defects = Find(dataset);
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_THAT(defects[0].rows, SizeIs(kMaxDefectRows));
  EXPECT_THAT(defects[0].message, HasSubstr("100 rows"));
}

TEST(Validate, MissingFileIsADefect) {
  const TemporaryFolder folder;
  const std::vector<Defect> defects = Validate(folder.path() / "none.hdf5");
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(DefectName(defects[0].kind), "unreadable");
  EXPECT_THAT(defects[0].message, HasSubstr("none.hdf5: no such file"));
}

TEST(Validate, FindsRewardsOutsideTheirRange) {
  Dataset dataset = Sound();
  dataset.rewards[7] = 1.5F;
  dataset.rewards[70] = -1.5F;
  EXPECT_THAT(ValidateContents(dataset), IsEmpty());
  const std::vector<Defect> defects = ValidateContents(dataset, {.reward_range = {{-1.0, 1.0}}});
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].kind, DefectKind::kRewardRange);
  EXPECT_THAT(defects[0].rows, ElementsAre(7, 70));
  EXPECT_THAT(defects[0].message, HasSubstr("rewards: 2 rows lie outside [-1, 1]"));
}

TEST(Validate, ActionBoundsMayBeOthers) {
  Dataset dataset = Sound();
  dataset.actions[2 * 30 + 1] = 1.5F;
  EXPECT_THAT(ValidateContents(dataset, {.action_low = {-2}, .action_high = {2}}), IsEmpty());
  EXPECT_THAT(ValidateContents(dataset, {.action_low = {-1, -2}, .action_high = {1, 2}}), IsEmpty());
  const auto defects = ValidateContents(dataset, {.action_low = {-2, -1}, .action_high = {2, 1}});
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_THAT(defects[0].rows, ElementsAre(30));
  EXPECT_THAT(defects[0].message, HasSubstr("1 rows lie outside their bounds"));
  EXPECT_THAT(MessageOf<InputError>([&] {
                ValidateContents(dataset, {.action_low = {1, 2, 3}});
              }),
              HasSubstr("bounds for 2 numbers of an action"));
}

// Those of a file that names its space.
TEST(Validate, ActionsAreHeldAgainstTheFilesOwnSpace) {
  const TemporaryFolder folder;
  Dataset dataset = Sound();
  dataset.actions[2 * 30 + 1] = 1.5F;
  const auto path = folder.path() / "x.hdf5";
  WriteD4rl(path, dataset);
  EXPECT_THAT(Validate(path), SizeIs(1));
  dataset.metadata["action_space"] =
      R"({"type":"Box","dtype":"float32","shape":[2],"low":[-2.0,-Infinity],"high":[2.0,Infinity]})";
  WriteD4rl(path, dataset);
  EXPECT_THAT(Validate(path), IsEmpty());
  EXPECT_THAT(Validate(path, {.action_low = {-1}, .action_high = {1}}), SizeIs(1));
}

// Without next_observations, by the length that all other time-outs have.
TEST(Validate, FindsLostTimeoutsByLength) {
  Dataset dataset = Sound();
  dataset.next_observations.clear();
  dataset.terminals.assign(100, 0);
  dataset.timeouts.assign(100, 0);
  for (const std::size_t row : {19, 39, 59, 79, 99}) dataset.timeouts[row] = 1;
  EXPECT_THAT(Find(dataset), IsEmpty());
  dataset.timeouts[59] = 0;
  std::vector<std::size_t> rows;
  for (const Defect& defect : Find(dataset)) {
    if (defect.kind == DefectKind::kUnmarkedEnd) rows = defect.rows;
  }
  EXPECT_THAT(rows, ElementsAre(59));
}

}  // namespace
}  // namespace strider
