#include "datasets/minari_origin.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMetadata = "metadata/minari/metadata.json";
constexpr const char* kEpisodes = "metadata/minari/episodes.json";
constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

Json ArrayJson(const char* type, const Shape& shape, Json values) {
  return {{"type", type}, {"shape", shape}, {"values", std::move(values)}};
}

// A whole number, from int64 or, where it is larger, uint64.
Json AttributeJson(const Hdf5File& file, const std::string& key, const std::string& name) {
  const Hdf5Info info = file.AttributeInfo(key, name);
  const bool single = info.shape.empty();
  if (info.kind == Hdf5Kind::kString) {
    const std::vector<std::string> texts = file.ReadStringsAttribute(key, name);
    return single ? Json(texts.at(0)) : ArrayJson("text", info.shape, texts);
  }
  if (!info.is_numeric()) {
    throw InputError("{}: {}@{}: is {}, expected numbers or text", file.path().string(), key, name,
                     info.type);
  }
  const Array<double> reals = file.ReadAttribute<double>(key, name);
  Json values = Json::array();
  const char* type = info.kind == Hdf5Kind::kFloat ? "float64" : "int64";
  if (info.kind == Hdf5Kind::kFloat) {
    for (const double value : reals.values) values.push_back(FromNumber(value));
  } else if (info.kind == Hdf5Kind::kFlag) {
    type = "bool";
    for (const double value : reals.values) values.push_back(value != 0);
  } else {
    // The library moves what does not fit to the nearest number that does.
    const auto large = file.ReadAttribute<std::uint64_t>(key, name).values;
    const auto whole = file.ReadAttribute<std::int64_t>(key, name).values;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const bool fits = large[i] <= kLargest;
      if (!fits) type = "uint64";
      values.push_back(fits ? Json(whole[i]) : Json(large[i]));
    }
  }
  return single ? values.at(0) : ArrayJson(type, info.shape, std::move(values));
}

void WriteAttributeJson(Hdf5File& file, const std::string& key, const std::string& name, const Json& value) {
  const bool single = !value.is_object();
  const Shape shape = single ? Shape{} : value.at("shape").get<Shape>();
  const Json values = single ? Json::array({value}) : value.at("values");
  if (values.size() != ElementCount(shape)) throw InputError("values do not fit their shape");
  const std::string type = !single              ? value.at("type").get<std::string>()
                           : value.is_boolean() ? "bool"
                           : value.is_number_float() || (value.is_string() && ToNumber(value)) ? "float64"
                           : value.is_string()                                                 ? "text"
                           : value.is_number_unsigned() && value > kLargest                    ? "uint64"
                                                                                               : "int64";
  if (type == "text") {
    file.WriteStringsAttribute(key, name, values.get<std::vector<std::string>>(), shape);
  } else if (type == "bool") {
    const auto flags = values.get<std::vector<bool>>();
    file.WriteAttribute<std::uint8_t>(key, name, std::vector<std::uint8_t>(flags.begin(), flags.end()), shape,
                                      true);
  } else if (type == "float64") {
    std::vector<double> reals;
    for (const Json& number : values) reals.push_back(ToNumber(number).value_or(0));
    file.WriteAttribute<double>(key, name, reals, shape);
  } else if (type == "uint64") {
    file.WriteAttribute<std::uint64_t>(key, name, values.get<std::vector<std::uint64_t>>(), shape);
  } else {
    file.WriteAttribute<std::int64_t>(key, name, values.get<std::vector<std::int64_t>>(), shape);
  }
}

// Numbers in one row of all the arrays of a space.
std::size_t Width(const std::string& text, const std::string& where) {
  std::size_t width = 0;
  for (const SpaceLeaf& leaf : Leaves(ParseSpace(text, where), "")) width += ElementCount(leaf.space.shape);
  return width;
}

void CheckFit(const MinariOrigin& origin, const DatasetLayout& layout, const std::string& where) {
  std::size_t rows = 0;
  for (const std::size_t length : origin.lengths) {
    rows += length == 0 ? layout.rows + 1 : std::min(length, layout.rows + 1);
  }
  const auto fits = [&](const char* space, std::size_t width) {
    return !origin.metadata.contains(space) ||
           Width(origin.metadata.at(space).get<std::string>(), where) == width;
  };
  if (rows == layout.rows && origin.attributes.size() == origin.lengths.size() &&
      fits("observation_space", layout.observation_size) && fits("action_space", layout.action_size)) {
    return;
  }
  throw InputError(
      "{}: does not fit the file's {} rows, {} observations and {} actions; expected a file as "
      "converted from Minari, or one without metadata/minari",
      where, layout.rows, layout.observation_size, layout.action_size);
}

}  // namespace

std::optional<MinariOrigin> ReadMinariOrigin(const Hdf5File& file, const DatasetLayout& layout) {
  if (!file.Has(kMetadata) || !file.Has(kEpisodes)) return std::nullopt;
  const std::string where = fmt::format("{}: {}", file.path().string(), kEpisodes);
  MinariOrigin origin;
  try {
    origin.metadata = ParsePythonJson(file.ReadString(kMetadata), where);
    const Json episodes = ParsePythonJson(file.ReadString(kEpisodes), where);
    origin.lengths = episodes.at("lengths").get<std::vector<std::size_t>>();
    origin.unmarked = episodes.at("unmarked").get<std::vector<std::size_t>>();
    origin.attributes = episodes.at("attributes");
    CheckFit(origin, layout, where);
  } catch (const Json::exception& error) {
    throw InputError("{}: is not what Strider wrote: {}", where, error.what());
  }
  return origin;
}

void WriteMinariOrigin(Hdf5File& file, const MinariOrigin& origin) {
  file.WriteString(kMetadata, PythonJsonText(origin.metadata));
  file.WriteString(kEpisodes, PythonJsonText({{"lengths", origin.lengths},
                                              {"unmarked", origin.unmarked},
                                              {"attributes", origin.attributes}}));
}

Json AttributesJson(const Hdf5File& file, const std::string& key) {
  Json json = Json::object();
  for (const std::string& name : file.AttributeNames(key)) {
    if (name != "id" && name != "total_steps") json[name] = AttributeJson(file, key, name);
  }
  return json;
}

void WriteAttributesJson(Hdf5File& file, const std::string& key, const Json& attributes) {
  try {
    for (const auto& [name, value] : attributes.items()) WriteAttributeJson(file, key, name, value);
  } catch (const Json::exception& error) {
    throw InputError("{}: {}: attributes are not what Strider wrote: {}", file.path().string(), key,
                     error.what());
  }
}

}  // namespace strider
