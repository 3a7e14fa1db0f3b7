#include "experiments/dataset_origin.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "datasets/minari.h"
#include "datasets/reader.h"
#include "datasets/reference_scores.h"
#include "envs/registry.h"

namespace strider {
namespace {

// Without folders and suffix, in lower case, with hyphens: "hopper-medium-v2". D4RL's name for the dataset
// where its file's is another.
std::string PlainName(std::string_view task) {
  std::string name;
  for (const char c : D4rlDatasetName(task.substr(task.find_last_of('/') + 1))) {
    if (c == '.') break;
    name += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

// Where "-v2" begins; the name's length where there is none.
std::size_t VersionOf(std::string_view name) {
  const std::size_t version = name.find_last_of('-');
  const bool versioned = version != std::string::npos && version + 2 < name.size() &&
                         name[version + 1] == 'v' &&
                         name.find_first_not_of("0123456789", version + 2) == std::string::npos;
  return versioned ? version : name.size();
}

std::string Robot(std::string_view name) { return std::string(name.substr(0, name.find('-'))); }

std::map<std::string, std::string> Metadata(const std::string& dataset) {
  try {
    return OpenDataset(dataset)->Metadata();
  } catch (const std::runtime_error&) {
    return {};  // whoever loads it says what is wrong
  }
}

// The environment after which D4RL names a dataset: that of the whole name, or of robot and version.
std::string EnvOfName(const std::string& name) {
  const std::size_t version = VersionOf(name);
  if (version == name.size()) return {};
  for (const std::string& wanted : {name, Robot(name) + name.substr(version)}) {
    for (const EnvEntry& entry : EnvRegistry()) {
      if (PlainName(entry.id) == wanted) return std::string(entry.id);
    }
  }
  return {};
}

// The name of the dataset itself: a Minari dataset's files lie in a folder `data` of its folder.
std::string NameOf(const std::string& dataset) {
  const auto minari = FindMinari(dataset);
  if (!minari) return PlainName(dataset);
  const auto folder = std::filesystem::absolute(*minari).lexically_normal();
  return PlainName((folder.filename() == "data" ? folder.parent_path() : folder).filename().string());
}

}  // namespace

std::string TaskName(std::string_view task) {
  const std::string name = PlainName(task);
  return name.substr(0, VersionOf(name));
}

DatasetOrigin FindOrigin(const std::string& dataset, std::string_view env) {
  DatasetOrigin origin;
  const auto texts = Metadata(dataset);
  const auto text = [&](const char* key) {
    const auto found = texts.find(key);
    return found == texts.end() ? std::string() : found->second;
  };
  const std::string name = NameOf(dataset);
  const std::string env_of_name = EnvOfName(name);
  origin.env = text("env_id");
  if (origin.env.empty()) origin.env = env_of_name;
  if (!env_of_name.empty() && Robot(TaskName(env_of_name)) != Robot(TaskName(origin.env))) {
    origin.misnamed = env_of_name;
  }
  origin.env_options = EnvOptionsIn(texts);
  const auto add = [&](const std::string& candidate) {
    if (!candidate.empty() && std::ranges::find(origin.names, candidate) == origin.names.end()) {
      origin.names.push_back(candidate);
    }
  };
  if (!origin.misnamed.empty()) return origin;
  const std::string task = TaskName(name);
  add(task);
  for (const std::string& robot : {Robot(TaskName(origin.env)), Robot(TaskName(env))}) {
    if (!robot.empty()) add(robot + "-" + task);
  }
  // Minari's "mujoco/hopper/medium-v0".
  const std::filesystem::path id = text("dataset_id");
  if (id.has_parent_path()) {
    add(TaskName(id.parent_path().filename().string()) + "-" + TaskName(id.filename().string()));
  }
  return origin;
}

}  // namespace strider
