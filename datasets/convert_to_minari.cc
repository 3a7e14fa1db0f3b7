#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "datasets/columns.h"
#include "datasets/convert_internal.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"
#include "datasets/minari_origin.h"
#include "datasets/minari_write.h"
#include "datasets/reader_checks.h"

namespace strider {
namespace {

bool SameType(const Hdf5Handle& a, const Hdf5Handle& b) { return H5Tequal(a.id(), b.id()) > 0; }

Hdf5Handle CopyOf(const Hdf5Handle& type) { return {H5Tcopy(type.id()), H5Tclose}; }

// The type in a file that numpy calls `dtype`.
Hdf5Handle TypeNamed(const std::string& dtype, const std::string& where) {
  if (dtype == "bool") return StoredType<std::uint8_t>(true);
  const std::map<std::string, hid_t> types = {{"float32", H5T_NATIVE_FLOAT}, {"float64", H5T_NATIVE_DOUBLE},
                                              {"int8", H5T_NATIVE_INT8},     {"int16", H5T_NATIVE_INT16},
                                              {"int32", H5T_NATIVE_INT32},   {"int64", H5T_NATIVE_INT64},
                                              {"uint8", H5T_NATIVE_UINT8},   {"uint16", H5T_NATIVE_UINT16},
                                              {"uint32", H5T_NATIVE_UINT32}, {"uint64", H5T_NATIVE_UINT64}};
  const auto found = types.find(dtype);
  if (found == types.end()) throw InputError("{}: dtype '{}' is not known", where, dtype);
  return {H5Tcopy(found->second), H5Tclose};
}

// numpy's name of a column's type.
std::string NameOf(const Hdf5Rows& rows) {
  const bool real = rows.info().kind == Hdf5Kind::kFloat;
  return fmt::format("{}{}", real ? "float" : "int", 8 * H5Tget_size(rows.type().id()));
}

// A matrix of the file, and the arrays that its columns become: one, or those of a Dict.
class Matrix {
 public:
  // `leaves`: of the space; without any, or with one, the matrix stays one array of its own type.
  Matrix(const Hdf5File& file, const std::string& key, const std::vector<SpaceLeaf>& leaves,
         const std::string& where)
      : rows_(file, key) {
    const std::size_t value_size = H5Tget_size(rows_.type().id());
    if (leaves.empty()) {
      parts_.push_back({key, CopyOf(rows_.type()), rows_.row_shape(), 0, rows_.row_bytes()});
    }
    // The arrays were joined in their own type if that was one and the same, as float64 otherwise.
    const bool one_type = std::ranges::all_of(
        leaves, [&](const SpaceLeaf& leaf) { return leaf.space.dtype == leaves.front().space.dtype; });
    std::size_t at = 0;
    for (const SpaceLeaf& leaf : leaves) {
      const std::size_t bytes = ElementCount(leaf.space.shape) * value_size;
      Hdf5Handle type = one_type ? CopyOf(rows_.type()) : TypeNamed(leaf.space.dtype, where);
      parts_.push_back({leaf.key, std::move(type), leaf.space.shape, at, bytes});
      at += bytes;
    }
  }

  const Hdf5Rows& rows() const { return rows_; }
  void SetPart(Hdf5Handle type, const Shape& shape) {
    parts_.front().type = std::move(type);
    parts_.front().shape = shape;
  }

  // Appends rows, given in the matrix's own type, to the arrays.
  void Append(std::span<const std::byte> bytes, MinariFolderWriter& out) const {
    const std::size_t row_bytes = rows_.row_bytes();
    const std::size_t count = bytes.size() / row_bytes;
    for (const Part& part : parts_) {
      std::vector<std::byte> values(count * part.bytes);
      for (std::size_t row = 0; row < count; ++row) {
        std::memcpy(values.data() + row * part.bytes, bytes.data() + row * row_bytes + part.at, part.bytes);
      }
      if (!SameType(part.type, rows_.type())) Convert(values, part.type);
      out.Append(part.key, part.type, part.shape, values);
    }
  }

 private:
  struct Part {
    std::string key;
    Hdf5Handle type;
    Shape shape;  // of a row
    std::size_t at;
    std::size_t bytes;  // of a row in the matrix
  };

  void Convert(std::vector<std::byte>& values, const Hdf5Handle& type) const {
    const std::size_t from = H5Tget_size(rows_.type().id());
    const std::size_t to = H5Tget_size(type.id());
    const std::size_t count = values.size() / from;
    values.resize(count * std::max(from, to));
    if (H5Tget_class(type.id()) == H5T_ENUM) {
      // The library knows no way from numbers to an enumeration.
      const Hdf5Handle whole = StoredType<std::uint8_t>();
      H5Tconvert(rows_.type().id(), whole.id(), count, values.data(), nullptr, H5P_DEFAULT);
    } else {
      H5Tconvert(rows_.type().id(), type.id(), count, values.data(), nullptr, H5P_DEFAULT);
    }
    values.resize(count * to);
  }

  Hdf5Rows rows_;
  std::vector<Part> parts_;
};

class ToMinari {
 public:
  ToMinari(const std::filesystem::path& from, const std::filesystem::path& to, const ConvertOptions& options)
      : file_(Hdf5File::Open(from)),
        options_(options),
        layout_(SoundLayout()),
        origin_(ReadMinariOrigin(file_, layout_)),
        texts_(D4rlMetadata(file_)),
        observations_(file_, "observations", OriginLeaves("observation_space", "observations"), Where()),
        actions_(file_, "actions", OriginLeaves("action_space", "actions"), Where()),
        rewards_(file_, "rewards", {}, Where()),
        out_(to) {
    if (layout_.has_next_observations) next_.emplace(file_, "next_observations");
    next_follows_ = next_ && SameType(next_->type(), observations_.rows().type());
    FindEnds();
    FindColumns();
  }

  void Run() {
    std::size_t start = 0;
    for (const std::size_t end : ends_) {
      for (std::size_t first = start; first < end; first += kConvertBlockRows) {
        AppendRows(start, first, std::min(kConvertBlockRows, end - first), end);
      }
      AppendFinalRow(end);
      const std::size_t episode = out_.episodes();
      if (origin_) AppendFinalInfos(episode);
      out_.EndEpisode();
      if (origin_) WriteAttributesJson(out_.file(), EpisodeKey(episode, ""), origin_->attributes.at(episode));
      start = end;
    }
    if (origin_) return out_.Finish(origin_->metadata);
    WriteRest();
    out_.Finish(MinariMetadataFor(texts_, layout_.observation_size, NameOf(observations_.rows()),
                                  layout_.action_size, NameOf(actions_.rows())));
  }

 private:
  struct Column {
    std::string key;
    Hdf5Rows rows;
    std::optional<Hdf5Rows> final_rows;  // one for each episode
  };

  std::string Where() const { return file_.path().string(); }

  DatasetLayout SoundLayout() const {
    const D4rlInspection inspection = InspectD4rl(file_);
    ThrowFirst(file_.path(), inspection.problems);
    if (inspection.layout.rows == 0)
      throw InputError("{}: observations: has 0 rows, expected at least 1", Where());
    return inspection.layout;
  }

  std::vector<SpaceLeaf> OriginLeaves(const char* space, const char* key) const {
    if (!origin_ || !origin_->metadata.contains(space)) return {};
    return Leaves(ParseSpace(origin_->metadata.at(space).get<std::string>(), Where()), key);
  }

  // The row after each episode.
  void FindEnds() {
    if (origin_) {
      std::size_t row = 0;
      for (const std::size_t length : origin_->lengths) ends_.push_back(row += length);
      return;
    }
    if (!layout_.has_timeouts && !options_.max_episode_steps) {
      throw InputError("{}: timeouts: no such key; needed to tell where episodes end, or --max-episode-steps",
                       Where());
    }
    std::size_t start = 0;
    for (std::size_t first = 0; first < layout_.rows; first += kConvertBlockRows) {
      const std::size_t count = std::min(kConvertBlockRows, layout_.rows - first);
      const auto terminals = ReadFlags(file_, "terminals", first, count);
      const auto timeouts = layout_.has_timeouts ? ReadFlags(file_, "timeouts", first, count)
                                                 : std::vector<std::uint8_t>(count, 0);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t end = first + i + 1;
        if (terminals[i] == 0 && timeouts[i] == 0 && !IsCut(start, end) && end != layout_.rows) continue;
        ends_.push_back(start = end);
      }
    }
  }

  // Whether the step limit of a file without timeouts ends an episode here.
  bool IsCut(std::size_t start, std::size_t end) const {
    return !origin_ && !layout_.has_timeouts && end - start == *options_.max_episode_steps;
  }

  void FindColumns() {
    for (const std::string& key : KeysUnder(file_, "infos")) {
      if (!IsColumn(file_, key, layout_.rows)) {
        rest_.push_back(key);
        continue;
      }
      columns_.push_back({key, Hdf5Rows(file_, key), std::nullopt});
      const std::string final_key = std::string(kFinalInfos) + key.substr(std::strlen("infos"));
      if (origin_ && IsColumn(file_, final_key, ends_.size()))
        columns_.back().final_rows.emplace(file_, final_key);
    }
    rewards_.SetPart(CopyOf(rewards_.rows().type()), {});
    if (origin_) return;
    if (!rewards_.rows().row_shape().empty()) rest_.emplace_back("rewards");
    for (const char* key : {"terminals", "timeouts"}) {
      const auto info = file_.Find(key);
      const bool plain = info && info->kind == Hdf5Kind::kFlag && info->shape.size() == 1;
      if (info && !plain) rest_.emplace_back(key);
    }
    const auto space = texts_.find("action_space");
    if (space != texts_.end() && IsDiscreteSpace(space->second)) {
      if (layout_.action_size != 1) {
        throw InputError(
            "{}: actions: has {} columns, expected 1 for the Discrete space in "
            "metadata/action_space",
            Where(), layout_.action_size);
      }
      actions_.SetPart(StoredType<std::int64_t>(), {});
      rest_.emplace_back("actions");
    }
    const std::set<std::string> known = {"observations", "actions",           "rewards", "terminals",
                                         "timeouts",     "next_observations", "infos"};
    for (const std::string& name : file_.Names()) {
      if (!known.contains(name)) rest_.push_back(name);
    }
  }

  // Rows [first, first + count) of the episode [start, end).
  void AppendRows(std::size_t start, std::size_t first, std::size_t count, std::size_t end) {
    const bool ends = first + count == end;
    const auto observations = observations_.rows().Read(first, ends ? count : count + 1);
    observations_.Append(std::span(observations).first(count * observations_.rows().row_bytes()), out_);
    if (next_follows_) {
      const auto next = next_->Read(first, ends ? count - 1 : count);
      next_follows_ =
          std::equal(next.begin(), next.end(),
                     observations.begin() + static_cast<std::ptrdiff_t>(observations_.rows().row_bytes()));
    }
    actions_.Append(actions_.rows().Read(first, count), out_);
    rewards_.Append(rewards_.rows().Read(first, count), out_);
    const Hdf5Handle flag = StoredType<std::uint8_t>(true);
    const auto terminals = ReadFlags(file_, "terminals", first, count);
    out_.Append("terminations", flag, {}, std::as_bytes(std::span(terminals)));
    auto timeouts = layout_.has_timeouts ? ReadFlags(file_, "timeouts", first, count)
                                         : std::vector<std::uint8_t>(count, 0);
    if (ends && terminals.back() == 0 && IsCut(start, end)) timeouts.back() = 1;
    if (ends && origin_ && std::ranges::binary_search(origin_->unmarked, out_.episodes()))
      timeouts.back() = 0;
    out_.Append("truncations", flag, {}, std::as_bytes(std::span(timeouts)));
    for (const Column& column : columns_) {
      out_.Append(column.key, column.rows.type(), column.rows.row_shape(), column.rows.Read(first, count));
    }
    if (options_.progress) options_.progress(first + count);
  }

  void AppendFinalRow(std::size_t end) {
    const Hdf5Rows& observations = observations_.rows();
    observations_.Append(next_ ? next_->Read(end - 1, 1, observations.type()) : observations.Read(end - 1, 1),
                         out_);
  }

  void AppendFinalInfos(std::size_t episode) {
    for (const Column& column : columns_) {
      if (!column.final_rows) continue;
      out_.Append(column.key, column.rows.type(), column.rows.row_shape(),
                  column.final_rows->Read(episode, 1, column.rows.type()));
    }
    const std::string others = fmt::format("{}/{}", kOtherInfos, EpisodeKey(episode, ""));
    for (const std::string& key : KeysUnder(file_, others)) {
      out_.file().Copy(file_, key, EpisodeKey(episode, "infos") + key.substr(others.size()));
    }
  }

  void WriteRest() {
    if (next_ && !next_follows_) rest_.emplace_back("next_observations");
    for (const std::string& key : rest_) out_.rest().Copy(file_, key, key);
    std::string absent;
    if (!layout_.has_timeouts) absent += "timeouts ";
    if (!next_) absent += "next_observations";
    out_.rest().WriteString(kAbsentColumns, absent);
  }

  Hdf5File file_;
  const ConvertOptions& options_;
  DatasetLayout layout_;
  std::optional<MinariOrigin> origin_;
  std::map<std::string, std::string> texts_;
  Matrix observations_;
  Matrix actions_;
  Matrix rewards_;
  std::optional<Hdf5Rows> next_;
  bool next_follows_ = false;  // it holds the row that follows, wherever one does in the same episode
  std::vector<std::size_t> ends_;
  std::vector<Column> columns_;  // of infos
  std::vector<std::string> rest_;
  MinariFolderWriter out_;
};

}  // namespace

void ConvertToMinari(const std::filesystem::path& from, const std::filesystem::path& to,
                     const ConvertOptions& options) {
  ToMinari(from, to, options).Run();
}

}  // namespace strider
