#include "tools/options.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string_view>

#include "core/names.h"

namespace strider::tools {
namespace {

// The one place where a signal can leave word.
volatile std::sig_atomic_t stop_signal = 0;

// What a program works on at the time may take seconds to its end.
extern "C" void RememberSignal(int signal) {
  constexpr std::string_view kHeard = "\nstrider: stopping; a second signal ends it at once\n";
  stop_signal = signal;
  const int before = errno;
  // All of this is allowed in handlers.
  static_cast<void>(std::signal(SIGINT, SIG_DFL));
  static_cast<void>(std::signal(SIGTERM, SIG_DFL));
  static_cast<void>(::write(STDERR_FILENO, kHeard.data(), kHeard.size()) < 0);
  errno = before;
}

std::vector<std::string> OptionNames(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back("--" + option->long_name());
  return names;
}

}  // namespace

std::optional<po::variables_map> Parse(CommandLine line, const Words& words) {
  line.options.add_options()("help,h", "print this");
  po::variables_map values;
  try {
    constexpr int kStyle = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(words).options(line.options).positional(line.positional).style(kStyle).run(),
        values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    throw UnknownName("option", error.get_option_name(), OptionNames(line.options));
  } catch (const po::too_many_positional_options_error&) {
    throw InputError("too many words; usage: {}", line.usage);
  } catch (const po::error& error) {
    throw InputError("{}; usage: {}", error.what(), line.usage);
  }
  if (values.count("help") == 0) return values;
  std::ostringstream options;
  options << line.options;
  std::cout << "usage: " << line.usage << "\n\n" << line.about << "\n\n" << options.str();
  return std::nullopt;
}

void RefuseOverwriting(std::string_view option, const std::string& out,
                       const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code none;
    if (!std::filesystem::equivalent(input, out, none)) continue;
    throw InputError("--{} {} is to be read and to be written; expected another", option, out);
  }
}

std::uint64_t Seed(const po::variables_map& values) {
  const auto seed = values["seed"].as<std::int64_t>();
  if (seed < 0) throw InputError("--seed {}: expected a whole number of at least 0", seed);
  return static_cast<std::uint64_t>(seed);
}

bool StopRequested() { return stop_signal != 0; }
int StopSignal() { return stop_signal; }

void CatchStopSignals() {
  struct sigaction action {};
  action.sa_handler = RememberSignal;
  // The other one waits until the first has left word.
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace strider::tools
