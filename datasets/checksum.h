// Telling one file's contents from another's.
#pragma once

#include <filesystem>
#include <string>

namespace strider {

// SHA-256 of the whole file, 64 hexadecimal digits, as the dataset formats sheet lists them for D4RL's files.
// Throws InputError where it cannot be read.
std::string FileChecksum(const std::filesystem::path& path);

}  // namespace strider
