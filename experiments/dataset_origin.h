// Where a dataset comes from, as far as it or its name says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/settings.h"

namespace strider {

struct DatasetOrigin {
  // Id of the environment that it was recorded in, from its metadata or from a name such as D4RL gives:
  // "Hopper-v5", "Hopper-v2" of hopper-medium-v2.hdf5. Empty where unknown; Strider need not have it.
  std::string env;
  Assignments env_options;  // its constructor options, where the metadata say them
  // What presets may call it, the less certain first: "medium", "hopper-medium".
  std::vector<std::string> names;
  // The environment that its name tells of, where the metadata name another robot: it is not believed.
  std::string misnamed;
};

// In lower case, without folders, suffix and version: "/data/hopper_medium-v2.hdf5" -> "hopper-medium".
std::string TaskName(std::string_view task);

// Of a D4RL file, or of a Minari dataset however OpenDataset takes it. `env` is the run's, which may be
// empty: a robot that stands in no name is taken from it, or else from the metadata. A file that is missing
// or cannot be read has its name alone.
DatasetOrigin FindOrigin(const std::string& dataset, std::string_view env);

}  // namespace strider
