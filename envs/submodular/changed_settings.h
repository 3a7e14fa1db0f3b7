// Telling apart the worlds of one id by the settings that they were made with.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/settings.h"

namespace strider {

// The settings of `config` that are not those of a fresh one, "name=value" separated by blanks, for
// EnvSpec::instance; `left_out` are those that change no transition and no reward. Empty where there is none.
template <class Config>
std::string ChangedSettings(Config config, std::initializer_list<std::string_view> left_out = {}) {
  Config usual;
  SettingList settings;
  SettingList defaults;
  settings.Add("env", config);
  defaults.Add("env", usual);
  std::string text;
  for (std::size_t i = 0; i < settings.settings().size(); ++i) {
    const Setting& setting = settings.settings()[i];
    const std::string_view name = std::string_view(setting.key).substr(std::string_view("env.").size());
    const std::string value = setting.get();
    if (value == defaults.settings()[i].get() || std::ranges::count(left_out, name) > 0) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  }
  return text;
}

// What a world is called that has nothing of its own.
inline std::string InstanceName(const std::string& facts) { return facts.empty() ? "default" : facts; }

}  // namespace strider
