// Many runs from one page of settings: every combination of the values that it lists.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "experiments/progress_bar.h"

namespace strider {

// One run of a sweep.
struct SweepRun {
  std::filesystem::path folder;  // in the sweep's own, such as prdc_hopper-mixed_beta=2/seed_0
  std::vector<GivenSetting> settings;
};

// Every combination of values. A value lists alternatives between bars, `run.agent = bc | prdc`, and a seed
// may be a range, `run.seed = 0..4`. A run's folder is named after what differs between the runs, seeds last.
// Throws InputError where a range is none, a run's settings are wrong (as Experiment's, so that nothing
// starts before all is right), or two runs would share a folder.
std::vector<SweepRun> ExpandSweep(const std::vector<GivenSetting>& page);

// `PROGRAM train ...` with those settings, which begins the run in out/run.folder or goes on with it.
std::vector<std::string> TrainWords(const std::filesystem::path& program, const SweepRun& run,
                                    const std::filesystem::path& out);

struct SweepOptions {
  int jobs = 1;  // runs side by side, each a process of its own
  std::filesystem::path program;
  std::function<bool()> stop = [] { return false; };  // asked between waits; then runs write checkpoints
  ProgressOutput progress;
};

struct SweepOutcome {
  int finished = 0;
  bool stopped = false;
  std::vector<std::filesystem::path> failed;  // logs of the runs that failed
};

// Runs them all; what is already finished in `out` is not run again. Each run's messages go into the file
// out/FOLDER.log. Throws WorkError where a process cannot be started.
SweepOutcome RunSweep(const std::vector<SweepRun>& runs, const std::filesystem::path& out,
                      const SweepOptions& options);

// A batch script for Slurm, an array with one task a run: `sbatch` takes it.
std::string SlurmScript(const std::vector<SweepRun>& runs, const std::filesystem::path& out,
                        const std::filesystem::path& program);

}  // namespace strider
