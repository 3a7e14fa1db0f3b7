// Files as memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

namespace strider {

// A file's contents, read when they are touched; the system may drop them again when it needs the memory. The
// contents stay as they were where the file is removed or replaced by another; one that is cut short while it
// is mapped ends the process that touches what is gone.
class MappedFile {
 public:
  MappedFile() = default;
  // Throws InputError naming the path where it cannot be read, or is empty.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace strider
