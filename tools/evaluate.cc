#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/files.h"
#include "datasets/reference_scores.h"
#include "envs/registry.h"
#include "experiments/collect.h"
#include "experiments/evaluation.h"
#include "experiments/experiment.h"
#include "experiments/progress_bar.h"
#include "experiments/run_directory.h"
#include "experiments/statistics.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

// JSON has no NaN.
nlohmann::json NumberOrNull(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

// The environment that a run was trained or evaluated in, with its options.
struct EnvChoice {
  std::string id;
  Assignments options;
  bool of_run = false;  // the run's own
};

EnvChoice ChooseEnv(const std::string& source, const std::optional<std::string>& named) {
  EnvChoice choice;
  if (IsRun(source)) {
    for (const GivenSetting& setting : ReadConfigFile(RunPaths{source}.config())) {
      if (setting.key == "run.env") choice.id = setting.value;
      if (setting.key.starts_with("env.")) choice.options.emplace_back(setting.key, setting.value);
    }
    choice.of_run = true;
  } else if (std::filesystem::is_directory(source)) {
    throw InputError("{} is no run's directory (it has no config.cfg); of several runs name one", source);
  }
  if (named && *named != choice.id) choice = {*named, {}, false};
  if (choice.id.empty()) throw InputError("{} names no environment; expected --env ID", source);
  return choice;
}

nlohmann::ordered_json Describe(const std::string& env, const EpisodeScores& scores) {
  const Summary summary = Summarise(scores.returns);
  const std::vector<ReferenceScore> references = FindReferenceScores(env);
  nlohmann::ordered_json json = {{"env", env},
                                 {"episodes", scores.returns.size()},
                                 {"returns", scores.returns},
                                 {"lengths", scores.lengths},
                                 {"mean", summary.mean},
                                 {"std", NumberOrNull(summary.std)},
                                 {"iqm", summary.iqm},
                                 {"ci95", {NumberOrNull(summary.ci95.low), NumberOrNull(summary.ci95.high)}}};
  json["normalized"] = nullptr;
  json["normalized_by"] = nullptr;
  json["normalized_scores"] = nlohmann::json::object();
  for (const ReferenceScore& reference : references) {
    json["normalized_scores"][std::string(reference.source)] = NormalizedScore(reference, summary.mean);
  }
  if (!references.empty()) {
    json["normalized"] = NormalizedScore(references.front(), summary.mean);
    json["normalized_by"] = references.front().source;
  }
  return json;
}

void Print(const std::string& env, const EpisodeScores& scores) {
  const Summary summary = Summarise(scores.returns);
  std::cout << fmt::format("{}: {} episodes, mean return {:.4g}", env, scores.returns.size(), summary.mean);
  if (scores.returns.size() > 1) {
    std::cout << fmt::format(" (95 % interval {:.4g} to {:.4g}), std {:.4g}, IQM {:.4g}", summary.ci95.low,
                             summary.ci95.high, summary.std, summary.iqm);
  }
  for (const ReferenceScore& reference : FindReferenceScores(env)) {
    std::cout << fmt::format(", normalised {:.1f} (by {}'s scores)", NormalizedScore(reference, summary.mean),
                             reference.source);
  }
  std::cout << '\n';
}

}  // namespace

int Evaluate(const Words& words) {
  CommandLine line;
  line.usage =
      "strider evaluate DIR|FILE.hdf5 [--env ID] [--episodes N] [--seed N] [--set env.KEY=VALUE] [--json]";
  line.about =
      "Lets a run's policy (or one in a file) act for whole episodes, with its mean action, and reports "
      "their "
      "returns. A run's directory keeps those of its own environment as evaluation.json, which `strider "
      "report` "
      "takes as its score.";
  auto add = line.options.add_options();
  add("policy", po::value<std::string>(), "a run's directory, a file in D4RL's policy layout, or random");
  add("env", po::value<std::string>(), "environment; a run's own where it is left out");
  add("set", po::value<std::vector<std::string>>()->composing(),
      "env.KEY=VALUE on top of a run's own; may be repeated");
  add("episodes", po::value<int>()->default_value(10), "how many");
  add("seed", po::value<std::int64_t>()->default_value(0), "episode i starts from reset(seed + i)");
  add("sampled", po::bool_switch(), "sampled actions instead of the mean one");
  add("threads", po::value<int>()->default_value(0), "environments stepped at once; 0: one for each core");
  add("json", po::bool_switch(), "one JSON object on stdout");
  add("quiet", po::bool_switch(), "show no progress");
  line.positional.add("policy", 1);
  const auto values = Parse(line, words);
  if (!values) return 0;

  const std::string source = RequiredWord<std::string>(*values, "policy", "DIR or FILE.hdf5");
  EvaluationOptions options;
  options.episodes = (*values)["episodes"].as<int>();
  options.seed = Seed(*values);
  options.deterministic = !(*values)["sampled"].as<bool>();
  if (options.episodes < 1) throw InputError("--episodes {}: expected at least 1", options.episodes);
  if (source != "random" && !std::filesystem::exists(source)) {
    throw InputError("'{}' does not exist; expected a run's directory, an HDF5 file, or random", source);
  }
  EnvChoice choice = ChooseEnv(source, Given<std::string>(*values, "env"));
  if (const auto sets = Given<std::vector<std::string>>(*values, "set")) {
    for (const std::string& text : *sets) {
      const GivenSetting setting = ParseAssignment(text);
      choice.options.emplace_back(setting.key, setting.value);
    }
    choice.of_run = false;
  }
  const auto make = [&] { return MakeEnv(choice.id, choice.options); };
  const Policy policy = LoadPolicy(source, make()->spec());

  int threads = (*values)["threads"].as<int>();
  if (threads <= 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  WorkerPool pool(threads);
  CatchStopSignals();
  ProgressBar bar("evaluate " + choice.id, options.episodes, "episodes",
                  StandardError((*values)["quiet"].as<bool>()));
  const EpisodeScores scores = strider::Evaluate(policy, make, options, pool, [&](int ended) {
    bar.Update(ended);
    return !StopRequested();
  });
  if (StopRequested()) return 128 + StopSignal();
  bar.Finish();

  const nlohmann::ordered_json json = Describe(choice.id, scores);
  if ((*values)["json"].as<bool>()) {
    std::cout << json.dump() << '\n';
  } else {
    Print(choice.id, scores);
  }
  // Printed already: a run's folder that cannot be written to costs nobody the result.
  if (choice.of_run) {
    try {
      WriteTextWhole(RunPaths{source}.evaluation(), json.dump(2) + "\n");
    } catch (const WorkError& error) {
      std::cerr << "strider: warning: not kept for `strider report`: " << error.what() << '\n';
    }
  }
  return 0;
}

}  // namespace strider::tools
