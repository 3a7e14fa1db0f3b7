// A person's own processes, read from files; MdpFileHelp says what they hold.
#pragma once

#include <filesystem>
#include <string_view>

#include "agents/planning/mdp.h"

namespace strider::planning {

// Throws InputError that names the file, the place and what was expected.
Mdp ReadMdpFile(const std::filesystem::path& path);

// The format of both kinds of file, for people.
std::string_view MdpFileHelp();

}  // namespace strider::planning
