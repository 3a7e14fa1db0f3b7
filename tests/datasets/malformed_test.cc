// Every damaged or odd file of the golden set: what the reader makes of it, and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string FolderOf() { return GoldenPath("datasets/malformed").string(); }

// Sizes of the sound file that the damaged ones were made from.
const DatasetLayout& Whole() {
  static const DatasetLayout layout = D4rlReader(FolderOf() + "/whole.hdf5").layout();
  return layout;
}

// What the message must hold, beside the path: the key, and what was expected.
std::map<std::string, std::vector<std::string>> Messages() {
  const std::size_t rows = Whole().rows;
  const std::size_t width = Whole().observation_size;
  const std::string matrix = "expected an array of shape (rows, width)";
  const std::string column = "expected an array of shape (rows)";
  const std::string damaged = "damaged or cut short HDF5 file";
  return {
      {"corrupt_chunk.hdf5", {"observations: ", fmt::format("rows 0 to {} cannot be read", rows - 1)}},
      {"dangling_links.hdf5", {"observations: is a link to nothing", matrix}},
      {"empty_dataset.hdf5", {"observations: has 0 rows, expected at least 1"}},
      {"group_instead_of_dataset.hdf5", {"observations: is a group", matrix}},
      {"huge_claimed_shape.hdf5",
       {fmt::format("observations: claims shape (1099511627776, {}) but only 0 bytes are stored", width)}},
      {"mismatched_actions.hdf5",
       {fmt::format("actions: has {} rows, expected {} as in observations", rows - 1, rows)}},
      {"mismatched_next_observations.hdf5",
       {fmt::format("next_observations: has {} columns, expected {} as in observations", width - 1, width)}},
      {"mismatched_timeouts.hdf5",
       {fmt::format("timeouts: has {} rows, expected {} as in observations", rows + 1, rows)}},
      {"missing_actions.hdf5", {"actions: is missing", matrix}},
      {"missing_observations.hdf5", {"observations: is missing", matrix}},
      {"missing_rewards.hdf5", {"rewards: is missing", column}},
      {"missing_terminals.hdf5", {"terminals: is missing", column}},
      {"nan_observations.hdf5",
       {"observations: row ", ", column ", "is nan, expected finite numbers (1 are not)"}},
      {"nan_rewards.hdf5", {"rewards: row ", "is nan, expected finite numbers (2 are not)"}},
      {"no_datasets.hdf5", {"observations: is missing", "(and 3 more problems)"}},
      {"not_hdf5_bytes.hdf5", {"is not an HDF5 file"}},
      {"not_hdf5_text.hdf5", {"is not an HDF5 file"}},
      {"scalar_observations.hdf5", {"observations: has shape a scalar, expected (rows, width)"}},
      {"signature_only.hdf5", {damaged}},
      {"truncated_100_bytes.hdf5", {damaged}},
      {"truncated_half.hdf5", {damaged}},
      {"truncated_last_byte.hdf5", {damaged}},
      {"wrong_dtype_compound_actions.hdf5", {"actions: is a compound type", matrix}},
      {"wrong_dtype_string_rewards.hdf5", {"rewards: is text", column}},
      {"wrong_rank_observations_1d.hdf5",
       {fmt::format("observations: has shape ({},), expected (rows, width)", rows)}},
      {"wrong_rank_observations_3d.hdf5",
       {fmt::format("observations: has shape ({}, {}, 1), expected (rows, width)", rows, width)}},
      {"wrong_rank_rewards.hdf5",
       {fmt::format("rewards: has shape ({}, 2), expected (rows) or (rows, 1)", rows)}},
      {"zero_bytes.hdf5", {"is empty, expected an HDF5 file"}},
  };
}

struct Case {
  std::string name;
  std::string expect;
  std::string why;
};

// The manifest. Minari's folders are not ours here.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  std::ifstream in(FolderOf() + "/manifest.json");
  const auto manifest = nlohmann::json::parse(in);
  for (const auto& [name, entry] : manifest.items()) {
    if (!name.ends_with('/')) cases.push_back({name, entry.at("expect"), entry.at("why")});
  }
  return cases;
}

// The rows that the manifest names for a file: "rewards[3] is NaN, rewards[17] is +inf".
std::vector<std::size_t> RowsNamed(const std::string& file) {
  std::vector<std::size_t> rows;
  for (const Case& entry : Cases()) {
    if (entry.name != file) continue;
    for (std::size_t at = entry.why.find('['); at != std::string::npos; at = entry.why.find('[', at + 1)) {
      rows.push_back(std::stoul(entry.why.substr(at + 1)));
    }
  }
  return rows;
}

class Malformed : public ::testing::TestWithParam<Case> {};

TEST_P(Malformed, IsJudgedAsTheManifestSays) {
  const auto& [name, expect, why] = GetParam();
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
  const auto messages = Messages();
  ASSERT_TRUE(messages.contains(name)) << why << ", no expectation for: " << message;
  for (const std::string& part : messages.at(name)) EXPECT_THAT(message, HasSubstr(part));
  if (expect == "non_finite") {
    EXPECT_GE(ReadD4rl(path, {.allow_non_finite = true}).rows, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Malformed, ::testing::ValuesIn(Cases()), [](const auto& test) {
  const std::string& name = test.param.name;
  return name.substr(0, name.find('.'));
});

TEST(MalformedFiles, OddOnesAreConverted) {
  const Dataset whole = ReadD4rl(FolderOf() + "/whole.hdf5");
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
  const std::size_t width = Whole().observation_size;
  const std::size_t actions = Whole().action_size;
  EXPECT_EQ(
      MessageOf<InputError>([&] { ReadD4rl(path, {.observation_size = width + 6, .action_size = actions}); }),
      fmt::format("{}: observations: has {} columns, expected {} as the environment's", path, width,
                  width + 6));
  EXPECT_EQ(MessageOf<InputError>([&] { ReadD4rl(path, {.observation_size = width, .action_size = 1}); }),
            fmt::format("{}: actions: has {} columns, expected 1 as the environment's", path, actions));
}

TEST(MalformedFiles, ValidationFindsAllProblemsAndTheirRows) {
  const Hdf5File expected = Hdf5File::Open(GoldenPath("datasets/d4rl/expected.h5"));
  const ValidateOptions options{.max_episode_steps =
                                    expected.ReadAttribute<std::int32_t>("", "max_path").values.at(0)};
  EXPECT_THAT(Validate(FolderOf() + "/no_datasets.hdf5"), SizeIs(4));
  EXPECT_THAT(Validate(FolderOf() + "/whole.hdf5", options), IsEmpty());

  const std::vector<Defect> rewards = Validate(FolderOf() + "/nan_rewards.hdf5", options);
  ASSERT_THAT(rewards, SizeIs(1));
  EXPECT_EQ(rewards[0].kind, DefectKind::kNonFinite);
  EXPECT_EQ(rewards[0].rows, RowsNamed("nan_rewards.hdf5"));
  const std::string message = MessageOf<InputError>([] { ReadD4rl(FolderOf() + "/nan_rewards.hdf5"); });
  EXPECT_THAT(message, HasSubstr(fmt::format("row {} is nan", RowsNamed("nan_rewards.hdf5").at(0))));

  const std::string out_of_range = FolderOf() + "/actions_out_of_range.hdf5";
  const auto actions = Hdf5File::Open(out_of_range).Read<double>("actions").values;
  const auto large = std::max_element(actions.begin(), actions.end()) - actions.begin();
  const std::vector<Defect> range = Validate(out_of_range, options);
  ASSERT_THAT(range, SizeIs(1));
  EXPECT_EQ(range[0].kind, DefectKind::kActionRange);
  EXPECT_THAT(range[0].rows, ElementsAre(static_cast<std::size_t>(large) / Whole().action_size));
}

}  // namespace
}  // namespace strider
