#include "datasets/dataset.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/names.h"
#include "datasets/merge.h"
#include "datasets/reader.h"
#include "datasets/reference_scores.h"
#include "datasets/validate.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

nlohmann::ordered_json Info(const std::string& path) {
  const auto reader = OpenDataset(path);
  const DatasetLayout& layout = reader->layout();
  // Episodes need rewards and flags only.
  Dataset flags = reader->Read(0, layout.rows, {false, false, false, false});
  const auto episodes = Episodes(flags);
  double sum = 0;
  double best = 0;
  double worst = 0;
  for (const Episode& episode : episodes) {
    const bool first = &episode == &episodes.front();
    sum += episode.episode_return;
    best = first ? episode.episode_return : std::max(best, episode.episode_return);
    worst = first ? episode.episode_return : std::min(worst, episode.episode_return);
  }
  nlohmann::ordered_json json = {
      {"path", path},
      {"rows", layout.rows},
      {"observation_size", layout.observation_size},
      {"action_size", layout.action_size},
      {"episodes", episodes.size()},
      {"terminals", std::ranges::count(flags.terminals, 1)},
      {"timeouts",
       layout.has_timeouts ? nlohmann::json(std::ranges::count(flags.timeouts, 1)) : nlohmann::json()},
      {"next_observations", layout.has_next_observations},
      {"qpos_size", layout.qpos_size},
      {"qvel_size", layout.qvel_size}};
  const bool any = !episodes.empty();
  const double mean = any ? sum / static_cast<double>(episodes.size()) : 0;
  json["mean_return"] = any ? nlohmann::json(mean) : nlohmann::json();
  json["min_return"] = any ? nlohmann::json(worst) : nlohmann::json();
  json["max_return"] = any ? nlohmann::json(best) : nlohmann::json();
  json["metadata"] = reader->Metadata();
  const auto env = reader->Metadata();
  const auto named = env.find("env_id");
  const auto reference = named == env.end() ? std::nullopt : FindReferenceScore(named->second);
  json["normalized"] =
      any && reference ? nlohmann::json(NormalizedScore(*reference, mean)) : nlohmann::json();
  return json;
}

void PrintInfo(const nlohmann::ordered_json& info) {
  std::cout << info["path"].get<std::string>() << ":\n";
  for (const auto& [key, value] : info.items()) {
    if (key == "path" || key == "metadata") continue;
    std::cout << fmt::format("  {:<18} {}\n", key, value.is_null() ? "-" : value.dump());
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
