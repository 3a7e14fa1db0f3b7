// Finding what is wrong with a dataset.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/dataset.h"

namespace strider {

enum class DefectKind {
  kUnreadable,         // no HDF5, cut short, a stored chunk that cannot be read
  kFormat,             // a key missing, of a wrong type, rank or length
  kEmpty,              // no rows
  kNonFinite,          // NaN or infinite values
  kNoTerminals,        // terminals never set
  kUnmarkedEnd,        // an episode ends here, yet no flag says so
  kTimeoutAsTerminal,  // every episode of one and the same length ends in a terminal
  kCrossedBorder,      // next_observations holds the next episode's first observation
  kActionRange,        // actions outside their bounds
  kRewardRange,        // rewards outside the range that the caller gave
  kDuplicateBlock,     // a run of rows occurs twice
};

// kError: the reader refuses the file. kWarning: it reads it, but results may mislead.
enum class Severity { kWarning, kError };

struct Defect {
  DefectKind kind{};
  std::vector<std::size_t>
      rows;             // the first rows concerned, at most kMaxDefectRows; empty where none in particular
  std::string message;  // what, where (key, row), what was expected
  Severity severity = Severity::kWarning;
};

inline constexpr std::size_t kMaxDefectRows = 20;

// "non_finite", "unmarked_end": for JSON.
std::string_view DefectName(DefectKind kind);

struct ValidateOptions {
  // The step limit; used for files without timeouts and to tell time-outs from terminals.
  int max_episode_steps = 1000;
  // Bounds of each action's numbers, one a column or one for all; without them those of the file's own action
  // space (Minari's, or metadata/action_space), and without one D4RL's [-1, 1].
  std::vector<double> action_low = {};
  std::vector<double> action_high = {};
  // Bounds of rewards; any finite number without them.
  std::optional<std::pair<double, double>> reward_range = std::nullopt;
};

// Every defect that can be found in a dataset, a D4RL file or one of Minari's (see OpenDataset); empty for a
// sound one. Never throws for what is in the file.
std::vector<Defect> Validate(const std::filesystem::path& path, const ValidateOptions& options = {});

// The defects of a dataset's contents: all kinds but the first two.
std::vector<Defect> ValidateContents(const Dataset& dataset, const ValidateOptions& options = {});

// Rows behind which something else than their next_observations stands, though no flag ends an episode there.
// REQUIRES: next_observations.
std::size_t CountUnmarkedEnds(const Dataset& dataset);

}  // namespace strider
