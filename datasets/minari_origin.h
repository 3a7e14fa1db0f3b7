// What a D4RL file keeps of the Minari dataset that it was converted from (see convert.h), under
// metadata/minari.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "datasets/hdf5.h"
#include "datasets/minari_metadata.h"
#include "datasets/reader.h"

namespace strider {

inline constexpr const char* kFinalInfos = "metadata/minari/final_infos";  // (episodes x ...) for each key
inline constexpr const char* kOtherInfos = "metadata/minari/infos";        // episode_k/... as in Minari

struct MinariOrigin {
  nlohmann::ordered_json metadata;    // metadata.json
  std::vector<std::size_t> lengths;   // rows of each episode
  std::vector<std::size_t> unmarked;  // episodes that end with neither flag, though timeouts has one there
  nlohmann::ordered_json attributes;  // a list with an object for each episode, without id and total_steps
};

// Nothing where the file came from nowhere. InputError where what is kept does not fit the file's rows.
std::optional<MinariOrigin> ReadMinariOrigin(const Hdf5File& file, const DatasetLayout& layout);
void WriteMinariOrigin(Hdf5File& file, const MinariOrigin& origin);

// An object's attributes (but id and total_steps) as JSON: numbers, texts and booleans stand for themselves,
// arrays are objects of type, shape and values. InputError for attributes of other types.
nlohmann::ordered_json AttributesJson(const Hdf5File& file, const std::string& key);
void WriteAttributesJson(Hdf5File& file, const std::string& key, const nlohmann::ordered_json& attributes);

}  // namespace strider
