#include "tools/run_env.h"

#include <algorithm>
#include <iostream>

#include "core/error.h"
#include "experiments/collect.h"
#include "experiments/experiment.h"
#include "experiments/run_directory.h"

namespace strider::tools {

EnvChoice ChooseEnv(const std::string& source, const std::optional<std::string>& named,
                    const std::vector<std::string>& changes) {
  EnvChoice choice;
  if (source != "random" && IsRun(source)) {  // a policy's name, whatever folder lies there
    for (const GivenSetting& setting : ReadConfigFile(RunPaths{source}.config())) {
      if (setting.key == "run.env") choice.id = setting.value;
      if (setting.key.starts_with("env.")) choice.options.emplace_back(setting.key, setting.value);
    }
    choice.of_run = true;
  } else {
    const PolicyOrigin origin = LoadPolicyOrigin(source);
    choice.id = origin.env_id;
    choice.options = origin.env_options;
  }
  if (named && *named != choice.id) choice = {*named, {}, false};
  if (choice.id.empty()) throw InputError("{} names no environment; expected --env ID", source);
  for (const std::string& change : changes) {
    const GivenSetting setting = ParseAssignment(change);
    if (!setting.key.starts_with("env.")) {
      throw InputError("--set '{}': expected a setting of the environment, env.NAME=VALUE", change);
    }
    const std::pair option(setting.key, setting.value);
    if (choice.of_run && std::ranges::find(choice.options, option) != choice.options.end()) continue;
    choice.options.push_back(option);
    choice.of_run = false;
  }
  return choice;
}

bool WarnOfOtherWorld(const std::string& source, const EnvSpec& spec) {
  const PolicyOrigin origin = LoadPolicyOrigin(source);
  if (origin.env_id != spec.id || origin.env_instance.empty() || origin.env_instance == spec.instance) {
    return false;
  }
  std::cerr << fmt::format("strider: warning: {} comes from another {}: {}; this one is {}\n", source,
                           spec.id, origin.env_instance, spec.instance);
  return true;
}

}  // namespace strider::tools
