// Telling one content from another.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct evp_md_ctx_st;

namespace strider {

// SHA-256 of bytes that come in pieces.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void Add(std::span<const std::byte> bytes);
  // Of everything added so far, 64 hexadecimal digits. Nothing can be added afterwards.
  std::string Text();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// SHA-256 of the whole file, as the dataset formats sheet lists them for D4RL's files. Throws InputError
// where it cannot be read.
std::string FileChecksum(const std::filesystem::path& path);
// The same over the bytes of several files, one after the other.
std::string FileChecksum(const std::vector<std::filesystem::path>& paths);

}  // namespace strider
