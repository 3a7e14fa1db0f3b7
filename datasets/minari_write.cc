#include "datasets/minari_write.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <regex>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "datasets/minari.h"

namespace strider {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{4} << 20;  // of an array of the episode under way
constexpr const char* kMinariVersion = "0.5.4";            // whose layout is written

// The id that a folder's name stands for: all that follows Minari's root, or the last part elsewhere.
std::string IdOf(const std::filesystem::path& path) {
  std::error_code none;
  const auto whole = std::filesystem::weakly_canonical(path, none);
  const auto root = std::filesystem::weakly_canonical(MinariRoot(), none);
  const std::filesystem::path relative = whole.lexically_relative(root);
  const bool inside = !relative.empty() && relative.begin()->string() != "..";
  std::string id = inside ? relative.string() : whole.filename().string();
  static const std::regex pattern("[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*-v[0-9]+");
  if (!std::regex_match(id, pattern)) {
    throw InputError(
        "{}: cannot be a Minari dataset's folder; expected a name such as medium-v0 (letters, "
        "digits, _ and -, then -v and a number)",
        path.string());
  }
  return id;
}

// How Gymnasium makes an environment, for Minari's recover_environment.
struct GymnasiumSpec {
  std::string_view id;
  std::string_view entry_point;  // in gymnasium.envs
  int max_episode_steps = 0;     // 0: none
  std::string_view kwargs = "{}";
};

constexpr std::array kGymnasiumSpecs = {
    GymnasiumSpec{"CartPole-v0", "classic_control.cartpole:CartPoleEnv", 200},
    GymnasiumSpec{"CartPole-v1", "classic_control.cartpole:CartPoleEnv", 500},
    GymnasiumSpec{"Pendulum-v1", "classic_control.pendulum:PendulumEnv", 200},
    GymnasiumSpec{"Acrobot-v1", "classic_control.acrobot:AcrobotEnv", 500},
    GymnasiumSpec{"MountainCar-v0", "classic_control.mountain_car:MountainCarEnv", 200},
    GymnasiumSpec{"MountainCarContinuous-v0",
                  "classic_control.continuous_mountain_car:Continuous_MountainCarEnv", 999},
    GymnasiumSpec{"Ant-v5", "mujoco.ant_v5:AntEnv", 1000},
    GymnasiumSpec{"HalfCheetah-v5", "mujoco.half_cheetah_v5:HalfCheetahEnv", 1000},
    GymnasiumSpec{"Hopper-v5", "mujoco.hopper_v5:HopperEnv", 1000},
    GymnasiumSpec{"Humanoid-v5", "mujoco.humanoid_v5:HumanoidEnv", 1000},
    GymnasiumSpec{"HumanoidStandup-v5", "mujoco.humanoidstandup_v5:HumanoidStandupEnv", 1000},
    GymnasiumSpec{"InvertedDoublePendulum-v5", "mujoco.inverted_double_pendulum_v5:InvertedDoublePendulumEnv",
                  1000},
    GymnasiumSpec{"InvertedPendulum-v5", "mujoco.inverted_pendulum_v5:InvertedPendulumEnv", 1000},
    GymnasiumSpec{"Pusher-v5", "mujoco.pusher_v5:PusherEnv", 100},
    GymnasiumSpec{"Reacher-v5", "mujoco.reacher_v5:ReacherEnv", 50},
    GymnasiumSpec{"Swimmer-v5", "mujoco.swimmer_v5:SwimmerEnv", 1000},
    GymnasiumSpec{"Walker2d-v5", "mujoco.walker2d_v5:Walker2dEnv", 1000},
    GymnasiumSpec{"Ant-v4", "mujoco.ant_v4:AntEnv", 1000},
    GymnasiumSpec{"HalfCheetah-v4", "mujoco.half_cheetah_v4:HalfCheetahEnv", 1000},
    GymnasiumSpec{"Hopper-v4", "mujoco.hopper_v4:HopperEnv", 1000},
    GymnasiumSpec{"Walker2d-v4", "mujoco.walker2d_v4:Walker2dEnv", 1000},
    GymnasiumSpec{"FrozenLake-v1", "toy_text.frozen_lake:FrozenLakeEnv", 100, R"({"map_name": "4x4"})"},
    GymnasiumSpec{"FrozenLake8x8-v1", "toy_text.frozen_lake:FrozenLakeEnv", 200, R"({"map_name": "8x8"})"},
    GymnasiumSpec{"CliffWalking-v1", "toy_text.cliffwalking:CliffWalkingEnv"},
    GymnasiumSpec{"CliffWalkingSlippery-v1", "toy_text.cliffwalking:CliffWalkingEnv", 0,
                  R"({"is_slippery": true})"}};

// Gymnasium's EnvSpec as JSON. Of an environment that is not in the table above, or was made with options of
// its own, it tells the id alone: how to make it is not known.
std::string EnvSpecText(const std::map<std::string, std::string>& texts) {
  const std::string& id = texts.at("env_id");
  const auto* known = std::ranges::find(kGymnasiumSpecs, id, &GymnasiumSpec::id);
  if (known == kGymnasiumSpecs.end() || !EnvOptionsIn(texts).empty()) known = nullptr;
  nlohmann::ordered_json spec = {{"id", id},
                                 {"entry_point", nullptr},
                                 {"reward_threshold", nullptr},
                                 {"nondeterministic", false},
                                 {"max_episode_steps", nullptr},
                                 {"order_enforce", true},
                                 {"disable_env_checker", false},
                                 {"kwargs", nlohmann::json::object()},
                                 {"additional_wrappers", nlohmann::json::array()},
                                 {"vector_entry_point", nullptr}};
  if (known != nullptr) {
    spec["entry_point"] = fmt::format("gymnasium.envs.{}", known->entry_point);
    spec["kwargs"] = nlohmann::ordered_json::parse(known->kwargs);
    if (known->max_episode_steps > 0) spec["max_episode_steps"] = known->max_episode_steps;
  }
  return PythonJsonText(spec);
}

// The bounds of a number that nobody has bounded: whole numbers of up to 32 bits have their type's, larger
// ones those up to which every whole number is a double, others none.
std::pair<double, double> Unbounded(std::string_view type) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool is_unsigned = type.starts_with("uint");
  if (!is_unsigned && !type.starts_with("int")) return {-kInfinity, kInfinity};
  int bits = 0;
  const std::string_view digits = type.substr(is_unsigned ? 4 : 3);
  std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const double count = std::ldexp(1.0, std::min(bits, 53));
  if (is_unsigned) return {0, count - 1};
  return bits > 53 ? std::pair{-count, count} : std::pair{-count / 2, count / 2 - 1};
}

template <class T>
std::span<const std::byte> BytesOf(const std::vector<T>& column, std::size_t width, std::size_t first,
                                   std::size_t count) {
  return std::as_bytes(std::span(column).subspan(first * width, count * width));
}

double Megabytes(const std::filesystem::path& folder) {
  double bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    bytes += static_cast<double>(entry.file_size());
  }
  return std::round(bytes / 1e5) / 10;
}

// Writes what is buffered to the disk.
void Settle(const std::filesystem::path& path) {
  WriteWhole(path, [&](const std::filesystem::path& temporary) { std::filesystem::rename(path, temporary); });
}

}  // namespace

struct MinariFolderWriter::Column {
  Hdf5Handle type;
  Shape row_shape;
  std::size_t row_bytes = 0;
  std::size_t rows = 0;
  std::vector<std::byte> waiting;
  std::optional<Hdf5Appender> appender;
};

MinariFolderWriter::MinariFolderWriter(const std::filesystem::path& path)
    : path_(path.has_filename() ? path : path.parent_path()), id_(IdOf(path_)), part_(path_) {
  std::error_code none;
  if (std::filesystem::exists(path_, none) && !std::filesystem::is_empty(path_, none)) {
    throw InputError("{}: is there already; expected a new folder", path_.string());
  }
  RequireFolderOf(path_);
  part_ += fmt::format(".{}.part", ::getpid());
  try {
    std::filesystem::create_directories(part_ / "data");
    file_ = Hdf5File::Create(part_ / "data" / kMinariData);
  } catch (const std::filesystem::filesystem_error& error) {
    throw WorkError("cannot write {}: {}", path_.string(), error.code().message());
  } catch (...) {
    std::filesystem::remove_all(part_, none);
    throw;
  }
}

MinariFolderWriter::~MinariFolderWriter() {
  columns_.clear();
  file_.reset();
  rest_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(part_, ignored);
}

void MinariFolderWriter::Append(std::string_view key, const Hdf5Handle& type, const Shape& row_shape,
                                std::span<const std::byte> rows) {
  const auto [at, is_new] = columns_.try_emplace(std::string(key));
  Column& column = at->second;
  if (is_new) {
    column.type = {H5Tcopy(type.id()), H5Tclose};
    column.row_shape = row_shape;
    column.row_bytes = ElementCount(row_shape) * H5Tget_size(type.id());
  }
  column.rows += rows.size() / column.row_bytes;
  column.waiting.insert(column.waiting.end(), rows.begin(), rows.end());
  if (column.waiting.size() >= kFlushBytes) Flush(at->first, column);
}

void MinariFolderWriter::Flush(const std::string& key, Column& column) {
  if (!column.appender) {
    const std::size_t rows = std::max<std::size_t>(column.waiting.size() / column.row_bytes, 1);
    column.appender =
        Hdf5Appender::Create(*file_, EpisodeKey(episodes_, key), column.row_shape, column.type, rows);
  }
  column.appender->AppendBytes(column.waiting);
  column.waiting.clear();
}

void MinariFolderWriter::EndEpisode() {
  for (auto& [key, column] : columns_) {
    Flush(key, column);
    column.appender->Close();
  }
  const std::string group = EpisodeKey(episodes_, "");
  const std::string infos = EpisodeKey(episodes_, "infos");
  if (!file_->Has(infos)) file_->CreateGroup(infos);
  const auto steps = static_cast<std::int64_t>(columns_.at("rewards").rows);
  const auto id = static_cast<std::int64_t>(episodes_);
  file_->WriteAttribute<std::int64_t>(group, "id", {&id, 1}, {});
  file_->WriteAttribute<std::int64_t>(group, "total_steps", {&steps, 1}, {});
  columns_.clear();
  steps_ += static_cast<std::size_t>(steps);
  ++episodes_;
}

void MinariFolderWriter::CopyEpisode(const Hdf5File& from, std::size_t episode, std::size_t length) {
  const std::string group = EpisodeKey(episodes_, "");
  file_->Copy(from, EpisodeKey(episode, ""), group);
  const auto id = static_cast<std::int64_t>(episodes_);
  file_->DeleteAttribute(group, "id");
  file_->WriteAttribute<std::int64_t>(group, "id", {&id, 1}, {});
  steps_ += length;
  ++episodes_;
}

Hdf5File& MinariFolderWriter::rest() {
  if (!rest_) rest_ = Hdf5File::Create(part_ / "data" / kD4rlRest);
  return *rest_;
}

void MinariFolderWriter::Finish(nlohmann::ordered_json metadata) {
  const std::filesystem::path data = part_ / "data";
  file_->Close();
  file_.reset();
  Settle(data / kMinariData);
  if (rest_) {
    rest_->Close();
    rest_.reset();
    Settle(data / kD4rlRest);
  }
  metadata["total_episodes"] = episodes_;
  metadata["total_steps"] = steps_;
  metadata["data_format"] = "hdf5";
  // An id with a namespace stays where the folder's name is its last part.
  const auto old_id = metadata.find("dataset_id");
  const bool fits =
      old_id != metadata.end() && old_id->is_string() && old_id->get<std::string>().ends_with("/" + id_);
  if (!fits) metadata["dataset_id"] = id_;
  metadata["dataset_size"] = Megabytes(data);
  if (!metadata.contains("minari_version")) metadata["minari_version"] = kMinariVersion;
  WriteTextWhole(data / kMinariMetadata, PythonJsonText(metadata));
  WriteWhole(path_,
             [this](const std::filesystem::path& temporary) { std::filesystem::rename(part_, temporary); });
}

bool IsDiscreteSpace(const std::string& text) {
  return ParseSpace(text, "action_space").kind == GymSpace::Kind::kDiscrete;
}

nlohmann::ordered_json MinariMetadataFor(const std::map<std::string, std::string>& texts,
                                         std::size_t observation_size, std::string_view observation_type,
                                         std::size_t action_size, std::string_view action_type) {
  // A space that these columns are not in (a Dict's, once joined) would be false.
  const auto is_box = [](const GymSpace& space, std::size_t size) {
    return space.kind == GymSpace::Kind::kBox && space.shape == Shape{size};
  };
  const auto space = [&](const char* key, std::size_t size, std::string_view type,
                         const std::pair<double, double>& bounds) {
    const auto found = texts.find(key);
    if (found != texts.end()) {
      const GymSpace parsed = ParseSpace(found->second, key);
      const bool discrete =
          parsed.kind == GymSpace::Kind::kDiscrete && std::string_view(key) == "action_space";
      if (discrete || is_box(parsed, size)) return found->second;
    }
    return BoxText(type, std::vector<double>(size, bounds.first), std::vector<double>(size, bounds.second));
  };
  nlohmann::ordered_json metadata;
  metadata["total_episodes"] = 0;
  metadata["total_steps"] = 0;
  metadata["data_format"] = "hdf5";
  metadata["jpeg_encoding"] = false;
  metadata["observation_space"] =
      space("observation_space", observation_size, observation_type, Unbounded(observation_type));
  metadata["action_space"] = space("action_space", action_size, action_type, {-1, 1});
  if (texts.contains("env_spec")) {
    metadata["env_spec"] = texts.at("env_spec");
  } else if (texts.contains("env_id")) {
    metadata["env_spec"] = EnvSpecText(texts);
  }
  if (texts.contains("algorithm")) metadata["algorithm_name"] = texts.at("algorithm");
  return metadata;
}

MinariWriter::MinariWriter(const std::filesystem::path& path, std::size_t observation_size,
                           std::size_t action_size, const DatasetWriteOptions& options)
    : DatasetWriter(observation_size, action_size, options), folder_(path) {
  if (!options.timeouts) {
    throw InputError("{}: without timeouts nobody knows where episodes end; expected a dataset with them",
                     path.string());
  }
}

void MinariWriter::WriteMetadata(std::string_view key, std::string_view text) {
  folder_.rest().WriteString(fmt::format("metadata/{}", key), text);
  texts_[std::string(key)] = text;
}

void MinariWriter::WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape) {
  folder_.rest().Write<float>(fmt::format("metadata/{}", key), values, shape, {.compress = true});
}

void MinariWriter::DoAppend(const Dataset& block) {
  std::size_t start = 0;
  for (std::size_t row = 0; row < block.rows; ++row) {
    const bool ends = block.terminals[row] != 0 || block.timeouts[row] != 0;
    if (!ends && row + 1 < block.rows) continue;
    AppendRows(block, start, row + 1 - start);
    if (ends) EndEpisode();
    start = row + 1;
  }
}

void MinariWriter::AppendRows(const Dataset& block, std::size_t first, std::size_t count) {
  const Hdf5Handle single = StoredType<float>();
  const Hdf5Handle real = StoredType<double>();
  const Hdf5Handle flag = StoredType<std::uint8_t>(true);
  const auto append = [&](const char* key, const Hdf5Handle& type, const auto& column, std::size_t width,
                          const Shape& shape) {
    folder_.Append(key, type, shape, BytesOf(column, width, first, count));
  };
  append("observations", single, block.observations, observation_size(), {observation_size()});
  if (const auto space = texts_.find("action_space");
      space != texts_.end() && IsDiscreteSpace(space->second)) {
    const auto begin = block.actions.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<std::int64_t> whole(begin, begin + static_cast<std::ptrdiff_t>(count));
    folder_.Append("actions", StoredType<std::int64_t>(), {}, std::as_bytes(std::span(whole)));
  } else {
    append("actions", single, block.actions, action_size(), {action_size()});
  }
  append("rewards", single, block.rewards, 1, {});
  append("terminations", flag, block.terminals, 1, {});
  append("truncations", flag, block.timeouts, 1, {});
  if (options().qpos_size > 0) append("infos/qpos", real, block.qpos, block.qpos_size, {block.qpos_size});
  if (options().qvel_size > 0) append("infos/qvel", real, block.qvel, block.qvel_size, {block.qvel_size});
  if (options().action_log_probs) append("infos/action_log_probs", single, block.action_log_probs, 1, {});
  const auto& following = options().next_observations ? block.next_observations : block.observations;
  const auto last = following.begin() + static_cast<std::ptrdiff_t>((first + count - 1) * observation_size());
  last_observation_.assign(last, last + static_cast<std::ptrdiff_t>(observation_size()));
}

void MinariWriter::EndEpisode() {
  folder_.Append("observations", StoredType<float>(), {observation_size()},
                 std::as_bytes(std::span(last_observation_)));
  folder_.EndEpisode();
  last_observation_.clear();
}

void MinariWriter::Finish() {
  if (!last_observation_.empty()) EndEpisode();
  folder_.rest().WriteString(kAbsentColumns, options().next_observations ? "" : "next_observations");
  folder_.Finish(MinariMetadataFor(texts_, observation_size(), "float32", action_size(), "float32"));
}

}  // namespace strider
