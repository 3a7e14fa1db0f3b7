// The environment that a run or a policy's file is meant for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/settings.h"
#include "envs/env.h"

namespace strider::tools {

struct EnvChoice {
  std::string id;
  Assignments options;
  bool of_run = false;  // the run's own, with nothing changed but to what it is
};

// The environment that a run (`source`, its directory) was trained or evaluated in, or that a policy's file
// names, with its options, unless another one is named, which then has its defaults; with `changes`
// ("env.slip=0.1") on top. Throws InputError where there is none, `source` does not exist, or a change is no
// setting of an environment.
EnvChoice ChooseEnv(const std::string& source, const std::optional<std::string>& named,
                    const std::vector<std::string>& changes = {});

// Whether the policy under `source` says that it comes from another of the worlds that go under the id of the
// environment `spec` (EnvSpec::instance). Says so on stderr where it does.
bool WarnOfOtherWorld(const std::string& source, const EnvSpec& spec);

}  // namespace strider::tools
