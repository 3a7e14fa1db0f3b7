#include "datasets/reference_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace strider {
namespace {

struct Entry {
  std::string_view name;  // in lower case
  ReferenceScore score;
};

constexpr Entry D4rl(std::string_view prefix, double min, double max) {
  return {prefix, {.min = min, .max = max, .source = "D4RL"}};
}

constexpr Entry Own(std::string_view id, double min, double max) {
  return {id, {.min = min, .max = max, .source = "Strider"}};
}

// The first entry whose name a name begins with counts, so longer prefixes stand before shorter ones. File
// names have an underscore where data set names have a hyphen. D4RL's numbers are those of its `infos.py`,
// and those of maze2d's version 0 of its earlier state.
constexpr std::array kEntries{
    D4rl("halfcheetah-", -280.178953, 12135.0),
    D4rl("halfcheetah_", -280.178953, 12135.0),
    D4rl("hopper-", -20.272305, 3234.3),
    D4rl("hopper_", -20.272305, 3234.3),
    D4rl("walker2d-", 1.629008, 4592.3),
    D4rl("walker2d_", 1.629008, 4592.3),
    D4rl("ant-", -325.6, 3879.7),
    D4rl("ant_maze_", 0.0, 1.0),  // whatever D4rlDatasetName does not know of it
    D4rl("ant_", -325.6, 3879.7),
    D4rl("maze2d-open-dense-", 11.17817, 27.166538620695782),
    D4rl("maze2d-open-", 0.01, 20.66),
    D4rl("maze2d-umaze-dense-", 68.537689, 193.66285642381482),
    D4rl("maze2d-umaze-v0", 0.94, 62.6),
    D4rl("maze2d-umaze-", 23.85, 161.86),
    D4rl("maze2d-medium-dense-", 44.264742, 297.4552547777125),
    D4rl("maze2d-medium-v0", 5.77, 85.14),
    D4rl("maze2d-medium-", 13.13, 277.39),
    D4rl("maze2d-large-dense-", 30.569041, 303.4857382709002),
    D4rl("maze2d-large-v0", 4.83, 191.99),
    D4rl("maze2d-large-", 6.7, 273.99),
    D4rl("antmaze-", 0.0, 1.0),
    D4rl("kitchen-", 0.0, 4.0),
    D4rl("pen-", 96.262799, 3076.8331017826877),
    D4rl("hammer-", -274.856578, 12794.134825156867),
    D4rl("door-", -56.512833, 2880.5693087298737),
    D4rl("relocate-", -6.425911, 4233.877797728884),
    D4rl("minigrid-fourrooms-", 0.01442, 2.89685),
    D4rl("flow-ring-", -165.22, 24.42),
    D4rl("flow-merge-", 118.67993, 330.03179),
    D4rl("carla-lane-", -0.8503839912088142, 1023.5784385429523),
    D4rl("carla-town-", -114.81579500772153, 2440.1772022247314),
    D4rl("bullet-halfcheetah-", -1275.766996, 2381.6725),
    D4rl("bullet-hopper-", 20.058972, 1441.8059623430963),
    D4rl("bullet-ant-", 373.705955, 2650.495),
    D4rl("bullet-walker2d-", 16.523877, 1623.6476303317536),
    D4rl("bullet-maze2d-open-", 8.75, 64.15),
    D4rl("bullet-maze2d-umaze-", 32.46, 153.99),
    D4rl("bullet-maze2d-medium-", 14.87, 238.05),
    D4rl("bullet-maze2d-large-", 1.82, 285.92),
};

// `strider evaluate random --episodes 1000 --sampled`, and full-strength policies over 100 episodes.
constexpr std::array kOwnEntries{
    Own("halfcheetah-v5", -285, 12012),
    Own("hopper-v5", 17.4, 3288),
    Own("walker2d-v5", 1.5, 4457),
};

std::string Lower(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// Files of antmaze by what is told of mazes, starts and goals; version 2 ends in "_fixed".
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kAntmazeFiles{
    {{"ant_maze_u-maze_noisy_multistart_false_multigoal_false_sparse", "antmaze-umaze"},
     {"ant_maze_u-maze_noisy_multistart_true_multigoal_true_sparse", "antmaze-umaze-diverse"},
     {"ant_maze_big-maze_noisy_multistart_true_multigoal_false_sparse", "antmaze-medium-play"},
     {"ant_maze_big-maze_noisy_multistart_true_multigoal_true_sparse", "antmaze-medium-diverse"},
     {"ant_maze_hardest-maze_noisy_multistart_true_multigoal_false_sparse", "antmaze-large-play"},
     {"ant_maze_hardest-maze_noisy_multistart_true_multigoal_true_sparse", "antmaze-large-diverse"}}};

}  // namespace

std::string D4rlDatasetName(std::string_view file_name) {
  std::string name = Lower(file_name.substr(0, file_name.find('.')));
  for (const auto& [file, dataset] : kAntmazeFiles) {
    if (!name.starts_with(file)) continue;
    constexpr std::string_view kFixed = "_fixed";
    const std::string_view rest = std::string_view(name).substr(file.size());
    const bool fixed = rest.starts_with(kFixed);
    return fmt::format("{}-v{}{}", dataset, fixed ? 2 : 0, rest.substr(fixed ? kFixed.size() : 0));
  }
  if (!name.starts_with("maze2d-")) return std::string(file_name);
  for (const std::string_view rewards : {"-sparse", "-dense"}) {
    const std::size_t found = name.find(rewards);
    if (found == std::string::npos) continue;
    const std::string rest = name.substr(found + rewards.size());
    return fmt::format("{}{}{}{}", name.substr(0, found), rewards == "-dense" ? rewards : "",
                       rest.starts_with("-v") ? "" : "-v0", rest);
  }
  return std::string(file_name);
}

std::vector<ReferenceScore> FindReferenceScores(std::string_view name) {
  const std::string lower = Lower(D4rlDatasetName(name));
  std::vector<ReferenceScore> scores;
  const auto* const d4rl = std::ranges::find_if(
      kEntries, [&](std::string_view prefix) { return lower.starts_with(prefix); }, &Entry::name);
  if (d4rl != kEntries.end()) scores.push_back(d4rl->score);
  const auto* const own = std::ranges::find(kOwnEntries, lower, &Entry::name);
  if (own != kOwnEntries.end()) scores.push_back(own->score);
  return scores;
}

std::optional<ReferenceScore> FindReferenceScore(std::string_view name) {
  const std::vector<ReferenceScore> scores = FindReferenceScores(name);
  return scores.empty() ? std::nullopt : std::optional(scores.front());
}

double NormalizedScore(const ReferenceScore& reference, double episode_return) {
  return 100.0 * (episode_return - reference.min) / (reference.max - reference.min);
}

}  // namespace strider
