// Walking over a grid to collect what a submodular function of the visited cells is worth.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/settings.h"
#include "envs/env.h"
#include "envs/submodular/changed_settings.h"
#include "envs/submodular/map_view.h"
#include "envs/submodular/trail.h"

namespace strider {

// The settings that every task on a grid has.
struct SurveyConfig {
  int max_episode_steps = 39;
  int start = 34;
  double slip = 0;
  std::string reward = "gain";
  bool history = false;
  std::string encoding = "one_hot";
  int check = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps,
          "actions in an episode: the horizon H, which counts states, less one", InRange(1, 1e5));
    visit("start", start, "number of the cell where episodes start, row by row from 0", AtLeast(0));
    visit("slip", slip, "probability of an action drawn at random instead", InRange(0, 1));
    visit("reward", reward,
          "gain: what the objective grows by; modular: what the cell would be worth alone, as often as it is "
          "visited",
          OneOf({"gain", "modular"}));
    visit("history", history, "observe the cells visited so far, and not the present cell and time alone");
    visit(
        "encoding", encoding,
        "one_hot: row, column and time (and cells visited) as zeros and ones; number: the cell's number and "
        "the time, or a list of cells that ends in -1, as the authors' networks see them",
        OneOf({"one_hot", "number"}));
    visit("check", check,
          "pairs of sets drawn to check that the objective is monotone and submodular; 0: none",
          InRange(0, 1e6));
  }
};

// What there is to collect. Cells are numbered row by row.
struct SurveyTask {
  int rows = 0;
  int columns = 0;
  std::vector<std::uint8_t> free;          // (cells) whether one can be there
  std::unique_ptr<SetFunction> objective;  // of cells, nothing collected
  std::vector<double> shades;              // (cells) what a picture shows of them
  bool kinds = false;                      // as MapPicture's
  std::string legend;                      // what the shades are
  std::string contents;                    // of the files that it was made of, as text; empty without any

  int cells() const { return rows * columns; }
};

// Actions: 0 stay, 1 next column, 2 next row, 3 column before, 4 row before; where there is no free cell,
// stay.
inline constexpr int kSurveyActions = 5;
int NextCell(const SurveyTask& task, int cell, int action);

// The myopic walk of `actions` steps: always to the cell with the best immediate gain, the lowest number
// among equals. The cells from the start on.
std::vector<int> GreedyWalk(const SurveyTask& task, int start, int actions);

// F of a walk's cells.
double WalkValue(const SurveyTask& task, std::span<const int> cells);

// A task as an environment (SubPO sheet, section 3). The reward of a step is the marginal gain of the cell
// reached; the first step is paid for the start as well, so that an episode's return is F of all its cells.
// Episodes last max_episode_steps; a step after that changes nothing and pays nothing. The start is always
// the same and without `slip` nothing is left to chance. State(): the cells visited in their order, then -1.
class Survey : public Env, public MapView {
 public:
  // `instance` is EnvSpec's. Throws InputError where the start is no free cell.
  Survey(std::string_view id, const SurveyConfig& config, std::shared_ptr<const SurveyTask> task,
         const std::string& instance);

  const SurveyTask& task() const { return *task_; }
  std::span<const int> visited() const { return trail_.elements(); }

  std::vector<double> State() const override;
  void SetState(std::span<const double> state) override;
  MapPicture Map() const override;
  MapPoint Position() const override { return Centre(visited().back()); }

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  void Observe(std::span<double> observation) const;
  MapPoint Centre(int cell) const;

  std::shared_ptr<const SurveyTask> task_;
  std::vector<std::array<int, kSurveyActions>> next_;  // (cells)
  int start_;
  double slip_;
  bool history_;
  bool one_hot_;
  double start_gain_ = 0;
  Trail trail_;
};

// The task that `build` makes, or the one that it made before under the same key where that is still in use:
// environments of equal settings share their task.
std::shared_ptr<const SurveyTask> ShareTask(const std::string& key, const std::function<SurveyTask()>& build);

// The environment of one task's Config, which is a struct with the member `survey`, a Visit and
// SurveyTask Make() const.
template <class Task>
class SurveyOf final : public Survey {
 public:
  using Config = Task;
  SurveyOf(std::string_view id, const Config& config) : SurveyOf(id, config, Shared(id, config)) {}

 private:
  SurveyOf(std::string_view id, const Config& config, const std::shared_ptr<const SurveyTask>& task)
      : Survey(id, config.survey, task, Instance(config, *task)) {}

  // The paths of files are left out: it is what they hold that counts, and then no draw of a map.
  static std::string Instance(const Config& config, const SurveyTask& task) {
    if (task.contents.empty()) {
      return InstanceName(ChangedSettings(config, {"map", "check", "history", "encoding"}));
    }
    const std::string facts = ChangedSettings(config, {"map", "map_seed", "check", "history", "encoding"});
    return facts + (facts.empty() ? "" : " ") + task.contents;
  }

  static std::shared_ptr<const SurveyTask> Shared(std::string_view id, Config config) {
    SettingList settings;
    settings.Add("env", config);
    return ShareTask(std::string(id) + "\n" + settings.Text(), [&] {
      SurveyTask task = config.Make();
      Pcg64 random(0);
      CheckMonotoneSubmodular(*task.objective, fmt::format("the objective of {}", id), config.survey.check,
                              random);
      return task;
    });
  }
};

}  // namespace strider
