#include "tests/tools/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "core/files.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::minutes(2);

// Runs in the child process; never returns.
[[noreturn]] void Become(const std::vector<std::string>& arguments, const std::string& out,
                         const std::string& error, const RunOptions& options) {
  constexpr int kCannotStart = 127;
  for (const auto& [path, descriptor] : {std::pair(out, STDOUT_FILENO), std::pair(error, STDERR_FILENO)}) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(kCannotStart);
  }
  if (options.largest_file) {
    const rlimit limit{*options.largest_file, *options.largest_file};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(kCannotStart);
  }
  std::vector<std::string> words = {STRIDER_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(STRIDER_PROGRAM, pointers.data());
  ::_exit(kCannotStart);
}

}  // namespace

nlohmann::json Finished::Json() const {
  const auto json = nlohmann::json::parse(out, nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(json.is_discarded()) << "no JSON: " << out << message;
  return json;
}

Finished Strider(const std::vector<std::string>& arguments, const RunOptions& options) {
  const TemporaryFolder folder;
  const auto out = folder.path() / "out";
  const auto error = folder.path() / "error";
  const pid_t child = ::fork();
  if (child == 0) Become(arguments, options.output.value_or(out), error, options);
  EXPECT_GT(child, 0);
  if (options.meanwhile) options.meanwhile(child);
  const auto deadline = Clock::now() + kPatience;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      ADD_FAILURE() << "the program did not end";
      ::kill(child, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Finished finished;
  if (WIFEXITED(status)) finished.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) finished.killed_by = WTERMSIG(status);
  if (!options.output) finished.out = ReadText(out);
  finished.message = ReadText(error);
  return finished;
}

}  // namespace strider
