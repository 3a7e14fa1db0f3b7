#include "datasets/minari_metadata.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"

namespace strider {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxMetadataBytes = std::size_t{64} << 20;
constexpr int kMaxDepth = 16;           // spaces inside spaces
constexpr std::size_t kImageSide = 32;  // smaller ones are no images to Minari

// Stand for the bare words; no text of Gymnasium's begins like this.
constexpr std::string_view kMark = "\x01";
constexpr std::array<std::string_view, 3> kWords = {"-Infinity", "Infinity", "NaN"};

constexpr std::array<std::string_view, 9> kVersions = {"0.4.0", "0.4.1", "0.4.2", "0.4.3", "0.5.0",
                                                       "0.5.1", "0.5.2", "0.5.3", "0.5.4"};

// Puts marked texts into the place of bare words.
std::string MarkWords(std::string_view text) {
  std::string marked;
  marked.reserve(text.size());
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      marked += c;
      if (c == '\\' && i + 1 < text.size()) marked += text[++i];
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    const auto word =
        std::ranges::find_if(kWords, [&](std::string_view w) { return text.substr(i).starts_with(w); });
    if (word == kWords.end()) {
      marked += c;
      continue;
    }
    marked += fmt::format("\"\\u0001{}\"", *word);
    i += word->size() - 1;
  }
  return marked;
}

template <class T>
T Number(const Json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer() || *found < 0) {
    throw InputError(
        "{}: {} is {}, expected a whole number of at least 0", where, key,
        found == json.end() ? "missing" : found->dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return found->get<T>();
}

std::string Text(const Json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) {
    throw InputError("{}: {} is {}, expected text", where, key,
                     found == json.end() ? "missing" : found->type_name());
  }
  return found->get<std::string>();
}

// The numbers of a nested list, in row-major order.
void FlattenNumbers(const Json& value, const std::string& where, int depth, std::vector<double>& numbers) {
  if (value.is_array()) {
    if (depth == kMaxDepth) throw InputError("{}: lists are nested too deeply", where);
    for (const Json& inner : value) FlattenNumbers(inner, where, depth + 1, numbers);
    return;
  }
  const std::optional<double> number = ToNumber(value);
  if (!number) throw InputError("{}: is {}, expected numbers", where, value.type_name());
  numbers.push_back(*number);
}

std::vector<double> Bounds(const Json& json, const char* key, const Shape& shape, const std::string& where) {
  std::vector<double> numbers;
  if (!json.contains(key)) throw InputError("{}: {} is missing", where, key);
  FlattenNumbers(json.at(key), fmt::format("{}: {}", where, key), 0, numbers);
  if (numbers.size() != ElementCount(shape)) {
    throw InputError("{}: {} holds {} numbers, expected the {} of shape {}", where, key, numbers.size(),
                     ElementCount(shape), ShapeText(shape));
  }
  return numbers;
}

Shape ShapeOf(const Json& json, const std::string& where) {
  const auto found = json.find("shape");
  if (found == json.end() || !found->is_array()) throw InputError("{}: shape is missing", where);
  Shape shape;
  std::size_t count = 1;
  for (const Json& extent : *found) {
    // The bounds list every element, so that none can be more than the file's text holds.
    if (!extent.is_number_unsigned() || extent == 0 || extent > kMaxMetadataBytes / count) {
      throw InputError("{}: shape {} is not one of a Box", where, found->dump());
    }
    shape.push_back(extent.get<std::size_t>());
    count *= shape.back();
  }
  return shape;
}

bool IsImage(const GymSpace& space) {
  return space.dtype == "uint8" && (space.shape.size() == 2 || space.shape.size() == 3) &&
         space.shape[0] >= kImageSide && space.shape[1] >= kImageSide &&
         std::ranges::all_of(space.low, [](double low) { return low == 0; }) &&
         std::ranges::all_of(space.high, [](double high) { return high == 255; });
}

GymSpace SpaceOf(const Json& json, const std::string& where, bool jpeg, int depth) {
  if (!json.is_object()) throw InputError("{}: is {}, expected a space", where, json.type_name());
  if (depth == kMaxDepth) throw InputError("{}: spaces are nested too deeply", where);
  const std::string type = Text(json, "type", where);
  GymSpace space;
  if (type == "Box") {
    space.dtype = Text(json, "dtype", where);
    space.shape = ShapeOf(json, where);
    space.low = Bounds(json, "low", space.shape, where);
    space.high = Bounds(json, "high", space.shape, where);
    if (jpeg && IsImage(space)) {
      throw InputError(
          "{}: is a space of images stored as JPEG, expected numbers (Minari's jpeg_encoding "
          "false)",
          where);
    }
  } else if (type == "Discrete") {
    space.kind = GymSpace::Kind::kDiscrete;
    space.dtype = "int64";
    const double start = json.contains("start") ? ToNumber(json.at("start")).value_or(0) : 0;
    space.low = {start};
    space.high = {start + static_cast<double>(Number<std::uint64_t>(json, "n", where)) - 1};
  } else if (type == "MultiDiscrete" || type == "MultiBinary") {
    space.kind = GymSpace::Kind::kOtherNumbers;
    const char* size = type == "MultiDiscrete" ? "nvec" : "n";
    if (!json.contains(size)) throw InputError("{}: {} is missing", where, size);
    const Json& sizes = json.at(size);
    space.dtype = type == "MultiBinary" ? "int8" : Text(json, "dtype", where);
    if (type == "MultiBinary" && sizes.is_number_unsigned() && sizes > 0 && sizes < kMaxMetadataBytes) {
      space.shape = {sizes.get<std::size_t>()};
    } else if (type == "MultiDiscrete" && sizes.is_array() && !sizes.empty() && sizes[0].is_number()) {
      space.shape = {sizes.size()};
    } else {
      throw InputError("{}: a {} of more than one axis, expected one", where, type);
    }
  } else if (type == "Dict") {
    space.kind = GymSpace::Kind::kDict;
    const auto subspaces = json.find("subspaces");
    if (subspaces == json.end() || !subspaces->is_object() || subspaces->empty()) {
      throw InputError("{}: subspaces is missing or empty", where);
    }
    for (const auto& [key, subspace] : subspaces->items()) {
      space.subspaces[key] = SpaceOf(subspace, fmt::format("{}/{}", where, key), jpeg, depth + 1);
    }
  } else {
    throw InputError(
        "{}: is a {} space, expected Box, Discrete, MultiDiscrete, MultiBinary or a Dict of them", where,
        type);
  }
  return space;
}

}  // namespace

Json ParsePythonJson(std::string_view text, const std::string& where) {
  try {
    return Json::parse(MarkWords(text));
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error ..."
    const std::string_view what = error.what();
    const std::size_t at = what.find("] ");
    throw InputError("{}: is no JSON: {}", where, at == what.npos ? what : what.substr(at + 2));
  }
}

std::string PythonJsonText(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (const std::string_view word : kWords) {
    const std::string marked = fmt::format("\"\\u0001{}\"", word);
    for (std::size_t at = text.find(marked); at != text.npos; at = text.find(marked, at)) {
      text.replace(at, marked.size(), word);
    }
  }
  return text;
}

std::optional<double> ToNumber(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (!text.starts_with(kMark)) return std::nullopt;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text.ends_with("NaN")) return std::numeric_limits<double>::quiet_NaN();
  return text.ends_with("-Infinity") ? -kInfinity : kInfinity;
}

Json FromNumber(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{}{}", kMark, std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
}

GymSpace ParseSpace(std::string_view text, const std::string& where, bool jpeg) {
  return SpaceOf(ParsePythonJson(text, where), where, jpeg, 0);
}

std::vector<SpaceLeaf> Leaves(const GymSpace& space, const std::string& key) {
  if (space.kind != GymSpace::Kind::kDict) return {{key, space}};
  std::vector<SpaceLeaf> leaves;
  for (const auto& [name, subspace] : space.subspaces) {
    for (SpaceLeaf& leaf : Leaves(subspace, fmt::format("{}/{}", key, name))) {
      leaves.push_back(std::move(leaf));
    }
  }
  return leaves;
}

std::string BoxText(std::string_view dtype, std::span<const double> low, std::span<const double> high) {
  const auto list = [](std::span<const double> bounds) {
    Json values = Json::array();
    for (const double bound : bounds) values.push_back(FromNumber(bound));
    return values;
  };
  return PythonJsonText({{"type", "Box"},
                         {"dtype", dtype},
                         {"shape", Json::array({low.size()})},
                         {"low", list(low)},
                         {"high", list(high)}});
}

std::string DiscreteText(int n) {
  return PythonJsonText({{"type", "Discrete"}, {"dtype", "int64"}, {"start", 0}, {"n", n}});
}

std::map<std::string, std::string> MinariMetadata::Texts() const {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : json.items()) {
    if (key == "total_episodes" || key == "total_steps") continue;
    const std::string& name = key == "algorithm_name" ? "algorithm" : key;
    texts[name] = value.is_string() ? value.get<std::string>() : PythonJsonText(value);
  }
  const auto spec = texts.find("env_spec");
  if (spec == texts.end()) return texts;
  const Json parsed = ParsePythonJson(spec->second, "env_spec");
  if (parsed.is_object() && parsed.contains("id") && parsed.at("id").is_string()) {
    texts["env_id"] = parsed.at("id").get<std::string>();
  }
  return texts;
}

MinariMetadata ReadMinariMetadata(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "metadata.json";
  const std::string where = path.string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw InputError("{}: no such file, expected a Minari dataset's metadata", where);
  }
  if (std::filesystem::file_size(path, error) > kMaxMetadataBytes) {
    throw InputError("{}: is larger than {} MiB, expected a Minari dataset's metadata", where,
                     kMaxMetadataBytes >> 20);
  }
  MinariMetadata metadata;
  metadata.json = ParsePythonJson(ReadText(path), where);
  const Json& json = metadata.json;
  if (!json.is_object()) throw InputError("{}: is {}, expected a JSON object", where, json.type_name());
  const std::string format = json.contains("data_format") ? Text(json, "data_format", where) : "hdf5";
  if (format != "hdf5") {
    throw InputError(
        "{}: data_format is '{}', expected hdf5; copy the dataset with Minari itself "
        "(MinariStorage.new(..., data_format=\"hdf5\") and its update_from_storage)",
        where, format);
  }
  const std::string version = Text(json, "minari_version", where);
  if (std::ranges::find(kVersions, version) == kVersions.end()) {
    throw InputError("{}: minari_version is '{}', expected 0.4.0 to 0.4.3 or 0.5.0 to 0.5.4", where, version);
  }
  metadata.total_episodes = Number<std::size_t>(json, "total_episodes", where);
  metadata.total_steps = Number<std::size_t>(json, "total_steps", where);
  bool jpeg = true;
  if (const auto found = json.find("jpeg_encoding"); found != json.end()) {
    if (!found->is_boolean()) throw InputError("{}: jpeg_encoding is no boolean", where);
    jpeg = found->get<bool>();
  }
  const auto space = [&](const char* key) -> std::optional<GymSpace> {
    if (!json.contains(key)) return std::nullopt;
    return ParseSpace(Text(json, key, where), fmt::format("{}: {}", where, key), jpeg);
  };
  metadata.observation_space = space("observation_space");
  metadata.action_space = space("action_space");
  if (json.contains("env_spec")) ParsePythonJson(Text(json, "env_spec", where), where + ": env_spec");
  return metadata;
}

}  // namespace strider
