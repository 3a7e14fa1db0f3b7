// Named settings that come with the program: the published ones and well-tuned ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace strider {

// One file of experiments/presets/, embedded: AGENT-NAME.cfg, or AGENT-NAME-TASK.cfg for one robot, which is
// applied after the general one. The first comment line is its summary.
struct Preset {
  std::string_view agent;
  std::string_view name;
  std::string_view task;  // lower-case robot, such as "hopper"; empty for all
  std::string_view text;

  std::string Summary() const;
};

std::span<const Preset> Presets();

// The config text of preset `name` of an agent for a task (an environment's id or a dataset's name): the
// general file and then the task's own, where there are such. Throws InputError that suggests the nearest
// name.
std::string PresetText(std::string_view agent, std::string_view name, std::string_view task);

}  // namespace strider
