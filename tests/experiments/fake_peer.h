// A program in place of Python that answers every question alike.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"

namespace strider {

class FakePeer {
 public:
  // `answer` is what a shell does for each line that it is asked.
  explicit FakePeer(const std::string& answer)
      : path_(std::filesystem::temp_directory_path() / fmt::format("strider_fake_peer_{}", getpid())) {
    std::ofstream(path_) << "#!/bin/sh\nwhile read -r line; do " << answer << "; done\n";
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  ~FakePeer() { std::filesystem::remove(path_); }
  FakePeer(const FakePeer&) = delete;
  FakePeer& operator=(const FakePeer&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace strider
