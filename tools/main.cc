// `strider`: what a person types. Exit codes: 0 done; 1 the work failed; 2 the call or an input file was
// wrong; 130 and 143 after SIGINT and SIGTERM.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>
#include <new>
#include <string_view>

#include "core/error.h"
#include "core/names.h"
#include "experiments/run_directory.h"
#include "tools/commands.h"

namespace strider::tools {
namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Words& words);
};

constexpr std::array kCommands = {
    Command{"list", "environments, agents and presets that there are", &List},
    Command{"train", "train an agent in an environment or on a dataset", &Train},
    Command{"collect", "make a dataset by letting a policy act", &Collect},
    Command{"evaluate", "measure a policy's return over whole episodes", &Evaluate},
    Command{"rollout", "replay recorded actions in an environment", &Rollout},
    Command{"dataset", "look into datasets, check and merge them", &DatasetCommand},
    Command{"metrics", "how explorative (SACo) and exploitative (TQ) datasets are", &Metrics},
    Command{"plan", "optimise the distribution of returns in a small world", &Plan},
    Command{"render", "draw the ways of a policy on the map of its environment", &Render},
    Command{"report", "learning curves and tables of runs", &Report},
    Command{"sweep", "train every combination of settings", &Sweep},
    Command{"bench", "how fast environments step, datasets load and agents learn, beside others", &Bench},
};

void PrintUsage(std::ostream& out) {
  out << "usage: strider COMMAND ... (strider COMMAND --help tells more)\n\n";
  for (const Command& command : kCommands) out << fmt::format("  {:<10} {}\n", command.name, command.summary);
  out << "\n  --version  versions of the program and its libraries\n";
}

// Whether standard output is a pipe that nobody reads any more.
bool ReaderHasLeft() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

int Run(const Words& words) {
  if (words.empty()) {
    PrintUsage(std::cerr);
    return 2;
  }
  if (words[0] == "--version") {
    std::cout << VersionText();
    return 0;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    PrintUsage(std::cout);
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (command.name == words[0]) return command.run(Words(words.begin() + 1, words.end()));
    names.emplace_back(command.name);
  }
  throw UnknownName("command", words[0], names);
}

}  // namespace
}  // namespace strider::tools

int main(int argc, char** argv) {
  // A write that goes nowhere (a closed pipe, a file-size limit) is an error to report, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = strider::tools::Run(strider::tools::Words(argv + 1, argv + argc));
    if (!std::cout.flush()) {
      if (strider::tools::ReaderHasLeft()) return 1;  // having heard enough, as `head` does
      throw strider::WorkError("cannot write to standard output");
    }
    return code;
  } catch (const strider::InputError& error) {
    std::cerr << "strider: " << error.what() << '\n';
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr << "strider: out of memory\n";
    return 1;
  } catch (const std::exception& error) {
    // LibTorch appends a stack trace after the first line.
    std::string_view text = error.what();
    if (text.find("can't allocate memory") != text.npos) text = "out of memory";
    std::cerr << "strider: " << text.substr(0, text.find('\n')) << '\n';
    return 1;
  }
}
