// Every damaged or odd file of the golden set: what the reader makes of it, and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "datasets/d4rl.h"
#include "datasets/validate.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// What the message must hold, beside the path: the key, and what was expected.
const std::map<std::string, std::vector<std::string>>& Messages() {
  static const std::map<std::string, std::vector<std::string>> messages{
      {"corrupt_chunk.hdf5", {"observations", "rows 0 to 49 cannot be read"}},
      {"dangling_links.hdf5",
       {"observations", "a link to nothing", "expected an array of shape (rows, width)"}},
      {"empty_dataset.hdf5", {"observations", "has 0 rows, expected at least 1"}},
      {"group_instead_of_dataset.hdf5",
       {"observations", "is a group, expected an array of shape (rows, width)"}},
      {"huge_claimed_shape.hdf5",
       {"observations", "claims shape (1099511627776, 11) but only 0 bytes are stored"}},
      {"mismatched_actions.hdf5", {"actions", "has 49 rows, expected 50 as in observations"}},
      {"mismatched_next_observations.hdf5",
       {"next_observations", "has 10 columns, expected 11 as in observations"}},
      {"mismatched_timeouts.hdf5", {"timeouts", "has 51 rows, expected 50 as in observations"}},
      {"missing_actions.hdf5", {"actions", "is missing, expected an array of shape (rows, width)"}},
      {"missing_observations.hdf5", {"observations", "is missing, expected an array of shape (rows, width)"}},
      {"missing_rewards.hdf5", {"rewards", "is missing, expected an array of shape (rows)"}},
      {"missing_terminals.hdf5", {"terminals", "is missing, expected an array of shape (rows)"}},
      {"nan_observations.hdf5",
       {"observations", "row 5, column 2 is nan, expected finite numbers (1 are not)"}},
      {"nan_rewards.hdf5", {"rewards", "row 3 is nan, expected finite numbers (2 are not)"}},
      {"no_datasets.hdf5", {"observations", "is missing", "(and 3 more problems)"}},
      {"not_hdf5_bytes.hdf5", {"is not an HDF5 file"}},
      {"not_hdf5_text.hdf5", {"is not an HDF5 file"}},
      {"scalar_observations.hdf5", {"observations", "has shape a scalar, expected (rows, width)"}},
      {"signature_only.hdf5", {"damaged or cut short HDF5 file"}},
      {"truncated_100_bytes.hdf5", {"damaged or cut short HDF5 file"}},
      {"truncated_half.hdf5", {"damaged or cut short HDF5 file"}},
      {"truncated_last_byte.hdf5", {"damaged or cut short HDF5 file"}},
      {"wrong_dtype_compound_actions.hdf5", {"actions", "is a compound type, expected"}},
      {"wrong_dtype_string_rewards.hdf5", {"rewards", "is text, expected"}},
      {"wrong_rank_observations_1d.hdf5", {"observations", "has shape (50,), expected (rows, width)"}},
      {"wrong_rank_observations_3d.hdf5", {"observations", "has shape (50, 11, 1), expected (rows, width)"}},
      {"wrong_rank_rewards.hdf5", {"rewards", "has shape (50, 2), expected (rows) or (rows, 1)"}},
      {"zero_bytes.hdf5", {"is empty, expected an HDF5 file"}},
  };
  return messages;
}

std::string FolderOf() { return GoldenPath("datasets/malformed").string(); }

// Names and expectations of the manifest; Minari's folders are not ours here.
std::vector<std::pair<std::string, std::string>> Cases() {
  std::vector<std::pair<std::string, std::string>> cases;
  std::ifstream in(FolderOf() + "/manifest.json");
  const auto manifest = nlohmann::json::parse(in);
  for (const auto& [name, entry] : manifest.items()) {
    if (!name.ends_with('/')) cases.emplace_back(name, entry.at("expect"));
  }
  return cases;
}

class Malformed : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(Malformed, IsJudgedAsTheManifestSays) {
  const auto& [name, expect] = GetParam();
  const std::string path = FolderOf() + "/" + name;
  const std::vector<Defect> defects = Validate(path);
  const bool refused = expect == "error" || expect == "error_empty" || expect == "non_finite";
  const bool has_error = std::any_of(defects.begin(), defects.end(), [](const Defect& defect) {
    return defect.severity == Severity::kError;
  });
  EXPECT_EQ(has_error, refused);
  if (!refused) {
    ASSERT_TRUE(expect == "ok" || expect == "ok_converted" || expect == "warning") << expect;
    EXPECT_GE(ReadD4rl(path).rows, 1);
    return;
  }
  const std::string message = MessageOf<InputError>([&] { ReadD4rl(path); });
  EXPECT_THAT(message, HasSubstr(path));
  const auto known = Messages().find(name);
  ASSERT_NE(known, Messages().end()) << "no expectation for: " << message;
  for (const std::string& part : known->second) EXPECT_THAT(message, HasSubstr(part));
  if (expect == "non_finite") {
    EXPECT_GE(ReadD4rl(path, {.allow_non_finite = true}).rows, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Malformed, ::testing::ValuesIn(Cases()), [](const auto& test) {
  const std::string& name = test.param.first;
  return name.substr(0, name.find('.'));
});

TEST(MalformedFiles, OddOnesAreConverted) {
  const Dataset whole = ReadD4rl(FolderOf() + "/whole.hdf5");
  ASSERT_EQ(whole.rows, 50);
  const Dataset big_endian = ReadD4rl(FolderOf() + "/big_endian.hdf5");
  EXPECT_EQ(big_endian.observations, whole.observations);
  EXPECT_EQ(big_endian.rewards, whole.rewards);
  const Dataset column = ReadD4rl(FolderOf() + "/rewards_column.hdf5");
  EXPECT_EQ(column.rewards, whole.rewards);
  EXPECT_EQ(column.terminals, whole.terminals);
  EXPECT_EQ(ReadD4rl(FolderOf() + "/terminals_value_2.hdf5").terminals, whole.terminals);
  const Dataset half = ReadD4rl(FolderOf() + "/float16_observations.hdf5");
  const Dataset whole_numbers = ReadD4rl(FolderOf() + "/int_observations.hdf5");
  for (std::size_t i = 0; i < whole.observations.size(); ++i) {
    EXPECT_NEAR(half.observations[i], whole.observations[i], 1e-3F * std::abs(whole.observations[i]) + 1e-7F);
    EXPECT_EQ(whole_numbers.observations[i], std::trunc(whole.observations[i]));
  }
  const Dataset one = ReadD4rl(FolderOf() + "/one_row.hdf5");
  EXPECT_EQ(one.rows, 1);
  EXPECT_EQ(QlearningTransitions(one).size, 0);
}

TEST(MalformedFiles, WidthsMustFitTheEnvironment) {
  const std::string path = FolderOf() + "/whole.hdf5";
  EXPECT_EQ(MessageOf<InputError>([&] { ReadD4rl(path, {.observation_size = 17, .action_size = 6}); }),
            path + ": observations: has 11 columns, expected 17 as the environment's");
  EXPECT_EQ(MessageOf<InputError>([&] { ReadD4rl(path, {.observation_size = 11, .action_size = 6}); }),
            path + ": actions: has 3 columns, expected 6 as the environment's");
}

TEST(MalformedFiles, ValidationFindsAllProblemsAndTheirRows) {
  EXPECT_THAT(Validate(FolderOf() + "/no_datasets.hdf5"), SizeIs(4));
  const std::vector<Defect> range =
      Validate(FolderOf() + "/actions_out_of_range.hdf5", {.max_episode_steps = 25});
  ASSERT_THAT(range, SizeIs(1));
  EXPECT_EQ(range[0].kind, DefectKind::kActionRange);
  EXPECT_THAT(range[0].rows, ::testing::ElementsAre(1));
  const std::vector<Defect> rewards = Validate(FolderOf() + "/nan_rewards.hdf5", {.max_episode_steps = 25});
  ASSERT_THAT(rewards, SizeIs(1));
  EXPECT_EQ(rewards[0].kind, DefectKind::kNonFinite);
  EXPECT_THAT(rewards[0].rows, ::testing::ElementsAre(3, 17));
  EXPECT_THAT(Validate(FolderOf() + "/whole.hdf5", {.max_episode_steps = 25}), SizeIs(0));
}

}  // namespace
}  // namespace strider
