#include "experiments/presets.h"

#include <algorithm>

#include "core/names.h"
#include "experiments/dataset_origin.h"

namespace strider {

std::string Preset::Summary() const {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.starts_with("# ") ? std::string(line.substr(2)) : std::string();
}

std::string Preset::File() const {
  return task.empty() ? fmt::format("{}-{}", agent, name) : fmt::format("{}-{}-{}", agent, name, task);
}

PresetChoice ChoosePreset(std::string_view agent, std::string_view name, std::string_view env,
                          const std::vector<std::string>& datasets) {
  std::vector<std::string> tasks = {""};
  const auto add = [&](const std::string& task) {
    if (std::ranges::find(tasks, task) == tasks.end()) tasks.push_back(task);
  };
  const std::string whole = TaskName(env);
  const std::string robot = whole.substr(0, whole.find('-'));
  add(robot);
  if (env.empty()) {
    for (const std::string& dataset : datasets) add(dataset.substr(0, dataset.find('-')));
  }
  add(whole);
  for (const std::string& dataset : datasets) add(dataset);
  PresetChoice choice;
  std::vector<std::string> names;
  for (const std::string& wanted : tasks) {
    for (const Preset& preset : Presets()) {
      if (preset.agent != agent || preset.task != wanted) continue;
      names.emplace_back(preset.name);
      if (preset.name != name) continue;
      choice.text += preset.text;
      choice.text += '\n';
      choice.files.push_back(preset.File());
    }
  }
  for (const Preset& preset : Presets()) {
    const bool same = preset.agent == agent && preset.name == name && !preset.task.empty();
    const bool near = env.empty() || preset.task.starts_with(robot + "-");
    if (same && near && std::ranges::find(choice.files, preset.File()) == choice.files.end()) {
      choice.others.emplace_back(preset.task);
    }
  }
  if (choice.files.empty() && names.empty()) {
    throw InputError("preset '{}': {} has none for {}; leave --preset out", name, agent,
                     !env.empty()       ? env
                     : datasets.empty() ? "this task"
                                        : std::string_view(datasets.back()));
  }
  if (choice.files.empty()) throw UnknownName(fmt::format("preset of {}", agent), name, names);
  return choice;
}

}  // namespace strider
