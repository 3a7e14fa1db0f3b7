// What the subcommands that look into datasets have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "core/settings.h"
#include "datasets/reader.h"
#include "datasets/reference_scores.h"
#include "datasets/summary.h"
#include "experiments/progress_bar.h"

namespace strider::tools {

// The action bounds and the step limit of the environment that a dataset names, where the suite has it and
// its actions are as wide; otherwise bounds of -1 and 1.
SummaryOptions SummaryOptionsFor(const DatasetReader& reader);

// "Hopper-v5", or "Hopper-v5 with reset_noise_scale = 0.1" where options are not the usual ones; empty for no
// id.
std::string TaskText(const std::string& env, const Assignments& options);

// The same of the environment that a dataset's metadata name.
std::string TaskOf(const DatasetReader& reader);

// The environment that a dataset's metadata name, or else its file's name: D4RL's files bear their
// environment in it ("hopper_medium-v2.hdf5"). With its reference returns; nothing where there are none, or
// where the dataset was recorded under changed rules.
struct NamedScore {
  std::string name;
  ReferenceScore score;
};
std::optional<NamedScore> FindReferenceScoreOf(const DatasetReader& reader);

// {"min": ..., "p5": ..., ..., "max": ...}, or null.
nlohmann::ordered_json ToJson(const std::optional<Quantiles>& quantiles);

template <class T>
nlohmann::ordered_json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

// One line; bytes of a file that are no UTF-8 become replacement characters.
std::string JsonText(const nlohmann::ordered_json& json);

// A progress bar on standard error that shows itself only once the work has taken two seconds.
class LateProgress {
 public:
  explicit LateProgress(std::string title);

  void Update(std::size_t done, std::size_t total);
  RowProgress Listener() {
    return [this](std::size_t done, std::size_t total) { Update(done, total); };
  }

 private:
  std::string title_;
  ProgressOutput output_;
  double start_;
  std::optional<ProgressBar> bar_;
};

}  // namespace strider::tools
