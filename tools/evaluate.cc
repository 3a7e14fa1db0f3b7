#include <array>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "agents/planning/objective.h"
#include "core/checksum.h"
#include "core/files.h"
#include "datasets/reference_scores.h"
#include "envs/registry.h"
#include "experiments/collect.h"
#include "experiments/comparison.h"
#include "experiments/evaluation.h"
#include "experiments/experiment.h"
#include "experiments/pictures.h"
#include "experiments/progress_bar.h"
#include "experiments/run_directory.h"
#include "experiments/run_results.h"
#include "experiments/statistics.h"
#include "tools/options.h"
#include "tools/run_env.h"

namespace strider::tools {
namespace {

// JSON has no NaN.
nlohmann::json NumberOrNull(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

// How well episodes did by the policy's own objective, of discounted returns: with the initial stock that
// they started with, and, where the objective leaves that free, with the best one for these returns. The
// first is a lower bound of the second, and equal to it where the stock was chosen well.
nlohmann::ordered_json DescribeObjective(const Policy& policy, const EpisodeScores& scores) {
  const planning::Objective objective = planning::ParseObjective(policy.objective);
  const StockRule& rule = policy.augmentation.stock.value();
  const std::size_t count = scores.discounted.size();
  const planning::ReturnLaw law =
      planning::Merged({1, scores.discounted, std::vector<double>(count, 1 / static_cast<double>(count))});
  const double bound = planning::Value(objective, std::array{rule.low}, law);
  const double best = objective.chooses_stock
                          ? planning::Value(objective, std::array{planning::BestStock(objective, law)}, law)
                          : bound;
  return {{"name", objective.name},
          {"meaning", objective.meaning},
          {"discount", rule.discount},
          {"initial_stock", rule.low},
          {"value", best},
          {"value_at_initial_stock", bound}};
}

void PrintObjective(const nlohmann::ordered_json& objective) {
  std::cout << fmt::format(
      "{} ({}) of returns discounted by {:g}: {:.6g}; counted from initial stock {:g}: {:.6g}\n",
      objective["name"].get<std::string>(), objective["meaning"].get<std::string>(),
      objective["discount"].get<double>(), objective["value"].get<double>(),
      objective["initial_stock"].get<double>(), objective["value_at_initial_stock"].get<double>());
}

void SetInitialStock(Policy& policy, double stock) {
  if (!policy.augmentation.stock) {
    throw InputError("--initial-stock {}: this policy has no stock; expected one of deta-n or deta-td3",
                     stock);
  }
  StockRule& rule = *policy.augmentation.stock;
  if (!(std::abs(stock) <= rule.bound)) {
    throw InputError("--initial-stock {}: expected a number from {} to {}, as agent.stock_bound", stock,
                     -rule.bound, rule.bound);
  }
  rule.low = stock;
  rule.high = stock;
}

// Which of a mixture's experts acted (PMOE sheet, section 7), or which option; null where there is but one
// Gaussian.
nlohmann::json ExpertChoice(const Policy& policy, bool deterministic) {
  if (policy.router.empty() && policy.augmentation.options == 0) return nullptr;
  // Drawn actions are of drawn experts.
  if (!deterministic && policy.blend == Blend::kNone) return "sampled";
  return ExpertChoiceName(policy);
}

std::string WhoActed(const Policy& policy, const std::string& choice) {
  const bool options = policy.augmentation.options > 0;
  if (choice == "sampled") {
    return options ? "an option, drawn where the last one ends"
                   : "an expert drawn by the router for each step";
  }
  if (choice == "most_probable") return options ? "the most probable option" : "the most probable expert";
  if (choice == "best_q") return "the expert whose mean has the highest Q";
  return choice == "gated" ? "the gated blend of all experts" : "the product of all experts";
}

void PrintExperts(const Policy& policy, const std::string& choice, bool deterministic) {
  std::cout << fmt::format("Acted: {} of {} (\"{}\")\n", deterministic ? "the mean" : "samples",
                           WhoActed(policy, choice), choice);
}

// Episodes of the score that reports take of a run so far; 0 where there is none that can be read.
std::size_t EpisodesKept(const std::string& source) {
  try {
    const RunResult run = ReadRun(source);
    return run.evaluated() ? run.LastReturns().size() : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

nlohmann::ordered_json Describe(const EnvChoice& env, const EpisodeScores& scores) {
  const Summary summary = Summarise(scores.returns);
  const std::vector<ReferenceScore> references = ReferencesOf(env.id, env.options);
  nlohmann::ordered_json json = {{"env", env.id},
                                 {"episodes", scores.returns.size()},
                                 {"returns", scores.returns},
                                 {"lengths", scores.lengths},
                                 {"mean", summary.mean},
                                 {"std", NumberOrNull(summary.std)},
                                 {"iqm", summary.iqm},
                                 {"ci95", {NumberOrNull(summary.ci95.low), NumberOrNull(summary.ci95.high)}}};
  json["normalized"] = nullptr;
  json["normalized_by"] = nullptr;
  json["normalized_scores"] = nlohmann::json::object();
  for (const ReferenceScore& reference : references) {
    json["normalized_scores"][std::string(reference.source)] = NormalizedScore(reference, summary.mean);
  }
  if (!references.empty()) {
    json["normalized"] = NormalizedScore(references.front(), summary.mean);
    json["normalized_by"] = references.front().source;
  }
  return json;
}

void Print(const EnvChoice& env, const EpisodeScores& scores) {
  const Summary summary = Summarise(scores.returns);
  std::cout << fmt::format("{}: {} episodes, mean return {:.4g}", env.id, scores.returns.size(),
                           summary.mean);
  if (scores.returns.size() > 1) {
    std::cout << fmt::format(" (95 % interval {:.4g} to {:.4g}), std {:.4g}, IQM {:.4g}", summary.ci95.low,
                             summary.ci95.high, summary.std, summary.iqm);
  }
  for (const ReferenceScore& reference : ReferencesOf(env.id, env.options)) {
    std::cout << fmt::format(", normalised {:.1f} (by {}'s scores)", NormalizedScore(reference, summary.mean),
                             reference.source);
  }
  std::cout << '\n';
}

}  // namespace

int Evaluate(const Words& words) {
  CommandLine line;
  line.usage =
      "strider evaluate DIR|FILE.hdf5 [--env ID] [--episodes N] [--seed N] [--expert WHICH] "
      "[--experts FILE.svg|.png] [--json]";
  line.about =
      "Lets a run's policy (or one in a file) act for whole episodes and reports their returns. Actions are "
      "the policy's mean or most probable ones, or drawn ones where the policy says that it is judged by "
      "those (hnpg, hac, and rlpd in the locks). A run's directory keeps those of its own environment as "
      "evaluation.json, which `strider report` takes as its score.";
  auto add = line.options.add_options();
  add("policy", po::value<std::string>(), "a run's directory, a file in D4RL's policy layout, or random");
  add("env", po::value<std::string>(), "environment; a run's own where it is left out");
  add("set", po::value<std::vector<std::string>>()->composing(), "env.NAME=VALUE; may be repeated");
  add("episodes", po::value<int>()->default_value(10), "how many");
  add("seed", po::value<std::int64_t>()->default_value(0), "episode i starts from reset(seed + i)");
  add("sampled", po::bool_switch(), "drawn actions, whatever the policy says");
  add("deterministic", po::bool_switch(), "the mean or most probable action, whatever the policy says");
  add("expert", po::value<std::string>(),
      "whose mean acts, of a mixture's experts or of options: sampled, most_probable or best_q, whatever "
      "the policy says");
  add("initial-stock", po::value<double>(), "for policies with a stock; their own where it is left out");
  add("threads", po::value<int>()->default_value(0), "environments stepped at once; 0: one for each core");
  add("experts", po::value<std::string>(),
      "of a mixture: a .svg or .png picture of what its experts would do in an episode from reset(seed) on, "
      "played with deterministic actions");
  add("dimension", po::value<int>()->default_value(0), "of the actions in that picture, counted from 0");
  add("json", po::bool_switch(), "one JSON object on stdout");
  add("quiet", po::bool_switch(), "show no progress");
  line.positional.add("policy", 1);
  const auto values = Parse(line, words);
  if (!values) return 0;

  const std::string source = RequiredWord<std::string>(*values, "policy", "DIR or FILE.hdf5");
  EvaluationOptions options;
  options.episodes = (*values)["episodes"].as<int>();
  options.seed = Seed(*values);
  const bool sampled = (*values)["sampled"].as<bool>();
  const bool deterministic = (*values)["deterministic"].as<bool>();
  if (sampled && deterministic) throw InputError("--sampled and --deterministic; expected one of them");
  if (options.episodes < 1) throw InputError("--episodes {}: expected at least 1", options.episodes);
  const EnvChoice choice =
      ChooseEnv(source, Given<std::string>(*values, "env"),
                Given<std::vector<std::string>>(*values, "set").value_or(std::vector<std::string>()));
  const auto make = [&] { return MakeEnv(choice.id, choice.options); };
  const EnvSpec spec = make()->spec();
  const bool of_run = !WarnOfOtherWorld(source, spec) && choice.of_run;
  // Training may replace it at any time: what is kept says whose score it is.
  const std::string policy_sha256 = of_run ? FileChecksum(RunPaths{source}.policy()) : "";
  Policy policy = LoadPolicy(source, spec);
  const auto stock = Given<double>(*values, "initial-stock");
  if (stock) SetInitialStock(policy, *stock);
  const ActingExpert usual_expert = policy.acting_expert;
  const auto expert = Given<std::string>(*values, "expert");
  if (expert) ChooseActingExpert(policy, *expert);
  const bool judged_sampled = LoadPolicyOrigin(source).evaluate_sampled;
  const bool never_sampled = IsDeterministic(policy.distribution);
  if (sampled && never_sampled) {
    std::cerr << "strider: --sampled: this policy has one action for each state, which is taken\n";
  }
  const bool always_sampled = policy.distribution == ActionDistribution::kUniform;
  options.deterministic = !always_sampled && (deterministic || never_sampled || !(sampled || judged_sampled));
  if (expert && !options.deterministic) {
    throw InputError("--expert {}: drawn actions are of drawn experts; expected it without --sampled",
                     *expert);
  }
  // What a run is scored by: its own world, stock, choice of expert and kind of action.
  const bool other_expert = policy.acting_expert != usual_expert;
  const bool keep = of_run && !stock && !other_expert && options.deterministic != judged_sampled;

  if (const auto picture = Given<std::string>(*values, "experts")) {
    const auto env = make();
    const int dimension = (*values)["dimension"].as<int>();
    const auto traces = TraceExperts(policy, *env, options.seed, dimension);
    WriteExpertsPicture("Experts in " + choice.id, fmt::format("Action, dimension {}", dimension), traces,
                        *picture);
  }
  int threads = (*values)["threads"].as<int>();
  if (threads < 0) throw InputError("--threads {}: expected at least 0", threads);
  if (threads == 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  WorkerPool pool(threads);
  CatchStopSignals();
  ProgressBar bar("evaluate " + choice.id, options.episodes, "episodes",
                  StandardError((*values)["quiet"].as<bool>()));
  const EpisodeScores scores = strider::Evaluate(policy, make, options, pool, [&](int ended) {
    bar.Update(ended);
    return !StopRequested();
  });
  if (StopRequested()) return 128 + StopSignal();
  bar.Finish();

  nlohmann::ordered_json json = Describe(choice, scores);
  json["expert_choice"] = ExpertChoice(policy, options.deterministic);
  json["policy_parameters"] = ParameterCount(policy);
  json["actions"] = options.deterministic ? "deterministic" : "sampled";
  if (!policy.objective.empty()) json["objective"] = DescribeObjective(policy, scores);
  if ((*values)["json"].as<bool>()) {
    std::cout << json.dump() << '\n';
  } else {
    Print(choice, scores);
    if (const auto& chosen = json["expert_choice"]; !chosen.is_null()) {
      PrintExperts(policy, chosen.get<std::string>(), options.deterministic);
    }
    if (!options.deterministic) std::cout << "with sampled actions\n";
    if (const auto count = json["policy_parameters"].get<std::int64_t>(); count > 0) {
      std::cout << fmt::format("Policy: {} parameters\n", count);
    }
    if (json.contains("objective")) PrintObjective(json["objective"]);
  }
  if (!keep && source != "random" && IsRun(source)) {
    std::cerr << fmt::format("not kept as the run's score, which is that of its own {}\n",
                             !of_run        ? "environment"
                             : stock        ? "initial stock"
                             : other_expert ? "choice of expert"
                                            : "kind of action");
  }
  // Printed already: a run's folder that cannot be written to costs nobody the result.
  if (keep) {
    json["policy_sha256"] = policy_sha256;
    const std::size_t before = EpisodesKept(source);
    try {
      WriteTextWhole(RunPaths{source}.evaluation(), json.dump(2) + "\n");
      if (before > scores.returns.size()) {
        std::cerr << fmt::format("strider: episodes in the run's score: {} from now on, {} so far\n",
                                 scores.returns.size(), before);
      }
    } catch (const WorkError& error) {
      std::cerr << "strider: warning: not kept for `strider report`: " << error.what() << '\n';
    }
  }
  return 0;
}

}  // namespace strider::tools
