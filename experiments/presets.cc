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

namespace {

// "/data/hopper_medium-v2.hdf5" -> "hopper-medium".
std::string TaskName(std::string_view task) {
  std::string name;
  for (const char c : task.substr(task.find_last_of('/') + 1)) {
    if (c == '.') break;
    name += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const std::size_t version = name.find_last_of('-');
  const bool versioned = version != std::string::npos && version + 1 < name.size() &&
                         name[version + 1] == 'v' &&
                         name.find_first_not_of("0123456789", version + 2) == std::string::npos;
  return versioned ? name.substr(0, version) : name;
}

}  // namespace

std::string PresetText(std::string_view agent, std::string_view name, std::string_view env,
                       std::string_view dataset) {
  const std::string_view task = env.empty() ? dataset : env;
  const std::string whole = TaskName(task);
  const std::string robot = whole.substr(0, whole.find('-'));
  std::vector<std::string> tasks = {""};
  for (const std::string& more : {robot, whole, TaskName(dataset)}) {
    if (std::ranges::find(tasks, more) == tasks.end()) tasks.push_back(more);
  }
  std::string text;
  bool found = false;
  std::vector<std::string> names;
  for (const std::string& wanted : tasks) {
    for (const Preset& preset : Presets()) {
      if (preset.agent != agent || preset.task != wanted) continue;
      names.emplace_back(preset.name);
      if (preset.name != name) continue;
      text += preset.text;
      text += '\n';
      found = true;
    }
  }
  if (!found && names.empty()) {
    throw InputError("preset '{}': {} has none for {}; leave --preset out", name, agent,
                     task.empty() ? "this task" : task);
  }
  if (!found) throw UnknownName(fmt::format("preset of {}", agent), name, names);
  return text;
}

}  // namespace strider
