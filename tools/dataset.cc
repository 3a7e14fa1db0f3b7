#include "datasets/dataset.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/names.h"
#include "datasets/convert.h"
#include "datasets/merge.h"
#include "datasets/minari.h"
#include "datasets/reader.h"
#include "datasets/split.h"
#include "datasets/validate.h"
#include "envs/registry.h"
#include "experiments/progress_bar.h"
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

constexpr std::size_t kLongText = 120;  // spaces and descriptions may go on for pages

// "-" for nothing, "min 1, p5 2, ..." for an object, anything else as JSON writes it.
std::string ValueText(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return JsonText(value);
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
    auto text = value.get<std::string>();
    if (text.size() > kLongText) text = text.substr(0, kLongText) + " ... (--json has all)";
    std::cout << fmt::format("  metadata/{:<9} {}\n", key, text);
  }
}

nlohmann::ordered_json Defects(const std::string& path, const ValidateOptions& options) {
  const auto defects = Validate(path, options);
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

constexpr std::size_t kRowsShown = 8;

// "; rows 3, 9, 12 ..."
std::string RowsText(std::vector<std::size_t> rows) {
  if (rows.empty()) return "";
  const bool more = rows.size() > kRowsShown;
  if (more) rows.resize(kRowsShown);
  return fmt::format("; row{} {}{}", rows.size() == 1 ? "" : "s", fmt::join(rows, ", "),
                     more ? " ... (--json has more)" : "");
}

void PrintDefects(const nlohmann::ordered_json& checked) {
  std::cout << checked["path"].get<std::string>() << ": "
            << (checked["ok"].get<bool>() ? "sound" : "defects:") << '\n';
  for (const auto& defect : checked["defects"]) {
    std::cout << fmt::format("  {} ({}): {}{}\n", defect["kind"].get<std::string>(),
                             defect["severity"].get<std::string>(), defect["message"].get<std::string>(),
                             RowsText(defect["rows"].get<std::vector<std::size_t>>()));
  }
}

// One JSON object for one file, an object of a list for several.
void PrintJson(const std::vector<nlohmann::ordered_json>& all) {
  if (all.size() == 1) {
    std::cout << JsonText(all.front()) << '\n';
  } else {
    std::cout << JsonText({{"files", all}}) << '\n';
  }
}

// What each command takes, beside files.
struct Command {
  std::string name;
  std::vector<std::string> options;
};

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = {
      {"info", {"json"}},
      {"validate", {"json", "max-episode-steps", "actions", "rewards"}},
      {"convert", {"out", "format", "max-episode-steps", "quiet"}},
      {"merge", {"out", "format", "complete-episodes", "quiet"}},
      {"split", {"out", "fraction", "seed", "quiet"}}};
  return commands;
}

// The command's entry; InputError for an unknown one, and for options that it does not take.
const Command& FindCommand(const po::variables_map& values) {
  const auto name = RequiredWord<std::string>(values, "what", "info, validate, convert, merge or split");
  std::vector<std::string> names;
  for (const Command& command : Commands()) names.push_back(command.name);
  const auto at = std::ranges::find(names, name);
  if (at == names.end()) throw UnknownName("dataset command", name, names);
  const Command& command = Commands()[static_cast<std::size_t>(at - names.begin())];
  for (const auto& [option, value] : values) {
    if (value.defaulted() || option == "what" || option == "files") continue;
    if (std::ranges::find(command.options, option) != command.options.end()) continue;
    throw InputError("dataset {} takes no --{}; expected --{}", name, option,
                     fmt::join(command.options, ", --"));
  }
  return command;
}

// "LOW,HIGH", two numbers.
std::pair<double, double> Range(const std::string& option, const std::string& text) {
  double low = 0;
  double high = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%lf,%lf%n", &low, &high, &end) == 2 &&
      static_cast<std::size_t>(end) == text.size() && low <= high) {
    return {low, high};
  }
  throw InputError("--{} {}: expected two numbers LOW,HIGH", option, text);
}

ValidateOptions ValidateOptionsOf(const po::variables_map& values) {
  ValidateOptions options;
  if (const auto steps = Given<int>(values, "max-episode-steps")) options.max_episode_steps = *steps;
  if (const auto text = Given<std::string>(values, "rewards")) options.reward_range = Range("rewards", *text);
  if (const auto text = Given<std::string>(values, "actions")) {
    const auto [low, high] = Range("actions", *text);
    options.action_low = {low};
    options.action_high = {high};
  }
  return options;
}

// Thrown out of work that a signal asks to stop.
struct Stopped {};

// Shows how far the work has come, once that takes a second; what was begun is removed where it is to stop.
class Progress {
 public:
  Progress(std::string title, const std::vector<std::string>& files, bool quiet)
      : title_(std::move(title)), output_(StandardError(quiet)), start_(output_.seconds()) {
    for (const std::string& file : files) {
      rows_ += OpenDataset(file, {.allow_non_finite = true})->layout().rows;
    }
    CatchStopSignals();
  }

  void operator()(std::size_t rows) {
    if (StopRequested()) throw Stopped{};
    if (!bar_ && output_.seconds() - start_ > 1) {
      bar_.emplace(title_, static_cast<std::int64_t>(rows_), "rows", output_);
    }
    if (bar_) bar_->Update(static_cast<std::int64_t>(rows));
  }
  void Finish() {
    if (bar_) bar_->Finish();
  }

 private:
  std::string title_;
  ProgressOutput output_;
  double start_;
  std::size_t rows_ = 0;
  std::optional<ProgressBar> bar_;
};

std::string TheOnly(const std::vector<std::string>& words, std::string_view what) {
  if (words.size() != 1) throw InputError("{} {}s were given, expected one", words.size(), what);
  return words.front();
}

// convert, merge and split.
void Write(const std::string& command, const std::vector<std::string>& files,
           const po::variables_map& values) {
  const auto outs = Required<std::vector<std::string>>(values, "out");
  for (const std::string& out : outs) {
    if (out.empty()) throw InputError("--out is empty");
  }
  const auto format = Given<std::string>(values, "format");
  const std::vector<std::filesystem::path> out_paths(outs.begin(), outs.end());
  const std::string title = command + " " + files.front();
  const bool quiet = values["quiet"].as<bool>();
  if (command != "split") TheOnly(outs, "--out");
  if (command != "merge") TheOnly(files, "FILE");
  Progress progress(title, files, quiet);
  const auto report = [&progress](std::size_t rows) { progress(rows); };
  if (command == "merge") {
    MergeDatasets({files.begin(), files.end()}, outs.front(),
                  {.format = ParseDatasetFormat(format.value_or("d4rl")),
                   .complete_episodes_only = values["complete-episodes"].as<bool>(),
                   .is_default = IsDefault},
                  report);
  } else if (command == "split") {
    SplitDataset(files.front(), out_paths,
                 Given<std::vector<double>>(values, "fraction").value_or(std::vector<double>{}),
                 {.seed = Seed(values), .progress = report});
  } else {
    ConvertOptions options{.progress = report};
    if (const auto steps = Given<int>(values, "max-episode-steps")) {
      options.max_episode_steps = static_cast<std::size_t>(*steps);
    }
    const bool from_minari = FindMinari(files.front()).has_value();
    ConvertDataset(files.front(), outs.front(),
                   ParseDatasetFormat(format.value_or(from_minari ? "d4rl" : "minari")), options);
  }
  progress.Finish();
}

}  // namespace

int DatasetCommand(const Words& words) {
  CommandLine line;
  line.usage =
      "strider dataset info|validate FILE... [--json], convert FILE --out OUT, merge FILE... --out OUT, or "
      "split FILE --out A --out B --fraction F";
  line.about =
      "A FILE is a D4RL HDF5 file or a Minari dataset: its folder, or its id under $MINARI_DATASETS_PATH.\n"
      "info: sizes, episodes, returns and metadata. validate: every defect, with its rows; exit code 2 where "
      "there is an error among them. convert: to the other format, without loss. merge: the files' rows one "
      "after the other; columns beyond the required ones (next_observations, infos) where all files have "
      "them. split: deals the episodes out at random.";
  auto add = line.options.add_options();
  add("what", po::value<std::string>(), "info, validate, convert, merge or split");
  add("files", po::value<std::vector<std::string>>(), "datasets");
  add("out", po::value<std::vector<std::string>>()->composing(),
      "what is written: a file, or Minari's folder named NAME-vN; repeated for split");
  add("format", po::value<std::string>(), "d4rl or minari (convert: the other one; merge: d4rl)");
  add("complete-episodes", po::bool_switch(),
      "merge: leave out what follows a file's last end of an episode, as D4RL's medium-expert sets do");
  add("fraction", po::value<std::vector<double>>()->composing(),
      "split: share of the episodes of each --out but the last, which gets the rest");
  add("seed", po::value<std::int64_t>()->default_value(0), "split: of the draw of episodes");
  add("max-episode-steps", po::value<int>(),
      "step limit: validate tells time-outs from terminals by it (1000), convert needs it without timeouts");
  add("actions", po::value<std::string>(),
      "validate: LOW,HIGH of every action (the file's own space, or -1,1)");
  add("rewards", po::value<std::string>(), "validate: LOW,HIGH of rewards (none)");
  add("json", po::bool_switch(), "one JSON object on stdout");
  add("quiet", po::bool_switch(), "show no progress");
  line.positional.add("what", 1).add("files", -1);
  const auto values = Parse(line, words);
  if (!values) return 0;
  const Command& command = FindCommand(*values);
  const auto files = RequiredWord<std::vector<std::string>>(*values, "files", "FILE");
  const bool as_json = (*values)["json"].as<bool>();
  if (const auto steps = Given<int>(*values, "max-episode-steps"); steps && *steps < 1) {
    throw InputError("--max-episode-steps {}: expected at least 1", *steps);
  }

  const bool info = command.name == "info";
  if (!info && command.name != "validate") {
    try {
      Write(command.name, files, *values);
    } catch (const Stopped&) {
      std::cerr << "stopped; nothing was written\n";
      return 128 + StopSignal();
    }
    return 0;
  }
  const ValidateOptions options = ValidateOptionsOf(*values);
  std::vector<nlohmann::ordered_json> all;
  for (const std::string& file : files) {
    all.push_back(info ? Info(file) : Defects(file, options));
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
