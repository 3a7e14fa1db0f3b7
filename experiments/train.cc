#include "experiments/train.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>
#include <type_traits>

#include "agents/nn/learner_threads.h"
#include "agents/policy_file.h"
#include "core/files.h"
#include "datasets/reader.h"
#include "datasets/reference_scores.h"
#include "experiments/comparison.h"
#include "experiments/csv_log.h"
#include "experiments/evaluation.h"
#include "experiments/offline_data.h"
#include "experiments/statistics.h"
#include "experiments/tensorboard.h"

namespace strider {
namespace {

// Whether a multiple of `interval` lies in (before, now].
bool Crossed(std::int64_t before, std::int64_t now, std::int64_t interval) {
  return now / interval > before / interval;
}

// Times what discounted rewards can sum up to.
constexpr double kHopeless = 100;

std::optional<ReferenceScore> ReferenceOf(const Experiment& experiment) {
  const RunConfig& run = experiment.run();
  if (!experiment.has_env()) return std::nullopt;
  const std::vector<ReferenceScore> references = ReferencesOf(run.env, experiment.EnvOptions());
  return references.empty() ? std::nullopt : std::optional(references.front());
}

class TrainingRun {
 public:
  TrainingRun(Experiment& experiment, const std::filesystem::path& directory, const TrainOptions& options)
      : run_(experiment.run()),
        experiment_(experiment),
        paths_{directory},
        options_(options),
        goes_on_(options.resume && IsRun(directory)),
        pool_(run_.threads),
        evaluation_pool_(SpareThreads() > 0 ? SpareThreads() : run_.threads),
        trainer_(NewTrainer()),
        env_instance_(experiment.EnvInstance()),
        env_options_(ChangedOptions(run_.env, experiment.EnvOptions())),
        reference_(ReferenceOf(experiment)) {
    at::set_num_threads(LearnerThreads(trainer_->agent(), run_.threads));
    std::optional<std::int64_t> resumed_at;
    bool env_joins = false;
    if (goes_on_) {
      lock_.emplace(directory);
      RemoveLeftOvers(paths_);
      MakeFolders(paths_);  // where one was removed
      if (HasLearnt(paths_)) {
        CheckSources(paths_, experiment);
        Restore();
        env_joins = EnvJoins();
      } else {
        WriteTextWhole(paths_.manifest(), ManifestText(experiment));
      }
      resumed_at = trainer_->step();
      CheckSteps(paths_, *resumed_at, run_.steps);
      // What was given with --resume holds from now on, if there is anything to do.
      if (!Done()) {
        if (env_joins) WriteTextWhole(paths_.manifest(), ManifestText(experiment));
        WriteTextWhole(paths_.config(), experiment.Text());
      }
    } else {
      lock_.emplace(CreateRun(paths_, experiment));
    }
    progress_.emplace(paths_.progress(), trainer_->step());
    const bool evaluate_again = marks_.evaluation_due == trainer_->step();
    evaluations_.emplace(paths_.evaluations(), trainer_->step() - (evaluate_again ? 1 : 0));
    board_.emplace(directory, resumed_at);
    bar_.emplace(run_.agent + " " + (experiment_.has_env() ? run_.env : run_.dataset), run_.steps,
                 experiment_.acts() || run_.online_from >= 0 ? "steps" : "updates", options_.progress,
                 trainer_->step());
    trainer_->Watch([this](std::int64_t done) { bar_->Update(done, status_); });
    started_ = Clock::now();
    if (evaluate_again) EvaluateNow();
  }

  TrainOutcome Run() {
    if (!Done()) {
      std::filesystem::remove(paths_.evaluation());  // of a policy that is going to change
    } else {
      KeepPolicy();
    }
    while (!Done()) {
      if (options_.stop && options_.stop()) {
        Checkpoint();
        return TrainOutcome::kStopped;
      }
      const std::int64_t before = trainer_->step();
      Acting(before, [this] { trainer_->Advance(); });
      const std::int64_t now = trainer_->step();
      // Elsewhere looking waits for the device, and is left to the log and the checkpoints.
      if (trainer_->agent().task().device.is_cpu()) StopIfDiverged();
      const bool last = now >= run_.steps;
      const bool logged = last || Crossed(before, now, run_.log_interval);
      if (logged) LogProgress();
      if (last || Crossed(before, now, run_.eval_interval)) EvaluateNow();
      if (Done() && !logged) LogProgress();
      if (Done() || Crossed(before, now, run_.checkpoint_interval)) Checkpoint();
      bar_->Update(now, status_);
    }
    bar_->Finish();
    if (trainer_->step() < run_.steps) {
      options_.progress.write(
          fmt::format("strider: ended at step {}: an evaluation reached run.target_return = {}\n",
                      trainer_->step(), run_.target_return));
    }
    return TrainOutcome::kFinished;
  }

 private:
  using Clock = std::chrono::steady_clock;

  // A million rows take seconds to read, and longer to be made ready for a search.
  std::unique_ptr<Trainer> NewTrainer() {
    // Refused before, not after.
    ParseDevice(run_.device);
    if (!run_.dataset.empty()) OpenDataset(run_.dataset, {.allow_non_finite = true});
    // What was taken for granted explains what may not fit it.
    if (!goes_on_) {
      for (const std::string& note : experiment_.notes()) std::cerr << "strider: " << note << "\n";
    }
    if (!run_.dataset.empty()) options_.progress.write(fmt::format("strider: reading {}\n", run_.dataset));
    return MakeTrainer(experiment_, pool_);
  }

  bool Done() const {
    const bool reached = std::isfinite(run_.target_return) && marks_.last_evaluation >= run_.target_return;
    return trainer_->step() >= run_.steps || reached;
  }

  double Seconds() const {
    return marks_.seconds + std::chrono::duration<double>(Clock::now() - started_).count();
  }

  std::optional<double> Normalized(double episode_return) const {
    if (!reference_) return std::nullopt;
    return NormalizedScore(*reference_, episode_return);
  }

  // An action that an environment refuses is the learner's fault, not the caller's; of the learner at `step`.
  template <class Work>
  std::invoke_result_t<Work> Acting(std::int64_t step, const Work& work) {
    try {
      return work();
    } catch (const RefusedAction& error) {
      CheckFinite(step);
      throw WorkError("{}: the learner diverged at step {}; {}", error.what(), step, LastGood(step));
    }
  }

  void StopIfDiverged() const {
    const auto divergence = trainer_->agent().Divergence();
    if (!divergence) return;
    const double value = divergence->second;
    throw WorkError("{} is {} at step {}: the learner diverged; {}", divergence->first,
                    std::isnan(value) ? "NaN" : fmt::format("{}", value), trainer_->step(), LastGood());
  }

  // Critics that leave what rewards allow by orders of magnitude seldom come back, though their numbers are
  // still finite. O-DICE tells of residuals alone, a weaker sign: an error that all values share is in them
  // times 1 - discount. The 1 is for entropies among the rewards, and more where they weigh more. A
  // checkpoint is a good one where the update that made it saw none of this; what it left behind is seen by
  // the next.
  void StopIfValuesAreImpossible(const Metrics& metrics) const {
    const auto reward = trainer_->LargestReward();
    if (!reward) return;
    const SettingList settings = experiment_.Settings();
    const Setting* const given = settings.Find("agent.discount");
    if (given == nullptr) return;
    const double discount = std::stod(given->get());
    double entropies = 1;
    std::string weighed;
    for (const std::string weight : {"agent.alpha", "agent.lambda"}) {
      if (settings.Find(weight + "_auto") == nullptr) continue;  // another thing of that name
      const double value = std::stod(settings.Find(weight)->get());
      if (value <= entropies) continue;
      entropies = value;
      weighed = fmt::format(", entropies weighed by {} = {}", weight, value);
    }
    const double limit = (*reward + entropies) / (1 - discount);
    constexpr std::array kValues{"q", "residual_min", "residual_max"};
    for (const auto& [name, value] : metrics) {
      if (!(std::abs(value) > kHopeless * limit) || std::ranges::find(kValues, name) == kValues.end())
        continue;
      throw WorkError(
          "{} is {:.4g} at step {}, but rewards of at most {:.4g} in size{} and agent.discount = {} allow "
          "{:.4g}: the learner diverged; {}",
          name, value, trainer_->step(), *reward, weighed, discount, limit, LastGood(trainer_->step() - 1));
    }
  }

  // What there is to go back to from a learner that was found to have diverged at `step`.
  std::string LastGood(std::optional<std::int64_t> step = {}) const {
    if (!saved_at_) return "there is no checkpoint yet";
    if (step && *saved_at_ >= *step) {
      return fmt::format(
          "the checkpoint of step {} in {} has too; expected a new run, perhaps with smaller steps",
          *saved_at_, paths_.checkpoint().string());
    }
    return fmt::format("the last good checkpoint, of step {}, is in {}", *saved_at_,
                       paths_.checkpoint().string());
  }

  void LogProgress() {
    StopIfDiverged();
    const EpisodeTally tally = trainer_->TakeEpisodes();
    const Agent& agent = trainer_->agent();
    CsvRow row{{"step", static_cast<double>(trainer_->step())},
               {"seconds", Seconds()},
               {"updates", static_cast<double>(agent.updates())}};
    // An offline run has these columns too, with or without an environment: it may go online later.
    const auto count = static_cast<double>(tally.count);
    const auto mean = [&](double sum) {
      return tally.count == 0 ? std::nullopt : std::optional(sum / count);
    };
    const std::optional<double> mean_return = mean(tally.return_sum);
    row.emplace_back("episodes", count);
    row.emplace_back("return", mean_return);
    row.emplace_back("normalized", mean_return ? Normalized(*mean_return) : std::nullopt);
    row.emplace_back("length", mean(tally.length_sum));
    if (mean_return) status_ = fmt::format("return {:.4g}", *mean_return);
    std::vector<std::pair<std::string, double>> scalars;
    const Metrics metrics = agent.metrics();
    StopIfValuesAreImpossible(metrics);
    for (const auto& [name, number] : metrics) {
      row.emplace_back(name, std::isnan(number) ? std::nullopt : std::optional(number));
      if (!std::isnan(number)) scalars.emplace_back("train/" + name, number);
    }
    if (const std::string warning = agent.Warning(); !warning.empty() && !warned_) {
      if (options_.progress.terminal) options_.progress.write("\n");
      std::cerr << fmt::format("strider: warning: step {}: {}\n", trainer_->step(), warning);
      warned_ = true;
    }
    progress_->Append(row);
    for (const auto& [name, value] : row) {
      if ((name == "return" || name == "length") && value) scalars.emplace_back("episode/" + name, *value);
    }
    board_->Append(trainer_->step(), scalars);
  }

  void KeepPolicy() {
    WritePolicy(paths_.policy(), trainer_->CurrentPolicy(),
                {run_.agent, run_.env, env_instance_, trainer_->agent().evaluate_sampled(), env_options_});
  }

  // Threads that evaluations have to themselves; 0: training waits for them.
  int SpareThreads() const {
    if (run_.eval_threads >= 0) return run_.eval_threads;
    return std::max(0, static_cast<int>(std::thread::hardware_concurrency()) - run_.threads);
  }

  // Evaluates the policy as it is now, beside training where there are threads for it.
  void EvaluateNow() {
    if (!experiment_.has_env() || run_.eval_episodes == 0) return;
    TakeEvaluation();
    CheckFinite();
    marks_.evaluation_due = trainer_->step();
    EvaluationOptions evaluation;
    evaluation.episodes = run_.eval_episodes;
    evaluation.deterministic = !trainer_->agent().evaluate_sampled();
    evaluation.seed = StreamSeed(static_cast<std::uint64_t>(run_.seed), Purpose::kEvaluation);
    // Policies act without LibTorch: what they do takes nothing from the learner's streams.
    evaluating_.Start(
        trainer_->CurrentPolicy(), [this] { return experiment_.MakeEnv(); }, evaluation, evaluation_pool_);
    // Where it may end the run, it must be known before the run goes on.
    const bool needed_now = SpareThreads() == 0 || std::isfinite(run_.target_return);
    if (needed_now || trainer_->step() >= run_.steps) TakeEvaluation();
  }

  void ShowWaiting() {
    constexpr auto kGlance = std::chrono::milliseconds(100);
    while (!evaluating_.WaitFor(kGlance)) {
      bar_->Update(trainer_->step(),
                   fmt::format("evaluating {}/{}", evaluating_.ended(), run_.eval_episodes));
    }
  }

  // Waits for the evaluation under way, if there is one, and writes it down.
  void TakeEvaluation() {
    if (!evaluating_.under_way()) return;
    ShowWaiting();
    const std::int64_t step = marks_.evaluation_due;
    const EpisodeScores scores = Acting(step, [this] { return evaluating_.Take(); });
    for (std::size_t i = 0; i < scores.returns.size(); ++i) {
      evaluations_->Append({{"step", static_cast<double>(step)},
                            {"episode", static_cast<double>(i)},
                            {"return", scores.returns[i]},
                            {"length", scores.lengths[i]},
                            {"normalized", Normalized(scores.returns[i])}});
    }
    const double mean = Mean(scores.returns);
    before_last_evaluation_ = std::exchange(marks_.last_evaluation, mean);
    board_->Append(step, {{"evaluation/return", mean}});
    status_ = fmt::format("evaluation {:.4g}", mean);
  }

  // A learner that has diverged must neither act nor replace the last one that had not. `refused_at`: the
  // step of the one that an environment has refused already, if any.
  void CheckFinite(std::optional<std::int64_t> refused_at = {}) const {
    const auto finite = [](const at::Tensor& tensor) { return tensor.isfinite().all(); };
    const std::vector<nn::NamedTensor> state = trainer_->agent().State();
    const at::Device device = trainer_->agent().task().device;
    std::vector<at::Tensor> flags;
    for (const auto& [name, tensor] : state)
      flags.push_back(finite(tensor).to(device, /*non_blocking=*/true));
    if (at::stack(flags).all().item<bool>()) return;  // one look at the device
    for (const auto& [name, tensor] : state) {
      if (finite(tensor).item<bool>()) continue;
      throw WorkError("{} is not finite at step {}: the learner diverged; {}", name, trainer_->step(),
                      LastGood(refused_at));
    }
  }

  void Checkpoint() {
    StopIfDiverged();
    StopIfValuesAreImpossible(trainer_->agent().metrics());
    CheckFinite();
    StateWriter state;
    TrainingMarks marks = marks_;
    marks.seconds = Seconds();
    if (Done() || marks.evaluation_due != trainer_->step()) {
      TakeEvaluation();
      marks.last_evaluation = marks_.last_evaluation;
      marks.evaluation_due = -1;
    } else if (!evaluating_.under_way()) {
      // The same checkpoint whether the evaluation has ended or not.
      marks.last_evaluation = before_last_evaluation_;
    }
    state.Put(marks);
    trainer_->Save(state);
    // The checkpoint first: where there is a policy, one has been written.
    WriteCheckpoint(paths_.checkpoint(), trainer_->agent().State(), state.bytes());
    KeepPolicy();
    saved_at_ = trainer_->step();
  }

  // Whether the run has been without an environment so far.
  bool EnvJoins() const {
    return experiment_.has_env() && Experiment(ReadConfigFile(paths_.config())).run().env.empty();
  }

  // A run that began without an environment has learnt from its dataset as that tells of itself.
  void CheckDataLearnt() const {
    const EnvSpec spec = experiment_.MakeEnv()->spec();
    const bool same_actions = spec.action_space == RecordedActionSpace(run_.dataset, spec.action_size());
    const bool same_episodes = OpenDataset(run_.dataset)->layout().has_timeouts ||
                               spec.max_episode_steps == ViewOptions().max_episode_steps;
    if (same_actions && same_episodes) return;
    throw InputError(
        "{} has learnt without an environment, from {} as that tells of its actions and episodes (else in "
        "[-1, 1] and of {} steps at most); those of {} are others; expected a new run with --env {}",
        paths_.root.string(), run_.dataset, ViewOptions().max_episode_steps, run_.env, run_.env);
  }

  void Restore() {
    if (!std::filesystem::exists(paths_.checkpoint())) {
      throw InputError("{} is missing though the run has got further; to start over, remove {}",
                       paths_.checkpoint().string(), paths_.root.string());
    }
    if (EnvJoins()) CheckDataLearnt();
    marks_ = LoadCheckpoint(paths_, *trainer_);
    saved_at_ = trainer_->step();
  }

  const RunConfig& run_;
  Experiment& experiment_;
  RunPaths paths_;
  std::optional<FolderLock> lock_;
  const TrainOptions& options_;
  bool goes_on_;  // with a run that is there
  WorkerPool pool_;
  WorkerPool evaluation_pool_;
  std::unique_ptr<Trainer> trainer_;
  std::string env_instance_;
  Assignments env_options_;
  std::optional<ReferenceScore> reference_;
  std::optional<CsvLog> progress_;
  std::optional<CsvLog> evaluations_;
  std::optional<TensorBoardLog> board_;
  std::string status_;
  bool warned_ = false;
  std::optional<std::int64_t> saved_at_;  // step of the checkpoint that there is
  TrainingMarks marks_;
  double before_last_evaluation_ = -std::numeric_limits<double>::infinity();
  Clock::time_point started_;
  std::optional<ProgressBar> bar_;
  BackgroundEvaluation evaluating_;  // last, so that it ends before what it works with
};

}  // namespace

TrainOutcome Train(Experiment& experiment, const std::filesystem::path& directory,
                   const TrainOptions& options) {
  CheckThatItActs(experiment.run());
  at::set_num_threads(1);  // until the agent is there: first weights do not depend on the number of threads
  PrepareLearnerThreads(experiment.run().threads);
  return TrainingRun(experiment, directory, options).Run();
}

TrainingMarks LoadCheckpoint(const RunPaths& paths, Trainer& trainer) {
  const std::string bytes = ReadCheckpoint(paths.checkpoint(), trainer.agent().State());
  StateReader state(bytes);
  const auto marks = state.Get<TrainingMarks>();
  trainer.Load(state);
  return marks;
}

}  // namespace strider
