#include "datasets/metrics.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "datasets/reader.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

template <class T>
nlohmann::json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::ordered_json ToJson(const DatasetMetrics& metrics) {
  const auto& references = metrics.references;
  return {{"path", metrics.path},
          {"rows", metrics.rows},
          {"episodes", metrics.episodes},
          {"unique_state_actions", metrics.unique_state_actions},
          {"entropy", metrics.entropy},
          {"saco", OrNull(metrics.saco)},
          {"lsaco", OrNull(metrics.lsaco)},
          {"tq", OrNull(metrics.tq)},
          {"mean_return", OrNull(metrics.mean_return)},
          {"references",
           {{"min_return", OrNull(references.min_return)},
            {"max_return", OrNull(references.max_return)},
            {"unique_state_actions", OrNull(references.unique_state_actions)},
            {"bins", references.bins},
            {"limits", references.limits_source}}}};
}

std::string Cell(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

// The reference returns of the environment that was named, or else of the one that the file names.
std::optional<ReferenceScore> Returns(const std::string& path, const std::optional<std::string>& env) {
  if (env) {
    const auto reference = FindReferenceScore(*env);
    if (!reference) throw InputError("--env {}: there are no reference returns for it", *env);
    return reference;
  }
  const auto metadata = OpenDataset(path)->Metadata();
  const auto named = metadata.find("env_id");
  return named == metadata.end() ? std::nullopt : FindReferenceScore(named->second);
}

}  // namespace

int Metrics(const Words& words) {
  CommandLine line;
  line.usage = "strider metrics FILE... [--reference FILE] [--env ID] [--bins N] [--exact] [--json]";
  line.about =
      "SACo: unique state-action pairs in proportion to the reference dataset's (usually the replay of a "
      "whole training "
      "run). TQ: where the mean return lies between the environment's reference returns. Both are measured "
      "as in "
      "Schweighofer et al. (arXiv 2111.04714), with exact counts.";
  auto add = line.options.add_options();
  add("files", po::value<std::vector<std::string>>(), "datasets");
  add("reference", po::value<std::string>(), "dataset that SACo is relative to; its limits bound the bins");
  add("env", po::value<std::string>(),
      "environment whose reference returns TQ takes; a file's own where left out");
  add("bins", po::value<int>()->default_value(kDefaultBins), "edges on each axis");
  add("exact", po::bool_switch(), "count exactly (always done)");
  add("json", po::bool_switch(), "one JSON object on stdout");
  line.positional.add("files", -1);
  const auto values = Parse(line, words);
  if (!values) return 0;

  MetricOptions options;
  options.bins = (*values)["bins"].as<int>();
  std::optional<CoverageReference> reference;
  if (const auto path = Given<std::string>(*values, "reference"))
    reference = MeasureCoverage(*path, options.bins);
  std::vector<DatasetMetrics> all;
  for (const std::string& path : RequiredWord<std::vector<std::string>>(*values, "files", "FILE")) {
    options.returns = Returns(path, Given<std::string>(*values, "env"));
    all.push_back(MeasureDataset(path, reference ? &*reference : nullptr, options));
  }
  if ((*values)["json"].as<bool>()) {
    nlohmann::ordered_json json = {{"files", nlohmann::json::array()}};
    for (const DatasetMetrics& metrics : all) json["files"].push_back(ToJson(metrics));
    std::cout << json.dump() << '\n';
    return 0;
  }
  std::cout << fmt::format("{:<32} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>10}\n", "dataset", "rows",
                           "episodes", "unique", "SACo", "lSACo", "TQ", "return");
  for (const DatasetMetrics& metrics : all) {
    std::cout << fmt::format("{:<32} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>10}\n",
                             std::filesystem::path(metrics.path).filename().string(), metrics.rows,
                             metrics.episodes, metrics.unique_state_actions, Cell(metrics.saco, 3),
                             Cell(metrics.lsaco, 3), Cell(metrics.tq, 3), Cell(metrics.mean_return, 1));
  }
  return 0;
}

}  // namespace strider::tools
