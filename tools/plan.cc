#include "agents/planning/plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "agents/planning/mdp_file.h"
#include "agents/planning/worlds.h"
#include "experiments/experiment.h"
#include "experiments/pictures.h"
#include "experiments/progress_bar.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

using Json = nlohmann::ordered_json;
using planning::Mdp;
using planning::Objective;
using planning::PlanConfig;
using planning::PlanResult;
using planning::PolicyEntry;
using planning::ReturnLaw;
using planning::StockValue;

// What is too much to read is left to --json.
constexpr std::size_t kPrintedStocks = 25;
constexpr std::size_t kPrintedSteps = 40;
constexpr std::size_t kPrintedAtoms = 40;

// Progress on standard error, but only of work that takes more than two seconds.
class LateProgress {
 public:
  LateProgress(std::string title, bool quiet) : title_(std::move(title)), quiet_(quiet) {}

  void operator()(double share) {
    constexpr double kPatience = 2;
    if (bar_ == nullptr) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
      if (passed.count() < kPatience) return;
      bar_ = std::make_unique<ProgressBar>(title_, kParts, "parts", StandardError(quiet_));
    }
    bar_->Update(std::lround(share * kParts));
  }

 private:
  static constexpr std::int64_t kParts = 1000;
  std::string title_;
  bool quiet_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<ProgressBar> bar_;
};

// A number as such, several as a list.
Json NumberOrList(std::span<const double> values) {
  return values.size() == 1 ? Json(values[0]) : Json(std::vector<double>(values.begin(), values.end()));
}

Json ToJson(const ReturnLaw& law) {
  Json atoms = Json::array();
  for (std::size_t i = 0; i < law.count(); ++i) atoms.push_back(NumberOrList(law.Atom(i)));
  return {{"atoms", atoms}, {"probabilities", law.probabilities}};
}

Json ToJson(const Mdp& mdp, const Objective& objective, const PlanConfig& config, const PlanResult& result) {
  Json json = {{"mdp", mdp.name()},
               {"objective", objective.name},
               {"discount", config.discount},
               {"horizon", config.horizon == 0 ? Json() : Json(config.horizon)},
               {"value", result.value},
               {"initial_stock", NumberOrList(result.initial_stock)},
               {"mean", result.mean},
               {"exact", result.exact && result.error == 0},
               {"error_bound", std::isnan(result.error) ? Json() : Json(result.error)},
               {"policy", Json::array()},
               {"distribution", ToJson(result.law)},
               {"stocks", Json::array()},
               {"state_stock_pairs", result.pairs},
               {"memory_bytes", std::llround(result.bytes)}};
  for (const PolicyEntry& entry : result.policy) {
    Json step;
    if (entry.step) step["step"] = *entry.step;
    step["state"] = mdp.StateName(entry.state);
    if (entry.low.empty()) {
      step["stock"] = nullptr;
    } else if (result.exact) {
      step["stock"] = NumberOrList(entry.low);
    } else {
      step["stock"] = {entry.low[0], entry.high[0]};
    }
    step["action"] = mdp.ActionName(entry.action);
    if (entry.probability) step["probability"] = *entry.probability;
    json["policy"].push_back(step);
  }
  for (const StockValue& stock : result.stocks) {
    json["stocks"].push_back({{"initial_stock", stock.stock}, {"value", stock.value}});
  }
  if (result.mean_law.count() > 0) {
    json["mean_optimal"] = {{"value", result.mean_law_value},
                            {"mean", Mean(result.mean_law)},
                            {"distribution", ToJson(result.mean_law)}};
  }
  return json;
}

std::string Text(std::span<const double> values) { return fmt::format("{:.6g}", fmt::join(values, ", ")); }

// The values around the best one, evenly thinned out.
void PrintStocks(const PlanResult& result) {
  if (result.stocks.empty()) return;
  std::cout << fmt::format("\n{:>14}  {:>12}\n", "initial stock", "value");
  const std::size_t every = (result.stocks.size() + kPrintedStocks - 1) / kPrintedStocks;
  for (std::size_t i = 0; i < result.stocks.size(); ++i) {
    const bool best = result.stocks[i].stock == result.initial_stock[0];
    if (i % every != 0 && !best) continue;
    std::cout << fmt::format("{:>14.6g}  {:>12.6g}{}\n", result.stocks[i].stock, result.stocks[i].value,
                             best ? "  *" : "");
  }
}

void PrintPolicy(const Mdp& mdp, const PlanResult& result) {
  std::cout << fmt::format("\n{:>5}  {:<12}  {:<24}  {:<12}  {}\n", "step", "state", "stock", "action",
                           result.exact ? "probability" : "");
  for (std::size_t i = 0; i < std::min(result.policy.size(), kPrintedSteps); ++i) {
    const PolicyEntry& entry = result.policy[i];
    const std::string stock = entry.low.empty() ? "any"
                              : entry.low == entry.high
                                  ? Text(entry.low)
                                  : fmt::format("{} to {}", Text(entry.low), Text(entry.high));
    std::cout << fmt::format("{:>5}  {:<12}  {:<24}  {:<12}  {}\n",
                             entry.step ? std::to_string(*entry.step) : "any", mdp.StateName(entry.state),
                             stock, mdp.ActionName(entry.action),
                             entry.probability ? fmt::format("{:.6g}", *entry.probability) : "");
  }
  if (result.policy.size() > kPrintedSteps) {
    std::cout << fmt::format("       and {} more (--json)\n", result.policy.size() - kPrintedSteps);
  }
}

// Both laws side by side.
void PrintLaws(const PlanResult& result) {
  struct Row {
    std::vector<double> atom;
    double plan = 0;
    double mean = 0;
  };
  std::vector<Row> rows;
  const auto add = [&](const ReturnLaw& law, double Row::*column) {
    for (std::size_t i = 0; i < law.count(); ++i) {
      const auto atom = law.Atom(i);
      const auto same = std::ranges::find_if(rows, [&](const Row& row) {
        return std::ranges::equal(row.atom, atom, {}, planning::Snap, planning::Snap);
      });
      Row& row = same != rows.end() ? *same : rows.emplace_back(Row{{atom.begin(), atom.end()}});
      row.*column = law.probabilities[i];
    }
  };
  add(result.law, &Row::plan);
  add(result.mean_law, &Row::mean);
  std::ranges::sort(rows, {}, &Row::atom);
  const bool has_mean = result.mean_law.count() > 0;
  std::cout << fmt::format("\n{:>14}  {:>12}{}\n", "return", "probability", has_mean ? "  mean-optimal" : "");
  for (std::size_t i = 0; i < std::min(rows.size(), kPrintedAtoms); ++i) {
    std::cout << fmt::format("{:>14}  {:>12.6g}{}\n", Text(rows[i].atom), rows[i].plan,
                             has_mean ? fmt::format("  {:>12.6g}", rows[i].mean) : "");
  }
  if (rows.size() > kPrintedAtoms) {
    std::cout << fmt::format("{:>14}  and {} more (--json)\n", "", rows.size() - kPrintedAtoms);
  }
}

void Print(const Mdp& mdp, const Objective& objective, const PlanConfig& config, const PlanResult& result) {
  std::cout << fmt::format("{}: {} states, {} actions, discount {:g}, {}\n", mdp.name(), mdp.states(),
                           mdp.actions(), config.discount,
                           config.horizon > 0 ? fmt::format("{} steps", config.horizon) : "no horizon");
  std::cout << fmt::format("{}, {:.1f} MB: {} pairs of state and stock\n",
                           result.exact               ? "exact stocks"
                           : std::isnan(result.error) ? "without stocks, " + config.method
                                                      : "stocks on a grid",
                           result.bytes / 1e6, result.pairs);
  std::cout << fmt::format("\n{} ({}): {:.6g} with initial stock {}, mean return {:.6g}\n", objective.name,
                           objective.meaning, result.value, Text(result.initial_stock), result.mean);
  if (result.exact && std::isnan(result.error)) {
    std::cout << fmt::format(
        "exact for that policy, which was found with laws of {} atoms by plan.projection={}: how far it is "
        "from the best is not known\n",
        config.atoms, config.projection);
  }
  if (!result.exact && !std::isnan(result.error)) {
    std::cout << fmt::format("the grid makes that wrong by {:.2g} at most; more plan.stocks make it less\n",
                             result.error);
  }
  if (result.mean_law.count() > 0) {
    std::cout << fmt::format("the policy that is best for the mean: {:.6g}, mean return {:.6g}\n",
                             result.mean_law_value, Mean(result.mean_law));
  }
  PrintStocks(result);
  PrintPolicy(mdp, result);
  PrintLaws(result);
}

// BASE of a picture's file, of which both kinds are written.
std::filesystem::path PictureBase(const std::filesystem::path& file) {
  if (file.extension() != ".png" && file.extension() != ".svg") {
    throw InputError("--picture {}: expected a file that ends in .png or .svg", file.string());
  }
  return std::filesystem::path(file).replace_extension();
}

void Draw(const Mdp& mdp, const Objective& objective, const PlanResult& result,
          const std::filesystem::path& base) {
  WriteDistributionsPicture(
      fmt::format("Returns in {}", mdp.name()),
      fmt::format("{}: {:.4g}, and {:.4g} of the mean-optimal policy; means {:.4g} and {:.4g}",
                  objective.name, result.value, result.mean_law_value, Mean(result.law),
                  Mean(result.mean_law)),
      {{"mean-optimal", result.mean_law.atoms, result.mean_law.probabilities},
       {"risk-optimal", result.law.atoms, result.law.probabilities}},
      base);
}

CommandLine PlanLine() {
  CommandLine line;
  line.usage = "strider plan MDP --objective NAME[:PARAM] [--set key=value]... [--json] [--picture FILE]";
  PlanConfig config;
  SettingList settings;
  settings.Add("plan", config);
  std::string keys;
  for (const Setting& setting : settings.settings()) {
    keys += fmt::format("  {} ({}): {}; {}\n", setting.key, setting.get(), setting.help, setting.expected);
  }
  line.about = fmt::format(
      "Plans for an objective of the whole distribution of returns, exactly, by dynamic programming with a "
      "stock that sums up past rewards (Pires et al. 2025).\n\n"
      "MDP: an environment that is tabular, a file (below), or one of\n{}\n"
      "NAME[:PARAM]:\n{}\n"
      "Settings, with defaults (discount and horizon are the MDP's own), and env.* as in `strider "
      "train`:\n{}\n"
      "Files of one's own:\n{}",
      planning::WorldsHelp(), planning::ObjectiveHelp(), keys, planning::MdpFileHelp());
  auto add = line.options.add_options();
  add("mdp", po::value<std::string>(), "what to plan in");
  add("objective", po::value<std::string>(), "what to make large");
  add("set", po::value<std::vector<std::string>>()->composing(), "key=value; may be repeated");
  add("json", po::bool_switch(), "one JSON object on stdout");
  add("picture", po::value<std::string>(), "draw both distribution functions, to FILE.png and FILE.svg");
  add("quiet", po::bool_switch(), "show no progress");
  line.positional.add("mdp", 1);
  return line;
}

}  // namespace

int Plan(const Words& words) {
  const auto values = Parse(PlanLine(), words);
  if (!values) return 0;
  const auto name = RequiredWord<std::string>(*values, "mdp", "MDP");
  const Objective objective = planning::ParseObjective(Required<std::string>(*values, "objective"));
  const auto picture = Given<std::string>(*values, "picture");
  const std::filesystem::path base = picture ? PictureBase(*picture) : "";

  Assignments env_options;
  std::vector<GivenSetting> plan_settings;
  for (const std::string& text : Given<std::vector<std::string>>(*values, "set").value_or(Words())) {
    GivenSetting given = ParseAssignment(text);
    if (given.key.starts_with("env.")) {
      env_options.emplace_back(given.key, given.value);
    } else {
      plan_settings.push_back(std::move(given));
    }
  }
  const Mdp mdp = planning::MakeMdp(name, env_options);
  if (picture && mdp.reward_size() > 1) {
    throw InputError("--picture: returns of {} have {} components; expected one", name, mdp.reward_size());
  }
  PlanConfig config = PlanConfig::For(mdp);
  SettingList settings;
  settings.Add("plan", config);
  for (const GivenSetting& given : plan_settings) settings.Set(given.key, given.value);

  const PlanResult result = [&] {
    LateProgress progress("plan " + name, (*values)["quiet"].as<bool>());
    return planning::MakePlan(mdp, objective, config, [&](double share) { progress(share); });
  }();
  if (picture) Draw(mdp, objective, result, base);
  if ((*values)["json"].as<bool>()) {
    std::cout << ToJson(mdp, objective, config, result).dump() << '\n';
  } else {
    Print(mdp, objective, config, result);
  }
  return 0;
}

}  // namespace strider::tools
