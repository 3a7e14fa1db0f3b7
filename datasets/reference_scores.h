// Reference returns and normalised scores (dataset-formats sheet, section 1.7).
#pragma once

#include <optional>
#include <string_view>

namespace strider {

// Undiscounted returns that score 0 and 100.
struct ReferenceScore {
  double min = 0;
  double max = 0;
  std::string_view source;  // who measured them: "D4RL" or "Strider"
};

// By environment id or dataset name, in any case: "Hopper-v5", "hopper-medium-v2", "maze2d-umaze-dense-v1".
// Any version of a locomotion robot has D4RL's numbers; Strider's own are those of environments that D4RL has
// none for. Nothing where nobody has measured any.
std::optional<ReferenceScore> FindReferenceScore(std::string_view name);

// 100 (return - min) / (max - min).
double NormalizedScore(const ReferenceScore& reference, double episode_return);

}  // namespace strider
