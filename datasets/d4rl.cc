#include "datasets/d4rl.h"

#include <algorithm>

#include "core/error.h"
#include "core/memory.h"
#include "datasets/reader_checks.h"

namespace strider {
namespace {

constexpr std::size_t kMaxMetadata = 1000;  // entries looked at
constexpr int kMaxMetadataDepth = 4;        // groups inside groups

// Judges one key after the other and fills in the layout.
class Inspector {
 public:
  explicit Inspector(const Hdf5File& file) : file_(file) {}

  // Width of an array (rows, width); 0 where it is absent or wrong.
  std::size_t Matrix(std::string_view key, bool required) {
    const std::optional<Hdf5Info> info = Look(key, required, "an array of shape (rows, width)");
    if (!info) return 0;
    if (info->shape.size() != 2 || info->shape[1] == 0) {
      Add(key, fmt::format("has shape {}, expected (rows, width), a single column as (rows, 1)",
                           ShapeText(info->shape)));
      return 0;
    }
    CheckRows(key, *info);
    return info->shape[1];
  }

  // Whether there is a sound array of one number a row, of shape (rows) or (rows, 1).
  bool Column(std::string_view key, bool required) {
    const std::optional<Hdf5Info> info = Look(key, required, "an array of shape (rows)");
    if (!info) return false;
    const Shape& shape = info->shape;
    if (shape.size() != 1 && !(shape.size() == 2 && shape[1] == 1)) {
      Add(key, fmt::format("has shape {}, expected (rows) or (rows, 1)", ShapeText(shape)));
      return false;
    }
    CheckRows(key, *info);
    return true;
  }

  void Add(std::string_view key, std::string_view what) {
    result_.problems.push_back(fmt::format("{}: {}", key, what));
  }

  D4rlInspection& result() { return result_; }

 private:
  // The numeric dataset under a key, or nothing; a problem is noted where that is one.
  std::optional<Hdf5Info> Look(std::string_view key, bool required, std::string_view expected) {
    std::optional<Hdf5Info> info = file_.Find(key);
    if (!info) {
      if (required) Add(key, fmt::format("is missing, expected {}", expected));
      return std::nullopt;
    }
    if (!info->is_numeric()) {
      Add(key, fmt::format("is {}, expected {} of numbers", info->type, expected));
      return std::nullopt;
    }
    return info;
  }

  void CheckRows(std::string_view key, const Hdf5Info& info) {
    if (const std::string problem = ClaimProblem(info); !problem.empty()) Add(key, problem);
    if (!rows_known_by_.empty() && info.shape[0] != result_.layout.rows) {
      Add(key, fmt::format("has {} rows, expected {} as in {}", info.shape[0], result_.layout.rows,
                           rows_known_by_));
    }
    if (rows_known_by_.empty()) {
      rows_known_by_ = key;
      result_.layout.rows = info.shape[0];
    }
  }

  const Hdf5File& file_;
  D4rlInspection result_;
  std::string rows_known_by_;  // the first sound key: the others must have as many rows
};

// Adds the scalars under a group to `found`.
void CollectMetadata(const Hdf5File& file, const std::string& prefix, int depth, std::size_t& budget,
                     std::map<std::string, std::string>& found) {
  const std::string group = prefix.empty() ? "metadata" : "metadata/" + prefix;
  for (const std::string& name : file.Names(group)) {
    if (budget == 0) return;
    --budget;
    if (prefix.empty() && name == "minari") continue;  // a Minari dataset's own, for the way back
    const std::string inner = prefix.empty() ? name : prefix + "/" + name;
    const std::string key = "metadata/" + inner;
    const Hdf5Info info = file.Info(key);
    if (info.kind == Hdf5Kind::kGroup && depth < kMaxMetadataDepth) {
      CollectMetadata(file, inner, depth + 1, budget, found);
    } else if (!info.shape.empty()) {
      continue;  // weights of a policy
    } else if (info.kind == Hdf5Kind::kString) {
      found[inner] = file.ReadString(key);
    } else if (info.kind == Hdf5Kind::kInteger || info.kind == Hdf5Kind::kFlag) {
      found[inner] = fmt::format("{}", file.ReadScalar<std::int64_t>(key));
    } else if (info.kind == Hdf5Kind::kFloat) {
      found[inner] = fmt::format("{}", file.ReadScalar<double>(key));
    }
  }
}

}  // namespace

D4rlInspection InspectD4rl(const Hdf5File& file) {
  Inspector inspector(file);
  DatasetLayout& layout = inspector.result().layout;
  layout.observation_size = inspector.Matrix("observations", true);
  layout.action_size = inspector.Matrix("actions", true);
  const auto actions = file.Find("actions");
  layout.integer_actions = actions && actions->kind == Hdf5Kind::kInteger;
  inspector.Column("rewards", true);
  inspector.Column("terminals", true);
  layout.has_timeouts = inspector.Column("timeouts", false);
  const std::size_t next_size = inspector.Matrix("next_observations", false);
  layout.has_next_observations = next_size != 0;
  if (layout.has_next_observations && layout.observation_size != 0 && next_size != layout.observation_size) {
    inspector.Add("next_observations", fmt::format("has {} columns, expected {} as in observations",
                                                   next_size, layout.observation_size));
  }
  layout.qpos_size = inspector.Matrix("infos/qpos", false);
  layout.qvel_size = inspector.Matrix("infos/qvel", false);
  layout.has_action_log_probs = inspector.Column("infos/action_log_probs", false);
  return std::move(inspector.result());
}

D4rlReader::D4rlReader(const std::filesystem::path& path, const DatasetReadOptions& options)
    : DatasetReader(path), file_(Hdf5File::Open(path)), options_(options) {
  const D4rlInspection inspection = InspectD4rl(file_);
  ThrowFirst(path, inspection.problems);
  SetLayout(inspection.layout, options);
}

std::map<std::string, std::string> D4rlMetadata(const Hdf5File& file) {
  std::map<std::string, std::string> found;
  const std::optional<Hdf5Info> group = file.Find("metadata");
  if (!group || group->kind != Hdf5Kind::kGroup) return found;
  std::size_t budget = kMaxMetadata;
  CollectMetadata(file, "", 1, budget, found);
  return found;
}

std::map<std::string, std::string> D4rlReader::Metadata() const { return D4rlMetadata(file_); }

template <class T>
std::vector<T> D4rlReader::ReadColumn(std::string_view key, std::size_t first, std::size_t count,
                                      std::size_t width) const {
  auto values = ReserveColumn<T>(count * width);
  values.resize(count * width);
  file_.ReadRows<T>(key, first, count, values);
  if (!options_.allow_non_finite) CheckFinite(file_.path(), key, values, width, first);
  return values;
}

std::vector<std::uint8_t> D4rlReader::ReadFlags(std::string_view key, std::size_t first,
                                                std::size_t count) const {
  auto values = ReserveColumn<double>(count);  // flags are stored as anything, even as floats
  values.resize(count);
  file_.ReadRows<double>(key, first, count, values);
  CheckFinite(file_.path(), key, values, 1, first);
  std::vector<std::uint8_t> flags;
  flags.reserve(count);
  for (const double value : values) flags.push_back(value != 0 ? 1 : 0);
  return flags;
}

Dataset D4rlReader::Read(std::size_t first, std::size_t count, const DatasetColumns& columns) const {
  Dataset block;
  block.rows = count;
  block.observation_size = layout().observation_size;
  block.action_size = layout().action_size;
  if (columns.observations) {
    block.observations = ReadColumn<float>("observations", first, count, layout().observation_size);
  }
  if (columns.actions) block.actions = ReadColumn<float>("actions", first, count, layout().action_size);
  block.rewards = ReadColumn<float>("rewards", first, count, 1);
  block.terminals = ReadFlags("terminals", first, count);
  if (layout().has_timeouts) block.timeouts = ReadFlags("timeouts", first, count);
  if (columns.next_observations && layout().has_next_observations) {
    block.next_observations = ReadColumn<float>("next_observations", first, count, layout().observation_size);
  }
  if (!columns.infos) return block;
  block.qpos_size = layout().qpos_size;
  block.qvel_size = layout().qvel_size;
  if (layout().qpos_size > 0) block.qpos = ReadColumn<double>("infos/qpos", first, count, layout().qpos_size);
  if (layout().qvel_size > 0) block.qvel = ReadColumn<double>("infos/qvel", first, count, layout().qvel_size);
  if (layout().has_action_log_probs) {
    block.action_log_probs = ReadColumn<float>("infos/action_log_probs", first, count, 1);
  }
  return block;
}

Dataset ReadD4rl(const std::filesystem::path& path, const DatasetReadOptions& options) {
  return ReadDataset(D4rlReader(path, options));
}

}  // namespace strider
