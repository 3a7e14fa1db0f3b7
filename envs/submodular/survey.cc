#include "envs/submodular/survey.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace strider {
namespace {

std::size_t Index(int i) { return static_cast<std::size_t>(i); }

Box Observations(const SurveyConfig& config, const SurveyTask& task) {
  const int horizon = config.max_episode_steps + 1;
  if (config.encoding == "one_hot") {
    const int marks = config.history ? task.cells() : 0;
    return UniformBox(task.rows + task.columns + horizon + marks, 0, 1);
  }
  const double last = task.cells() - 1;
  if (config.history) return UniformBox(config.max_episode_steps, -1, last);
  return {{0, 0}, {last, static_cast<double>(config.max_episode_steps)}};
}

EnvSpec MakeSpec(std::string_view id, const SurveyConfig& config, const SurveyTask& task) {
  if (config.start >= task.cells() || task.free[Index(config.start)] == 0) {
    throw InputError(
        "env.start = '{}' is not accepted; expected the number of a free cell of the {} x {} grid",
        config.start, task.rows, task.columns);
  }
  return {std::string(id), Observations(config, task), Discrete{kSurveyActions}, config.max_episode_steps, {},
          config.slip > 0};
}

std::unique_ptr<SetFunction> Objective(const SurveyConfig& config, const SurveyTask& task) {
  if (config.reward == "modular") return std::make_unique<Modular>(ModularLike(*task.objective));
  return task.objective->Clone();
}

}  // namespace

int NextCell(const SurveyTask& task, int cell, int action) {
  constexpr std::array<std::array<int, 2>, kSurveyActions> kMoves{{{0, 0}, {0, 1}, {1, 0}, {0, -1}, {-1, 0}}};
  const int row = cell / task.columns + kMoves[Index(action)][0];
  const int column = cell % task.columns + kMoves[Index(action)][1];
  if (row < 0 || row >= task.rows || column < 0 || column >= task.columns) return cell;
  const int next = row * task.columns + column;
  return task.free[Index(next)] != 0 ? next : cell;
}

std::vector<int> GreedyWalk(const SurveyTask& task, int start, int actions) {
  const auto objective = task.objective->Clone();
  std::vector<int> walk{start};
  objective->Add(start);
  for (int i = 0; i < actions; ++i) {
    int best = walk.back();
    double best_gain = objective->Gain(best);
    for (int action = 1; action < kSurveyActions; ++action) {
      const int cell = NextCell(task, walk.back(), action);
      const double gain = objective->Gain(cell);
      if (gain > best_gain || (gain == best_gain && cell < best)) {
        best = cell;
        best_gain = gain;
      }
    }
    objective->Add(best);
    walk.push_back(best);
  }
  return walk;
}

double WalkValue(const SurveyTask& task, std::span<const int> cells) {
  const auto objective = task.objective->Clone();
  for (const int cell : cells) objective->Add(cell);
  return objective->value();
}

Survey::Survey(std::string_view id, const SurveyConfig& config, std::shared_ptr<const SurveyTask> task,
               const std::string& instance)
    : Env(MakeSpec(id, config, *task)),
      task_(std::move(task)),
      next_(Index(task_->cells())),
      start_(config.start),
      slip_(config.slip),
      history_(config.history),
      one_hot_(config.encoding == "one_hot"),
      trail_(Objective(config, *task_), config.max_episode_steps + 1) {
  for (int cell = 0; cell < task_->cells(); ++cell) {
    for (int action = 0; action < kSurveyActions; ++action) {
      next_[Index(cell)][Index(action)] = NextCell(*task_, cell, action);
    }
  }
  start_gain_ = trail_.Start(start_);
  SetInstance(instance);
}

void Survey::DoReset(std::span<double> observation) {
  trail_.Start(start_);
  Observe(observation);
}

StepResult Survey::DoStep(const ActionRow& action, std::span<double> observation) {
  StepResult result;
  if (!trail_.full()) {
    auto move = static_cast<std::size_t>(action[0]);
    if (slip_ > 0 && random().Random() < slip_) {
      move = static_cast<std::size_t>(random().Integers(0, kSurveyActions));
    }
    if (visited().size() == 1) result.reward = start_gain_;
    result.reward += trail_.Extend(next_[Index(visited().back())][move]);
  }
  Observe(observation);
  return result;
}

void Survey::Observe(std::span<double> observation) const {
  const int cell = visited().back();
  const std::size_t time = visited().size() - 1;
  if (!one_hot_) {
    if (history_) {
      std::ranges::fill(observation, -1.0);
      std::copy_n(visited().begin(), std::min(visited().size(), observation.size()), observation.begin());
    } else {
      observation[0] = cell;
      observation[1] = static_cast<double>(time);
    }
    return;
  }
  std::ranges::fill(observation, 0.0);
  observation[Index(cell / task_->columns)] = 1;
  observation[Index(task_->rows + cell % task_->columns)] = 1;
  const std::size_t times = Index(task_->rows + task_->columns);
  observation[times + time] = 1;
  if (!history_) return;
  // The set says all that the order would: so is the objective.
  const auto marks = observation.last(Index(task_->cells()));
  for (const int seen : visited()) marks[Index(seen)] = 1;
}

std::vector<double> Survey::State() const {
  std::vector<double> state;
  trail_.AppendTo(state);
  return state;
}

void Survey::SetState(std::span<const double> state) {
  WholeNumbers check(spec().id, state, Index(spec().max_episode_steps + 1));
  for (int before = start_; const double& value : state) {
    const auto cell = static_cast<int>(value);
    const bool first = &value == state.data();
    if (value == -1 && !first) break;
    const bool known = cell >= 0 && cell < task_->cells() && static_cast<double>(cell) == value;
    if (!known || (first ? cell != start_ : std::ranges::count(next_[Index(before)], cell) == 0)) {
      throw InputError(
          "state number {} given to {} is {}; expected {}", &value - state.data(), spec().id, value,
          first ? fmt::format("the start, {}", start_) : fmt::format("a cell one step from {}", before));
    }
    before = cell;
  }
  trail_.Restore(check);
}

MapPoint Survey::Centre(int cell) const {
  constexpr double kHalf = 0.5;
  return {cell % task_->columns + kHalf, cell / task_->columns + kHalf};
}

MapPicture Survey::Map() const {
  MapPicture map;
  map.legend = task_->legend;
  map.rows = task_->rows;
  map.columns = task_->columns;
  map.rows_down = true;
  map.kinds = task_->kinds;
  map.shades = task_->shades;
  map.marked.resize(Index(task_->cells()));
  const auto* coverage = dynamic_cast<const Coverage*>(task_->objective.get());
  if (coverage == nullptr) {
    for (const int cell : visited()) map.marked[Index(cell)] = true;
    return map;
  }
  Coverage covered = *coverage;
  for (const int cell : visited()) covered.Add(cell);
  for (int cell = 0; cell < task_->cells(); ++cell) map.marked[Index(cell)] = covered.Covers(cell);
  return map;
}

std::shared_ptr<const SurveyTask> ShareTask(const std::string& key,
                                            const std::function<SurveyTask()>& build) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const SurveyTask>> tasks;
  const std::lock_guard lock(mutex);
  std::weak_ptr<const SurveyTask>& known = tasks[key];
  std::shared_ptr<const SurveyTask> task = known.lock();
  if (task == nullptr) known = task = std::make_shared<const SurveyTask>(build());
  return task;
}

}  // namespace strider
