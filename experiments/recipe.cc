#include "experiments/recipe.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/checksum.h"
#include "core/files.h"
#include "datasets/d4rl.h"
#include "datasets/merge.h"
#include "experiments/collect.h"
#include "experiments/comparison.h"
#include "experiments/evaluation.h"
#include "experiments/statistics.h"
#include "experiments/train.h"

namespace strider {
namespace {

constexpr double kMediumShare = 1.0 / 3;  // of the way from the random return to the expert's
constexpr double kNoisyEpsilon = 0.2;
constexpr int kExpertEpisodes = 20;

// Thrown inside, where `stop` says so.
struct Stopped {};

class Recipe {
 public:
  Recipe(const RecipeOptions& options, const std::filesystem::path& out)
      : options_(options), out_(out), experiment_(Settings({})), manifest_path_(out / "manifest.json") {
    CheckThatItCanEnd();
    manifest_ = {{"recipe", Described()}, {"versions", Versions()}, {"datasets", nlohmann::json::object()}};
    if (!std::filesystem::exists(manifest_path_)) {
      if (std::filesystem::exists(out) && !std::filesystem::is_empty(out)) {
        throw InputError("{} holds something else than a recipe's datasets; expected a new folder",
                         out.string());
      }
      MakeFolders(out);
      WriteManifest();
      return;
    }
    const auto stored =
        nlohmann::ordered_json::parse(ReadText(manifest_path_), nullptr, /*allow_exceptions=*/false);
    const bool sound = stored.is_object() && stored.contains("datasets") && stored.contains("recipe");
    if (!sound || stored["recipe"] != manifest_["recipe"]) {
      throw InputError(
          "{} was made with other options than are given now{}; expected a new folder, or the same "
          "options to go on",
          manifest_path_.string(), sound ? Difference(stored["recipe"], manifest_["recipe"]) : "");
    }
    manifest_ = stored;
  }

  // What needs no learning comes first: it is there even where the run fails.
  void Make() {
    Collected("random", "random", 0);
    const bool medium_is_given = !options_.medium.empty();
    const bool expert_is_given = !options_.expert.empty();
    if (medium_is_given) Collected("medium", options_.medium, 0);
    if (expert_is_given) CollectedExpert(options_.expert);
    if (medium_is_given && expert_is_given) {
      MediumExpert();
      WarnOfExchanged();
    }
    Trained(MediumReturn());
    if (!medium_is_given) Collected("medium", run().string(), 0);
    Remembered("medium-replay");
    if (!expert_is_given) {
      Trained(std::numeric_limits<double>::infinity());
      Remembered("full-replay");
      CollectedExpert(run().string());
    }
    MediumExpert();
  }

 private:
  std::filesystem::path run() const { return out_ / "run"; }
  std::filesystem::path Path(const std::string& name) const { return out_ / (name + ".hdf5"); }

  // Hours before it would show. Throws InputError where no expert or no medium policy can come of it.
  void CheckThatItCanEnd() const {
    if (experiment_.run().eval_episodes == 0) {
      throw InputError("run.eval_episodes = 0: evaluations tell the medium policy; expected at least 1");
    }
    for (const std::string& given : {options_.medium, options_.expert}) {
      if (!given.empty()) LoadPolicy(given, experiment_.MakeEnv()->spec());
    }
    if (options_.medium.empty() && options_.expert.empty() &&
        ReferencesOf(options_.env, experiment_.EnvOptions()).empty()) {
      throw InputError("there is no reference return for {} with these options; expected --expert POLICY",
                       options_.env);
    }
  }

  // ", rows = 300 and not 500", the first of them; empty where nothing is found.
  static std::string Difference(const nlohmann::ordered_json& then, const nlohmann::ordered_json& now) {
    const auto text = [](const nlohmann::ordered_json& value) {
      return value.is_string() ? value.get<std::string>() : value.dump();
    };
    const nlohmann::ordered_json before = then.flatten();
    const nlohmann::ordered_json after = now.flatten();
    const auto told = [&](const std::string& key) {
      const auto of = [&](const nlohmann::ordered_json& recipe) {
        return recipe.contains(key) ? text(recipe[key]) : "nothing";
      };
      return fmt::format(", {} = {} and not {}", key.substr(key.rfind('/') + 1), of(after), of(before));
    };
    for (const auto& [key, value] : after.items()) {
      if (!before.contains(key) || before[key] != value) return told(key);
    }
    for (const auto& [key, value] : before.items()) {
      if (!after.contains(key)) return told(key);
    }
    return {};
  }

  // The run's settings, up to a return.
  std::vector<GivenSetting> Settings(const std::vector<GivenSetting>& more) const {
    constexpr std::string_view kWhere = "the recipe";
    std::vector<GivenSetting> settings = {
        {"run.agent", "sac", std::string(kWhere)},
        {"run.env", options_.env, "--env"},
        {"run.eval_interval", "5000", std::string(kWhere)},
        {"run.seed", std::to_string(options_.seed), "--seed"},
    };
    settings.insert(settings.end(), options_.given.begin(), options_.given.end());
    settings.insert(settings.end(), more.begin(), more.end());
    return settings;
  }

  // Of a policy as LoadPolicy takes it: its file's SHA-256, wherever that lies.
  static std::string Identity(const std::string& source) {
    return source.empty() || source == "random" ? source : FileChecksum(PolicyFile(source));
  }

  nlohmann::ordered_json Described() {
    nlohmann::ordered_json described = {{"rows", options_.rows}, {"expert", Identity(options_.expert)}};
    if (!options_.medium.empty()) described["medium"] = Identity(options_.medium);
    const SettingList settings = experiment_.Settings();
    for (const Setting& setting : settings.settings()) {
      // What depends on the machine may change.
      if (setting.key == "run.threads" || setting.key == "run.device") continue;
      described["settings"][setting.key] = setting.get();
    }
    return described;
  }

  void WriteManifest() const { WriteTextWhole(manifest_path_, manifest_.dump(2) + "\n"); }

  // Makes one dataset and enters it into the manifest, unless it stands there already.
  template <class Write>
  void Written(const std::string& name, const Write& write) {
    const std::filesystem::path path = Path(name);
    if (manifest_["datasets"].contains(name) && std::filesystem::exists(path)) return;
    write(path);
    const D4rlReader reader(path);
    const Dataset flags = reader.Read(0, reader.layout().rows, {false, false, false, false});
    const std::vector<Episode> episodes = Episodes(flags);
    std::vector<double> returns;
    for (const Episode& episode : episodes) returns.push_back(episode.episode_return);
    const auto references = ReferencesOf(options_.env, experiment_.EnvOptions());
    nlohmann::ordered_json& entry = manifest_["datasets"][name];
    entry = {{"file", path.filename().string()},
             {"rows", flags.rows},
             {"episodes", episodes.size()},
             {"mean_return", nullptr},
             {"normalized", nullptr}};
    if (!returns.empty()) {
      entry["mean_return"] = Mean(returns);
      if (!references.empty()) entry["normalized"] = NormalizedScore(references.front(), Mean(returns));
    }
    entry["sha256"] = FileChecksum(path);
    WriteManifest();
  }

  void CollectedExpert(const std::string& expert) {
    Collected("expert", expert, 0);
    Collected("noisy", expert, kNoisyEpsilon);
  }

  void MediumExpert() {
    Written("medium-expert", [&](const std::filesystem::path& file) {
      MergeDatasets({Path("medium"), Path("expert")}, file,
                    {.complete_episodes_only = true, .is_default = IsDefault});
    });
  }

  void WarnOfExchanged() const {
    const double medium = MeanReturnOf("medium");
    const double expert = MeanReturnOf("expert");
    if (medium < expert) return;
    std::cerr << fmt::format(
        "strider: warning: {} has a mean return of {:.1f}, {} one of {:.1f}: expected the expert's to be "
        "higher\n",
        Path("medium").string(), medium, Path("expert").string(), expert);
  }

  // What the run's evaluations must reach for medium-replay.
  double MediumReturn() const {
    if (!options_.medium.empty()) return MeanReturnOf("medium");
    const double random = MeanReturnOf("random");
    return random + kMediumShare * (ExpertReturn() - random);
  }

  // Of a dataset that is made. Throws InputError where it is of a single, unfinished episode.
  double MeanReturnOf(const std::string& name) const {
    const nlohmann::ordered_json& mean = manifest_["datasets"][name]["mean_return"];
    if (!mean.is_null()) return mean.get<double>();
    throw InputError("{} rows of {} hold no complete episode of {}; expected more", options_.rows, name,
                     options_.env);
  }

  void Collected(const std::string& name, const std::string& source, double epsilon) {
    Written(name, [&](const std::filesystem::path& file) {
      const auto env = experiment_.MakeEnv();
      CollectOptions collect;
      collect.steps = options_.rows;
      collect.seed = static_cast<std::uint64_t>(options_.seed);
      collect.epsilon = epsilon;
      collect.source = source;
      collect.env_options = experiment_.EnvOptions();
      ProgressBar bar("collect " + name, options_.rows, "steps", options_.progress);
      const auto more = [&](std::int64_t rows) {
        bar.Update(rows);
        return !(options_.stop && options_.stop());
      };
      if (!Collect(LoadPolicy(source, env->spec()), *env, collect, file, more)) throw Stopped();
      bar.Finish();
    });
  }

  void Remembered(const std::string& name) {
    Written(name, [&](const std::filesystem::path& file) { CollectReplay(run(), file); });
  }

  // Takes the run on to its first evaluation of at least `target`, or to its end for an infinite one.
  void Trained(double target) {
    // A run that has gone further has given its datasets before.
    const bool medium_is_made = manifest_["datasets"].contains("medium-replay");
    if (std::isfinite(target) && medium_is_made) return;
    const RunPaths paths{run()};
    std::vector<GivenSetting> settings =
        Settings({{"run.target_return", fmt::format("{}", target), "the recipe"}});
    if (IsRun(run())) settings = ResumedSettings(paths, settings);
    Experiment experiment(settings);
    const TrainOptions train{.resume = true, .stop = options_.stop, .progress = options_.progress};
    if (Train(experiment, run(), train) == TrainOutcome::kStopped) throw Stopped();
    if (!std::isfinite(target)) return;
    WorkerPool pool(1);
    const double reached = LoadCheckpoint(paths, *MakeTrainer(experiment, pool)).last_evaluation;
    if (reached >= target) return;
    throw WorkError(
        "the run in {} ended with a return of {:.1f}, below the medium policy's {:.1f}; give it more "
        "steps (--set run.steps=...) in a new folder",
        run().string(), reached, target);
  }

  double ExpertReturn() const {
    if (options_.expert.empty()) return ReferencesOf(options_.env, experiment_.EnvOptions()).front().max;
    const auto env = experiment_.MakeEnv();
    WorkerPool pool(experiment_.run().threads);
    EvaluationOptions evaluation;
    evaluation.episodes = kExpertEpisodes;
    evaluation.seed = StreamSeed(static_cast<std::uint64_t>(options_.seed), Purpose::kEvaluation);
    return Mean(Evaluate(
                    LoadPolicy(options_.expert, env->spec()), [this] { return experiment_.MakeEnv(); },
                    evaluation, pool)
                    .returns);
  }

  const RecipeOptions& options_;
  std::filesystem::path out_;
  Experiment experiment_;
  std::filesystem::path manifest_path_;
  nlohmann::ordered_json manifest_;
};

}  // namespace

bool MakeDatasets(const RecipeOptions& options, const std::filesystem::path& out) {
  try {
    Recipe(options, out).Make();
  } catch (const Stopped&) {
    return false;
  }
  return true;
}

}  // namespace strider
