// Reading a subcommand's words with Boost.Program_options.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "tools/commands.h"

namespace strider::tools {

namespace po = boost::program_options;

// What a subcommand takes.
struct CommandLine {
  std::string usage;  // "strider collect --policy DIR|FILE.hdf5|random ..."
  std::string about;  // a sentence or two, for --help
  po::options_description options;
  po::positional_options_description positional;  // names of options in `options`, hidden ones too
};

// The values given. Nothing where --help was asked for and has been printed to stdout. Throws InputError that
// names the word, suggests the nearest option, and ends with the usage.
std::optional<po::variables_map> Parse(CommandLine line, const Words& words);

// The value of an option that must be there. Throws InputError naming it where it is not, or is empty (an
// unset variable of a script).
template <class T>
T Required(const po::variables_map& values, const std::string& name) {
  if (values.count(name) == 0) throw InputError("--{} is missing", name);
  const T& value = values[name].as<T>();
  if constexpr (std::is_same_v<T, std::string>) {
    if (value.empty()) throw InputError("--{} is empty", name);
  }
  return value;
}

// The same for a word that stands without its option's name; the message calls it `what` ("FILE").
template <class T>
T RequiredWord(const po::variables_map& values, const std::string& name, std::string_view what) {
  if (values.count(name) == 0) throw InputError("{} is missing", what);
  return values[name].as<T>();
}

template <class T>
std::optional<T> Given(const po::variables_map& values, const std::string& name) {
  if (values.count(name) == 0) return std::nullopt;
  return values[name].as<T>();
}

// Throws InputError where `out`, given as --`option`, is a file among `inputs` by whatever name.
void RefuseOverwriting(std::string_view option, const std::string& out,
                       const std::vector<std::string>& inputs);

// --seed, which must be at least 0.
std::uint64_t Seed(const po::variables_map& values);

// True from the moment when SIGINT or SIGTERM has asked this process to stop; which one, for the exit code
// 128 + it.
bool StopRequested();
int StopSignal();
// From here on the first of these signals sets StopRequested and says so on stderr; a second one, of either
// kind, ends the process at once.
void CatchStopSignals();

}  // namespace strider::tools
