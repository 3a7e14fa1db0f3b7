// Named settings that come with the program: the published ones and well-tuned ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace strider {

// One file of experiments/presets/, embedded: AGENT-NAME.cfg, or AGENT-NAME-TASK.cfg for one robot or one of
// its datasets, which is applied after the general one. The first comment line is its summary.
struct Preset {
  std::string_view agent;
  std::string_view name;
  std::string_view task;  // lower-case robot or dataset, "hopper" or "hopper-medium-replay"; empty for all
  std::string_view text;

  std::string Summary() const;
};

std::span<const Preset> Presets();

// The config text of preset `name` of an agent for an environment's id and a dataset's file, each of which
// may be empty: the general file, then the robot's, then the dataset's own, where there are such. The dataset
// is known by its file's name ("hopper-medium-replay-v2.hdf5") or by an environment of that name. Throws
// InputError that suggests the nearest name.
std::string PresetText(std::string_view agent, std::string_view name, std::string_view env,
                       std::string_view dataset);

}  // namespace strider
