#include "experiments/comparison.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "datasets/reference_scores.h"
#include "envs/registry.h"

namespace strider {
namespace {

// The seeds of one agent on one task.
using Seeds = std::vector<const RunResult*>;

std::string TaskName(const RunResult& run) {
  if (run.dataset.empty()) return run.env;
  const std::string stem = std::filesystem::path(run.dataset).stem().string();
  return run.env.empty() ? stem : fmt::format("{} ({})", stem, run.env);
}

void CheckSeeds(const Seeds& seeds) {
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (seeds[i]->seed != seeds[j]->seed) continue;
      throw InputError("{} and {} are both seed {} of {} on {}; expected each seed once",
                       seeds[j]->folder.string(), seeds[i]->folder.string(), seeds[i]->seed, seeds[i]->agent,
                       TaskName(*seeds[i]));
    }
  }
}

// The sample of a statistic, given the episodes of each seed.
std::vector<double> Sample(const std::vector<std::vector<double>>& episodes) {
  if (episodes.size() == 1) return episodes[0];
  std::vector<double> means;
  for (const std::vector<double>& returns : episodes) means.push_back(Mean(returns));
  return means;
}

template <class EpisodesOf>
MeasuredScore Score(const Measure& measure, const Seeds& seeds, const EpisodesOf& episodes_of) {
  std::vector<std::vector<double>> episodes;
  for (const RunResult* run : seeds) episodes.push_back(episodes_of(*run));
  std::vector<double> samples = Sample(episodes);
  const Summary summary = Summarise(samples);
  return {measure, std::move(samples), summary};
}

// Those of the latest evaluations, at most `count` of them.
std::vector<double> LatestReturns(const RunResult& run, std::size_t count) {
  std::vector<double> returns;
  for (std::size_t i = run.evaluations.size() - std::min(count, run.evaluations.size());
       i < run.evaluations.size(); ++i) {
    returns.insert(returns.end(), run.evaluations[i].returns.begin(), run.evaluations[i].returns.end());
  }
  return returns;
}

std::vector<double> LastTenReturns(const RunResult& run) { return LatestReturns(run, 10); }

std::vector<double> AllReturns(const RunResult& run) { return LatestReturns(run, run.evaluations.size()); }

// A mean for comparing: NaN is worse than anything.
double Rank(double mean) { return std::isnan(mean) ? -std::numeric_limits<double>::infinity() : mean; }

std::vector<double> BestReturns(const RunResult& run) {
  const auto rank = [](const EvaluationResult& evaluation) { return Rank(Mean(evaluation.returns)); };
  const std::vector<double>& best = std::ranges::max(run.evaluations, {}, rank).returns;
  return Rank(Mean(run.LastReturns())) > Rank(Mean(best)) ? run.LastReturns() : best;
}

// The episodes of the evaluation at a step; nullptr where there was none.
const std::vector<double>* ReturnsAt(const RunResult& run, double step) {
  const auto found = std::ranges::lower_bound(run.evaluations, step, {}, &EvaluationResult::step);
  return found != run.evaluations.end() && found->step == step ? &found->returns : nullptr;
}

LearningCurve Curve(const Seeds& seeds) {
  LearningCurve curve;
  for (const EvaluationResult& evaluation : seeds[0]->evaluations) {
    std::vector<std::vector<double>> episodes;
    for (const RunResult* run : seeds) {
      if (const std::vector<double>* returns = ReturnsAt(*run, evaluation.step)) episodes.push_back(*returns);
    }
    if (episodes.size() < seeds.size()) continue;
    const std::vector<double> samples = Sample(episodes);
    curve.steps.push_back(evaluation.step);
    curve.means.push_back(Mean(samples));
    // The same draws at every step, so that the band does not flicker.
    curve.bands.push_back(BootstrapInterval(samples, Mean));
  }
  return curve;
}

// Whether the environment's reference scores do not hold for a run, though there are some.
bool HasRulesOfItsOwn(const RunResult& run) {
  const Assignments options(run.settings.begin(), run.settings.end());
  return !run.env.empty() && !ReferencesOf(run.env, {}).empty() && ReferencesOf(run.env, options).empty();
}

// Whether training ended early because the policy was good enough. REQUIRES: evaluations.
bool ReachedItsTarget(const RunResult& run) {
  return run.target_return && std::isfinite(*run.target_return) &&
         Mean(run.evaluations.back().returns) >= *run.target_return;
}

// Whether it was last evaluated before its steps were over, though not good enough.
bool EndedEarly(const RunResult& run) {
  return run.steps && !run.evaluations.empty() &&
         run.evaluations.back().step < static_cast<double>(*run.steps) && !ReachedItsTarget(run);
}

std::vector<std::string> Notes(const Seeds& seeds) {
  std::vector<std::string> notes;
  const auto last_step = [](const RunResult* run) {
    return run->evaluations.empty() ? 0 : run->evaluations.back().step;
  };
  // The same for all seeds, whose settings are equal.
  if (HasRulesOfItsOwn(*seeds[0])) {
    notes.push_back(
        fmt::format("ran under other rules than {}'s usual ones, so that nothing of the task is normalised",
                    seeds[0]->env));
  }
  const double end = last_step(std::ranges::max(seeds, {}, last_step));
  for (const RunResult* run : seeds) {
    if (std::isnan(Mean(run->LastReturns()))) {
      notes.push_back(
          fmt::format("seed {} diverged: its last evaluation has returns that are no numbers", run->seed));
    }
    if (EndedEarly(*run)) {
      notes.push_back(
          fmt::format("seed {} was last evaluated at step {} of {}: it was stopped, diverged, or still runs",
                      run->seed, last_step(run), *run->steps));
    } else if (last_step(run) < end) {
      notes.push_back(
          fmt::format("seed {} was last evaluated at step {}, others at step {}; the curve stops there",
                      run->seed, last_step(run), end));
    }
  }
  return notes;
}

AgentScores ScoresOf(const Seeds& seeds) {
  CheckSeeds(seeds);
  AgentScores agent;
  agent.agent = seeds[0]->agent;
  agent.beside = seeds[0]->beside;
  agent.preset = seeds[0]->preset;
  agent.settings = seeds[0]->settings;
  for (const RunResult* run : seeds) agent.seeds.push_back(run->seed);
  agent.scores.push_back(Score(kLast, seeds, [](const RunResult& run) { return run.LastReturns(); }));
  if (std::ranges::none_of(seeds, [](const RunResult* run) { return run->evaluations.empty(); })) {
    agent.scores.push_back(Score(kLastTen, seeds, LastTenReturns));
    agent.scores.push_back(Score(kBest, seeds, BestReturns));
    agent.scores.push_back(Score(kArea, seeds, AllReturns));
  }
  agent.curve = Curve(seeds);
  agent.notes = Notes(seeds);
  return agent;
}

// The reference scores of the environment, or of the dataset where the environment is not known; none where
// one of the runs had rules of its own.
std::optional<ScoreScale> ScaleOf(const Seeds& runs) {
  std::vector<ReferenceScore> references;
  for (const RunResult* run : runs) {
    const std::string stem = std::filesystem::path(run->dataset).stem().string();
    const Assignments options(run->settings.begin(), run->settings.end());
    references = run->env.empty() ? FindReferenceScores(stem) : ReferencesOf(run->env, options);
    if (references.empty()) return std::nullopt;
  }
  const ReferenceScore& reference = references.front();
  const double width = reference.max - reference.min;
  return ScoreScale{.slope = 100 / width, .offset = -100 * reference.min / width};
}

// The settings in which an agent differs from another one of the same preset: " beta=2 noise=0.1".
std::string Differences(const AgentScores& agent, const std::vector<AgentScores>& agents) {
  std::string text;
  for (const auto& [key, value] : agent.settings) {
    const auto differs = [&, &key = key, &value = value](const AgentScores& other) {
      const auto found = other.settings.find(key);
      return other.agent == agent.agent && other.preset == agent.preset && found != other.settings.end() &&
             found->second != value;
    };
    if (std::ranges::none_of(agents, differs)) continue;
    text += fmt::format(" {}={}", key.substr(key.find('.') + 1), value);
  }
  return text;
}

// Labels an agent by its preset and its settings too where it appears under several.
void LabelAgents(std::vector<AgentScores>& agents) {
  for (AgentScores& agent : agents) {
    const auto has_other_preset = [&agent](const AgentScores& other) {
      return other.agent == agent.agent && other.beside == agent.beside && other.preset != agent.preset;
    };
    agent.label = agent.agent;
    if (std::ranges::any_of(agents, has_other_preset)) {
      agent.label += agent.preset.empty() ? " (no preset)" : " " + agent.preset;
    }
    agent.label += Differences(agent, agents);
    if (!agent.beside.empty()) agent.label += " with " + agent.beside;
  }
}

// Says which agents were evaluated last before others were.
void NoteUnequalSteps(std::vector<AgentScores>& agents) {
  const auto last_step = [](const AgentScores& agent) {
    return agent.curve.steps.empty() ? 0 : agent.curve.steps.back();
  };
  const double most = last_step(std::ranges::max(agents, {}, last_step));
  for (AgentScores& agent : agents) {
    const double last = last_step(agent);
    if (last == most || agent.curve.steps.empty()) continue;
    agent.notes.push_back(fmt::format("last evaluated at step {}, others at step {}", last, most));
  }
}

TaskComparison CompareOnTask(const Seeds& runs) {
  TaskComparison task;
  task.name = TaskName(*runs[0]);
  task.env = runs[0]->env;
  task.dataset = runs[0]->dataset;
  std::vector<Seeds> groups;
  for (const RunResult* run : runs) {
    const auto same = [run](const Seeds& seeds) {
      return seeds[0]->agent == run->agent && seeds[0]->preset == run->preset &&
             seeds[0]->settings == run->settings && seeds[0]->beside == run->beside;
    };
    const auto found = std::ranges::find_if(groups, same);
    (found == groups.end() ? groups.emplace_back() : *found).push_back(run);
  }
  task.scale = ScaleOf(runs);
  for (const Seeds& seeds : groups) task.agents.push_back(ScoresOf(seeds));
  std::ranges::stable_sort(task.agents, std::ranges::greater(),
                           [](const AgentScores& agent) { return Rank(agent.scores[0].summary.mean); });
  LabelAgents(task.agents);
  NoteUnequalSteps(task.agents);
  return task;
}

// Agents keep the colour that they have in other tasks; new ones take the first that the task leaves free.
void ColourAgents(std::vector<AgentScores>& agents, std::map<std::string, std::size_t>& colours) {
  std::set<std::size_t> taken;
  for (const AgentScores& agent : agents) {
    if (const auto known = colours.find(agent.label); known != colours.end()) taken.insert(known->second);
  }
  for (AgentScores& agent : agents) {
    const auto [entry, is_new] = colours.try_emplace(agent.label, 0);
    while (is_new && !taken.insert(entry->second).second) ++entry->second;
    agent.colour = entry->second;
  }
}

}  // namespace

std::vector<ReferenceScore> ReferencesOf(std::string_view env, const Assignments& options) {
  return IsUsual(env, options) ? FindReferenceScores(env) : std::vector<ReferenceScore>();
}

std::string AgentScores::Over() const {
  if (!one_seed()) return fmt::format("{} seeds", seeds.size());
  const std::size_t episodes = scores[0].samples.size();
  return fmt::format("{} episode{} of 1 seed", episodes, episodes == 1 ? "" : "s");
}

std::vector<TaskComparison> CompareRuns(const std::vector<RunResult>& runs) {
  std::vector<Seeds> groups;
  for (const RunResult& run : runs) {
    const auto same = [&run](const Seeds& seeds) {
      return seeds[0]->env == run.env && seeds[0]->dataset == run.dataset;
    };
    const auto found = std::ranges::find_if(groups, same);
    (found == groups.end() ? groups.emplace_back() : *found).push_back(&run);
  }
  std::vector<TaskComparison> tasks;
  std::map<std::string, std::size_t> colours;  // by label
  for (const Seeds& group : groups) ColourAgents(tasks.emplace_back(CompareOnTask(group)).agents, colours);
  return tasks;
}

}  // namespace strider
