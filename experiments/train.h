// Training from the first step to the last: logs, evaluations, checkpoints.
#pragma once

#include <filesystem>
#include <functional>

#include "experiments/experiment.h"
#include "experiments/progress_bar.h"

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

}  // namespace strider
