// Named settings that come with the program: the published ones and well-tuned ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strider {

// One file of experiments/presets/, embedded: AGENT-NAME.cfg, or AGENT-NAME-TASK.cfg for one robot or one of
// its datasets, which is applied after the general one. The first comment line is its summary.
struct Preset {
  std::string_view agent;
  std::string_view name;
  std::string_view task;  // lower-case robot or dataset, "hopper" or "hopper-medium-replay"; empty for all
  std::string_view text;

  std::string Summary() const;
  std::string File() const;  // its name without .cfg
};

std::span<const Preset> Presets();

// What a preset comes to for one task.
struct PresetChoice {
  std::string text;                 // of all the files
  std::vector<std::string> files;   // in the order in which they apply: "prdc-paper", "prdc-paper-hopper"
  std::vector<std::string> others;  // datasets of the robot, or of any without `env`, that it has files for
};

// Preset `name` of an agent for an environment's id, which may be empty, and the names of a dataset
// (DatasetOrigin::names): the general file, then the robot's, then the dataset's own, where there are such.
// Throws InputError that suggests the nearest name.
PresetChoice ChoosePreset(std::string_view agent, std::string_view name, std::string_view env,
                          const std::vector<std::string>& datasets);

}  // namespace strider
