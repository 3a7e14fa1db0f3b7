#include "experiments/collect.h"

#include <iostream>

#include "envs/registry.h"
#include "experiments/experiment.h"
#include "experiments/progress_bar.h"
#include "tools/options.h"

namespace strider::tools {

int Collect(const Words& words) {
  CommandLine line;
  line.usage = "strider collect --policy DIR|FILE.hdf5|random --env ID --steps N --out OUT [options]";
  line.about =
      "Lets a policy act and writes every step into a dataset: a file in D4RL's layout, or a folder in "
      "Minari's.";
  auto add = line.options.add_options();
  add("policy", po::value<std::string>(), "a run's directory, a file in D4RL's policy layout, or random");
  add("env", po::value<std::string>(), "environment to act in");
  add("steps", po::value<std::int64_t>(), "rows to write");
  add("out", po::value<std::string>(), "the dataset");
  add("format", po::value<std::string>()->default_value("d4rl"), "d4rl or minari");
  add("seed", po::value<std::int64_t>()->default_value(0), "reset(seed), and the stream of the actions");
  add("deterministic", po::bool_switch(), "the mean action instead of a sampled one");
  add("noise", po::value<double>()->default_value(0),
      "deviation of Gaussian noise added to actions in [-1, 1]");
  add("epsilon", po::value<double>()->default_value(0), "probability of a uniform action instead");
  add("set", po::value<std::vector<std::string>>()->composing(), "env.KEY=VALUE; may be repeated");
  add("quiet", po::bool_switch(), "show no progress");
  const auto values = Parse(line, words);
  if (!values) return 0;

  CollectOptions options;
  options.source = Required<std::string>(*values, "policy");
  options.steps = Required<std::int64_t>(*values, "steps");
  options.seed = Seed(*values);
  options.deterministic = (*values)["deterministic"].as<bool>();
  options.noise = (*values)["noise"].as<double>();
  options.epsilon = (*values)["epsilon"].as<double>();
  if (options.steps < 1) throw InputError("--steps {}: expected at least 1", options.steps);
  if (!(options.noise >= 0)) throw InputError("--noise {}: expected a number of at least 0", options.noise);
  if (!(options.epsilon >= 0 && options.epsilon <= 1)) {
    throw InputError("--epsilon {}: expected a number in [0, 1]", options.epsilon);
  }
  options.format = ParseDatasetFormat((*values)["format"].as<std::string>());
  if (const auto sets = Given<std::vector<std::string>>(*values, "set")) {
    for (const std::string& text : *sets) {
      const GivenSetting setting = ParseAssignment(text);
      options.env_options.emplace_back(setting.key, setting.value);
    }
  }
  const auto env = MakeEnv(Required<std::string>(*values, "env"), options.env_options);
  const std::string out = Required<std::string>(*values, "out");
  const Policy policy = LoadPolicy(options.source, env->spec());
  CatchStopSignals();
  ProgressBar bar("collect " + env->spec().id, options.steps, "steps",
                  StandardError((*values)["quiet"].as<bool>()));
  const bool whole = strider::Collect(policy, *env, options, out, [&](std::int64_t rows) {
    bar.Update(rows);
    return !StopRequested();
  });
  if (!whole) {
    std::cerr << "stopped; nothing was written to " << out << '\n';
    return 128 + StopSignal();
  }
  bar.Finish();
  return 0;
}

}  // namespace strider::tools
