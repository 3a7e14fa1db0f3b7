#include "datasets/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>

#include "datasets/minari.h"
#include "experiments/gnuplot.h"
#include "experiments/pictures.h"
#include "experiments/run_results.h"
#include "experiments/statistics.h"
#include "tools/options.h"
#include "tools/summaries.h"

namespace strider::tools {
namespace {

using Json = nlohmann::ordered_json;

// What all files of a call are measured by.
struct Call {
  MetricOptions options;
  MetricReferences references;  // returns: those that the call gives
  std::optional<std::string> env;
  // Sources of returns or pairs, and the tasks that they are of, where they say.
  std::vector<std::pair<std::string, std::string>> sources;
};

void RefuseBoth(const po::variables_map& values, const std::string& one, const std::string& other) {
  if (values.count(one) > 0 && values.count(other) > 0) {
    throw InputError("--{} and --{} say the same thing; expected one of them", one, other);
  }
}

std::optional<ReferenceReturn> GivenReturn(const po::variables_map& values, const std::string& name) {
  const auto value = Given<double>(values, name);
  if (!value) return std::nullopt;
  if (!std::isfinite(*value)) throw InputError("--{} {}: expected a finite number", name, *value);
  return ReferenceReturn{*value, "given"};
}

// The mean return of a dataset of random actions.
ReferenceReturn RandomReturn(const DatasetReader& reader, const std::string& path) {
  LateProgress progress(path);
  const DatasetSummary summary = Summarize(reader, SummaryOptionsFor(reader), progress.Listener());
  if (!summary.mean_return) throw InputError("--random {}: has no complete episode", path);
  return {*summary.mean_return, path};
}

// The best evaluation of a training run: the mean return over its episodes.
ReferenceReturn BestReturn(const RunResult& run, const std::string& folder) {
  std::optional<double> best;
  for (const EvaluationResult& evaluation : run.evaluations) {
    const double mean = Mean(evaluation.returns);
    if (std::isfinite(mean)) best = std::max(best.value_or(mean), mean);
  }
  if (!best) throw InputError("--run {}: has no evaluations", folder);
  return {*best, folder};
}

CoverageReference GivenCoverage(std::int64_t unique) {
  if (unique < 1) throw InputError("--reference-unique {}: expected at least 1", unique);
  return {.unique_state_actions = static_cast<std::uint64_t>(unique), .source = "given"};
}

Call ReadCall(const po::variables_map& values) {
  RefuseBoth(values, "reference", "reference-unique");
  RefuseBoth(values, "random", "min-return");
  RefuseBoth(values, "run", "max-return");
  Call call;
  call.env = Given<std::string>(values, "env");
  call.options.bins = values["bins"].as<int>();
  CheckBins(call.options.bins);
  if (values["hll"].as<bool>()) {
    if (values["exact"].as<bool>()) throw InputError("--exact and --hll contradict each other");
    call.options.counting = Counting::kHyperLogLog;
  }
  call.references.min_return = GivenReturn(values, "min-return");
  call.references.max_return = GivenReturn(values, "max-return");
  if (const auto path = Given<std::string>(values, "random")) {
    const auto reader = OpenDataset(*path);
    call.references.min_return = RandomReturn(*reader, *path);
    call.sources.emplace_back(*path, TaskOf(*reader));
  }
  if (const auto folder = Given<std::string>(values, "run")) {
    const RunResult run = ReadRun(*folder);
    call.references.max_return = BestReturn(run, *folder);
    Assignments options;
    for (const auto& [key, value] : run.settings) {
      if (key.starts_with("env.")) options.emplace_back(key, value);
    }
    call.sources.emplace_back(*folder, TaskText(run.env, options));
  }
  if (const auto unique = Given<std::int64_t>(values, "reference-unique")) {
    call.references.coverage = GivenCoverage(*unique);
  }
  if (const auto path = Given<std::string>(values, "reference")) {
    const auto reader = OpenDataset(*path);
    LateProgress progress(*path);
    MetricOptions options = call.options;
    options.progress = progress.Listener();
    call.references.coverage = MeasureCoverage(*reader, options);
    call.sources.emplace_back(*path, TaskOf(*reader));
  }
  return call;
}

// What is measured by another task's returns or states says little.
void WarnOfOtherTasks(const DatasetReader& reader, const Call& call) {
  const std::string task = TaskOf(reader);
  const auto warn = [&](const std::string& source, const std::string& other) {
    std::cerr << fmt::format("strider: warning: {} was recorded in {}, but {} is of {}\n",
                             reader.path().string(), task, source, other);
  };
  if (task.empty()) return;
  for (const auto& [source, other] : call.sources) {
    if (!other.empty() && other != task) warn(source, other);
  }
  if (!call.env) return;
  // A robot's versions and datasets have the same scores; nobody has measured any under changed rules.
  const auto own = FindReferenceScoreOf(reader);
  const auto given = FindReferenceScore(*call.env);
  if (given && !(own && own->score.min == given->min && own->score.max == given->max)) {
    warn("--env " + *call.env, "another task");
  }
}

// Fills in returns that the call does not give: those on record for the environment.
MetricReferences ReferencesFor(const DatasetReader& reader, const Call& call) {
  WarnOfOtherTasks(reader, call);
  MetricReferences references = call.references;
  if (!references.min_return || !references.max_return) {
    std::optional<NamedScore> stored;
    if (call.env) {
      const auto score = FindReferenceScore(*call.env);
      if (!score) throw InputError("--env {}: there are no reference returns for it", *call.env);
      stored = NamedScore{*call.env, *score};
    } else {
      stored = FindReferenceScoreOf(reader);
    }
    if (stored) {
      const std::string source = fmt::format("{}: {}", stored->score.source, stored->name);
      if (!references.min_return) references.min_return = ReferenceReturn{stored->score.min, source};
      if (!references.max_return) references.max_return = ReferenceReturn{stored->score.max, source};
    }
  }
  const auto& low = references.min_return;
  const auto& high = references.max_return;
  if (low && high && !(low->value < high->value)) {
    throw InputError("{}: reference returns {} ({}) and {} ({}): expected the first below the second",
                     reader.path().string(), low->value, low->source, high->value, high->source);
  }
  return references;
}

Json ReturnJson(const std::optional<ReferenceReturn>& reference) {
  return reference ? Json(reference->value) : Json();
}

Json SourceJson(const std::optional<ReferenceReturn>& reference) {
  return reference ? Json(reference->source) : Json();
}

struct Measured {
  std::string path;  // as the call has it
  DatasetMetrics metrics;
  MetricReferences references;
  std::size_t observation_size = 0;
};

Measured Measure(const std::string& path, const Call& call) {
  const auto reader = OpenDataset(path);
  Measured measured{.path = path,
                    .metrics = {},
                    .references = ReferencesFor(*reader, call),
                    .observation_size = reader->layout().observation_size};
  LateProgress progress(path);
  MetricOptions options = call.options;
  options.summary = SummaryOptionsFor(*reader);
  options.progress = progress.Listener();
  measured.metrics = MeasureDataset(*reader, measured.references, options);
  return measured;
}

Json FileJson(const Measured& measured) {
  const DatasetMetrics& metrics = measured.metrics;
  const DatasetSummary& summary = metrics.summary;
  const auto& [coverage, min_return, max_return] = measured.references;
  const auto border = metrics.coverage.begin() + static_cast<std::ptrdiff_t>(measured.observation_size);
  Json limits = {{"low", Json::array()}, {"high", Json::array()}};
  for (std::size_t column = 0; column < metrics.limits.columns(); ++column) {
    limits["low"].push_back(metrics.limits.low(column));
    limits["high"].push_back(metrics.limits.high(column));
  }
  return {{"path", measured.path},
          {"rows", summary.rows},
          {"episodes", summary.episodes},
          {"unique_state_actions", metrics.unique_state_actions},
          {"counting",
           {{"method", metrics.counting == Counting::kExact ? "exact" : "hyperloglog"},
            {"standard_error", metrics.standard_error},
            {"error_bound", metrics.error_bound}}},
          {"entropy", OrNull(metrics.entropy)},
          {"saco", OrNull(metrics.saco)},
          {"lsaco", OrNull(metrics.lsaco)},
          {"tq", OrNull(metrics.tq)},
          {"mean_return", OrNull(summary.mean_return)},
          {"return_quantiles", ToJson(summary.returns)},
          {"length_quantiles", ToJson(summary.lengths)},
          {"action_saturation", OrNull(summary.action_saturation)},
          {"coverage",
           {{"observations", std::vector<double>(metrics.coverage.begin(), border)},
            {"actions", std::vector<double>(border, metrics.coverage.end())}}},
          {"references",
           {{"min_return", ReturnJson(min_return)},
            {"min_return_source", SourceJson(min_return)},
            {"max_return", ReturnJson(max_return)},
            {"max_return_source", SourceJson(max_return)},
            {"unique_state_actions", coverage ? Json(coverage->unique_state_actions) : Json()},
            {"unique_state_actions_source", coverage ? Json(coverage->source) : Json()},
            {"bins", metrics.bins},
            {"limits", metrics.limits_source},
            {"column_limits", limits}}}};
}

std::string Cell(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string NameOf(const Measured& measured) {
  const std::filesystem::path path = measured.metrics.path;
  // Minari's datasets lie in a folder named data.
  return (FindMinari(path) && path.filename() == "data" ? path.parent_path() : path).filename().string();
}

// Tables of a row a file, all with names of one width.
class Tables {
 public:
  explicit Tables(const std::vector<Measured>& all) : all_(all) {
    for (const Measured& measured : all) width_ = std::max(width_, NameOf(measured).size());
  }

  // `cells` gives a file's values.
  void Print(std::string_view heading, const std::vector<std::string>& columns,
             const std::function<std::vector<std::string>(const Measured&)>& cells) const {
    PrintRow(heading, columns);
    for (const Measured& measured : all_) PrintRow(NameOf(measured), cells(measured));
  }

 private:
  void PrintRow(std::string_view name, const std::vector<std::string>& cells) const {
    std::cout << fmt::format("{:<{}}", name, width_);
    for (const std::string& cell : cells) std::cout << fmt::format(" {:>9}", cell);
    std::cout << '\n';
  }

  const std::vector<Measured>& all_;
  std::size_t width_ = 8;
};

std::vector<std::string> MainCells(const Measured& measured) {
  const DatasetMetrics& metrics = measured.metrics;
  const DatasetSummary& summary = metrics.summary;
  return {fmt::format("{}", summary.rows),
          fmt::format("{}", summary.episodes),
          Cell(summary.mean_return, 1),
          fmt::format("{}", metrics.unique_state_actions),
          Cell(metrics.saco, 6),
          Cell(metrics.lsaco, 6),
          Cell(metrics.tq, 6),
          Cell(metrics.entropy, 6),
          summary.action_saturation ? fmt::format("{:.2f} %", 100 * *summary.action_saturation) : "-"};
}

std::vector<std::string> QuantileCells(const std::optional<Quantiles>& quantiles) {
  std::vector<std::string> cells(kQuantileLevels.size(), "-");
  for (std::size_t i = 0; quantiles && i < cells.size(); ++i) cells[i] = Cell((*quantiles)[i], 1);
  return cells;
}

std::string CoverageText(const Measured& measured) {
  std::string text;
  for (std::size_t column = 0; column < measured.metrics.coverage.size(); ++column) {
    if (column == measured.observation_size) text += " |";
    text += fmt::format(" {:.0f}", 100 * measured.metrics.coverage[column]);
  }
  return text;
}

// What a file's numbers rest on.
std::string Grounds(const Measured& measured) {
  const auto& [path, metrics, references, observation_size] = measured;
  std::string text =
      fmt::format("{} bins a column between the smallest and largest values of {}", metrics.bins,
                  metrics.limits_source == metrics.path ? "the file itself" : metrics.limits_source);
  if (references.coverage) {
    text += fmt::format("; SACo by {} pairs ({})", references.coverage->unique_state_actions,
                        references.coverage->source);
  }
  if (references.min_return && references.max_return) {
    text += fmt::format("; TQ from {} ({}) to {} ({})", references.min_return->value,
                        references.min_return->source, references.max_return->value,
                        references.max_return->source);
  }
  return text;
}

void PrintAll(const std::vector<Measured>& all) {
  const Tables tables(all);
  const std::vector<std::string> levels = {"min", "5 %", "25 %", "median", "75 %", "95 %", "max"};
  tables.Print("dataset",
               {"rows", "episodes", "return", "pairs", "SACo", "lSACo", "TQ", "entropy", "at bounds"},
               MainCells);
  std::cout << '\n';
  tables.Print("returns", levels,
               [](const Measured& measured) { return QuantileCells(measured.metrics.summary.returns); });
  std::cout << '\n';
  tables.Print("lengths", levels,
               [](const Measured& measured) { return QuantileCells(measured.metrics.summary.lengths); });
  std::cout << "\nshare of each column's bins visited, in percent: observations | actions\n";
  for (const Measured& measured : all) std::cout << NameOf(measured) << ':' << CoverageText(measured) << '\n';

  // Once where it is the same for all.
  const std::string first = Grounds(all.front());
  const bool same =
      std::ranges::all_of(all, [&](const auto& measured) { return Grounds(measured) == first; });
  std::cout << "\nhow measured\n";
  if (same) {
    std::cout << first << '\n';
  } else {
    for (const Measured& measured : all) std::cout << NameOf(measured) << ": " << Grounds(measured) << '\n';
  }
  const DatasetMetrics& metrics = all.front().metrics;
  std::cout << (metrics.counting == Counting::kExact
                    ? std::string("pairs counted exactly\n")
                    : fmt::format(
                          "pairs estimated by HyperLogLog: standard error {:.2f} %, within {:.2f} % in all "
                          "but one case in ten thousand\n",
                          100 * metrics.standard_error, 100 * metrics.error_bound));
}

void DrawScatter(const std::vector<Measured>& all, const std::string& picture) {
  std::vector<MetricsPoint> points;
  for (const Measured& measured : all) {
    const DatasetMetrics& metrics = measured.metrics;
    if (!metrics.saco || !metrics.tq) {
      throw InputError("--picture: {} has no {}; expected {}", metrics.path, metrics.saco ? "TQ" : "SACo",
                       metrics.saco
                           ? "reference returns (--env, --random and --run, --min-return and --max-return)"
                           : "--reference FILE or --reference-unique N");
    }
    points.push_back({std::filesystem::path(NameOf(measured)).stem().string(), *metrics.saco, *metrics.tq});
  }
  WriteMetricsPicture(points, picture);
}

}  // namespace

int Metrics(const Words& words) {
  CommandLine line;
  line.usage =
      "strider metrics FILE... [--reference FILE] [--env ID | --random FILE --run DIR] [--bins N] "
      "[--exact|--hll] "
      "[--picture FILE.svg|.png] [--json]";
  line.about =
      "SACo: unique state-action pairs in proportion to the reference dataset's (usually the replay of a "
      "whole training run). TQ: where the mean return lies between two reference returns, a random policy's "
      "and the best one's; clipped nowhere. As in Schweighofer et al. (arXiv 2111.04714). With them: returns "
      "and lengths of episodes, the share of each column's bins that were visited, the share of action "
      "components at their bounds. Reads in blocks: memory grows with the distinct pairs only, and not with "
      "--hll.";
  auto add = line.options.add_options();
  add("files", po::value<std::vector<std::string>>(), "datasets");
  add("reference", po::value<std::string>(),
      "dataset that SACo is relative to; its smallest and largest values bound the bins");
  add("reference-unique", po::value<std::int64_t>(),
      "its number of unique pairs, where it is not at hand; each file's own values then bound the bins");
  add("env", po::value<std::string>(),
      "environment or D4RL dataset whose reference returns on record TQ takes; a file's own where left out");
  add("random", po::value<std::string>(), "dataset whose mean return is TQ 0");
  add("min-return", po::value<double>(), "return that is TQ 0");
  add("run", po::value<std::string>(), "training run whose best evaluation is TQ 1");
  add("max-return", po::value<double>(), "return that is TQ 1");
  add("bins", po::value<int>()->default_value(kDefaultBins), "edges on each axis, 2 to 255");
  add("exact", po::bool_switch(), "count pairs exactly (the default)");
  add("hll", po::bool_switch(), "estimate their number by HyperLogLog, in bounded memory");
  add("picture", po::value<std::string>(), "TQ over SACo, a point a file, as .svg or .png");
  add("json", po::bool_switch(), "one JSON object on stdout");
  line.positional.add("files", -1);
  const auto values = Parse(line, words);
  if (!values) return 0;
  const auto files = RequiredWord<std::vector<std::string>>(*values, "files", "FILE");
  const auto picture = Given<std::string>(*values, "picture");
  if (picture) {  // before the work
    PictureFormat(*picture);
    std::vector<std::string> read = files;
    for (const char* name : {"reference", "random"}) {
      if (const auto path = Given<std::string>(*values, name)) read.push_back(*path);
    }
    RefuseOverwriting("picture", *picture, read);
  }

  const Call call = ReadCall(*values);
  std::vector<Measured> all;
  for (const std::string& path : files) all.push_back(Measure(path, call));
  if (picture) DrawScatter(all, *picture);
  if ((*values)["json"].as<bool>()) {
    Json json = {{"files", Json::array()}};
    for (const Measured& measured : all) json["files"].push_back(FileJson(measured));
    std::cout << JsonText(json) << '\n';
  } else {
    PrintAll(all);
  }
  return 0;
}

}  // namespace strider::tools
