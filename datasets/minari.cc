#include "datasets/minari.h"

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "core/error.h"
#include "datasets/columns.h"
#include "datasets/d4rl.h"
#include "datasets/reader_checks.h"

namespace strider {
namespace {

constexpr std::size_t kMaxLeaves = 256;  // arrays of one space

// Goes through the episodes one after the other and fills in an inspection.
class Inspector {
 public:
  Inspector(const std::filesystem::path& folder, const Hdf5File& file) : file_(file) {
    result_.metadata = ReadMinariMetadata(folder);
    result_.starts = {0};
  }

  MinariInspection Inspect() {
    const std::size_t episodes = result_.metadata.total_episodes;
    CheckEpisodeCount(episodes);
    if (episodes > 0 && Problems() == 0) FindArrays();
    for (std::size_t k = 0; k < episodes && Problems() < kMaxMinariProblems; ++k) CheckEpisode(k);
    DatasetLayout& layout = result_.layout;
    layout.rows = result_.starts.back();
    if (Problems() == 0 && layout.rows != result_.metadata.total_steps) {
      Add("total_steps", fmt::format("is {} in {}, but the episodes hold {} steps",
                                     result_.metadata.total_steps, kMinariMetadata, layout.rows));
    }
    for (const MinariArray& array : result_.observations) layout.observation_size += array.width;
    for (const MinariArray& array : result_.actions) layout.action_size += array.width;
    const auto& actions = result_.metadata.action_space;
    layout.integer_actions = actions && actions->kind == GymSpace::Kind::kDiscrete;
    layout.has_timeouts = true;
    layout.has_next_observations = true;
    if (Problems() == 0) FindInfos();
    return std::move(result_);
  }

 private:
  std::size_t Problems() const { return result_.problems.size(); }
  void Add(std::string_view key, std::string_view what) {
    if (Problems() < kMaxMinariProblems) result_.problems.push_back(fmt::format("{}: {}", key, what));
  }

  void CheckEpisodeCount(std::size_t expected) {
    const std::vector<std::string> names = file_.Names();
    const auto found = static_cast<std::size_t>(
        std::ranges::count_if(names, [](const auto& name) { return name.starts_with("episode_"); }));
    if (found > expected) {
      Add("total_episodes",
          fmt::format("is {} in {}, but the file holds {} episodes", expected, kMinariMetadata, found));
    }
    if (found < expected && found == 0) Add(EpisodeKey(0, ""), "is missing");
  }

  // The arrays that the spaces name; without a space those of the first episode.
  void FindArrays() {
    const auto arrays = [&](const std::optional<GymSpace>& space, const char* key) {
      std::vector<MinariArray> found;
      if (space) {
        for (const SpaceLeaf& leaf : Leaves(*space, key)) {
          found.push_back({leaf.key, leaf.space.shape, ElementCount(leaf.space.shape)});
        }
      } else {
        found = StoredArrays(key);
      }
      if (found.size() > kMaxLeaves) Add(key, "holds too many arrays");
      return found;
    };
    result_.observations = arrays(result_.metadata.observation_space, "observations");
    result_.actions = arrays(result_.metadata.action_space, "actions");
  }

  std::vector<MinariArray> StoredArrays(const std::string& key) {
    std::vector<MinariArray> found;
    const std::string episode = EpisodeKey(0, "") + "/";
    std::vector<std::string> keys = KeysUnder(file_, episode + key);
    if (keys.empty()) keys = {episode + key};
    for (const std::string& full : keys) {
      const auto info = file_.Find(full);
      if (!info || !info->is_numeric() || info->shape.empty()) {
        Add(full, fmt::format("is {}, expected an array of numbers", info ? info->type : "missing"));
        continue;
      }
      const Shape row(info->shape.begin() + 1, info->shape.end());
      if (ClaimProblem(*info).empty()) found.push_back({full.substr(episode.size()), row, ElementCount(row)});
    }
    return found;
  }

  void CheckEpisode(std::size_t k) {
    const std::size_t start = result_.starts.back();
    result_.starts.push_back(start);
    const auto group = file_.Find(EpisodeKey(k, ""));
    if (!group) {
      Add(EpisodeKey(k, ""), fmt::format("is missing, expected the {} episodes that {} names",
                                         result_.metadata.total_episodes, kMinariMetadata));
      return;
    }
    if (group->kind != Hdf5Kind::kGroup) {
      Add(EpisodeKey(k, ""), fmt::format("is {}, expected a group", group->type));
      return;
    }
    const auto rewards = Array(k, {.key = "rewards", .row_shape = {}}, std::nullopt);
    if (!rewards) return;
    const std::size_t length = rewards->shape[0];
    for (const char* key : {"terminations", "truncations"}) Array(k, {.key = key, .row_shape = {}}, length);
    for (const MinariArray& array : result_.observations) Array(k, array, length + 1);
    for (const MinariArray& array : result_.actions) Array(k, array, length);
    result_.starts.back() = start + length;
  }

  // An array of an episode, if it is sound.
  std::optional<Hdf5Info> Array(std::size_t k, const MinariArray& array, std::optional<std::size_t> rows) {
    const std::string key = EpisodeKey(k, array.key);
    auto info = file_.Find(key);
    if (!info) {
      Add(key, "is missing");
      return std::nullopt;
    }
    if (!info->is_numeric() || info->shape.empty()) {
      Add(key,
          fmt::format("is {}, expected an array of numbers", info->is_numeric() ? "a scalar" : info->type));
      return std::nullopt;
    }
    if (const std::string problem = ClaimProblem(*info); !problem.empty()) {
      Add(key, problem);
      return std::nullopt;
    }
    if (const Shape row(info->shape.begin() + 1, info->shape.end()); row != array.row_shape) {
      Add(key, fmt::format("has shape {}, expected {} for one step", ShapeText(info->shape),
                           ShapeText(array.row_shape)));
      return std::nullopt;
    }
    if (rows && info->shape[0] != *rows) {
      Add(key,
          fmt::format("has {} rows, expected {}{}", info->shape[0], *rows,
                      array.key.starts_with("observations") ? " (one more than rewards)" : " as rewards"));
      return std::nullopt;
    }
    return info;
  }

  // The infos that Dataset knows, where every episode has them with one width.
  void FindInfos() {
    const std::size_t qpos = InfoWidth("infos/qpos");
    const std::size_t qvel = InfoWidth("infos/qvel");
    result_.layout.qpos_size = qpos;
    result_.layout.qvel_size = qvel;
    result_.layout.has_action_log_probs = InfoWidth("infos/action_log_probs") == 1;
  }

  std::size_t InfoWidth(const char* key) {
    std::size_t width = 0;
    for (std::size_t k = 0; k < result_.episodes(); ++k) {
      const auto info = file_.Find(EpisodeKey(k, key));
      const std::size_t length = result_.length(k);
      if (!info || !info->is_numeric() || info->shape.empty() || info->shape.size() > 2 ||
          (info->shape[0] != length && info->shape[0] != length + 1) || !ClaimProblem(*info).empty()) {
        return 0;
      }
      const std::size_t here = info->shape.size() == 2 ? info->shape[1] : 1;
      if (k > 0 && here != width) return 0;
      width = here;
    }
    return width;
  }

  const Hdf5File& file_;
  MinariInspection result_;
};

// Puts (count x width) values into columns [column, column + width) of rows from `at` on of a wider matrix.
template <class T>
void Scatter(const std::vector<T>& values, std::size_t width, std::size_t column, std::size_t at,
             std::size_t total_width, std::vector<T>& matrix) {
  for (std::size_t row = 0; row * width < values.size(); ++row) {
    std::copy_n(values.data() + row * width, width, matrix.data() + (at + row) * total_width + column);
  }
}

bool IsData(const std::filesystem::path& folder) {
  std::error_code none;
  return std::filesystem::exists(folder / kMinariData, none) ||
         std::filesystem::exists(folder / kMinariMetadata, none);
}

}  // namespace

std::string EpisodeKey(std::size_t episode, std::string_view key) {
  return key.empty() ? fmt::format("episode_{}", episode) : fmt::format("episode_{}/{}", episode, key);
}

std::filesystem::path MinariRoot() {
  if (const char* root = std::getenv("MINARI_DATASETS_PATH"); root != nullptr && *root != '\0') return root;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "" : home) / ".minari" / "datasets";
}

std::optional<std::filesystem::path> FindMinari(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    if (IsData(path)) return path;
    if (IsData(path / "data")) return path / "data";
    return std::nullopt;
  }
  if (std::filesystem::exists(path, none)) {
    if (path.filename() != kMinariData && path.filename() != kMinariMetadata) return std::nullopt;
    return path.has_parent_path() ? path.parent_path() : ".";
  }
  static const std::regex id("[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*-v[0-9]+");
  if (!std::regex_match(path.string(), id)) return std::nullopt;
  const std::filesystem::path data = MinariRoot() / path / "data";
  return IsData(data) ? std::optional(data) : std::nullopt;
}

Hdf5File OpenMinariData(const std::filesystem::path& folder) {
  std::error_code none;
  if (!std::filesystem::exists(folder / kMinariData, none)) ReadMinariMetadata(folder);
  return Hdf5File::Open(folder / kMinariData);
}

MinariInspection InspectMinari(const std::filesystem::path& folder, const Hdf5File& file) {
  return Inspector(folder, file).Inspect();
}

std::optional<Hdf5File> OpenD4rlRest(const std::filesystem::path& folder) {
  std::error_code none;
  if (!std::filesystem::exists(folder / kD4rlRest, none)) return std::nullopt;
  return Hdf5File::Open(folder / kD4rlRest);
}

bool LacksColumn(const Hdf5File& rest, std::string_view key) {
  return rest.Has(kAbsentColumns) &&
         fmt::format(" {} ", rest.ReadString(kAbsentColumns)).find(fmt::format(" {} ", key)) !=
             std::string::npos;
}

MinariReader::MinariReader(const std::filesystem::path& folder, const DatasetReadOptions& options)
    : DatasetReader(folder),
      file_(OpenMinariData(folder)),
      options_(options),
      inspection_(InspectMinari(folder, file_)) {
  ThrowFirst(file_.path(), inspection_.problems);
  // Made up where the source had none.
  if (const auto rest = OpenD4rlRest(folder); rest && LacksColumn(*rest, "next_observations")) {
    inspection_.layout.has_next_observations = false;
  }
  SetLayout(inspection_.layout, options);
}

std::map<std::string, std::string> MinariReader::Metadata() const {
  std::map<std::string, std::string> texts = inspection_.metadata.Texts();
  if (const auto rest = OpenD4rlRest(path())) {
    for (auto& [key, text] : D4rlMetadata(*rest)) texts[key] = std::move(text);
  }
  return texts;
}

Dataset MinariReader::Read(std::size_t first, std::size_t count, const DatasetColumns& columns) const {
  Dataset block;
  block.rows = count;
  block.observation_size = layout().observation_size;
  block.action_size = layout().action_size;
  const bool next = columns.next_observations && layout().has_next_observations;
  if (columns.observations) block.observations.resize(count * block.observation_size);
  if (next) block.next_observations.resize(count * block.observation_size);
  if (columns.actions) block.actions.resize(count * block.action_size);
  block.rewards.resize(count);
  block.terminals.resize(count);
  block.timeouts.resize(count);
  if (columns.infos) {
    block.qpos_size = layout().qpos_size;
    block.qvel_size = layout().qvel_size;
    block.qpos.resize(count * block.qpos_size);
    block.qvel.resize(count * block.qvel_size);
    if (layout().has_action_log_probs) block.action_log_probs.resize(count);
  }
  const auto& starts = inspection_.starts;
  std::size_t at = 0;
  while (at < count) {
    const auto after = std::ranges::upper_bound(starts, first + at);
    const auto episode = static_cast<std::size_t>(after - starts.begin()) - 1;
    const std::size_t rows = std::min(count - at, *after - (first + at));
    ReadPiece(episode, first + at - starts[episode], rows, columns, at, block);
    at += rows;
  }
  if (options_.allow_non_finite) return block;
  CheckFinite(file_.path(), "observations", block.observations, block.observation_size, first);
  CheckFinite(file_.path(), "actions", block.actions, block.action_size, first);
  CheckFinite(file_.path(), "rewards", block.rewards, 1, first);
  CheckFinite(file_.path(), "next observations", block.next_observations, block.observation_size, first);
  CheckFinite(file_.path(), "infos/qpos", block.qpos, block.qpos_size, first);
  CheckFinite(file_.path(), "infos/qvel", block.qvel, block.qvel_size, first);
  CheckFinite(file_.path(), "infos/action_log_probs", block.action_log_probs, 1, first);
  return block;
}

// Rows [first, first + count) of an episode into the block's rows from `at` on.
void MinariReader::ReadPiece(std::size_t episode, std::size_t first, std::size_t count,
                             const DatasetColumns& columns, std::size_t at, Dataset& block) const {
  const auto read = [&]<class T>(std::string_view key, std::size_t from, std::size_t rows, std::size_t width,
                                 T) {
    std::vector<T> values(rows * width);
    file_.ReadRows<T>(EpisodeKey(episode, key), from, rows, values);
    return values;
  };
  const auto put = [&](const std::vector<float>& values, std::vector<float>& column) {
    std::ranges::copy(values, column.begin() + static_cast<std::ptrdiff_t>(at));
  };
  const auto put_flags = [&](std::string_view key, std::vector<std::uint8_t>& column) {
    const auto values = read(key, first, count, 1, double{});
    for (std::size_t i = 0; i < count; ++i) column[at + i] = values[i] != 0 ? 1 : 0;
  };
  put(read("rewards", first, count, 1, float{}), block.rewards);
  put_flags("terminations", block.terminals);
  put_flags("truncations", block.timeouts);
  const bool ends = first + count == inspection_.length(episode);
  const bool marked = block.terminals[at + count - 1] != 0 || block.timeouts[at + count - 1] != 0;
  if (ends && !marked && episode + 1 < inspection_.episodes()) block.timeouts[at + count - 1] = 1;

  if (!block.observations.empty() || !block.next_observations.empty()) {
    const std::size_t width = block.observation_size;
    std::size_t column = 0;
    for (const MinariArray& array : inspection_.observations) {
      const std::vector<float> values = read(array.key, first, count + 1, array.width, float{});
      const auto step = static_cast<std::ptrdiff_t>(array.width);
      if (!block.observations.empty()) {
        Scatter<float>({values.begin(), values.end() - step}, array.width, column, at, width,
                       block.observations);
      }
      if (!block.next_observations.empty()) {
        Scatter<float>({values.begin() + step, values.end()}, array.width, column, at, width,
                       block.next_observations);
      }
      column += array.width;
    }
  }
  if (columns.actions) {
    std::size_t column = 0;
    for (const MinariArray& array : inspection_.actions) {
      Scatter(read(array.key, first, count, array.width, float{}), array.width, column, at, block.action_size,
              block.actions);
      column += array.width;
    }
  }
  if (!block.qpos.empty()) {
    Scatter(read("infos/qpos", first, count, block.qpos_size, double{}), block.qpos_size, 0, at,
            block.qpos_size, block.qpos);
  }
  if (!block.qvel.empty()) {
    Scatter(read("infos/qvel", first, count, block.qvel_size, double{}), block.qvel_size, 0, at,
            block.qvel_size, block.qvel);
  }
  if (!block.action_log_probs.empty()) {
    put(read("infos/action_log_probs", first, count, 1, float{}), block.action_log_probs);
  }
}

}  // namespace strider
