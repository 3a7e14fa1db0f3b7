// Running the built program as a person would.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace strider {

struct Finished {
  int code = -1;        // exit code, or -1 where a signal ended it
  int killed_by = 0;    // that signal
  std::string out;      // standard output
  std::string message;  // standard error

  nlohmann::json Json() const;  // of `out`; fails the test where it is not one JSON value
};

struct RunOptions {
  std::optional<std::uint64_t> largest_file;  // bytes; no file may grow beyond: a full disk
  std::optional<std::string> output;          // where standard output goes; Finished::out is then empty
  std::function<void(pid_t)> meanwhile;       // called while it runs
};

// `strider ARGUMENTS`. Fails the test where it takes longer than two minutes.
Finished Strider(const std::vector<std::string>& arguments, const RunOptions& options = {});

}  // namespace strider
