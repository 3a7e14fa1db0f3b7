// Reference returns and normalised scores (dataset-formats sheet, section 1.7).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strider {

// Undiscounted returns that score 0 and 100.
struct ReferenceScore {
  double min = 0;
  double max = 0;
  std::string_view source;  // who measured them: "D4RL" or "Strider"
};

// The name that D4RL has for a dataset of a maze whose file is called otherwise, with whatever follows it:
// "antmaze-umaze-v2" of "Ant_maze_u-maze_noisy_multistart_False_multigoal_False_sparse_fixed.hdf5",
// "maze2d-umaze-v1" of "maze2d-umaze-sparse-v1.hdf5", version 0 where none is told; in lower case and without
// a suffix. Any other name is returned as it is.
std::string D4rlDatasetName(std::string_view file_name);

// By environment id, dataset name or the name of a file of D4RL's robots and mazes, in any case: "Hopper-v5",
// "hopper-medium-v2", "hopper_medium-v2.hdf5".
// D4RL's come first, which any version of a locomotion robot has; then Strider's own, measured in the very
// environment named: 0 is the mean return of uniformly drawn actions, 100 that of a trained policy's mean
// actions. Empty where nobody has measured any.
std::vector<ReferenceScore> FindReferenceScores(std::string_view name);

// The first of them: the one that scores are normalised by.
std::optional<ReferenceScore> FindReferenceScore(std::string_view name);

// 100 (return - min) / (max - min).
double NormalizedScore(const ReferenceScore& reference, double episode_return);

}  // namespace strider
