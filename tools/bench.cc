#include <iostream>

#include "envs/registry.h"
#include "experiments/env_bench.h"
#include "experiments/metric_bench.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

nlohmann::ordered_json ToJson(const BenchResult& result) {
  const auto or_null = [](const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json();
  };
  return {{"name", result.name},
          {"ours", result.ours},
          {"peer", or_null(result.peer)},
          {"ratio", or_null(result.ratio)},
          {"unit", result.unit}};
}

void Print(std::ostream& out, const BenchResult& result) {
  const auto cell = [](const std::optional<double>& value, int digits) {
    return value ? fmt::format("{:.{}f}", *value, digits) : "-";
  };
  out << fmt::format("{:<44} {:>12.0f} {:>12} {:>7}  {}\n", result.name, result.ours, cell(result.peer, 0),
                     cell(result.ratio, 3), result.unit);
}

// The environments that the words name: all that are measured for "envs" and for no word.
std::vector<std::string> Named(const std::vector<std::string>& names) {
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    if (name == "envs") {
      for (const std::string& id : BenchedEnvIds()) ids.push_back(id);
    } else {
      ids.emplace_back(FindEnv(name).id);
    }
  }
  return ids;
}

}  // namespace

int Bench(const Words& words) {
  CommandLine line;
  line.usage =
      "strider bench [envs|datasets|ID...] [--peer-python PYTHON] [--threads N] [--repetitions N] [--seconds "
      "S] "
      "[--json]";
  line.about =
      "How fast environments step: one beside the bare mj_step loop and Gymnasium, 64 robots or 1024 classic "
      "environments beside EnvPool and mujoco.rollout. How fast datasets are measured (SACo and TQ), beside "
      "the "
      "way the public code works. Medians of repetitions in turns. Peers need a Python that has them.";
  auto add = line.options.add_options();
  add("names", po::value<std::vector<std::string>>()->default_value({"envs"}, "envs"),
      "what to measure: envs, environment ids, datasets");
  add("peer-python", po::value<std::string>()->default_value(""),
      "a Python with gymnasium, mujoco and envpool, or with numpy, h5py and hyperloglog; without it the "
      "peers' columns stay empty");
  add("threads", po::value<int>()->default_value(2), "threads of vectors, ours and the peers'");
  add("repetitions", po::value<int>()->default_value(7), "of each measurement, in turns with the peer");
  add("seconds", po::value<double>()->default_value(0.2), "that each of them lasts");
  add("json", po::bool_switch(), "one JSON object on stdout");
  line.positional.add("names", -1);
  const auto values = Parse(line, words);
  if (!values) return 0;

  EnvBenchOptions options;
  options.threads = (*values)["threads"].as<int>();
  options.repetitions = (*values)["repetitions"].as<int>();
  options.seconds = (*values)["seconds"].as<double>();
  options.peer_python = (*values)["peer-python"].as<std::string>();
  if (options.threads < 1) throw InputError("--threads {}: expected at least 1", options.threads);
  if (options.repetitions < 1) throw InputError("--repetitions {}: expected at least 1", options.repetitions);
  if (!(options.seconds > 0)) throw InputError("--seconds {}: expected more than 0", options.seconds);
  auto names = (*values)["names"].as<std::vector<std::string>>();
  const bool datasets = std::erase(names, "datasets") > 0;
  const std::vector<std::string> ids = Named(names);

  const bool json = (*values)["json"].as<bool>();
  std::ostream& out = json ? std::cerr : std::cout;
  out << fmt::format("{:<44} {:>12} {:>12} {:>7}\n", "", "ours", "peer", "ratio");
  const auto show = [&](const BenchResult& result) {
    Print(out, result);
    out.flush();
  };
  std::vector<BenchResult> results = BenchEnvs(ids, options, show);
  if (datasets) {
    const MetricBenchOptions metrics{.repetitions = options.repetitions, .peer_python = options.peer_python};
    for (BenchResult& result : BenchMetrics(metrics, show)) results.push_back(std::move(result));
  }
  if (!json) return 0;
  nlohmann::ordered_json report = {{"machine", DescribeMachine()}, {"results", nlohmann::json::array()}};
  for (const BenchResult& result : results) report["results"].push_back(ToJson(result));
  std::cout << report.dump() << '\n';
  return 0;
}

}  // namespace strider::tools
