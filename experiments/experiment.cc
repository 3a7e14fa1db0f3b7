#include "experiments/experiment.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/program_options/parsers.hpp>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "core/files.h"
#include "core/names.h"
#include "datasets/reader.h"
#include "offline/registry.h"

namespace strider {
namespace {

namespace po = boost::program_options;

// The line on which a key stands, 0 where it cannot be told. `key` has its section's prefix.
int LineOf(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  std::string section;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string::npos) continue;
    if (line[first] == '[') {
      section = line.substr(first + 1, line.find(']') - first - 1) + ".";
      continue;
    }
    std::string name = line.substr(first, line.find('=') - first);
    name.erase(name.find_last_not_of(" \t") + 1);
    if (section + name == key) return number;
  }
  return 0;
}

// The first line that is neither empty, a comment, a [section] nor an assignment, by the rules of
// Boost.Program_options; 0 where there is none.
int StrayLine(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string content = line.substr(0, line.find('#'));
    const std::size_t first = content.find_first_not_of(" \t\r");
    if (first == std::string::npos) continue;
    const bool section = content[first] == '[' && content[content.find_last_not_of(" \t\r")] == ']';
    if (!section && content.find('=') == std::string::npos) return number;
  }
  return 0;
}

// Where a setting was given that a person has just typed, as ParseAssignment has it.
constexpr std::string_view kCommandLine = "--set";

// Settings that nothing looks at while another one has this value.
struct IdleSetting {
  std::string_view key;
  std::string_view cause;
  std::string_view value;
};
constexpr std::array kIdleSettings = {
    IdleSetting{"agent.density_floor", "agent.tsallis_q", "1"},
    IdleSetting{"agent.log_density_cap", "agent.tsallis_q", "1"},
    IdleSetting{"agent.tsallis_mode", "agent.tsallis_q", "1"},
    IdleSetting{"agent.alpha_lr", "agent.alpha_auto", "false"},
    IdleSetting{"agent.target_entropy", "agent.alpha_auto", "false"},
    IdleSetting{"agent.discrete_target_entropy", "agent.alpha_auto", "false"},
    IdleSetting{"agent.lambda_lr", "agent.lambda_auto", "false"},
    IdleSetting{"agent.target_entropy", "agent.lambda_auto", "false"},
    IdleSetting{"agent.discrete_target_entropy", "agent.lambda_auto", "false"},
    IdleSetting{"agent.kl_stop", "agent.target_kl", "0"},
    IdleSetting{"agent.reward_reset", "agent.normalize_rewards", "false"},
    IdleSetting{"agent.router_lr", "agent.router_gradient", "none"},
    IdleSetting{"agent.router_hidden", "agent.experts", "1"},
    IdleSetting{"agent.router_coef", "agent.experts", "1"},
    IdleSetting{"agent.option_entropy_coef", "agent.options", "1"},
    IdleSetting{"agent.noise_clip", "agent.policy_noise", "0"},
    IdleSetting{"agent.priority_correction", "agent.priority_exponent", "0"},
    IdleSetting{"agent.eta", "agent.gradient", "semi"},
    IdleSetting{"agent.return_discount", "agent.best_fraction", "1"},
    IdleSetting{"agent.alpha_prime", "agent.lagrange", "false"},
    IdleSetting{"agent.alpha_prime_lr", "agent.lagrange", "false"},
    IdleSetting{"agent.target_action_gap", "agent.lagrange", "false"},
};

// Presets for one kind of actions, of agents that take both.
struct PresetKind {
  std::string_view agent;
  std::string_view preset;
  bool discrete;
};
constexpr std::array kPresetKinds = {
    PresetKind{"cql", "discrete", true},
    PresetKind{"cql", "paper", false},
    PresetKind{"bcq", "paper", false},
};

// Runs `apply` and puts the place where a setting was given before its complaint.
template <class Apply>
void AtPlace(const GivenSetting& given, const Apply& apply) {
  try {
    apply();
  } catch (const InputError& error) {
    if (given.where.empty()) throw;
    throw InputError("{}: {}", given.where, error.what());
  }
}

// Whether an agent learns from a dataset, with or without an environment beside it, or else from that alone.
bool Learns(const AgentEntry& agent, bool dataset, bool env) {
  switch (agent.kind) {
    case AgentKind::kOnPolicy:
      return !dataset;
    case AgentKind::kOffPolicy:
      return !dataset ||
             !agent.factory()->ObservationAugmentation().time;  // a dataset does not show the time
    case AgentKind::kMixed:
      return env;
    case AgentKind::kOffline:
      return dataset;
    case AgentKind::kHybrid:
      return false;  // it asks for more than suitable actions
  }
  return false;
}

int Resolve(int threads) {
  return threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

std::int64_t Resolve(std::int64_t interval, std::int64_t share_of_run) {
  return interval > 0 ? interval : std::max<std::int64_t>(1, share_of_run);
}

}  // namespace

std::vector<GivenSetting> ParseConfig(const std::string& text, const std::string& name) {
  std::istringstream in(text);
  const po::options_description none;
  std::vector<GivenSetting> given;
  try {
    const auto parsed = po::parse_config_file(in, none, /*allow_unregistered=*/true);
    for (const auto& option : parsed.options) {
      const std::string value = option.value.empty() ? std::string() : option.value.front();
      given.push_back(
          {option.string_key, value, fmt::format("{}:{}", name, LineOf(text, option.string_key))});
    }
  } catch (const po::error& error) {
    const int stray = StrayLine(text);
    throw InputError("{}: {}; expected lines `key = value`, comments after #, or [sections]",
                     stray > 0 ? fmt::format("{}:{}", name, stray) : name, error.what());
  }
  return given;
}

std::vector<GivenSetting> ReadConfigFile(const std::filesystem::path& path) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // of some editors
  std::string text = ReadText(path);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  std::vector<GivenSetting> given = ParseConfig(text, path.string());
  for (std::size_t i = 0; i < given.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (given[k].key != given[i].key) continue;
      throw InputError("{}: {} is set twice, to '{}' and '{}'; expected one of the lines", given[k].where,
                       given[k].key, given[k].value, given[i].value);
    }
  }
  return given;
}

GivenSetting ParseAssignment(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError("--set '{}': expected key=value, such as agent.discount=0.99", text);
  }
  return {text.substr(0, equals), text.substr(equals + 1), std::string(kCommandLine)};
}

void CheckThatItActs(const RunConfig& run) {
  if (run.online_from < run.steps) return;
  throw InputError(
      "run.online_from = {} is not before run.steps = {}: the run would never act; expected a smaller one, "
      "or more steps",
      run.online_from, run.steps);
}

std::vector<AgentEntry> AllAgents() {
  std::vector<AgentEntry> all(OnlineAgents().begin(), OnlineAgents().end());
  all.insert(all.end(), OfflineAgents().begin(), OfflineAgents().end());
  return all;
}

const AgentEntry& FindAgent(std::string_view id) {
  std::vector<std::string> ids;
  for (const auto& list : {OnlineAgents(), OfflineAgents()}) {
    for (const AgentEntry& entry : list) {
      if (entry.id == id) return entry;
      ids.emplace_back(entry.id);
    }
  }
  throw UnknownName("agent", id, ids);
}

Experiment::Experiment(const std::vector<GivenSetting>& given) {
  // The run's own settings come first: they say which agent's and which environment's settings there are.
  ApplyRunSettings(given);
  if (run_.agent.empty())
    throw InputError("no agent is named; expected AGENT, or run.agent in a config file");
  agent_ = &FindAgent(run_.agent);
  factory_ = agent_->factory();
  DatasetOrigin origin;
  bool env_is_the_datasets = false;
  const bool env_is_given = std::ranges::find(given, "run.env", &GivenSetting::key) != given.end();
  if (!run_.dataset.empty()) {
    origin = FindOrigin(run_.dataset, run_.env);
    if (!origin.misnamed.empty()) {
      notes_.push_back(fmt::format("warning: {} says that it was recorded in {}, though its name is of {}",
                                   run_.dataset, origin.env, origin.misnamed));
    }
    env_is_the_datasets = MatchEnv(origin, env_is_given);
  }
  if (has_env()) env_settings_ = FindEnv(run_.env).options();

  std::vector<GivenSetting> all;
  if (!run_.preset.empty()) {
    const PresetChoice choice = ChoosePreset(run_.agent, run_.preset, run_.env, origin.names);
    if (!run_.dataset.empty()) NotePreset(choice);
    all = ParseConfig(choice.text, "preset " + run_.preset);
    ApplyRunSettings(all);
    ApplyRunSettings(given);
  }
  all.insert(all.end(), given.begin(), given.end());
  Apply(all, env_is_the_datasets ? origin.env_options : Assignments());
  run_.threads = Resolve(run_.threads);
  run_.log_interval = Resolve(run_.log_interval, run_.steps / 200);
  run_.eval_interval = Resolve(run_.eval_interval, run_.steps / 20);
  run_.checkpoint_interval = Resolve(run_.checkpoint_interval, run_.steps / 20);
  CheckSources();
  NoteWhatNeverHappens(env_is_given);
  CheckGiven(given);
  // Whoever resumes the run may stand in another folder. What is no path is the id of a Minari dataset.
  std::error_code ignored;
  if (std::filesystem::exists(run_.dataset, ignored)) {
    Settings().Set("run.dataset", std::filesystem::absolute(run_.dataset).lexically_normal().string());
  }
}

void Experiment::ApplyRunSettings(const std::vector<GivenSetting>& given) {
  SettingList run_settings;
  run_settings.Add("run", run_);
  for (const GivenSetting& setting : given) {
    if (!setting.key.starts_with("run.")) continue;
    AtPlace(setting, [&] { run_settings.Set(setting.key, setting.value); });
  }
}

void Experiment::Apply(const std::vector<GivenSetting>& given, const Assignments& recorded_options) {
  const SettingList settings = Settings();
  std::vector<std::pair<const Setting*, std::string>> recorded;
  for (const auto& [key, value] : recorded_options) {
    const Setting* const setting = settings.Find("env." + key);
    if (setting == nullptr) continue;
    const GivenSetting then{setting->key, value,
                            fmt::format("{}: metadata/{}{}", run_.dataset, kEnvOptionPrefix, key)};
    AtPlace(then, [&] { setting->set(then.value); });
    recorded.emplace_back(setting, setting->get());
  }
  for (const GivenSetting& setting : given) {
    AtPlace(setting, [&] { settings.Set(setting.key, setting.value); });
  }
  for (const auto& [setting, then] : recorded) {
    const std::string now = setting->get();
    if (now != then) {
      notes_.push_back(fmt::format("warning: {} was recorded with {} = {}, but that is {} here", run_.dataset,
                                   setting->key, then, now));
    } else if (!IsUsual(run_.env, {{setting->key, now}})) {
      notes_.push_back(fmt::format("{} = {}, as {} was recorded", setting->key, now, run_.dataset));
    }
  }
}

void Experiment::CheckSources() {
  const bool learns_from_dataset = !run_.dataset.empty();
  if (agent_->kind == AgentKind::kOffline && !learns_from_dataset) {
    throw InputError("{} learns from a dataset; expected --dataset FILE", run_.agent);
  }
  if (agent_->kind == AgentKind::kOnPolicy && learns_from_dataset) {
    throw InputError("{} learns from its own rollouts and cannot take --dataset", run_.agent);
  }
  const bool takes_both = agent_->kind == AgentKind::kHybrid || agent_->kind == AgentKind::kMixed;
  if (takes_both && !has_env()) {
    throw InputError("{} acts beside its dataset; expected --env ID beside --dataset FILE", run_.agent);
  }
  if (agent_->kind == AgentKind::kMixed && learns_from_dataset) {
    run_.online_from = std::max<std::int64_t>(run_.online_from, 0);
  }
  if (!learns_from_dataset && !has_env())
    throw InputError("nothing to learn from; expected --env ID or --dataset FILE");
  if (agent_->kind == AgentKind::kHybrid && run_.online_from >= 0) {
    throw InputError(
        "run.online_from = {} has no part in {}, which acts from its first step on; leave it out",
        run_.online_from, run_.agent);
  }
  if (run_.online_from >= 0 && !(learns_from_dataset && has_env())) {
    throw InputError(
        "run.online_from = {} mixes a dataset with what is lived through in an environment; expected both "
        "--dataset FILE and --env ID",
        run_.online_from);
  }
  if (std::isfinite(run_.target_return) && (!has_env() || run_.eval_episodes == 0)) {
    throw InputError(
        "run.target_return = {} needs evaluations; expected --env ID and run.eval_episodes of at least 1",
        run_.target_return);
  }
}

void Experiment::NoteWhatNeverHappens(bool env_is_given) {
  const SettingList settings = Settings();
  // How many of its steps must lie behind a run before this happens the first time.
  const auto note_if_late = [&](const char* key, std::string_view what) {
    const Setting* const setting = settings.Find(key);
    if (setting == nullptr || !acts() || std::stoll(setting->get()) <= run_.steps) return;
    notes_.push_back(
        fmt::format("warning: {} {} = {} steps, and run.steps = {}", what, key, setting->get(), run_.steps));
  };
  note_if_late("agent.learning_starts", "no update is made before");
  note_if_late("agent.update_interval", "no update is made before");
  if (!has_env() && !env_is_given && run_.eval_episodes > 0) {
    notes_.push_back(fmt::format(
        "no environment of Strider's is known to be that of {}: nothing is evaluated; --env ID names one",
        run_.dataset));
  }
}

void Experiment::CheckGiven(const std::vector<GivenSetting>& given) {
  const SettingList settings = Settings();
  std::optional<bool> discrete;
  for (const GivenSetting& one : given) {
    if (one.where != kCommandLine || !one.key.starts_with("agent.")) continue;
    const Setting& setting = *settings.Find(one.key);
    const auto note = [&](std::string_view what) {
      notes_.push_back(fmt::format("warning: {} = {} has no part in {}", setting.key, setting.get(), what));
    };
    if (one.key == "agent.learning_starts" && !acts()) note("a run that begins with a dataset's updates");
    for (const IdleSetting& idle : kIdleSettings) {
      if (one.key != idle.key) continue;
      const Setting* const cause = settings.Find(idle.cause);
      if (cause != nullptr && cause->get() == idle.value)
        note(fmt::format("{} = {}", idle.cause, idle.value));
    }
    if (const int episode = factory_->DatasetPreparation().episode;
        episode >= 0 && one.key.starts_with("agent.reward_")) {
      note(fmt::format("agent.episode = {}: rewards are left out", episode));
    }
    if (setting.actions.empty() || !has_env()) continue;
    if (!discrete) discrete = std::holds_alternative<Discrete>(MakeEnv()->spec().action_space);
    const std::string_view kind = *discrete ? "discrete" : "continuous";
    if (setting.actions == kind) continue;
    throw InputError("{}: {} is for {} actions, but those of {} are {}; leave it out", one.where, one.key,
                     setting.actions, run_.env, kind);
  }
}

bool Experiment::MatchEnv(const DatasetOrigin& origin, bool env_is_given) {
  const bool known = std::ranges::find(EnvRegistry(), origin.env, &EnvEntry::id) != EnvRegistry().end();
  const bool needs_none = agent_->kind == AgentKind::kOffline || agent_->kind == AgentKind::kOffPolicy;
  if (!env_is_given && known && needs_none) {
    run_.env = origin.env;
    notes_.push_back(fmt::format("{} was recorded in {}: evaluated there, as no --env is given", run_.dataset,
                                 origin.env));
    return true;
  }
  if (known && run_.env == origin.env) return true;
  if (run_.env.empty() || origin.env.empty()) return false;
  notes_.push_back(fmt::format("warning: {} was recorded in {}, but run.env = {}: other rules hold there{}",
                               run_.dataset, origin.env, run_.env,
                               known ? fmt::format("; --env {} is where it comes from", origin.env) : ""));
  return false;
}

void Experiment::CheckActions(const Space& action_space) const {
  const bool discrete = std::holds_alternative<Discrete>(action_space);
  const std::string& source = has_env() ? run_.env : run_.dataset;
  const auto name = [](bool of_discrete) { return of_discrete ? "discrete" : "continuous"; };
  for (const PresetKind& kind : kPresetKinds) {
    if (kind.agent != run_.agent || kind.preset != run_.preset || kind.discrete == discrete) continue;
    throw InputError("preset {} is for {} actions, but those of {} are {}; expected another of {}'s, or none",
                     run_.preset, name(kind.discrete), source, name(discrete), run_.agent);
  }
  if (Takes(agent_->actions, action_space)) return;
  const bool dataset = !run_.dataset.empty();
  std::vector<std::string_view> others;
  for (const AgentEntry& entry : AllAgents()) {
    if (Takes(entry.actions, action_space) && Learns(entry, dataset, has_env())) others.push_back(entry.id);
  }
  throw InputError("{} needs {} actions, but those of {} are {}; expected an agent such as {}", agent_->id,
                   name(!discrete), source, name(discrete), fmt::join(others, ", "));
}

void Experiment::NotePreset(const PresetChoice& choice) {
  if (choice.files.size() > 1 || choice.others.empty()) return;
  notes_.push_back(fmt::format("preset {}: its general settings alone apply to {}; it has others for {}",
                               choice.files.front(), run_.dataset, fmt::join(choice.others, ", ")));
}

SettingList Experiment::Settings() {
  SettingList settings;
  settings.Add("run", run_);
  settings.Append(factory_->Settings());
  for (const Setting& setting : env_settings_) settings.Append(setting);
  return settings;
}

std::string Experiment::Text() { return Settings().Text(); }

Assignments Experiment::EnvOptions() const {
  Assignments options;
  for (const Setting& setting : env_settings_) options.emplace_back(setting.key, setting.get());
  return options;
}

std::string Experiment::EnvInstance() const { return has_env() ? MakeEnv()->spec().instance : ""; }

std::unique_ptr<Env> Experiment::MakeEnv() const { return strider::MakeEnv(run_.env, EnvOptions()); }

}  // namespace strider
