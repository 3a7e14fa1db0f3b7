#include "datasets/dataset.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/names.h"
#include "datasets/merge.h"
#include "datasets/reader.h"
#include "datasets/validate.h"
#include "tools/options.h"
#include "tools/summaries.h"

namespace strider::tools {
namespace {

// Reads every value of the columns that learners use, so that a file with a damaged chunk or a NaN in it is
// refused.
nlohmann::ordered_json Info(const std::string& path) {
  const auto reader = OpenDataset(path);
  const DatasetLayout& layout = reader->layout();
  LateProgress progress(path);
  const DatasetSummary summary = Summarize(*reader, SummaryOptionsFor(*reader), progress.Listener());
  const auto returns = [&](std::size_t quantile) {
    return summary.returns ? nlohmann::ordered_json((*summary.returns)[quantile]) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json json = {
      {"path", path},
      {"rows", layout.rows},
      {"observation_size", layout.observation_size},
      {"action_size", layout.action_size},
      {"episodes", summary.episodes},
      {"unfinished_rows", summary.unfinished_rows},
      {"terminals", summary.terminals},
      {"timeouts", layout.has_timeouts ? nlohmann::ordered_json(summary.timeouts) : nlohmann::ordered_json()},
      {"next_observations", layout.has_next_observations},
      {"qpos_size", layout.qpos_size},
      {"qvel_size", layout.qvel_size},
      {"mean_return", OrNull(summary.mean_return)},
      {"min_return", returns(0)},
      {"max_return", returns(kQuantileLevels.size() - 1)},
      {"return_quantiles", ToJson(summary.returns)},
      {"length_quantiles", ToJson(summary.lengths)},
      {"action_saturation", OrNull(summary.action_saturation)},
      {"metadata", reader->Metadata()},
      {"normalized", nullptr},
      {"normalized_by", nullptr}};
  if (const auto reference = FindReferenceScoreOf(*reader); reference && summary.mean_return) {
    json["normalized"] = NormalizedScore(reference->score, *summary.mean_return);
    json["normalized_by"] = fmt::format("{}: {}", reference->score.source, reference->name);
  }
  return json;
}

// "-" for nothing, "min 1, p5 2, ..." for an object, anything else as JSON writes it.
std::string ValueText(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return value.dump();
  std::string text;
  for (const auto& [name, part] : value.items()) {
    text += fmt::format("{}{} {:.6g}", text.empty() ? "" : ", ", name, part.get<double>());
  }
  return text;
}

void PrintInfo(const nlohmann::ordered_json& info) {
  std::cout << info["path"].get<std::string>() << ":\n";
  for (const auto& [key, value] : info.items()) {
    if (key == "path" || key == "metadata") continue;
    std::cout << fmt::format("  {:<18} {}\n", key, ValueText(value));
  }
  for (const auto& [key, value] : info["metadata"].items()) {
    std::cout << fmt::format("  metadata/{:<9} {}\n", key, value.get<std::string>());
  }
}

nlohmann::ordered_json Defects(const std::string& path) {
  const auto defects = Validate(path);
  nlohmann::ordered_json json = {
      {"path", path}, {"ok", defects.empty()}, {"defects", nlohmann::json::array()}};
  for (const Defect& defect : defects) {
    json["defects"].push_back({{"kind", DefectName(defect.kind)},
                               {"severity", defect.severity == Severity::kError ? "error" : "warning"},
                               {"rows", defect.rows},
                               {"message", defect.message}});
  }
  return json;
}

void PrintDefects(const nlohmann::ordered_json& checked) {
  std::cout << checked["path"].get<std::string>() << ": "
            << (checked["ok"].get<bool>() ? "sound" : "defects:") << '\n';
  for (const auto& defect : checked["defects"]) {
    std::cout << fmt::format("  {} ({}): {}\n", defect["kind"].get<std::string>(),
                             defect["severity"].get<std::string>(), defect["message"].get<std::string>());
  }
}

// One JSON object for one file, an object of a list for several.
void PrintJson(const std::vector<nlohmann::ordered_json>& all) {
  if (all.size() == 1) {
    std::cout << all.front().dump() << '\n';
  } else {
    std::cout << nlohmann::ordered_json{{"files", all}}.dump() << '\n';
  }
}

}  // namespace

int DatasetCommand(const Words& words) {
  CommandLine line;
  line.usage = "strider dataset (info|validate|merge) FILE... [--out FILE] [--json]";
  line.about =
      "info: sizes, episodes, returns and metadata. validate: every defect, with its rows; exit code 2 where "
      "there "
      "is an error among them. merge: the files' rows one after the other.";
  auto add = line.options.add_options();
  add("what", po::value<std::string>(), "info, validate or merge");
  add("files", po::value<std::vector<std::string>>(), "datasets");
  add("out", po::value<std::string>(), "file that merge writes");
  add("json", po::bool_switch(), "one JSON object on stdout");
  line.positional.add("what", 1).add("files", -1);
  const auto values = Parse(line, words);
  if (!values) return 0;
  const auto what = RequiredWord<std::string>(*values, "what", "info, validate or merge");
  const std::vector<std::string> known = {"info", "validate", "merge"};
  if (std::ranges::find(known, what) == known.end()) throw UnknownName("dataset command", what, known);
  const auto files = RequiredWord<std::vector<std::string>>(*values, "files", "FILE");
  const bool as_json = (*values)["json"].as<bool>();

  if (what == "merge") {
    MergeDatasets({files.begin(), files.end()}, Required<std::string>(*values, "out"));
    return 0;
  }
  const bool info = what == "info";
  std::vector<nlohmann::ordered_json> all;
  for (const std::string& file : files) {
    all.push_back(info ? Info(file) : Defects(file));
    if (!as_json) info ? PrintInfo(all.back()) : PrintDefects(all.back());
  }
  if (as_json) PrintJson(all);
  const auto is_error = [](const auto& defect) { return defect["severity"] == "error"; };
  const bool broken = !info && std::ranges::any_of(all, [&](const auto& checked) {
    return std::ranges::any_of(checked["defects"], is_error);
  });
  return broken ? 2 : 0;
}

}  // namespace strider::tools
