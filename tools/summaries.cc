#include "tools/summaries.h"

#include <algorithm>
#include <array>

#include "envs/registry.h"
#include "experiments/comparison.h"

namespace strider::tools {
namespace {

constexpr double kPatience = 2.0;  // seconds

std::string EnvIdOf(const DatasetReader& reader) {
  const auto metadata = reader.Metadata();
  const auto named = metadata.find("env_id");
  return named == metadata.end() ? "" : named->second;
}

}  // namespace

std::string TaskText(const std::string& env, const Assignments& options) {
  std::string text = env;
  for (const auto& [name, value] : ChangedOptions(env, options)) {
    text += fmt::format("{} {} = {}", text == env ? " with" : ",", name, value);
  }
  return text;
}

std::string TaskOf(const DatasetReader& reader) {
  return TaskText(EnvIdOf(reader), EnvOptionsIn(reader.Metadata()));
}

SummaryOptions SummaryOptionsFor(const DatasetReader& reader) {
  SummaryOptions options;
  const auto entry = std::ranges::find(EnvRegistry(), EnvIdOf(reader), &EnvEntry::id);
  if (entry == EnvRegistry().end()) return options;
  const EnvSpec spec = MakeEnv(entry->id)->spec();
  if (static_cast<std::size_t>(spec.action_size()) != reader.layout().action_size) return options;
  options.max_episode_steps = spec.max_episode_steps;
  options.action_bounds.reset();
  if (const auto* const box = std::get_if<Box>(&spec.action_space)) {
    options.action_bounds =
        ActionBounds{{box->low.begin(), box->low.end()}, {box->high.begin(), box->high.end()}};
  }
  return options;
}

std::optional<NamedScore> FindReferenceScoreOf(const DatasetReader& reader) {
  std::string name = EnvIdOf(reader);
  if (name.empty()) name = reader.path().filename().string();
  const auto scores = ReferencesOf(name, EnvOptionsIn(reader.Metadata()));
  if (scores.empty()) return std::nullopt;
  return NamedScore{name, scores.front()};
}

nlohmann::ordered_json ToJson(const std::optional<Quantiles>& quantiles) {
  if (!quantiles) return {};
  constexpr std::array<const char*, kQuantileLevels.size()> kNames{"min", "p5",  "p25", "p50",
                                                                   "p75", "p95", "max"};
  nlohmann::ordered_json json;
  for (std::size_t i = 0; i < kNames.size(); ++i) json[kNames[i]] = (*quantiles)[i];
  return json;
}

std::string JsonText(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

LateProgress::LateProgress(std::string title)
    : title_(std::move(title)), output_(StandardError()), start_(output_.seconds()) {}

void LateProgress::Update(std::size_t done, std::size_t total) {
  const auto rows = static_cast<std::int64_t>(done);
  if (bar_) {
    bar_->Update(rows);
  } else if (output_.seconds() - start_ > kPatience) {
    bar_.emplace(title_, static_cast<std::int64_t>(total), "rows", output_, rows);
  }
}

}  // namespace strider::tools
