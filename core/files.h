// Files that are either whole or not there.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace strider {

// Calls write(temporary), which must create a file at that path in the folder of `path`; then flushes it to
// the disk and renames it to `path`. A reader sees the old file or the new one, never half of one. Where
// `write` throws, the temporary is removed and the old file stays as it was. Throws WorkError where the
// system refuses (a full disk).
void WriteWhole(const std::filesystem::path& path,
                const std::function<void(const std::filesystem::path&)>& write);

// The same with the contents in memory.
void WriteTextWhole(const std::filesystem::path& path, std::string_view text);

// The contents of a file. Throws InputError naming the path.
std::string ReadText(const std::filesystem::path& path);

}  // namespace strider
