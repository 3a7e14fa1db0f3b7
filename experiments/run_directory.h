// A run's directory: what is in it and how it is written (design page, "A run directory").
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "agents/nn/parameters.h"
#include "core/files.h"
#include "experiments/experiment.h"

namespace strider {

// The paths of a run.
struct RunPaths {
  std::filesystem::path root;

  std::filesystem::path config() const { return root / "config.cfg"; }
  std::filesystem::path manifest() const { return root / "manifest.json"; }
  std::filesystem::path progress() const { return root / "progress.csv"; }
  std::filesystem::path evaluations() const { return root / "evaluations.csv"; }
  std::filesystem::path evaluation() const { return root / "evaluation.json"; }
  std::filesystem::path checkpoint() const { return root / "checkpoint" / "checkpoint.hdf5"; }
  std::filesystem::path policy() const { return root / "policy" / "policy.hdf5"; }
};

// Makes a new run's directory with its sub-directories, config.cfg and manifest.json, and locks it.
// InputError where something that is not an empty folder stands in the way, WorkError where the system
// refuses.
FolderLock CreateRun(const RunPaths& paths, Experiment& experiment);

// Makes the folders in a run's directory that are not there. Throws WorkError where the system refuses.
void MakeFolders(const RunPaths& paths);

// What an existing directory holds.
bool IsRun(const std::filesystem::path& directory);

// Whether an existing run has got to its first checkpoint. Until then it starts anew when it is resumed.
bool HasLearnt(const RunPaths& paths);

// The experiment of an existing run, from its config.cfg, with `changes` on top. InputError where a change
// would make it another experiment once it HasLearnt: only what lengthens the run or looks at it, the
// threads, the device and the places of files may differ.
std::vector<GivenSetting> ResumedSettings(const RunPaths& paths, const std::vector<GivenSetting>& changes);

// Removes the temporaries that killed processes left in a run's folders. REQUIRES: its lock.
void RemoveLeftOvers(const RunPaths& paths);

// Throws InputError where a run that has done `done` steps is asked to end before, at `steps`, having been
// meant to go further.
void CheckSteps(const RunPaths& paths, std::int64_t done, std::int64_t steps);

// Throws InputError where the experiment's dataset, or its environment's world (EnvSpec::instance), is
// another than the one that the run's manifest names.
void CheckSources(const RunPaths& paths, const Experiment& experiment);

// Versions of everything that a run's numbers depend on, as JSON text. `data_checksum` is of the dataset, if
// any.
std::string ManifestText(const Experiment& experiment);
// The versions alone.
nlohmann::ordered_json Versions();
// One line a library, for `strider --version`.
std::string VersionText();

// A checkpoint: named tensors and the bytes of everything else, in one file that is replaced whole.
void WriteCheckpoint(const std::filesystem::path& path, const std::vector<nn::NamedTensor>& tensors,
                     const std::string& state);
// Fills the tensors in place and returns the bytes. InputError naming the file where names or shapes differ.
std::string ReadCheckpoint(const std::filesystem::path& path, const std::vector<nn::NamedTensor>& tensors);

}  // namespace strider
