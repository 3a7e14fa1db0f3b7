#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "datasets/columns.h"
#include "datasets/convert_internal.h"
#include "datasets/minari.h"
#include "datasets/minari_origin.h"
#include "datasets/whole_hdf5.h"

namespace strider {
namespace {

bool SameType(const Hdf5Handle& a, const Hdf5Handle& b) { return H5Tequal(a.id(), b.id()) > 0; }

// Arrays of one kind (observations), joined side by side into one matrix.
class JoinedArrays {
 public:
  JoinedArrays(const Hdf5File& file, const std::vector<MinariArray>& arrays) : file_(file), arrays_(arrays) {
    for (const MinariArray& array : arrays) width_ += array.width;
    const Hdf5Rows first(file, EpisodeKey(0, arrays.front().key));
    const bool one_type = std::ranges::all_of(arrays, [&](const MinariArray& array) {
      return SameType(Hdf5Rows(file, EpisodeKey(0, array.key)).type(), first.type());
    });
    type_ = one_type ? Hdf5Handle(H5Tcopy(first.type().id()), H5Tclose) : StoredType<double>();
  }

  const Hdf5Handle& type() const { return type_; }
  std::size_t width() const { return width_; }
  std::size_t row_bytes() const { return width_ * H5Tget_size(type_.id()); }

  // Rows of an episode, in type().
  std::vector<std::byte> Read(std::size_t episode, std::size_t first, std::size_t count) const {
    std::vector<std::byte> joined(count * row_bytes());
    std::size_t at = 0;
    for (const MinariArray& array : arrays_) {
      const std::vector<std::byte> part =
          Hdf5Rows(file_, EpisodeKey(episode, array.key)).Read(first, count, type_);
      const std::size_t bytes = array.width * H5Tget_size(type_.id());
      for (std::size_t row = 0; row < count; ++row) {
        std::memcpy(joined.data() + row * row_bytes() + at, part.data() + row * bytes, bytes);
      }
      at += bytes;
    }
    return joined;
  }

 private:
  const Hdf5File& file_;
  const std::vector<MinariArray>& arrays_;
  std::size_t width_ = 0;
  Hdf5Handle type_;
};

class ToD4rl {
 public:
  ToD4rl(const std::filesystem::path& folder, const std::filesystem::path& to, const ConvertOptions& options)
      : reader_(folder, {.allow_non_finite = true}),
        options_(options),
        observations_(file(), found().observations),
        actions_(file(), found().actions),
        reward_type_(H5Tcopy(Hdf5Rows(file(), EpisodeKey(0, "rewards")).type().id()), H5Tclose),
        rest_(OpenD4rlRest(folder)),
        out_(to) {
    for (std::size_t k = 0; k < found().episodes(); ++k) {
      if (found().length(k) > 0) continue;
      throw InputError("{}: {}: has no steps, which has no place in D4RL's layout", reader_.path().string(),
                       EpisodeKey(k, ""));
    }
    for (const auto* arrays : {&found().observations, &found().actions}) {
      for (const MinariArray& array : *arrays) RequireOneType(array.key);
    }
    RequireOneType("rewards");
    FindInfos();
  }

  void Run() {
    CreateColumns();
    for (std::size_t k = 0; k < found().episodes(); ++k) {
      for (std::size_t first = 0; first < found().length(k); first += kConvertBlockRows) {
        AppendRows(k, first, std::min(kConvertBlockRows, found().length(k) - first));
      }
      AppendFinalInfos(k);
    }
    for (auto& [key, column] : columns_) column.Close();
    columns_.clear();
    if (rest_) {
      for (const std::string& name : rest_->Names()) {
        if (name != "strider") CopyRest(name);
      }
    } else {
      WriteOrigin();
    }
    out_.Finish();
  }

 private:
  struct Info {
    std::string key;  // "infos/success"
    Shape row_shape;
    Hdf5Handle type;
    bool has_final = false;  // T + 1 rows
  };

  const Hdf5File& file() const { return reader_.file(); }
  const MinariInspection& found() const { return reader_.inspection(); }

  bool Has(const char* column) const {
    return !rest_ || (!LacksColumn(*rest_, column) && !rest_->Has(column));
  }

  // A column has one type: what an episode has in another one would come back changed.
  void RequireOneType(const std::string& key) const {
    const Hdf5Rows first(file(), EpisodeKey(0, key));
    for (std::size_t k = 1; k < found().episodes(); ++k) {
      const std::string other = EpisodeKey(k, key);
      if (SameType(Hdf5Rows(file(), other).type(), first.type())) continue;
      throw InputError(
          "{}: {}: is of another type than that of the first episode; expected one type, as a column "
          "of D4RL's layout has",
          reader_.path().string(), other);
    }
  }

  // The infos of the first episode that are columns in all of them.
  void FindInfos() {
    const std::string infos = EpisodeKey(0, "infos");
    for (const std::string& full : KeysUnder(file(), infos)) {
      Info info{.key = full.substr(EpisodeKey(0, "").size() + 1), .row_shape = {}, .type = {}};
      const std::size_t length = found().length(0);
      info.has_final = IsColumn(file(), full, length + 1);
      if (!info.has_final && !IsColumn(file(), full, length)) continue;
      const Hdf5Rows rows(file(), full);
      info.row_shape = rows.row_shape();
      info.type = {H5Tcopy(rows.type().id()), H5Tclose};
      if (IsEverywhere(info)) infos_.push_back(std::move(info));
    }
    for (const Info& info : infos_) column_keys_.insert(info.key);
  }

  bool IsEverywhere(const Info& info) const {
    for (std::size_t k = 1; k < found().episodes(); ++k) {
      const std::string key = EpisodeKey(k, info.key);
      if (!IsColumn(file(), key, found().length(k) + (info.has_final ? 1 : 0))) return false;
      const Hdf5Rows rows(file(), key);
      if (rows.row_shape() != info.row_shape || !SameType(rows.type(), info.type)) return false;
    }
    return true;
  }

  void Create(const std::string& key, const Shape& row_shape, const Hdf5Handle& type) {
    columns_.emplace(key, Hdf5Appender::Create(out_.file(), key, row_shape, type, 0));
  }

  void Append(const std::string& key, std::span<const std::byte> rows) {
    const auto column = columns_.find(key);
    if (column != columns_.end()) column->second.AppendBytes(rows);
  }

  // What d4rl.hdf5 holds comes from there.
  void CreateColumns() {
    const Hdf5Handle flag = StoredType<std::uint8_t>(true);
    if (Has("observations")) Create("observations", {observations_.width()}, observations_.type());
    if (Has("actions")) Create("actions", {actions_.width()}, actions_.type());
    if (Has("rewards")) Create("rewards", {}, reward_type_);
    if (Has("terminals")) Create("terminals", {}, flag);
    if (Has("timeouts")) Create("timeouts", {}, flag);
    if (Has("next_observations")) Create("next_observations", {observations_.width()}, observations_.type());
    for (const Info& info : infos_) {
      Create(info.key, info.row_shape, info.type);
      if (info.has_final) Create(FinalKey(info), info.row_shape, info.type);
    }
  }

  static std::string FinalKey(const Info& info) {
    return kFinalInfos + info.key.substr(std::strlen("infos"));
  }

  void AppendRows(std::size_t k, std::size_t first, std::size_t count) {
    const auto observations = observations_.Read(k, first, count + 1);
    const std::size_t row_bytes = observations_.row_bytes();
    Append("observations", std::span(observations).first(count * row_bytes));
    Append("next_observations", std::span(observations).last(count * row_bytes));
    Append("actions", actions_.Read(k, first, count));
    Append("rewards", Hdf5Rows(file(), EpisodeKey(k, "rewards")).Read(first, count, reward_type_));
    const auto terminals = ReadFlags(file(), EpisodeKey(k, "terminations"), first, count);
    auto timeouts = ReadFlags(file(), EpisodeKey(k, "truncations"), first, count);
    const bool ends = first + count == found().length(k);
    if (ends && terminals.back() == 0 && timeouts.back() == 0 && k + 1 < found().episodes()) {
      timeouts.back() = 1;
      unmarked_.push_back(k);
    }
    Append("terminals", std::as_bytes(std::span(terminals)));
    Append("timeouts", std::as_bytes(std::span(timeouts)));
    for (const Info& info : infos_) {
      Append(info.key, Hdf5Rows(file(), EpisodeKey(k, info.key)).Read(first, count));
    }
    if (options_.progress) options_.progress(found().starts[k] + first + count);
  }

  void AppendFinalInfos(std::size_t k) {
    for (const Info& info : infos_) {
      if (!info.has_final) continue;
      Append(FinalKey(info), Hdf5Rows(file(), EpisodeKey(k, info.key)).Read(found().length(k), 1));
    }
    const std::string episode = EpisodeKey(k, "") + "/";
    for (const std::string& key : KeysUnder(file(), episode + "infos")) {
      const std::string inner = key.substr(episode.size());
      if (column_keys_.contains(inner)) continue;
      const std::string place = fmt::format("{}/{}{}", kOtherInfos, EpisodeKey(k, ""), inner.substr(5));
      out_.file().Copy(file(), key, place);
    }
  }

  // Takes over what a D4RL file had beside its plain columns.
  void CopyRest(const std::string& key) {
    const auto there = out_.file().Find(key);
    const Hdf5Info info = rest_->Info(key);
    if (there && there->kind == Hdf5Kind::kGroup && info.kind == Hdf5Kind::kGroup) {
      for (const std::string& name : rest_->Names(key)) CopyRest(fmt::format("{}/{}", key, name));
      return;
    }
    static const std::set<std::string> columns = {"actions", "rewards", "terminals", "timeouts",
                                                  "next_observations"};
    const bool fits =
        !columns.contains(key) || (!info.shape.empty() && info.shape[0] == found().starts.back());
    if (there || !fits) {
      throw InputError(
          "{}: {}: does not fit the {} steps of the dataset, which was changed since it was made; "
          "remove this file to convert without it",
          rest_->path().string(), key, found().starts.back());
    }
    out_.file().Copy(*rest_, key, key);
  }

  void WriteOrigin() {
    MinariOrigin origin;
    origin.metadata = found().metadata.json;
    origin.unmarked = unmarked_;
    origin.attributes = nlohmann::ordered_json::array();
    for (std::size_t k = 0; k < found().episodes(); ++k) {
      origin.lengths.push_back(found().length(k));
      origin.attributes.push_back(AttributesJson(file(), EpisodeKey(k, "")));
    }
    WriteMinariOrigin(out_.file(), origin);
    const auto texts = found().metadata.Texts();
    for (const char* key : {"algorithm", "env_id", "env_spec", "observation_space", "action_space"}) {
      if (texts.contains(key)) out_.file().WriteString(fmt::format("metadata/{}", key), texts.at(key));
    }
  }

  MinariReader reader_;
  const ConvertOptions& options_;
  JoinedArrays observations_;
  JoinedArrays actions_;
  Hdf5Handle reward_type_;
  std::optional<Hdf5File> rest_;
  std::vector<Info> infos_;
  std::set<std::string> column_keys_;
  std::vector<std::size_t> unmarked_;
  WholeHdf5 out_;
  std::map<std::string, Hdf5Appender> columns_;
};

}  // namespace

void ConvertToD4rl(const std::filesystem::path& folder, const std::filesystem::path& to,
                   const ConvertOptions& options) {
  ToD4rl(folder, to, options).Run();
}

}  // namespace strider
