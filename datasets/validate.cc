#include "datasets/validate.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include "core/error.h"
#include "datasets/columns.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 16;  // shorter repetitions may be chance in coarse data
constexpr float kSameState = 1e-6F;     // relative; what two conversions of one number may differ by
constexpr double kActionSlack = 1e-6;

// Collects the rows that one kind of defect concerns.
struct Finding {
  std::size_t count = 0;
  std::vector<std::size_t> rows;

  void Add(std::size_t row) {
    if (++count <= kMaxDefectRows) rows.push_back(row);
  }
};

void Report(std::vector<Defect>& defects, DefectKind kind, Finding finding, std::string message,
            Severity severity = Severity::kWarning) {
  if (finding.count == 0) return;
  defects.push_back({kind, std::move(finding.rows), std::move(message), severity});
}

std::span<const float> Row(const std::vector<float>& matrix, std::size_t width, std::size_t row) {
  return {matrix.data() + row * width, width};
}

bool SameState(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
    return std::abs(x - y) <= kSameState * std::max({1.0F, std::abs(x), std::abs(y)});
  });
}

bool IsMarked(const Dataset& dataset, std::size_t row) {
  return dataset.terminals[row] != 0 || (!dataset.timeouts.empty() && dataset.timeouts[row] != 0);
}

template <class T>
void CheckFinite(std::string_view key, const std::vector<T>& values, std::size_t width,
                 std::vector<Defect>& defects) {
  Finding finding;
  std::size_t values_found = 0;
  for (std::size_t row = 0; row * width < values.size(); ++row) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    const auto bad = std::count_if(begin, begin + static_cast<std::ptrdiff_t>(width),
                                   [](T value) { return !std::isfinite(value); });
    values_found += static_cast<std::size_t>(bad);
    if (bad > 0) finding.Add(row);
  }
  auto message = fmt::format("{}: {} values in {} rows are NaN or infinite, expected finite numbers", key,
                             values_found, finding.count);
  Report(defects, DefectKind::kNonFinite, std::move(finding), std::move(message), Severity::kError);
}

// The bound of a column: bounds hold one number a column, or one for all.
double BoundOf(const std::vector<double>& bounds, std::size_t column) {
  return bounds.size() == 1 ? bounds[0] : bounds[column];
}

void CheckActions(const Dataset& dataset, const ValidateOptions& options, std::vector<Defect>& defects) {
  const std::vector<double> low = options.action_low.empty() ? std::vector{-1.0} : options.action_low;
  const std::vector<double> high = options.action_high.empty() ? std::vector{1.0} : options.action_high;
  const auto fits = [&](const auto& bounds) {
    return bounds.size() == 1 || bounds.size() == dataset.action_size;
  };
  if (!fits(low) || !fits(high)) {
    throw InputError("{} and {} bounds for {} numbers of an action", low.size(), high.size(),
                     dataset.action_size);
  }
  Finding finding;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    const auto action = Row(dataset.actions, dataset.action_size, row);
    bool outside = false;
    for (std::size_t k = 0; k < action.size(); ++k) {
      const auto slack = [](double bound) { return kActionSlack * std::max(1.0, std::abs(bound)); };
      const double least = BoundOf(low, k);
      const double most = BoundOf(high, k);
      outside = outside || action[k] < least - slack(least) || action[k] > most + slack(most);
    }
    if (outside) finding.Add(row);
  }
  const std::string bounds =
      low.size() == 1 && high.size() == 1 ? fmt::format("[{}, {}]", low[0], high[0]) : "their bounds";
  auto message = fmt::format("actions: {} rows lie outside {}", finding.count, bounds);
  Report(defects, DefectKind::kActionRange, std::move(finding), std::move(message));
}

void CheckRewards(const Dataset& dataset, const ValidateOptions& options, std::vector<Defect>& defects) {
  if (!options.reward_range) return;
  const auto [low, high] = *options.reward_range;
  Finding finding;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    const auto reward = static_cast<double>(dataset.rewards[row]);
    if (reward < static_cast<float>(low) || reward > static_cast<float>(high)) finding.Add(row);
  }
  auto message = fmt::format("rewards: {} rows lie outside [{}, {}]", finding.count, low, high);
  Report(defects, DefectKind::kRewardRange, std::move(finding), std::move(message));
}

// Without next_observations only lengths tell: where all time-outs come at the same step, an episode that
// goes on beyond it has lost its mark.
void CheckLengths(const Dataset& dataset, std::vector<Defect>& defects) {
  if (dataset.timeouts.empty()) return;
  const std::vector<Episode> episodes = Episodes(dataset, {}, /*with_trailing=*/true);
  std::size_t limit = 0;
  std::size_t seen = 0;
  for (const Episode& episode : episodes) {
    if (dataset.timeouts[episode.start + episode.length - 1] == 0) continue;
    limit = seen == 0 ? episode.length : std::min(limit, episode.length);
    ++seen;
  }
  const auto at_limit = std::ranges::count_if(episodes, [&](const Episode& episode) {
    return episode.length == limit && dataset.timeouts[episode.start + episode.length - 1] != 0;
  });
  if (at_limit < 2 || 2 * static_cast<std::size_t>(at_limit) <= seen) return;
  Finding finding;
  for (const Episode& episode : episodes) {
    if (episode.length > limit) finding.Add(episode.start + limit - 1);
  }
  auto message = fmt::format(
      "timeouts: {} episodes go on beyond {} steps, at which most time-outs come; expected a mark there",
      finding.count, limit);
  Report(defects, DefectKind::kUnmarkedEnd, std::move(finding), std::move(message));
}

// Whether the row behind this one begins where this one ended. REQUIRES: next_observations, row + 1 < rows.
bool GoesOn(const Dataset& dataset, std::size_t row) {
  return SameState(Row(dataset.next_observations, dataset.observation_size, row),
                   Row(dataset.observations, dataset.observation_size, row + 1));
}

// Compares each next_observations row with the row that follows: equal inside an episode, different at its
// end.
void CheckSuccessors(const Dataset& dataset, std::vector<Defect>& defects) {
  if (dataset.next_observations.empty()) return CheckLengths(dataset, defects);
  Finding unmarked;
  Finding crossed;
  for (std::size_t row = 0; row + 1 < dataset.rows; ++row) {
    const bool goes_on = GoesOn(dataset, row);
    const bool marked = IsMarked(dataset, row);
    if (!goes_on && !marked) unmarked.Add(row);
    if (goes_on && marked) crossed.Add(row);
  }
  auto unmarked_message = fmt::format(
      "terminals, timeouts: {} episode ends are not marked (the next row's observation is not this row's "
      "next_observations, yet neither flag is set)",
      unmarked.count);
  auto crossed_message = fmt::format(
      "next_observations: {} rows that end an episode hold the first observation of the next one, expected "
      "the observation that the action led to",
      crossed.count);
  Report(defects, DefectKind::kUnmarkedEnd, std::move(unmarked), std::move(unmarked_message));
  Report(defects, DefectKind::kCrossedBorder, std::move(crossed), std::move(crossed_message));
}

bool AllOfOneLength(const std::vector<Episode>& episodes) {
  return std::all_of(episodes.begin(), episodes.end(),
                     [&](const Episode& episode) { return episode.length == episodes.front().length; });
}

void CheckEnds(const Dataset& dataset, const ValidateOptions& options, std::vector<Defect>& defects) {
  const std::vector<Episode> episodes = Episodes(dataset, {.max_episode_steps = options.max_episode_steps});
  const bool any_terminal =
      std::any_of(dataset.terminals.begin(), dataset.terminals.end(), [](auto t) { return t; });
  // A task without an end of its own (HalfCheetah) has only time-outs, all at the same step.
  if (!any_terminal && (episodes.empty() || !AllOfOneLength(episodes))) {
    defects.push_back(
        {DefectKind::kNoTerminals, {}, "terminals: is never set, expected a mark where the task ended"});
  }
  Finding finding;
  const bool one_length = episodes.size() > 2 && AllOfOneLength(episodes);
  for (const Episode& episode : episodes) {
    const std::size_t last = episode.start + episode.length - 1;
    const bool at_limit = episode.length == static_cast<std::size_t>(options.max_episode_steps);
    const bool timeout = !dataset.timeouts.empty() && dataset.timeouts[last] != 0;
    // With both marks one episode may have ended in the very step of the limit; all of them do not.
    if (dataset.terminals[last] != 0 && (one_length || (at_limit && !timeout))) finding.Add(last);
  }
  auto message = fmt::format(
      "terminals: {} episodes end in a terminal at exactly the step limit, expected a time-out there "
      "(bootstrapping "
      "methods take a terminal for the end of the task)",
      finding.count);
  Report(defects, DefectKind::kTimeoutAsTerminal, std::move(finding), std::move(message));
}

// The bytes of a row's observation, action and reward.
std::string RowBytes(const Dataset& dataset, std::size_t row) {
  std::string bytes;
  const auto put = [&](std::span<const float> values) {
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  };
  put(Row(dataset.observations, dataset.observation_size, row));
  put(Row(dataset.actions, dataset.action_size, row));
  put(Row(dataset.rewards, 1, row));
  return bytes;
}

// Finds runs of rows that equal an earlier run, by hashes of rows.
void CheckDuplicates(const Dataset& dataset, std::vector<Defect>& defects) {
  std::vector<std::size_t> hashes;
  hashes.reserve(dataset.rows);
  std::unordered_map<std::size_t, std::size_t> first_row;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    hashes.push_back(std::hash<std::string>{}(RowBytes(dataset, row)));
    first_row.try_emplace(hashes.back(), row);
  }
  Finding finding;
  std::size_t repeated = 0;
  for (std::size_t row = 0; row < dataset.rows;) {
    const std::size_t earlier = first_row.at(hashes[row]);
    std::size_t length = 0;
    if (earlier < row) {
      while (row + length < dataset.rows && hashes[row + length] == hashes[earlier + length]) ++length;
    }
    if (length >= kBlockRows) {
      finding.Add(row);
      repeated += length;
    }
    row += std::max<std::size_t>(length, 1);
  }
  auto message =
      fmt::format("all columns: {} blocks with {} rows in all repeat earlier rows", finding.count, repeated);
  Report(defects, DefectKind::kDuplicateBlock, std::move(finding), std::move(message));
}

// Reads the columns one by one, so that one that cannot be read does not hide another. Nothing where any
// failed.
std::optional<Dataset> ReadAll(const DatasetReader& reader, std::vector<Defect>& defects) {
  constexpr DatasetColumns kNone{
      .observations = false, .actions = false, .next_observations = false, .infos = false};
  const std::size_t rows = reader.layout().rows;
  std::set<std::string> messages;
  const auto read = [&](DatasetColumns columns) {
    try {
      return reader.Read(0, rows, columns);
    } catch (const InputError& error) {
      messages.insert(error.what());
      return Dataset{};
    }
  };
  DatasetColumns only = kNone;
  Dataset dataset = read(only);
  only.observations = true;
  dataset.observations = read(only).observations;
  only = kNone;
  only.actions = true;
  dataset.actions = read(only).actions;
  only = kNone;
  only.next_observations = true;
  dataset.next_observations = read(only).next_observations;
  only = kNone;
  only.infos = true;
  Dataset infos = read(only);
  dataset.qpos_size = infos.qpos_size;
  dataset.qvel_size = infos.qvel_size;
  dataset.qpos = std::move(infos.qpos);
  dataset.qvel = std::move(infos.qvel);
  dataset.action_log_probs = std::move(infos.action_log_probs);
  for (const std::string& message : messages) {
    defects.push_back({DefectKind::kUnreadable, {}, message, Severity::kError});
  }
  if (!messages.empty()) return std::nullopt;
  return dataset;
}

// Whether keys, types and shapes are sound, and there are rows.
bool CheckStructure(const std::filesystem::path& path, const std::optional<std::filesystem::path>& folder,
                    std::vector<Defect>& defects) {
  std::vector<std::string> problems;
  std::size_t rows = 0;
  if (folder) {
    const MinariInspection found = InspectMinari(*folder, OpenMinariData(*folder));
    problems = found.problems;
    rows = found.layout.rows;
  } else {
    const std::filesystem::path file = DatasetFiles(path).front();
    const D4rlInspection found = InspectD4rl(Hdf5File::Open(file));
    problems = found.problems;
    rows = found.layout.rows;
  }
  for (const std::string& problem : problems) {
    defects.push_back(
        {DefectKind::kFormat, {}, fmt::format("{}: {}", path.string(), problem), Severity::kError});
  }
  if (defects.empty() && rows == 0) defects = ValidateContents({});
  return defects.empty();
}

// The bounds of the file's own action space, where it has one with bounds.
void AdoptBounds(const DatasetReader& reader, ValidateOptions& options) {
  const auto metadata = reader.Metadata();
  const auto text = metadata.find("action_space");
  if (text == metadata.end()) return;
  std::vector<double> low;
  std::vector<double> high;
  for (const SpaceLeaf& leaf : Leaves(ParseSpace(text->second, reader.path().string()), "actions")) {
    if (leaf.space.low.empty()) return;
    low.insert(low.end(), leaf.space.low.begin(), leaf.space.low.end());
    high.insert(high.end(), leaf.space.high.begin(), leaf.space.high.end());
  }
  if (low.size() != reader.layout().action_size) return;
  options.action_low = std::move(low);
  options.action_high = std::move(high);
}

// Episodes of a Minari dataset that end with neither flag. The last one may be cut short.
void CheckMinariEnds(const MinariReader& reader, std::vector<Defect>& defects) {
  const MinariInspection& found = reader.inspection();
  Finding finding;
  for (std::size_t k = 0; k + 1 < found.episodes(); ++k) {
    if (found.length(k) == 0) continue;
    const std::size_t last = found.length(k) - 1;
    const auto flag = [&](const char* key) {
      return ReadFlags(reader.file(), EpisodeKey(k, key), last, 1).front() != 0;
    };
    if (!flag("terminations") && !flag("truncations")) finding.Add(found.starts[k] + last);
  }
  auto message = fmt::format(
      "terminations, truncations: {} episodes end with neither set, expected one of them in the last step",
      finding.count);
  Report(defects, DefectKind::kUnmarkedEnd, std::move(finding), std::move(message));
}

}  // namespace

std::size_t CountUnmarkedEnds(const Dataset& dataset) {
  std::size_t count = 0;
  for (std::size_t row = 0; row + 1 < dataset.rows; ++row) {
    count += !IsMarked(dataset, row) && !GoesOn(dataset, row) ? 1 : 0;
  }
  return count;
}

std::string_view DefectName(DefectKind kind) {
  switch (kind) {
    case DefectKind::kUnreadable:
      return "unreadable";
    case DefectKind::kFormat:
      return "format";
    case DefectKind::kEmpty:
      return "empty";
    case DefectKind::kNonFinite:
      return "non_finite";
    case DefectKind::kNoTerminals:
      return "no_terminals";
    case DefectKind::kUnmarkedEnd:
      return "unmarked_end";
    case DefectKind::kTimeoutAsTerminal:
      return "timeout_as_terminal";
    case DefectKind::kCrossedBorder:
      return "crossed_border";
    case DefectKind::kActionRange:
      return "action_range";
    case DefectKind::kRewardRange:
      return "reward_range";
    case DefectKind::kDuplicateBlock:
      return "duplicate_block";
  }
  return "unknown";
}

std::vector<Defect> Validate(const std::filesystem::path& path, const ValidateOptions& options) {
  std::vector<Defect> defects;
  try {
    const auto folder = FindMinari(path);
    if (!CheckStructure(path, folder, defects)) return defects;
    const auto reader = OpenDataset(path, {.allow_non_finite = true});
    ValidateOptions own = options;
    if (own.action_low.empty() && own.action_high.empty()) AdoptBounds(*reader, own);
    if (const std::optional<Dataset> dataset = ReadAll(*reader, defects)) {
      defects = ValidateContents(*dataset, own);
      if (folder) CheckMinariEnds(dynamic_cast<const MinariReader&>(*reader), defects);
    }
  } catch (const InputError& error) {
    defects.push_back({DefectKind::kUnreadable, {}, error.what(), Severity::kError});
  }
  return defects;
}

std::vector<Defect> ValidateContents(const Dataset& dataset, const ValidateOptions& options) {
  std::vector<Defect> defects;
  if (dataset.rows == 0) {
    defects.push_back(
        {DefectKind::kEmpty, {}, "observations: has 0 rows, expected at least 1", Severity::kError});
    return defects;
  }
  CheckFinite("observations", dataset.observations, dataset.observation_size, defects);
  CheckFinite("actions", dataset.actions, dataset.action_size, defects);
  CheckFinite("rewards", dataset.rewards, 1, defects);
  CheckFinite("next_observations", dataset.next_observations, dataset.observation_size, defects);
  CheckFinite("infos/qpos", dataset.qpos, dataset.qpos_size, defects);
  CheckFinite("infos/qvel", dataset.qvel, dataset.qvel_size, defects);
  CheckFinite("infos/action_log_probs", dataset.action_log_probs, 1, defects);
  CheckEnds(dataset, options, defects);
  CheckSuccessors(dataset, defects);
  CheckActions(dataset, options, defects);
  CheckRewards(dataset, options, defects);
  CheckDuplicates(dataset, defects);
  return defects;
}

}  // namespace strider
