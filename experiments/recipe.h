// The datasets that D4RL has of a task, made anew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "experiments/progress_bar.h"

namespace strider {

struct RecipeOptions {
  std::string env;
  std::int64_t rows = 1000000;  // of each dataset whose policy can act as long as one likes
  std::int64_t seed = 0;
  // Settings of the run that learns, "run.*", "agent.*" and "env.*", on top of the recipe's own: SAC,
  // evaluated every 5,000 steps.
  std::vector<GivenSetting> given;
  // What acts as the expert, as LoadPolicy takes it. Empty: the policy at the end of the run.
  std::string expert;
  // What acts as medium, as LoadPolicy takes it. Empty: the run's policy, as below.
  std::string medium;
  std::function<bool()> stop;  // asked now and then; true: what is whole stays, and the same call goes on
  ProgressOutput progress;
};

// Writes into the folder `out`, each file whole or not at all (dataset formats sheet, section 1.6):
//   random         uniform actions
//   medium         the run's policy, actions sampled, at its first evaluation a third of the way from the
//                  random return to the expert's; or the policy `medium`, actions sampled
//   medium-replay  what the run had lived through by then; with `medium` by the run's first evaluation of
//                  at least the set's mean return
//   expert         the expert, actions sampled
//   full-replay    what the run had lived through at its end (without `expert` only)
//   medium-expert  the complete episodes of medium, and after them those of expert
//   noisy          the expert, with one action in five drawn uniformly
// and run/, the run that learns, and manifest.json: settings, versions, and of each file rows, episodes, mean
// and normalised return and SHA-256. Goes on where an earlier call with the same options was stopped; false
// where this one was. Throws InputError where the folder holds another recipe's files or nothing says how
// good an expert is, WorkError where the run ends below the medium policy's return.
bool MakeDatasets(const RecipeOptions& options, const std::filesystem::path& out);

}  // namespace strider
