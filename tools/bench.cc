#include <iostream>

#include "datasets/reader.h"
#include "envs/registry.h"
#include "experiments/collect_bench.h"
#include "experiments/dataset_bench.h"
#include "experiments/env_bench.h"
#include "experiments/metric_bench.h"
#include "experiments/offline_bench.h"
#include "experiments/online_bench.h"
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
  // Three digits of what is small.
  const auto cell = [](const std::optional<double>& value) {
    if (!value) return std::string("-");
    return *value < 100 ? fmt::format("{:.3g}", *value) : fmt::format("{:.0f}", *value);
  };
  out << fmt::format("{:<44} {:>12} {:>12} {:>7}  {}\n", result.name, cell(result.ours), cell(result.peer),
                     cell(result.ratio), result.unit);
}

// What the words name: datasets, offline learning, agents that act, and environments, all that are measured
// for "envs".
struct Selection {
  bool datasets = false;
  bool offline = false;
  bool online = false;
  std::vector<std::string> ids;
};

Selection Named(const std::vector<std::string>& names) {
  Selection selection;
  bool envs = false;
  for (const std::string& name : names) {
    if (name == "datasets") {
      selection.datasets = true;
    } else if (name == "offline") {
      selection.offline = true;
    } else if (name == "online") {
      selection.online = true;
    } else if (name == "envs") {
      envs = true;
    } else {
      selection.ids.emplace_back(FindEnv(name).id);
    }
  }
  // Beside ids the word says only what they are.
  if (envs && selection.ids.empty()) {
    for (const std::string& id : BenchedEnvIds()) selection.ids.push_back(id);
  }
  return selection;
}

}  // namespace

int Bench(const Words& words) {
  CommandLine line;
  line.usage =
      "strider bench [envs|datasets|offline|online|ID...] [--peer-python PYTHON] [--threads N] "
      "[--repetitions N] [--seconds S] [--training-seconds S] [--rows N] [--dataset FILE] [--json]";
  line.about =
      "How fast environments step: one beside the bare mj_step loop and Gymnasium, 64 robots or 1024 classic "
      "environments beside EnvPool and mujoco.rollout. How fast datasets load, open again and are written: "
      "beside h5py and D4RL's rule in Python; and how fast they are measured (SACo and TQ), beside the way "
      "the public code works. How fast offline learning is: PRDC's neighbour search beside SciPy's KDTree, "
      "updates of TD3+BC beside plain PyTorch and d3rlpy, and PRDC's memory. How fast agents learn by "
      "acting: beside Stable-Baselines3 and RLtools, and beside the matrix products of their updates. "
      "Medians of repetitions in turns. Peers need a Python that has them.";
  auto add = line.options.add_options();
  add("names", po::value<std::vector<std::string>>()->default_value({"envs"}, "envs"),
      "what to measure: envs, datasets, offline, online, or environment ids");
  add("peer-python", po::value<std::string>()->default_value(""),
      "a Python with gymnasium, mujoco, envpool, h5py and hyperloglog; with scipy, torch and d3rlpy; or with "
      "stable-baselines3 and rltools; without it the peers' columns stay empty");
  add("threads", po::value<int>()->default_value(2), "threads of vectors and learners, ours and the peers'");
  add("repetitions", po::value<int>()->default_value(7), "of each measurement, in turns with the peer");
  add("seconds", po::value<double>()->default_value(0.2, "0.2"),
      "that each of them lasts, of environments and offline updates");
  add("training-seconds", po::value<double>()->default_value(5), "that each of them lasts, of agents");
  add("rows", po::value<std::int64_t>()->default_value(1'000'000), "of the dataset");
  add("dataset", po::value<std::string>()->default_value(""), "offline: a dataset to search in as well");
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
  OnlineBenchOptions online_options;
  online_options.repetitions = options.repetitions;
  online_options.threads = options.threads;
  online_options.peer_python = options.peer_python;
  online_options.seconds = (*values)["training-seconds"].as<double>();
  if (!(online_options.seconds > 0)) {
    throw InputError("--training-seconds {}: expected more than 0", online_options.seconds);
  }
  DatasetBenchOptions dataset_options;
  dataset_options.repetitions = options.repetitions;
  dataset_options.peer_python = options.peer_python;
  const auto rows = (*values)["rows"].as<std::int64_t>();
  if (rows < 1) throw InputError("--rows {}: expected at least 1", rows);
  dataset_options.rows = static_cast<std::size_t>(rows);
  const Selection selection = Named((*values)["names"].as<std::vector<std::string>>());
  const auto dataset = (*values)["dataset"].as<std::string>();
  // Known before minutes of measuring.
  if (!dataset.empty()) OpenDataset(dataset);

  const bool json = (*values)["json"].as<bool>();
  std::ostream& out = json ? std::cerr : std::cout;
  out << fmt::format("{:<44} {:>12} {:>12} {:>7}\n", "", "ours", "peer", "ratio");
  std::vector<BenchResult> results;
  const auto take = [&](const BenchResult& result) {
    Print(out, result);
    out.flush();
    results.push_back(result);
  };
  if (!selection.ids.empty()) BenchEnvs(selection.ids, options, take);
  if (selection.datasets) {
    BenchDatasets(dataset_options, take);
    BenchMetrics({.rows = dataset_options.rows,
                  .repetitions = options.repetitions,
                  .peer_python = options.peer_python},
                 take);
    BenchCollect({.repetitions = options.repetitions, .rows = std::min<std::int64_t>(rows, 200'000)}, take);
  }
  if (selection.offline) {
    BenchOffline({.repetitions = options.repetitions,
                  .threads = options.threads,
                  .rows = dataset_options.rows,
                  .seconds = options.seconds,
                  .dataset = dataset,
                  .peer_python = options.peer_python},
                 take);
  }
  if (selection.online) BenchOnline(online_options, take);
  if (!json) return 0;
  nlohmann::ordered_json report = {{"machine", DescribeMachine()}, {"results", nlohmann::json::array()}};
  for (const BenchResult& result : results) report["results"].push_back(ToJson(result));
  std::cout << report.dump() << '\n';
  return 0;
}

}  // namespace strider::tools
