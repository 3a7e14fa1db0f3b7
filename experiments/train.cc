#include "experiments/train.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <iostream>

#include "agents/policy_file.h"
#include "core/files.h"
#include "datasets/reference_scores.h"
#include "experiments/csv_log.h"
#include "experiments/evaluation.h"
#include "experiments/statistics.h"
#include "experiments/tensorboard.h"

namespace strider {
namespace {

// Whether a multiple of `interval` lies in (before, now].
bool Crossed(std::int64_t before, std::int64_t now, std::int64_t interval) {
  return now / interval > before / interval;
}

class TrainingRun {
 public:
  TrainingRun(Experiment& experiment, const std::filesystem::path& directory, const TrainOptions& options)
      : run_(experiment.run()),
        experiment_(experiment),
        paths_{directory},
        options_(options),
        pool_(run_.threads),
        trainer_(MakeTrainer(experiment, pool_)),
        reference_(FindReferenceScore(experiment.has_env() ? run_.env : run_.dataset)) {
    std::optional<std::int64_t> resumed_at;
    if (options.resume && IsRun(directory)) {
      lock_.emplace(directory);
      CheckDataset(paths_, experiment);
      Restore();
      resumed_at = trainer_->step();
      // What was given with --resume holds from now on.
      WriteTextWhole(paths_.config(), experiment.Text());
    } else {
      lock_.emplace(CreateRun(paths_, experiment));
    }
    progress_.emplace(paths_.progress(), trainer_->step());
    evaluations_.emplace(paths_.evaluations(), trainer_->step());
    board_.emplace(directory, resumed_at);
    started_ = Clock::now();
  }

  TrainOutcome Run() {
    ProgressBar bar(run_.agent + " " + (experiment_.has_env() ? run_.env : run_.dataset), run_.steps,
                    experiment_.acts() ? "steps" : "updates", options_.progress, trainer_->step());
    if (!Done()) {
      std::filesystem::remove(paths_.evaluation());  // of a policy that is going to change
    } else {
      WritePolicy(paths_.policy(), trainer_->CurrentPolicy(), run_.agent, run_.env);
    }
    while (!Done()) {
      if (options_.stop && options_.stop()) {
        Checkpoint();
        return TrainOutcome::kStopped;
      }
      const std::int64_t before = trainer_->step();
      trainer_->Advance();
      const std::int64_t now = trainer_->step();
      const bool last = now >= run_.steps;
      const bool logged = last || Crossed(before, now, run_.log_interval);
      if (logged) LogProgress();
      if (last || Crossed(before, now, run_.eval_interval)) EvaluateNow();
      if (Done() && !logged) LogProgress();
      if (Done() || Crossed(before, now, run_.checkpoint_interval)) Checkpoint();
      bar.Update(now, status_);
    }
    bar.Finish();
    return TrainOutcome::kFinished;
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool Done() const { return trainer_->step() >= run_.steps || marks_.last_evaluation >= run_.target_return; }

  double Seconds() const {
    return marks_.seconds + std::chrono::duration<double>(Clock::now() - started_).count();
  }

  std::optional<double> Normalized(double episode_return) const {
    if (!reference_) return std::nullopt;
    return NormalizedScore(*reference_, episode_return);
  }

  void LogProgress() {
    const EpisodeTally tally = trainer_->TakeEpisodes();
    const Agent& agent = trainer_->agent();
    CsvRow row{{"step", static_cast<double>(trainer_->step())},
               {"seconds", Seconds()},
               {"updates", static_cast<double>(agent.updates())}};
    if (experiment_.acts()) {
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
    }
    std::vector<std::pair<std::string, double>> scalars;
    for (const auto& [name, value] : agent.metrics()) {
      const auto number = value.item<double>();
      if (std::isinf(number) ||
          (std::isnan(number) && agent.updates() > 0 && name == agent.metrics().front().first)) {
        throw WorkError("{} is {} at step {}: the learner diverged; the last checkpoint in {} is from before",
                        name, number, trainer_->step(), paths_.root.string());
      }
      row.emplace_back(name, std::isnan(number) ? std::nullopt : std::optional(number));
      if (!std::isnan(number)) scalars.emplace_back("train/" + name, number);
    }
    if (const std::string warning = agent.Warning(); !warning.empty() && !warned_) {
      std::cerr << fmt::format("\nstrider: warning: step {}: {}\n", trainer_->step(), warning);
      warned_ = true;
    }
    progress_->Append(row);
    for (const auto& [name, value] : row) {
      if ((name == "return" || name == "length") && value) scalars.emplace_back("episode/" + name, *value);
    }
    board_->Append(trainer_->step(), scalars);
  }

  void EvaluateNow() {
    if (!experiment_.has_env() || run_.eval_episodes == 0) return;
    EvaluationOptions evaluation;
    evaluation.episodes = run_.eval_episodes;
    evaluation.deterministic = !trainer_->agent().evaluate_sampled();
    evaluation.seed = StreamSeed(static_cast<std::uint64_t>(run_.seed), Purpose::kEvaluation);
    const EpisodeScores scores = Evaluate(
        trainer_->CurrentPolicy(), [this] { return experiment_.MakeEnv(); }, evaluation, pool_);
    for (std::size_t i = 0; i < scores.returns.size(); ++i) {
      evaluations_->Append({{"step", static_cast<double>(trainer_->step())},
                            {"episode", static_cast<double>(i)},
                            {"return", scores.returns[i]},
                            {"length", scores.lengths[i]},
                            {"normalized", Normalized(scores.returns[i])}});
    }
    const double mean = Mean(scores.returns);
    marks_.last_evaluation = mean;
    board_->Append(trainer_->step(), {{"evaluation/return", mean}});
    status_ = fmt::format("evaluation {:.4g}", mean);
  }

  void Checkpoint() {
    StateWriter state;
    state.Put(TrainingMarks{Seconds(), marks_.last_evaluation});
    trainer_->Save(state);
    // The checkpoint first: where there is a policy, one has been written.
    WriteCheckpoint(paths_.checkpoint(), trainer_->agent().State(), state.bytes());
    WritePolicy(paths_.policy(), trainer_->CurrentPolicy(), run_.agent, run_.env);
  }

  void Restore() {
    // A run that was killed before its first checkpoint starts anew.
    if (!std::filesystem::exists(paths_.checkpoint())) {
      if (!std::filesystem::exists(paths_.policy())) return;
      throw InputError("{} is missing though the run has got further; to start over, remove {}",
                       paths_.checkpoint().string(), paths_.root.string());
    }
    marks_ = LoadCheckpoint(paths_, *trainer_);
  }

  const RunConfig& run_;
  Experiment& experiment_;
  RunPaths paths_;
  std::optional<FolderLock> lock_;
  const TrainOptions& options_;
  WorkerPool pool_;
  std::unique_ptr<Trainer> trainer_;
  std::optional<ReferenceScore> reference_;
  std::optional<CsvLog> progress_;
  std::optional<CsvLog> evaluations_;
  std::optional<TensorBoardLog> board_;
  std::string status_;
  bool warned_ = false;
  TrainingMarks marks_;
  Clock::time_point started_;
};

}  // namespace

TrainOutcome Train(Experiment& experiment, const std::filesystem::path& directory,
                   const TrainOptions& options) {
  at::set_num_threads(experiment.run().threads);
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
