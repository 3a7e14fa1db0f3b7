#include "experiments/run_directory.h"

#include <ATen/core/grad_mode.h>
#include <H5public.h>
#include <fmt/ranges.h>
#include <mujoco/mujoco.h>
#include <torch/headeronly/version.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <boost/version.hpp>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "core/checksum.h"
#include "core/files.h"
#include "datasets/hdf5.h"
#include "datasets/reader.h"
#include "experiments/version.h"

namespace strider {
namespace {

// What may differ between a run and its continuation without making it another experiment. A longer run may
// go online and needs a longer schedule: the last three are for what is yet to come. Files may have moved,
// but not changed (CheckSources).
constexpr std::array<std::string_view, 15> kFreeSettings = {
    "run.steps",         "run.dataset",       "run.threads",         "run.device",
    "run.log_interval",  "run.eval_interval", "run.eval_episodes",   "run.checkpoint_interval",
    "run.target_return", "run.dataset_cache", "run.eval_threads",    "env.map",
    "run.online_from",   "run.offline_ratio", "agent.schedule_steps"};

// What a kill in the middle of CreateRun leaves behind: no reason to refuse a folder.
bool IsLeftOver(const std::filesystem::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  if (name == "checkpoint" || name == "policy")
    return entry.is_directory() && std::filesystem::is_empty(entry);
  return name == "manifest.json" ||
         (name.ends_with(".tmp") && (name.starts_with("manifest.json.") || name.starts_with("config.cfg.")));
}

std::string ProcessorFeatures() {
  std::string features;
  const auto add = [&](bool has, const char* name) {
    if (has) features += features.empty() ? name : fmt::format(" {}", name);
  };
  __builtin_cpu_init();
  add(__builtin_cpu_supports("avx") != 0, "avx");
  add(__builtin_cpu_supports("avx2") != 0, "avx2");
  add(__builtin_cpu_supports("fma") != 0, "fma");
  add(__builtin_cpu_supports("avx512f") != 0, "avx512f");
  return features;
}

}  // namespace

bool IsRun(const std::filesystem::path& directory) {
  return std::filesystem::is_regular_file(directory / "config.cfg");
}

bool HasLearnt(const RunPaths& paths) {
  return std::filesystem::exists(paths.checkpoint()) || std::filesystem::exists(paths.policy());
}

void MakeFolders(const RunPaths& paths) {
  MakeFolders(paths.checkpoint().parent_path());
  MakeFolders(paths.policy().parent_path());
}

FolderLock CreateRun(const RunPaths& paths, Experiment& experiment) {
  std::error_code error;
  if (std::filesystem::exists(paths.root, error)) {
    if (!std::filesystem::is_directory(paths.root)) {
      throw InputError("{} exists and is no folder; expected a new or empty folder for --out",
                       paths.root.string());
    }
    if (IsRun(paths.root)) {
      throw InputError("{} holds a run already; add --resume to go on with it, or name another --out",
                       paths.root.string());
    }
    if (!std::ranges::all_of(std::filesystem::directory_iterator(paths.root), IsLeftOver)) {
      throw InputError("{} exists, is not empty and is no run; expected a new or empty folder for --out",
                       paths.root.string());
    }
  }
  const std::string manifest = ManifestText(experiment);  // reads the whole dataset
  MakeFolders(paths.root);
  FolderLock lock(paths.root);
  MakeFolders(paths);
  WriteTextWhole(paths.manifest(), manifest);
  // Last, since its presence makes the folder a run.
  WriteTextWhole(paths.config(), experiment.Text());
  return lock;
}

void RemoveLeftOvers(const RunPaths& paths) {
  const auto is_temporary = [](const std::filesystem::path& name) {  // as WriteWhole calls them
    const std::string process = name.stem().extension().string();
    return name.extension() == ".tmp" && process.size() > 1 &&
           std::ranges::all_of(process.substr(1), [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  for (const auto& folder : {paths.root, paths.checkpoint().parent_path(), paths.policy().parent_path()}) {
    std::error_code ignored;  // what cannot be removed does no harm
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      if (is_temporary(entry.path().filename())) found.push_back(entry.path());
    }
    for (const auto& path : found) std::filesystem::remove(path, ignored);
  }
}

void CheckSteps(const RunPaths& paths, std::int64_t done, std::int64_t steps) {
  if (steps >= done || steps >= Experiment(ReadConfigFile(paths.config())).run().steps) return;
  throw InputError("{} has done {} steps already; expected run.steps of at least that, not {}",
                   paths.root.string(), done, steps);
}

std::vector<GivenSetting> ResumedSettings(const RunPaths& paths, const std::vector<GivenSetting>& changes) {
  std::vector<GivenSetting> settings = ReadConfigFile(paths.config());
  if (std::ranges::find(settings, "run.agent", &GivenSetting::key) == settings.end()) {
    throw InputError(
        "{}: no agent is named; expected the settings that the run began with, run.agent among them",
        paths.config().string());
  }
  Experiment stored(settings);
  const SettingList known = stored.Settings();
  // Values are compared as they are printed: 1e-3 is 0.001.
  std::map<std::string, std::string> before;
  for (const Setting& setting : known.settings()) before[setting.key] = setting.get();
  // Before a run has learnt anything it may become another one, which its settings would not fit.
  const auto differs = [&](const GivenSetting& change) {
    const std::string& value = before[change.key];
    const bool joins = change.key == "run.env" && value.empty();  // an environment, where there was none
    return (change.key == "run.agent" || change.key == "run.env") && change.value != value && !joins;
  };
  if (!HasLearnt(paths) && std::ranges::any_of(changes, differs)) return changes;
  for (const GivenSetting& change : changes) {
    if (before.contains(change.key)) known.Set(change.key, change.value);
    settings.push_back(
        change);  // an unknown key is for the Experiment that is made of these to complain about
  }
  if (!HasLearnt(paths)) return settings;
  for (const GivenSetting& change : changes) {
    const auto found = before.find(change.key);
    if (found == before.end() || std::ranges::find(kFreeSettings, change.key) != kFreeSettings.end())
      continue;
    const auto& [key, value] = *found;
    const std::string now = known.Find(key)->get();
    if (now == value || (key == "run.env" && value.empty())) continue;  // a dataset's run may go online
    throw InputError(
        "{} is {} in {} but {} is given now ({}); a resumed run keeps its settings, apart from {}", key,
        value.empty() ? "not set" : value, paths.config().string(), now, change.where,
        fmt::join(kFreeSettings, ", "));
  }
  return settings;
}

nlohmann::ordered_json Versions() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  H5get_libversion(&major, &minor, &patch);
  return {{"strider", kVersion},
          {"compiler", kCompiler},
          {"libtorch", TORCH_VERSION},
          {"mujoco", mj_versionString()},
          {"hdf5", fmt::format("{}.{}.{}", major, minor, patch)},
          {"eigen", fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
          {"boost", BOOST_LIB_VERSION},
          {"cpu_features", ProcessorFeatures()}};
}

std::string ManifestText(const Experiment& experiment) {
  nlohmann::ordered_json manifest = Versions();
  manifest["seed"] = experiment.run().seed;
  if (!experiment.run().dataset.empty()) {
    manifest["dataset"] = {{"path", experiment.run().dataset},
                           {"sha256", DatasetChecksum(experiment.run().dataset)}};
  }
  if (const std::string instance = experiment.EnvInstance(); !instance.empty()) {
    manifest["env_instance"] = instance;
  }
  manifest["acts"] = experiment.acts();
  if (!experiment.notes().empty()) manifest["notes"] = experiment.notes();
  return manifest.dump(2) + "\n";
}

void CheckSources(const RunPaths& paths, const Experiment& experiment) {
  const std::string& dataset = experiment.run().dataset;
  const auto manifest =
      nlohmann::json::parse(ReadText(paths.manifest()), nullptr, /*allow_exceptions=*/false);
  const std::string world = manifest.is_object() ? manifest.value("env_instance", "") : "";
  if (const std::string found = experiment.EnvInstance(); !world.empty() && found != world) {
    throw InputError("{} is not the world that the run began in: it is {}; expected {} as in {}",
                     experiment.run().env, found, world, paths.manifest().string());
  }
  if (dataset.empty()) return;
  const std::string expected =
      manifest.is_object() ? manifest.value(nlohmann::json::json_pointer("/dataset/sha256"), "") : "";
  if (expected.empty()) throw InputError("{}: no dataset/sha256 in it", paths.manifest().string());
  const std::string found = DatasetChecksum(dataset);
  if (found == expected) return;
  throw InputError("{} is not the dataset that the run began with: its SHA-256 is {}; expected {} as in {}",
                   dataset, found, expected, paths.manifest().string());
}

std::string VersionText() {
  std::string text;
  const nlohmann::ordered_json versions = Versions();
  for (const auto& [name, version] : versions.items())
    text += fmt::format("{} {}\n", name, version.get<std::string>());
  return text;
}

void WriteCheckpoint(const std::filesystem::path& path, const std::vector<nn::NamedTensor>& tensors,
                     const std::string& state) {
  WriteWhole(path, [&](const std::filesystem::path& temporary) {
    Hdf5File file = Hdf5File::Create(temporary);
    Checksum checksum;
    for (const auto& [name, tensor] : tensors) {
      const at::Tensor host = tensor.cpu().contiguous();
      const std::span values(host.const_data_ptr<float>(), static_cast<std::size_t>(host.numel()));
      checksum.Add(std::as_bytes(values));
      file.Write<float>("tensors/" + name, values, Shape(host.sizes().begin(), host.sizes().end()));
    }
    checksum.Add(std::as_bytes(std::span(state)));
    file.WriteBytes("state", state);
    file.WriteString("sha256", checksum.Text());
    file.Close();
  });
}

std::string ReadCheckpoint(const std::filesystem::path& path, const std::vector<nn::NamedTensor>& tensors) {
  const at::NoGradGuard no_grad;
  const Hdf5File file = Hdf5File::Open(path);
  Checksum checksum;
  for (const auto& [name, tensor] : tensors) {
    const std::string key = "tensors/" + name;
    Array<float> stored = file.Read<float>(key);
    if (stored.shape != Shape(tensor.sizes().begin(), tensor.sizes().end())) {
      throw InputError("{}: {} has shape {}; expected {} of this run's settings", path.string(), key,
                       ShapeText(stored.shape),
                       ShapeText(Shape(tensor.sizes().begin(), tensor.sizes().end())));
    }
    checksum.Add(std::as_bytes(std::span(stored.values)));
    tensor.copy_(at::from_blob(stored.values.data(), tensor.sizes(), at::kFloat));
  }
  std::string state = file.ReadBytes("state");
  checksum.Add(std::as_bytes(std::span(state)));
  if (checksum.Text() != file.ReadString("sha256")) {
    throw InputError("{}: is damaged: its contents are not those that its sha256 was taken of",
                     path.string());
  }
  return state;
}

}  // namespace strider
