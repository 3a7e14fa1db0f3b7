#include <iostream>
#include <nlohmann/json.hpp>

#include "core/names.h"
#include "experiments/experiment.h"
#include "experiments/presets.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

struct Row {
  std::string id;
  std::string summary;
};

std::string_view KindName(AgentKind kind) {
  switch (kind) {
    case AgentKind::kOnPolicy:
      return "on-policy";
    case AgentKind::kOffPolicy:
      return "off-policy";
    case AgentKind::kOffline:
      return "offline";
  }
  return "";
}

std::vector<Row> Rows(const std::string& what) {
  std::vector<Row> rows;
  if (what == "envs") {
    for (const EnvEntry& entry : EnvRegistry())
      rows.push_back({std::string(entry.id), std::string(entry.summary)});
  } else if (what == "agents") {
    for (const AgentEntry& entry : AllAgents()) {
      rows.push_back({std::string(entry.id), fmt::format("{} ({})", entry.summary, KindName(entry.kind))});
    }
  } else {
    for (const Preset& preset : Presets()) {
      if (!preset.task.empty()) continue;
      rows.push_back({fmt::format("{} --preset {}", preset.agent, preset.name), preset.Summary()});
    }
  }
  return rows;
}

}  // namespace

int List(const Words& words) {
  CommandLine line;
  line.usage = "strider list [envs|agents|presets] [--json]";
  line.about = "What there is. Without a word: all three.";
  line.options.add_options()("what", po::value<std::string>(), "envs, agents or presets")(
      "json", po::bool_switch(), "one JSON object on stdout");
  line.positional.add("what", 1);
  const auto values = Parse(line, words);
  if (!values) return 0;
  const std::vector<std::string> all = {"envs", "agents", "presets"};
  std::vector<std::string> wanted = all;
  if (const auto what = Given<std::string>(*values, "what")) {
    if (std::ranges::find(all, *what) == all.end()) throw UnknownName("list", *what, all);
    wanted = {*what};
  }
  nlohmann::ordered_json json;
  for (const std::string& what : wanted) {
    json[what] = nlohmann::json::array();
    if (!(*values)["json"].as<bool>()) std::cout << what << ":\n";
    for (const Row& row : Rows(what)) {
      json[what].push_back({{"id", row.id}, {"summary", row.summary}});
      if (!(*values)["json"].as<bool>()) std::cout << fmt::format("  {:<26} {}\n", row.id, row.summary);
    }
  }
  if ((*values)["json"].as<bool>()) std::cout << json.dump(2) << '\n';
  return 0;
}

}  // namespace strider::tools
