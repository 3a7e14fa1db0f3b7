#include "experiments/train.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <limits>
#include <optional>

#include "core/error.h"
#include "experiments/run_directory.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

CommandLine TrainLine() {
  CommandLine line;
  line.usage = "strider train AGENT (--env ID | --dataset FILE [--env ID]) --out DIR [options]";
  line.about =
      "Trains an agent. `strider train AGENT --help` lists every setting that --set and config files take.";
  auto add = line.options.add_options();
  add("agent", po::value<std::string>(), "who learns (`strider list agents`)");
  add("env", po::value<std::string>(),
      "environment to learn in, or to evaluate in; of a dataset its own where left out");
  add("dataset", po::value<std::string>(), "file to learn from");
  add("out", po::value<std::string>(), "the run's directory");
  add("preset", po::value<std::string>(), "settings to start from (`strider list presets`)");
  add("config", po::value<std::string>(), "file of `key = value` lines, such as a run's config.cfg");
  add("set", po::value<std::vector<std::string>>()->composing(), "key=value; may be repeated");
  add("steps", po::value<std::string>(), "environment steps, or updates on a dataset");
  add("seed", po::value<std::string>(), "every random stream derives from it");
  add("seeds", po::value<int>(), "that many runs, seed, seed + 1, ..., in DIR/seed_N");
  add("device", po::value<std::string>(), "cpu, cuda or cuda:N");
  add("threads", po::value<std::string>(), "for environments and learner; 0: one for each core");
  add("num-envs", po::value<std::string>(), "environments stepped side by side");
  add("resume", po::bool_switch(), "go on where DIR's checkpoint stands; a new DIR is begun");
  add("quiet", po::bool_switch(), "show no progress");
  line.positional.add("agent", 1);
  return line;
}

// The settings of the call in the order in which they take effect: config file, --set, the options of their
// own.
std::vector<GivenSetting> GivenSettings(const po::variables_map& values) {
  std::vector<GivenSetting> given;
  if (const auto config = Given<std::string>(values, "config")) given = ReadConfigFile(*config);
  if (const auto sets = Given<std::vector<std::string>>(values, "set")) {
    for (const std::string& text : *sets) given.push_back(ParseAssignment(text));
  }
  for (const char* name :
       {"agent", "env", "dataset", "preset", "steps", "seed", "device", "threads", "num-envs"}) {
    const auto value = Given<std::string>(values, name);
    if (!value) continue;
    std::string key = fmt::format("run.{}", name);
    if (key == "run.num-envs") key = "run.num_envs";
    const auto set = std::ranges::find_if(
        given, [&](const GivenSetting& other) { return other.key == key && other.where == "--set"; });
    if (set != given.end() && set->value != *value) {
      throw InputError("--set {}={} and --{} {} contradict each other", key, set->value, name, *value);
    }
    given.push_back({key, *value, fmt::format("--{}", name)});
  }
  return given;
}

// The settings as a call with these words would have them.
void PrintSettings(const std::string& agent, std::vector<GivenSetting> given) {
  const auto has = [&](const char* key) {
    return std::ranges::find(given, key, &GivenSetting::key) != given.end();
  };
  const bool env = has("run.env");
  const bool chosen = has("run.preset");
  const AgentKind kind = FindAgent(agent).kind;
  const bool offline = kind == AgentKind::kOffline;
  const bool acts_beside = kind == AgentKind::kHybrid || kind == AgentKind::kMixed;
  const bool dataset = has("run.dataset");
  const char* const what = given.size() > 1 ? "value" : "default";
  if (chosen && !env && (acts_beside || (!dataset && !offline))) {
    throw InputError("--preset with --help: expected --env ID too, which may have values of its own");
  }
  // Defaults are the same whatever an agent learns from, but it must be something.
  if (offline && !dataset) given.push_back({"run.dataset", "FILE", ""});
  if (!env && (acts_beside || (!offline && !dataset))) given.push_back({"run.env", "Hopper-v5", ""});
  Experiment experiment(given);
  std::cout << fmt::format("\nSettings of {} (key = {}: meaning; what is accepted):\n", agent, what);
  const SettingList settings = experiment.Settings();
  const bool env_known = env || (dataset && !acts_beside && experiment.has_env());
  for (const Setting& setting : settings.settings()) {
    if (setting.key.starts_with("env.") && !env_known) continue;
    const bool unknown =
        (setting.key == "run.env" && !env_known) || (setting.key == "run.dataset" && !dataset);
    // A share of the run, which an Experiment has worked out.
    const bool share = setting.key.ends_with("_interval") && setting.key.starts_with("run.") && !chosen &&
                       !has(setting.key.c_str());
    std::cout << fmt::format("  {} = {}: {}; {}\n", setting.key,
                             unknown ? ""
                             : share ? "0"
                                     : setting.get(),
                             setting.help, setting.expected);
  }
  if (!env_known) std::cout << "  env.*: with --env ID, this help lists the environment's options\n";
}

bool SaysWhatBegins(const std::vector<GivenSetting>& given) {
  return std::ranges::any_of(
      given, [](const GivenSetting& one) { return one.key == "run.env" || one.key == "run.dataset"; });
}

// --resume begins what is not there yet, but a folder alone says nothing of what that would be.
void CheckThatSomethingBegins(const std::vector<GivenSetting>& given,
                              const std::filesystem::path& directory) {
  if (SaysWhatBegins(given)) return;
  std::error_code ignored;
  const bool several = std::filesystem::exists(directory / "seed_0", ignored);
  throw InputError("{} holds no run to go on with{}; to begin one, expected --env ID or --dataset FILE",
                   directory.string(), several ? ", but seed_0 and others (add --seeds N)" : "");
}

// What the seeds of `out` have in common: with --resume those that are not there yet begin as the first that
// is, whatever the call leaves out.
std::vector<GivenSetting> SettingsOfSeeds(const std::vector<GivenSetting>& given,
                                          const std::filesystem::path& out, bool resume) {
  if (!resume) return given;
  constexpr std::string_view kFolder = "seed_";
  std::optional<std::int64_t> first;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(out, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kFolder) || !IsRun(entry.path())) continue;
    std::int64_t seed = 0;
    const auto [end, error] = std::from_chars(name.data() + kFolder.size(), name.data() + name.size(), seed);
    if (error == std::errc() && end == name.data() + name.size())
      first = std::min(first.value_or(seed), seed);
  }
  if (!first) return given;
  std::vector<GivenSetting> changes;
  std::vector<GivenSetting> seed;
  for (const GivenSetting& one : given) (one.key == "run.seed" ? seed : changes).push_back(one);
  auto settings = ResumedSettings(RunPaths{out / fmt::format("{}{}", kFolder, *first)}, changes);
  settings.insert(settings.end(), seed.begin(), seed.end());
  return settings;
}

int TrainOne(const std::vector<GivenSetting>& given, const std::filesystem::path& directory, bool resume,
             bool quiet) {
  const RunPaths paths{directory};
  if (resume && !IsRun(directory)) CheckThatSomethingBegins(given, directory);
  Experiment experiment(resume && IsRun(directory) ? ResumedSettings(paths, given) : given);
  TrainOptions options;
  options.resume = resume;
  options.stop = StopRequested;
  options.progress = StandardError(quiet);
  if (Train(experiment, directory, options) == TrainOutcome::kFinished) return 0;
  std::cerr << fmt::format("stopped in {}; the same command with --resume goes on\n", directory.string());
  return 128 + StopSignal();
}

}  // namespace

int Train(const Words& words) {
  const auto values = Parse(TrainLine(), words);
  if (!values) {
    // --help: the agent's own settings too, where one is named.
    Words others = words;
    std::erase_if(others, [](const std::string& word) { return word == "--help" || word == "-h"; });
    const auto named = Parse(TrainLine(), others).value();
    if (const auto agent = Given<std::string>(named, "agent")) {
      PrintSettings(*agent, GivenSettings(named));
    }
    return 0;
  }
  const auto given = GivenSettings(*values);
  const std::filesystem::path out = Required<std::string>(*values, "out");
  const bool resume = (*values)["resume"].as<bool>();
  const bool quiet = (*values)["quiet"].as<bool>();
  CatchStopSignals();
  const auto seeds = Given<int>(*values, "seeds");
  if (!seeds) return TrainOne(given, out, resume, quiet);
  if (*seeds < 1) throw InputError("--seeds {}: expected at least 1", *seeds);
  if (IsRun(out)) {
    throw InputError("--seeds {}: {} is a run itself; expected a folder for the runs of all seeds", *seeds,
                     out.string());
  }
  const std::vector<GivenSetting> common = SettingsOfSeeds(given, out, resume);
  const std::int64_t first = Experiment(SaysWhatBegins(given) ? given : common).run().seed;
  if (first > std::numeric_limits<std::int64_t>::max() - (*seeds - 1)) {
    throw InputError("--seeds {} from run.seed = {} on: the last one would be too large", *seeds, first);
  }
  std::vector<std::string> failed;
  for (int i = 0; i < *seeds; ++i) {
    const std::string name = fmt::format("seed_{}", first + i);
    auto one = IsRun(out / name) ? given : common;
    one.push_back({"run.seed", std::to_string(first + i), "--seeds"});
    try {
      const int code = TrainOne(one, out / name, resume, quiet);
      if (code != 0) return code;
    } catch (const WorkError& error) {  // of a learner that diverged, say; the others may not
      std::cerr << fmt::format("strider: {}: {}\n", name, error.what());
      failed.push_back(name);
    }
  }
  if (failed.empty()) return 0;
  throw WorkError("{} of {} runs in {} failed: {}", failed.size(), *seeds, out.string(),
                  fmt::join(failed, ", "));
}

}  // namespace strider::tools
