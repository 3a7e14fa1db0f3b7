#include "experiments/run_results.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/checksum.h"
#include "core/error.h"
#include "core/files.h"
#include "experiments/csv_log.h"

namespace strider {
namespace {

constexpr int kDeepest = 3;

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The `key = value` lines of a config.cfg.
class RunConfig {
 public:
  explicit RunConfig(std::filesystem::path path) : path_(std::move(path)) {
    const std::string text = ReadText(path_);
    std::string_view rest = text;
    for (std::size_t number = 1; !rest.empty(); ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = Trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.empty() || line[0] == '#') continue;
      const std::size_t equals = line.find('=');
      if (equals == std::string_view::npos) {
        throw InputError("{}:{}: '{}' is not of the form key = value", path_.string(), number, line);
      }
      values_[std::string(Trimmed(line.substr(0, equals)))] = Trimmed(line.substr(equals + 1));
    }
  }

  // "" where there is no such key.
  std::string Get(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? "" : found->second;
  }

  std::string Need(const std::string& key) const {
    const std::string value = Get(key);
    if (value.empty()) throw InputError("{}: no value for '{}'", path_.string(), key);
    return value;
  }

  // The method's settings, and the environment's.
  std::map<std::string, std::string> Settings() const {
    std::map<std::string, std::string> settings = values_;
    std::erase_if(settings, [](const auto& setting) { return setting.first.starts_with("run."); });
    return settings;
  }

  std::int64_t NeedInteger(const std::string& key) const {
    const std::string text = Need(key);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw InputError("{}: {} = '{}' is not accepted; expected a whole number", path_.string(), key, text);
    }
    return value;
  }

 private:
  std::filesystem::path path_;
  std::map<std::string, std::string> values_;
};

bool IsRun(const std::filesystem::path& folder) {
  return std::filesystem::is_regular_file(folder / "config.cfg");
}

// Appends the runs in and below a folder.
void Search(const std::filesystem::path& folder, int levels, std::vector<std::filesystem::path>& runs) {
  if (IsRun(folder)) {
    runs.push_back(folder);
    return;
  }
  if (levels == 0) return;
  std::vector<std::filesystem::path> children;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory() && !entry.is_symlink()) children.push_back(entry.path());
  }
  // seed_2 before seed_10.
  std::ranges::sort(children, {},
                    [](const auto& child) { return std::pair(child.string().size(), child.string()); });
  for (const auto& child : children) Search(child, levels - 1, runs);
}

void ReadEvaluations(const std::filesystem::path& path, RunResult& run) {
  const CsvTable table(path);
  const std::vector<double> steps = table.FullColumn("step");
  const std::vector<double> returns = table.FullColumn("return");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (row > 0 && steps[row] < steps[row - 1]) {
      throw InputError("{}:{}: step {} comes after step {}; expected rising steps", path.string(), row + 2,
                       steps[row], steps[row - 1]);
    }
    if (row == 0 || steps[row] != steps[row - 1]) run.evaluations.push_back({steps[row], {}});
    run.evaluations.back().returns.push_back(returns[row]);
  }
}

// The object that `strider evaluate --json` prints, unless it is of a policy that training has replaced
// since.
void ReadFinal(const std::filesystem::path& path, RunResult& run) {
  const nlohmann::json json = nlohmann::json::parse(ReadText(path), nullptr, false);
  if (!json.is_object()) throw InputError("{} is not a JSON object", path.string());
  const std::filesystem::path policy = run.folder / "policy" / "policy.hdf5";
  if (json.contains("policy_sha256") && std::filesystem::exists(policy) &&
      json["policy_sha256"] != FileChecksum(policy)) {
    return;
  }
  if (json.value("env", run.env) != run.env && !run.env.empty()) {
    throw InputError("{} is of {} but the run is of {}; remove it", path.string(), json["env"].dump(),
                     run.env);
  }
  const auto returns = json.find("returns");
  if (returns == json.end() || !returns->is_array() || returns->empty()) {
    throw InputError("{}: 'returns' is missing or empty; expected a list of numbers", path.string());
  }
  for (const nlohmann::json& value : *returns) {
    // JSON has no NaN: the return of an episode that diverged is null.
    if (!value.is_number() && !value.is_null()) {
      throw InputError("{}: 'returns' holds {}; expected numbers", path.string(), value.dump());
    }
    run.final_returns.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                                : value.get<double>());
  }
}

// Whether a run acted while it learnt, though it had a dataset.
bool Acted(const std::filesystem::path& manifest) {
  if (!std::filesystem::exists(manifest)) return false;
  const auto json = nlohmann::json::parse(ReadText(manifest), nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.value("acts", nlohmann::json()) == true;
}

}  // namespace

std::vector<std::filesystem::path> FindRuns(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::filesystem::path> runs;
  for (const std::filesystem::path& path : paths) {
    if (!std::filesystem::is_directory(path)) throw InputError("{} is not a folder", path.string());
    const std::size_t before = runs.size();
    Search(path, kDeepest, runs);
    if (runs.size() == before) {
      throw InputError("{} holds no run; expected a config.cfg in it or in the folders below it",
                       path.string());
    }
  }
  std::set<std::filesystem::path> seen;
  std::erase_if(runs,
                [&seen](const auto& run) { return !seen.insert(std::filesystem::canonical(run)).second; });
  return runs;
}

RunResult ReadRun(const std::filesystem::path& folder) {
  const RunConfig config(folder / "config.cfg");
  RunResult run;
  run.folder = folder;
  run.agent = config.Need("run.agent");
  run.dataset = config.Get("run.dataset");
  run.env = run.dataset.empty() ? config.Need("run.env") : config.Get("run.env");
  if (!run.dataset.empty() && Acted(folder / "manifest.json")) {
    run.beside = std::filesystem::path(run.dataset).stem().string();
    run.dataset.clear();
  }
  run.preset = config.Get("run.preset");
  run.settings = config.Settings();
  run.seed = config.NeedInteger("run.seed");
  if (!config.Get("run.steps").empty()) run.steps = config.NeedInteger("run.steps");
  if (const std::string target = config.Get("run.target_return"); !target.empty()) {
    run.target_return = std::strtod(target.c_str(), nullptr);
  }
  const std::filesystem::path json = folder / "evaluation.json";
  const std::filesystem::path csv = folder / "evaluations.csv";
  if (std::filesystem::exists(json)) ReadFinal(json, run);
  // Made when the run is, and empty before its first evaluation.
  const bool empty = std::filesystem::exists(csv) && std::filesystem::file_size(csv) == 0;
  if (!empty && (std::filesystem::exists(csv) || run.final_returns.empty())) ReadEvaluations(csv, run);
  return run;
}

}  // namespace strider
