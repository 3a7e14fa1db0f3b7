// An experiment in full: which agent learns from what, for how long, with which settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "agents/registry.h"
#include "core/parallel.h"
#include "core/settings.h"
#include "envs/registry.h"
#include "experiments/dataset_origin.h"
#include "experiments/presets.h"

namespace strider {

// The settings of a run itself, "run.*".
struct RunConfig {
  std::string agent;
  std::string env;
  std::string dataset;
  bool dataset_cache = true;
  std::string preset;
  std::int64_t steps = 1000000;
  std::int64_t seed = 0;
  std::string device = "cpu";
  int threads = 0;
  int num_envs = 1;
  std::int64_t log_interval = 0;
  std::int64_t eval_interval = 0;
  int eval_episodes = 10;
  int eval_threads = -1;
  std::int64_t checkpoint_interval = 0;
  double target_return = std::numeric_limits<double>::infinity();
  std::int64_t online_from = -1;
  double offline_ratio = 0.5;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("agent", agent, "who learns (`strider list agents`)");
    visit("env", env, "environment to learn or to be evaluated in (`strider list envs`)");
    visit("dataset", dataset, "file to learn from");
    visit("dataset_cache", dataset_cache,
          "keep the dataset's columns in a folder beside it, so that it opens at once the next time");
    visit("preset", preset, "settings to start from (`strider list presets`)");
    visit("steps", steps, "environment steps, or updates where a dataset is learnt from", AtLeast(1));
    visit("seed", seed, "every random stream of the run derives from it", AtLeast(0));
    visit("device", device, "where the learner computes: cpu, cuda or cuda:N");
    visit("threads", threads,
          "threads for environments and learner, which takes one where its networks are small; 0: one for "
          "each core",
          InRange(0, kMostThreads));
    visit("num_envs", num_envs, "environments stepped side by side", InRange(1, 65536));
    visit("log_interval", log_interval, "steps between rows of progress.csv; 0: a 200th of the run",
          AtLeast(0));
    visit("eval_interval", eval_interval, "steps between evaluations; 0: a 20th of the run", AtLeast(0));
    visit("eval_episodes", eval_episodes, "episodes of one evaluation; 0: none", AtLeast(0));
    visit("eval_threads", eval_threads,
          "threads that evaluate beside training, which changes no result; 0: training waits; -1: as many as "
          "there are cores beyond run.threads",
          InRange(-1, kMostThreads));
    visit("checkpoint_interval", checkpoint_interval, "steps between checkpoints; 0: a 20th of the run",
          AtLeast(0));
    visit("target_return", target_return,
          "training ends early, after the first evaluation whose mean return reaches this; inf: never");
    visit(
        "online_from", online_from,
        "updates from the dataset alone; after them every step is one in run.env, with updates from dataset "
        "and replay buffer mixed; -1: never",
        AtLeast(-1));
    visit("offline_ratio", offline_ratio, "share of the dataset's rows in those mixed batches",
          InRange(0, 1));
  }
};

// A value for a setting, and where a person gave it: "--set", "my.cfg:12".
struct GivenSetting {
  std::string key;
  std::string value;
  std::string where;
};

// The lines of a config file in the syntax of Boost.Program_options: `key = value`, `#` comments, [sections]
// that prefix the keys under them. Throws InputError naming file and line.
std::vector<GivenSetting> ReadConfigFile(const std::filesystem::path& path);
std::vector<GivenSetting> ParseConfig(const std::string& text, const std::string& name);

// "key=value" as --set takes it.
GivenSetting ParseAssignment(const std::string& text);

// Agents of both lists; throws InputError that suggests the nearest id.
const AgentEntry& FindAgent(std::string_view id);

// Throws InputError where a run that is to act from run.online_from on never would.
void CheckThatItActs(const RunConfig& run);

std::vector<AgentEntry> AllAgents();

// Every setting of a run, resolved and checked.
class Experiment {
 public:
  // Applies the preset that `given` names (run.preset), then `given` in order. Where a dataset is given and
  // nothing is said of run.env, that becomes the environment that the dataset was recorded in, if there is
  // such. Throws InputError that names key, value, what was expected and where it was given.
  explicit Experiment(const std::vector<GivenSetting>& given);

  const RunConfig& run() const { return run_; }
  const AgentEntry& agent() const { return *agent_; }
  const AgentFactory& factory() const { return *factory_; }

  // What a person should know of how the settings came about: that the dataset is of another environment, or
  // that the preset has nothing of its own for it.
  const std::vector<std::string>& notes() const { return notes_; }

  // run.*, agent.* and env.*, bound to this object.
  SettingList Settings();
  // config.cfg: feeding it back makes an equal experiment.
  std::string Text();

  bool has_env() const { return !run_.env.empty(); }
  // Throws InputError where the agent cannot take such actions; names others that learn from the same and
  // can.
  void CheckActions(const Space& action_space) const;
  // Whether it acts from the first step on; where not, the first steps are updates from the dataset alone.
  bool acts() const {
    return run_.dataset.empty() || agent_->kind == AgentKind::kHybrid || run_.online_from == 0;
  }
  std::unique_ptr<Env> MakeEnv() const;
  // EnvSpec's, of the environment; empty without one.
  std::string EnvInstance() const;
  // Constructor options in force.
  Assignments EnvOptions() const;

 private:
  // Applies the run.* among the settings.
  void ApplyRunSettings(const std::vector<GivenSetting>& given);
  // Applies the environment's options that a dataset was recorded under, then all that is given; notes what
  // came of the former.
  void Apply(const std::vector<GivenSetting>& given, const Assignments& recorded_options);
  // Throws InputError where the agent cannot learn from what there is, or is to do what that does not allow.
  void CheckSources();
  // Notes what a person would wait for in vain.
  void NoteWhatNeverHappens(bool env_is_given);
  // Notes settings of --set that nothing of this run looks at; throws InputError where they are for another
  // kind of action than the environment's. Config files may list every setting.
  void CheckGiven(const std::vector<GivenSetting>& given);

  // For a run from a dataset: takes the dataset's environment where none is given, and says whether it did
  // so; notes where the two do not match.
  bool MatchEnv(const DatasetOrigin& origin, bool env_is_given);
  void NotePreset(const PresetChoice& choice);

  RunConfig run_;
  std::vector<std::string> notes_;
  const AgentEntry* agent_ = nullptr;
  std::unique_ptr<AgentFactory> factory_;
  std::vector<Setting> env_settings_;
};

}  // namespace strider
