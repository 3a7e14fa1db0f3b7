// The one list of environments that exist.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/settings.h"
#include "envs/env.h"

namespace strider {

// One line of the list.
struct EnvEntry {
  std::string_view id;
  std::string_view summary;  // one line for `strider list envs`
  // Makes one from the constructor options given ("reset_noise_scale", "0.1"). Throws InputError.
  std::unique_ptr<Env> (*make)(std::string_view id, const Assignments& options);
  std::vector<Setting> (*list_options)(std::string_view id);
  bool has_map;  // a MapView, which `strider render` draws

  // Every option with its default, as settings that are detached from any environment.
  std::vector<Setting> options() const { return list_options(id); }
};

std::span<const EnvEntry> EnvRegistry();

// Throws InputError that suggests the nearest id.
const EnvEntry& FindEnv(std::string_view id);

// FindEnv and make. Option keys come with or without their "env." prefix.
std::unique_ptr<Env> MakeEnv(std::string_view id, const Assignments& options = {});

// Whether an environment with these options is the usual one of its id. What is not known, id or option, does
// not count.
bool IsUsual(std::string_view id, const Assignments& options);

// Whether the suite has the environment and this option of it, and `value` is what it is where nobody says.
bool IsDefault(std::string_view id, std::string_view option, std::string_view value);

// The options that say something, without those that are IsDefault, by their names without "env.".
Assignments ChangedOptions(std::string_view id, Assignments options);

}  // namespace strider
