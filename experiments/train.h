// Training from the first step to the last: logs, evaluations, checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>

#include "experiments/experiment.h"
#include "experiments/progress_bar.h"
#include "experiments/run_directory.h"
#include "experiments/trainer.h"

namespace strider {

enum class TrainOutcome { kFinished, kStopped };

struct TrainOptions {
  bool resume = false;         // go on where the directory's checkpoint stands
  std::function<bool()> stop;  // asked between updates; true: write a checkpoint and return kStopped
  ProgressOutput progress;     // where progress is shown
};

// Runs an experiment in a directory (see RunPaths), which must be new or empty unless `resume`. What is in
// the directory at any moment suffices to go on after a kill; a continued run writes the same rows and the
// same bits as an undisturbed one, apart from the column `seconds`.
TrainOutcome Train(Experiment& experiment, const std::filesystem::path& directory,
                   const TrainOptions& options);

// What a checkpoint tells of its run beside the trainer's own state.
struct TrainingMarks {
  double seconds = 0;                                                 // spent on it so far
  double last_evaluation = -std::numeric_limits<double>::infinity();  // mean return; -inf before the first
  // The checkpoint's own step where an evaluation was due there, which a run that goes on does again: it may
  // not have ended before the checkpoint was written. -1: none was due.
  std::int64_t evaluation_due = -1;
};

// Puts a trainer of the same experiment where the run's last checkpoint stands. Throws InputError where there
// is none or it is another experiment's.
TrainingMarks LoadCheckpoint(const RunPaths& paths, Trainer& trainer);

}  // namespace strider
