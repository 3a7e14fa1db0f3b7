// Files that are either whole or not there.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace strider {

// The file that writing to `path` means: the one that a link points to. Throws InputError where a device, a
// pipe or a socket is there, which must not be replaced.
std::filesystem::path PlaceFor(const std::filesystem::path& path);

// Makes a folder and those above it, as far as they are not there yet. Throws WorkError where the system
// refuses.
void MakeFolders(const std::filesystem::path& path);

// Throws WorkError where the folder that `path` is to be written into is not there.
void RequireFolderOf(const std::filesystem::path& path);

// Calls write(temporary), which must create a file (or a folder) at that path in the folder of `path`
// (PlaceFor(path)); then flushes it to the disk and renames it to `path`. A reader sees the old file or the
// new one, never half of one. Where `write` throws, the temporary is removed and the old file stays as it
// was. Throws WorkError where the system refuses (a full disk).
void WriteWhole(const std::filesystem::path& path,
                const std::function<void(const std::filesystem::path&)>& write);

// The same with the contents in memory.
void WriteTextWhole(const std::filesystem::path& path, std::string_view text);

// Keeps other processes that lock the same folder out, for as long as it lives. It leaves nothing behind,
// also where the process is killed.
class FolderLock {
 public:
  enum class IfHeld { kThrow, kWait };
  // Throws WorkError where another process holds it (or waits for that one), and where the folder cannot be
  // opened.
  explicit FolderLock(const std::filesystem::path& folder, IfHeld if_held = IfHeld::kThrow);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

// The contents of a file. Throws InputError naming the path.
std::string ReadText(const std::filesystem::path& path);

}  // namespace strider
