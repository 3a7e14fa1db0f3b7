// Settings as a call gives them, and what an experiment makes of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace strider {

using Given = std::vector<GivenSetting>;

// An agent in an environment.
inline Given On(const std::string& agent, const std::string& env, const Given& more = {}) {
  Given given = {{"run.agent", agent, "agent"}, {"run.env", env, "--env"}};
  given.insert(given.end(), more.begin(), more.end());
  return given;
}

// A setting's text; fails the test where there is none of that name.
inline std::string Value(Experiment& experiment, const std::string& key) {
  const SettingList settings = experiment.Settings();
  const Setting* setting = settings.Find(key);
  if (setting == nullptr) {
    ADD_FAILURE() << "no setting " << key;
    return "";
  }
  return setting->get();
}

}  // namespace strider
