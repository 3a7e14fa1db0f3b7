#include "experiments/presets.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "core/names.h"

namespace strider {

std::string Preset::Summary() const {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.starts_with("# ") ? std::string(line.substr(2)) : std::string();
}

std::string PresetText(std::string_view agent, std::string_view name, std::string_view task) {
  std::string robot;
  for (const char c : task.substr(task.find_last_of('/') + 1)) {
    if (c == '-' || c == '_') break;
    robot += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  std::string text;
  bool found = false;
  std::vector<std::string> names;
  for (const std::string_view wanted : {std::string_view(), std::string_view(robot)}) {
    for (const Preset& preset : Presets()) {
      if (preset.agent != agent || preset.task != wanted) continue;
      names.emplace_back(preset.name);
      if (preset.name != name) continue;
      text += preset.text;
      text += '\n';
      found = true;
    }
    if (robot.empty()) break;
  }
  if (!found && names.empty()) {
    throw InputError("preset '{}': {} has none for {}; leave --preset out", name, agent,
                     task.empty() ? "this task" : task);
  }
  if (!found) throw UnknownName(fmt::format("preset of {}", agent), name, names);
  return text;
}

}  // namespace strider
