// The processes that can be planned in by name.
#pragma once

#include <string>
#include <string_view>

#include "agents/planning/mdp.h"
#include "core/settings.h"

namespace strider::planning {

// A world of the list below, an environment of the suite that is tabular, by its id, or a file (mdp_file.h).
// `options` are those of the world or environment, with or without their "env." prefix. Environments have
// discount 1 and their own step limit. Throws InputError.
Mdp MakeMdp(const std::string& name, const Assignments& options = {});

// "grid-r  a short way over a weak bridge ...", a line each.
std::string WorldsHelp();

}  // namespace strider::planning
