#include "experiments/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "core/error.h"

namespace strider {
namespace {

// A pipe that the other program inherits only as standard input or output.
std::array<int, 2> MakePipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw WorkError("cannot make a pipe: {}", std::strerror(errno));
  return ends;
}

}  // namespace

PeerProcess::PeerProcess(const std::vector<std::string>& words) : program_(words.at(0)) {
  const auto to_peer = MakePipe();
  const auto from_peer = MakePipe();
  input_.reset(fdopen(to_peer[1], "w"));
  output_.reset(fdopen(from_peer[0], "r"));

  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_peer[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from_peer[1], STDOUT_FILENO);
  const int error = posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(to_peer[0]);
  close(from_peer[1]);
  if (error != 0) throw InputError("cannot start '{}': {}", program_, std::strerror(error));
}

PeerProcess::~PeerProcess() {
  input_.reset();  // the end of its input ends it
  waitpid(process_, nullptr, 0);
}

std::string PeerProcess::Ask(const std::string& line) {
  std::string answer;
  if (std::fputs((line + "\n").c_str(), input_.get()) >= 0 && std::fflush(input_.get()) == 0) {
    for (int c = std::fgetc(output_.get()); c != EOF; c = std::fgetc(output_.get())) {
      if (c == '\n') return answer;
      answer.push_back(static_cast<char>(c));
    }
  }
  throw WorkError("'{}' ended before it had answered", program_);
}

}  // namespace strider
