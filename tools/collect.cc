#include "experiments/collect.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "envs/registry.h"
#include "experiments/experiment.h"
#include "experiments/progress_bar.h"
#include "experiments/recipe.h"
#include "tools/options.h"
#include "tools/run_env.h"

namespace strider::tools {
namespace {

constexpr std::string_view kRecipe = "d4rl";  // the one preset so far

std::vector<GivenSetting> Settings(const po::variables_map& values) {
  std::vector<GivenSetting> settings;
  if (const auto sets = Given<std::vector<std::string>>(values, "set")) {
    for (const std::string& text : *sets) settings.push_back(ParseAssignment(text));
  }
  return settings;
}

// Throws InputError where one of the options was given that do not go with `with`.
void Refuse(const po::variables_map& values, std::string_view with,
            std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const po::variable_value& value = values[name];
    if (value.empty() || value.defaulted()) continue;
    throw InputError("--{} does not go with --{}", name, with);
  }
}

int StoppedAt(const std::string& out, std::string_view what) {
  std::cerr << fmt::format("stopped; {} {}\n", what, out);
  return 128 + StopSignal();
}

int CollectPreset(const po::variables_map& values) {
  Refuse(values, "preset", {"policy", "replay", "format", "deterministic", "noise", "epsilon"});
  if (const auto preset = values["preset"].as<std::string>(); preset != kRecipe) {
    throw InputError("--preset {}: expected {}", preset, kRecipe);
  }
  RecipeOptions options;
  options.env = Required<std::string>(values, "env");
  if (const auto rows = Given<std::int64_t>(values, "steps")) options.rows = *rows;
  if (options.rows < 1) throw InputError("--steps {}: expected at least 1", options.rows);
  options.seed = static_cast<std::int64_t>(Seed(values));
  options.given = Settings(values);
  for (const GivenSetting& setting : options.given) {
    if (setting.key != "run.env" && setting.key != "run.seed" && setting.key != "run.target_return") continue;
    throw InputError("--set {}={}: the preset sets it itself; expected other settings", setting.key,
                     setting.value);
  }
  options.medium = Given<std::string>(values, "medium").value_or("");
  options.expert = Given<std::string>(values, "expert").value_or("");
  options.progress = StandardError(values["quiet"].as<bool>());
  options.stop = StopRequested;
  const std::string out = Required<std::string>(values, "out");
  CatchStopSignals();
  if (!MakeDatasets(options, out)) return StoppedAt(out, "the same command goes on in");
  return 0;
}

// A dataset may be replaced by a newer one; whatever else lies there was hardly meant.
void RefuseOtherFiles(const std::string& out) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::error_code none;
  if (!std::filesystem::is_regular_file(out, none) || std::filesystem::is_empty(out, none)) return;
  std::string start(kSignature.size(), ' ');
  std::ifstream(out, std::ios::binary).read(start.data(), static_cast<std::streamsize>(start.size()));
  if (start == kSignature) return;
  throw InputError(
      "--out {} is there already and is no dataset; expected a new file, or a dataset to replace", out);
}

}  // namespace

int Collect(const Words& words) {
  CommandLine line;
  line.usage =
      "strider collect (--policy DIR|FILE.hdf5|random|behavior [--env ID] --steps N | --replay DIR) --out "
      "FILE.hdf5 [options]\n"
      "       strider collect --preset d4rl --env ID --out FOLDER [--medium DIR|FILE.hdf5] "
      "[--expert DIR|FILE.hdf5] [--steps N] [options]";
  line.about =
      "Lets a policy act and writes every step into a dataset, a file in D4RL's layout or a folder in "
      "Minari's; or writes what an off-policy run has lived through; or makes D4RL's whole set for a task: "
      "random, medium, medium-replay, expert, full-replay, medium-expert and noisy, with a manifest.";
  auto add = line.options.add_options();
  add("policy", po::value<std::string>(),
      "a run's directory, a file in D4RL's policy layout, random, or behavior: the environment's own");
  add("replay", po::value<std::string>(), "an off-policy run's directory: writes its replay buffer");
  add("preset", po::value<std::string>(), "d4rl: learns with SAC and collects the whole set");
  add("medium", po::value<std::string>(),
      "with --preset: the medium policy; that of the run at a third of the expert's return where left out");
  add("expert", po::value<std::string>(),
      "with --preset: the expert's policy; the end of the run where left out");
  add("env", po::value<std::string>(),
      "environment to act in; where it is left out a run's own, or the one that a policy's file names; a "
      "run's own has the run's settings, every other one its defaults");
  add("steps", po::value<std::int64_t>(), "rows to write; with --preset 1,000,000 each where left out");
  add("out", po::value<std::string>(), "the dataset");
  add("format", po::value<std::string>()->default_value("d4rl"), "d4rl or minari");
  add("seed", po::value<std::int64_t>()->default_value(0), "reset(seed), and the stream of the actions");
  add("deterministic", po::bool_switch(), "the mean action instead of a sampled one");
  add("noise", po::value<double>()->default_value(0),
      "deviation of Gaussian noise added to actions in [-1, 1]");
  add("epsilon", po::value<double>()->default_value(0), "probability of a uniform action instead");
  add("set", po::value<std::vector<std::string>>()->composing(),
      "env.KEY=VALUE, with --preset run.* and agent.* too; may be repeated");
  add("quiet", po::bool_switch(), "show no progress");
  const auto values = Parse(line, words);
  if (!values) return 0;
  if (values->count("preset") != 0) return CollectPreset(*values);
  Refuse(*values, values->count("replay") != 0 ? "replay" : "policy", {"medium", "expert"});
  if (const auto run = Given<std::string>(*values, "replay")) {
    Refuse(*values, "replay", {"policy", "env", "steps", "seed", "deterministic", "noise", "epsilon", "set"});
    CollectReplay(*run, Required<std::string>(*values, "out"),
                  ParseDatasetFormat((*values)["format"].as<std::string>()));
    return 0;
  }

  CollectOptions options;
  options.source = Required<std::string>(*values, "policy");
  options.steps = Required<std::int64_t>(*values, "steps");
  options.seed = Seed(*values);
  options.deterministic = (*values)["deterministic"].as<bool>();
  options.noise = (*values)["noise"].as<double>();
  options.epsilon = (*values)["epsilon"].as<double>();
  if (options.steps < 1) throw InputError("--steps {}: expected at least 1", options.steps);
  if (!(options.noise >= 0 && std::isfinite(options.noise))) {
    throw InputError("--noise {}: expected a finite number of at least 0", options.noise);
  }
  if (!(options.epsilon >= 0 && options.epsilon <= 1)) {
    throw InputError("--epsilon {}: expected a number in [0, 1]", options.epsilon);
  }
  if (options.source == "random") Refuse(*values, "policy random", {"deterministic", "noise", "epsilon"});
  options.format = ParseDatasetFormat((*values)["format"].as<std::string>());
  const bool behavior = options.source == kBehaviorPolicy;
  if (behavior || options.source == "random") Required<std::string>(*values, "env");
  const EnvChoice choice =
      ChooseEnv(behavior ? "random" : options.source, Given<std::string>(*values, "env"),
                Given<std::vector<std::string>>(*values, "set").value_or(std::vector<std::string>()));
  options.env_options = choice.options;
  const auto env = MakeEnv(choice.id, choice.options);
  const std::string out = Required<std::string>(*values, "out");
  RefuseOverwriting("out", out, {options.source});
  RefuseOtherFiles(out);
  if (behavior) {
    Refuse(*values, "policy behavior", {"deterministic", "noise", "epsilon"});
    options.demonstrator = &FindDemonstrator(*env);
  }
  if (!behavior) WarnOfOtherWorld(options.source, env->spec());
  const Policy policy = LoadPolicy(behavior ? "random" : options.source, env->spec());
  CatchStopSignals();
  ProgressBar bar("collect " + env->spec().id, options.steps, "steps",
                  StandardError((*values)["quiet"].as<bool>()));
  const bool whole = strider::Collect(policy, *env, options, out, [&](std::int64_t rows) {
    bar.Update(rows);
    return !StopRequested();
  });
  if (!whole) return StoppedAt(out, "nothing was written to");
  bar.Finish();
  return 0;
}

}  // namespace strider::tools
