#include "experiments/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "experiments/comparison.h"

namespace strider {
namespace {

// One value, or an interval, of raw returns as a normalised score. The map is a rising line, under which
// means, interquartile means and intervals go over into one another.
double Normalised(const ScoreScale& scale, double value) { return scale.slope * value + scale.offset; }

// With a decimal; of what that would be too coarse or too long for, the first digits. What is 0 but for
// rounding is 0.
std::string Number(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size < 1e-9) return "0.0";
  return size >= 1 && size < 1e7 ? fmt::format("{:.1f}", value) : fmt::format("{:.3g}", value);
}

std::string Range(const Interval& interval) {
  if (!std::isfinite(interval.low)) return "–";
  return fmt::format("[{}, {}]", Number(interval.low), Number(interval.high));
}

// What the task's files are called: "medium (Hopper-v5)" becomes "medium-hopper-v5".
std::string Slug(const std::string& name, std::set<std::string>& taken) {
  std::string slug;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.') {
      slug += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  if (!slug.empty() && slug.back() == '-') slug.pop_back();
  std::string unique = slug;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}-{}", slug, i);
  return unique;
}

// Whether a picture's statistics are over seeds, over episodes, or over one here and the other there.
std::string OverWhat(const std::vector<AgentScores>& agents) {
  const auto single = std::ranges::count_if(agents, &AgentScores::one_seed);
  if (single == 0) return "over seeds";
  if (single == static_cast<std::ptrdiff_t>(agents.size())) return "over the episodes of one seed";
  return "over seeds (over episodes where there is one seed)";
}

// Writes the task's pictures and returns the names of the PNG files, each with its caption.
std::vector<std::pair<std::string, std::string>> DrawTask(const TaskComparison& task, const std::string& slug,
                                                          const std::filesystem::path& out) {
  std::vector<std::pair<std::string, std::string>> pictures;
  const std::string subtitle = fmt::format("Mean and 95 % bootstrap interval {}", OverWhat(task.agents));
  std::vector<LearningCurve> curves;
  std::vector<FinalScore> scores;
  for (const AgentScores& agent : task.agents) {
    const MeasuredScore& last = agent.scores[0];
    scores.push_back({agent.label, agent.colour, last.samples, last.summary.mean, last.summary.ci95});
    if (agent.curve.steps.empty()) continue;
    LearningCurve& curve = curves.emplace_back(agent.curve);
    curve.colour = agent.colour;
    curve.label = fmt::format("{} ({} seed{})", agent.label, agent.seeds.size(), agent.one_seed() ? "" : "s");
  }
  // A single point is no curve; the final scores show it.
  if (std::ranges::any_of(curves, [](const LearningCurve& curve) { return curve.steps.size() > 1; })) {
    WriteCurvesPicture(fmt::format("Learning curves on {}", task.name), subtitle,
                       task.dataset.empty() ? "Environment steps" : "Gradient updates", curves, task.scale,
                       out / (slug + "-curves"));
    pictures.emplace_back(slug + "-curves.png", "Learning curves");
  }
  WriteScoresPicture(fmt::format("Final scores on {}", task.name), subtitle, scores, task.scale,
                     out / (slug + "-scores"));
  pictures.emplace_back(slug + "-scores.png", "Final scores");
  return pictures;
}

std::string LastTable(const TaskComparison& task) {
  std::string text =
      "| agent | over | mean | std | 95 % interval | IQM | 95 % interval of IQM | normalised mean | "
      "normalised IQM |\n"
      "|---|---|---:|---:|---|---:|---|---:|---:|\n";
  for (const AgentScores& agent : task.agents) {
    const Summary& last = agent.scores[0].summary;
    const auto normalised = [&task](double value) {
      return task.scale ? Number(Normalised(*task.scale, value)) : std::string("–");
    };
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", agent.label, agent.Over(),
                        Number(last.mean), Number(last.std), Range(last.ci95), Number(last.iqm),
                        Range(last.iqm_ci95), normalised(last.mean), normalised(last.iqm));
  }
  return text;
}

std::string MeasuresTable(const TaskComparison& task) {
  std::string text = "| agent |";
  std::string rule = "|---|";
  for (const Measure& measure : kMeasures) {
    text += fmt::format(" {} |", measure.title);
    rule += "---:|";
  }
  text += "\n" + rule + "\n";
  for (const AgentScores& agent : task.agents) {
    text += fmt::format("| {} |", agent.label);
    for (const Measure& measure : kMeasures) {
      const auto found = std::ranges::find(agent.scores, measure.name,
                                           [](const MeasuredScore& score) { return score.measure.name; });
      if (found == agent.scores.end()) {
        text += " – |";
        continue;
      }
      text += fmt::format(" {}", Number(found->summary.mean));
      if (task.scale && std::isfinite(found->summary.mean)) {
        text += fmt::format(" ({})", Number(Normalised(*task.scale, found->summary.mean)));
      }
      text += " |";
    }
    text += "\n";
  }
  return text;
}

std::string TaskMarkdown(const TaskComparison& task,
                         const std::vector<std::pair<std::string, std::string>>& pictures) {
  std::string text = fmt::format("## {}\n\n", task.name);
  for (const auto& [file, caption] : pictures)
    text += fmt::format("![{} on {}]({})\n\n", caption, task.name, file);
  text += "Return per episode, last evaluation:\n\n" + LastTable(task);
  text += fmt::format("\nMean return of four measures{}:\n\n",
                      task.scale ? ", with the normalised score (100 = expert) in brackets" : "");
  text += MeasuresTable(task) + "\n";
  for (const AgentScores& agent : task.agents) {
    for (const std::string& note : agent.notes) text += fmt::format("- {}: {}.\n", agent.label, note);
  }
  return text;
}

std::string CsvText(std::string_view text) {
  if (text.find_first_of(",\"\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string CsvNumber(double value) { return std::isfinite(value) ? fmt::format("{}", value) : ""; }

std::string TaskCsv(const TaskComparison& task) {
  std::string text;
  for (const AgentScores& agent : task.agents) {
    for (const MeasuredScore& score : agent.scores) {
      const Summary& all = score.summary;
      std::vector<std::string> cells{CsvText(task.name),
                                     CsvText(agent.agent),
                                     CsvText(agent.preset),
                                     fmt::format("{}", agent.seeds.size()),
                                     std::string(score.measure.name),
                                     fmt::format("{}", all.count)};
      const std::vector<double> numbers{all.mean, all.std,          all.ci95.low,     all.ci95.high,
                                        all.iqm,  all.iqm_ci95.low, all.iqm_ci95.high};
      for (const double number : numbers) cells.push_back(CsvNumber(number));
      for (const double number : {all.mean, all.ci95.low, all.ci95.high, all.iqm}) {
        cells.push_back(task.scale ? CsvNumber(Normalised(*task.scale, number)) : "");
      }
      cells.push_back(CsvText(agent.label));
      text += fmt::format("{}\n", fmt::join(cells, ","));
    }
  }
  return text;
}

constexpr std::string_view kCsvHeader =
    "task,agent,preset,seeds,measure,samples,mean,std,ci95_low,ci95_high,iqm,iqm_ci95_low,iqm_ci95_high,"
    "normalised_mean,normalised_ci95_low,normalised_ci95_high,normalised_iqm,label\n";

nlohmann::json ScoreJson(const MeasuredScore& score, const std::optional<ScoreScale>& scale) {
  const Summary& all = score.summary;
  nlohmann::json json{{"samples", score.samples}, {"mean", all.mean},
                      {"std", all.std},           {"ci95", {all.ci95.low, all.ci95.high}},
                      {"iqm", all.iqm},           {"iqm_ci95", {all.iqm_ci95.low, all.iqm_ci95.high}},
                      {"normalized", nullptr}};
  if (scale) {
    json["normalized"] = {{"mean", Normalised(*scale, all.mean)},
                          {"ci95", {Normalised(*scale, all.ci95.low), Normalised(*scale, all.ci95.high)}},
                          {"iqm", Normalised(*scale, all.iqm)}};
  }
  return json;
}

nlohmann::json TaskJson(const TaskComparison& task) {
  nlohmann::json json{{"task", task.name}, {"env", task.env}, {"dataset", task.dataset}};
  for (const AgentScores& agent : task.agents) {
    nlohmann::json entry{{"agent", agent.agent}, {"label", agent.label}, {"preset", agent.preset},
                         {"seeds", agent.seeds}, {"over", agent.Over()}, {"notes", agent.notes}};
    for (const MeasuredScore& score : agent.scores) entry[score.measure.name] = ScoreJson(score, task.scale);
    nlohmann::json bands = nlohmann::json::array();
    for (const Interval& band : agent.curve.bands) bands.push_back({band.low, band.high});
    entry["curve"] = {{"step", agent.curve.steps}, {"mean", agent.curve.means}, {"ci95", bands}};
    json["agents"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace

void WriteReport(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out) {
  if (runs.empty()) throw InputError("no run is given; expected run directories");
  std::vector<RunResult> results;
  std::vector<std::string> without;  // an evaluation: killed or diverged before the first
  for (const std::filesystem::path& folder : FindRuns(runs)) {
    RunResult run = ReadRun(folder);
    if (run.evaluated()) {
      results.push_back(std::move(run));
    } else {
      without.push_back(folder.string());
    }
  }
  if (results.empty()) {
    throw InputError(
        "{} holds no evaluation; was the run stopped before its first, or made without --env or "
        "run.eval_episodes?",
        without.front());
  }
  if (!without.empty()) {
    std::cerr << fmt::format("strider: left out, for they hold no evaluation: {}\n",
                             fmt::join(without, ", "));
  }
  const std::vector<TaskComparison> tasks = CompareRuns(results);

  MakeFolders(out);
  std::string markdown =
      "# Report\n\n"
      "Intervals are 95 % percentile bootstrap intervals of the mean (2000 resamples), taken over the seeds' "
      "mean\n"
      "returns; a single seed's over its episodes. IQM is the interquartile mean. The last evaluation is "
      "that of\n"
      "`strider evaluate` where there is one. The best evaluation is chosen by its own score, so it "
      "flatters.\n\n";
  std::string csv(kCsvHeader);
  nlohmann::json json{{"tasks", nlohmann::json::array()}};
  std::set<std::string> slugs;
  if (!without.empty()) {
    markdown += fmt::format("Left out, for they hold no evaluation: {}.\n\n", fmt::join(without, ", "));
  }
  for (const TaskComparison& task : tasks) {
    markdown += TaskMarkdown(task, DrawTask(task, Slug(task.name, slugs), out)) + "\n";
    csv += TaskCsv(task);
    json["tasks"].push_back(TaskJson(task));
  }
  WriteTextWhole(out / "report.csv", csv);
  WriteTextWhole(out / "report.json", json.dump(2) + "\n");
  WriteTextWhole(out / "report.md", markdown);
}

}  // namespace strider
