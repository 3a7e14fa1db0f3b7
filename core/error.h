// The two kinds of failure a person can meet. Everything else that is thrown is a defect of ours.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace strider {

// The call or an input file was wrong: an unknown name, a value out of range, a malformed file. The message
// says what, where and what was expected. The program ends with exit code 2.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& message) : std::runtime_error(message) {}
  template <class... Args>
  explicit InputError(fmt::format_string<Args...> format, Args&&... args)
      : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)) {}
};

// The call was right but the work failed: a full disk, a diverged learner. The program ends with exit code 1.
class WorkError : public std::runtime_error {
 public:
  explicit WorkError(const std::string& message) : std::runtime_error(message) {}
  template <class... Args>
  explicit WorkError(fmt::format_string<Args...> format, Args&&... args)
      : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)) {}
};

}  // namespace strider
