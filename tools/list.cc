#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/names.h"
#include "datasets/reference_scores.h"
#include "experiments/experiment.h"
#include "experiments/presets.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity.
Json Bounds(const std::vector<double>& bounds) {
  Json json = Json::array();
  for (const double bound : bounds) json.push_back(std::isfinite(bound) ? Json(bound) : Json());
  return json;
}

Json Describe(const Space& space) {
  if (const auto* discrete = std::get_if<Discrete>(&space)) return {{"type", "discrete"}, {"n", discrete->n}};
  const Box& box = std::get<Box>(space);
  const std::vector<int> flat{static_cast<int>(box.low.size())};
  return {{"type", "box"},
          {"shape", box.shape.empty() ? flat : box.shape},
          {"low", Bounds(box.low)},
          {"high", Bounds(box.high)}};
}

// "Discrete(2)", "Box(11)", "Box(7 x 7 x 3) in [0, 255]".
std::string Text(const Space& space) {
  if (const auto* discrete = std::get_if<Discrete>(&space)) return fmt::format("Discrete({})", discrete->n);
  const Box& box = std::get<Box>(space);
  const Json shape = Describe(space)["shape"];
  std::string text = "Box(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : " x ", shape[i].get<int>());
  text += ")";
  const bool one_bound = std::ranges::all_of(box.low, [&](double low) { return low == box.low[0]; }) &&
                         std::ranges::all_of(box.high, [&](double high) { return high == box.high[0]; });
  if (one_bound && std::isfinite(box.low[0]))
    text += fmt::format(" in [{:g}, {:g}]", box.low[0], box.high[0]);
  return text;
}

// An id without its version: "Hopper".
std::string_view Family(std::string_view id) { return id.substr(0, id.rfind("-v")); }

Json Variants(std::string_view id) {
  Json variants = Json::array();
  for (const EnvEntry& other : EnvRegistry()) {
    if (other.id != id && Family(other.id) == Family(id)) variants.push_back(other.id);
  }
  return variants;
}

Json DescribeEnv(const EnvEntry& entry) {
  const EnvSpec spec = MakeEnv(entry.id)->spec();
  Json json = {{"id", entry.id},
               {"summary", entry.summary},
               {"observation_space", Describe(spec.observation_space)},
               {"action_space", Describe(spec.action_space)},
               {"max_episode_steps", spec.max_episode_steps},
               {"reward_threshold", spec.reward_threshold ? Json(*spec.reward_threshold) : Json()}};
  if (spec.goal) json["goal_size"] = spec.goal->goal_size;
  json["reference_scores"] = Json::array();
  for (const ReferenceScore& reference : FindReferenceScores(entry.id)) {
    json["reference_scores"].push_back(
        {{"min", reference.min}, {"max", reference.max}, {"source", reference.source}});
  }
  json["variants"] = Variants(entry.id);
  return json;
}

void PrintEnv(const EnvEntry& entry) {
  const EnvSpec spec = MakeEnv(entry.id)->spec();
  std::string facts = fmt::format("observation {}, action {}, {} steps", Text(spec.observation_space),
                                  Text(spec.action_space), spec.max_episode_steps);
  if (spec.goal) facts += ", with a goal";
  if (spec.reward_threshold) facts += fmt::format(", solved at {:g}", *spec.reward_threshold);
  for (const ReferenceScore& reference : FindReferenceScores(entry.id)) {
    facts += fmt::format(", scores 0 at {:.1f} and 100 at {:.1f} ({})", reference.min, reference.max,
                         reference.source);
  }
  std::cout << fmt::format("  {}: {}\n      {}\n", entry.id, entry.summary, facts);
  std::string variants;
  for (const auto& id : Variants(entry.id))
    variants += (variants.empty() ? "" : ", ") + id.get<std::string>();
  if (!variants.empty()) std::cout << "      variants: " << variants << '\n';
}

std::string_view KindName(AgentKind kind) {
  switch (kind) {
    case AgentKind::kOnPolicy:
      return "on-policy";
    case AgentKind::kHybrid:
      return "on-policy and offline";
    case AgentKind::kMixed:
      return "off-policy and offline";
    case AgentKind::kOffPolicy:
      return "off-policy";
    case AgentKind::kOffline:
      return "offline";
  }
  return "";
}

std::string_view ActionsName(ActionKind actions) {
  switch (actions) {
    case ActionKind::kContinuous:
      return "continuous";
    case ActionKind::kDiscrete:
      return "discrete";
    case ActionKind::kEither:
      return "continuous or discrete";
  }
  return "";
}

struct PresetRow {
  std::string id;
  std::string summary;
  std::vector<std::string> tasks{};  // those that it has values of their own for
};

Json DescribeAgent(const AgentEntry& agent) {
  return {{"id", agent.id},
          {"summary", agent.summary},
          {"kind", KindName(agent.kind)},
          {"actions", ActionsName(agent.actions)}};
}

void PrintAgent(const AgentEntry& agent) {
  std::cout << fmt::format("  {:<26} {} ({}; {} actions)\n", agent.id, agent.summary, KindName(agent.kind),
                           ActionsName(agent.actions));
}

std::vector<PresetRow> PresetRows() {
  std::vector<PresetRow> rows;
  for (const Preset& preset : Presets()) {
    const std::string id = fmt::format("{} --preset {}", preset.agent, preset.name);
    auto row = std::ranges::find(rows, id, &PresetRow::id);
    if (row == rows.end()) row = rows.insert(rows.end(), {id, "for the tasks below alone"});
    if (preset.task.empty()) {
      row->summary = preset.Summary();
    } else {
      row->tasks.emplace_back(preset.task);
    }
  }
  return rows;
}

}  // namespace

int List(const Words& words) {
  CommandLine line;
  line.usage = "strider list [envs|agents|presets] [--json]";
  line.about =
      "What there is. Without a word: all three. Environments come with their spaces, step limit, the return "
      "at which they count as solved, D4RL's reference scores and variants.";
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
  const bool as_json = (*values)["json"].as<bool>();
  Json json;
  for (const std::string& what : wanted) {
    json[what] = Json::array();
    if (!as_json) std::cout << what << ":\n";
    if (what == "envs") {
      for (const EnvEntry& entry : EnvRegistry()) {
        as_json ? json[what].push_back(DescribeEnv(entry)) : PrintEnv(entry);
      }
      continue;
    }
    if (what == "agents") {
      for (const AgentEntry& entry : AllAgents()) {
        as_json ? json[what].push_back(DescribeAgent(entry)) : PrintAgent(entry);
      }
      continue;
    }
    for (const PresetRow& row : PresetRows()) {
      json[what].push_back({{"id", row.id}, {"summary", row.summary}, {"tasks", row.tasks}});
      if (as_json) continue;
      std::cout << fmt::format("  {:<26} {}\n", row.id, row.summary);
      if (!row.tasks.empty())
        std::cout << fmt::format("      own values for {}\n", fmt::join(row.tasks, ", "));
    }
  }
  if (as_json) std::cout << json.dump(2) << '\n';
  return 0;
}

}  // namespace strider::tools
