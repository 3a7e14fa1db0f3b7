// What a Minari dataset says about itself: metadata.json (dataset-formats sheet, sections 2.2 and 2.3).
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/hdf5.h"

namespace strider {

// JSON as Python writes it: the bare words Infinity, -Infinity and NaN are numbers. In memory they are
// texts, which ToNumber and PythonJsonText know. InputError naming `where` and the place where it is no JSON.
nlohmann::ordered_json ParsePythonJson(std::string_view text, const std::string& where);
std::string PythonJsonText(const nlohmann::ordered_json& json);
// Nothing where the value is no number.
std::optional<double> ToNumber(const nlohmann::ordered_json& value);
// A number as JSON value, whatever it is.
nlohmann::ordered_json FromNumber(double value);

// A Gymnasium space, as far as its arrays go. Tuple, Text and images that are stored as JPEG are not known.
struct GymSpace {
  enum class Kind { kBox, kDiscrete, kOtherNumbers, kDict };
  Kind kind = Kind::kBox;
  std::string dtype;        // numpy's name, "float32"
  Shape shape;              // of one value: {} for a Discrete
  std::vector<double> low;  // (elements of shape); empty where there are no bounds
  std::vector<double> high;
  // Sorted by key, which is the order in which Gymnasium's flatten joins them.
  std::map<std::string, GymSpace> subspaces;
};

// From Gymnasium's JSON; `where` is for messages. `jpeg`: images would be stored as JPEG. InputError.
GymSpace ParseSpace(std::string_view text, const std::string& where, bool jpeg = false);

// One array of a space: "observations/achieved_goal".
struct SpaceLeaf {
  std::string key;
  GymSpace space;
};

// The arrays of a space under `key`, in the order in which they are joined.
std::vector<SpaceLeaf> Leaves(const GymSpace& space, const std::string& key);

// The JSON text of a Box of one axis, and of the Discrete space 0 ... n - 1.
std::string BoxText(std::string_view dtype, std::span<const double> low, std::span<const double> high);
std::string DiscreteText(int n);

struct MinariMetadata {
  nlohmann::ordered_json json;  // everything, in the file's order
  std::size_t total_episodes = 0;
  std::size_t total_steps = 0;
  std::optional<GymSpace> observation_space;
  std::optional<GymSpace> action_space;

  // As DatasetReader::Metadata gives them: algorithm, env_id, and the rest under its own name.
  std::map<std::string, std::string> Texts() const;
};

// Reads FOLDER/metadata.json. InputError where it is missing or no JSON, where a key that is needed is
// missing or of a wrong type, for another Minari's format (Arrow, Parquet) and for versions that Minari 0.5
// refuses.
MinariMetadata ReadMinariMetadata(const std::filesystem::path& folder);

}  // namespace strider
