#include <algorithm>
#include <cmath>
#include <iostream>

#include "agents/nn/learner_threads.h"
#include "experiments/offline_data.h"
#include "experiments/replay_loop.h"

namespace strider {
namespace {

// Updates from minibatches of a dataset, over and over; after run.online_from of them it also acts, and mixes
// what it lives through with the dataset.
class OfflineTrainer final : public Trainer {
 public:
  OfflineTrainer(const Experiment& experiment, WorkerPool& pool)
      : experiment_(experiment),
        pool_(pool),
        data_(LoadData(experiment, ActionFrame::kUnit)),
        sampler_(ColumnsOf(data_.transitions), data_.task.device,
                 StreamSeed(data_.task.seed, Purpose::kSampling)) {
    const TransitionColumns columns = ColumnsOf(data_.transitions);
    for (const float reward : columns.rewards) {
      largest_reward_ = std::max(largest_reward_, std::abs(static_cast<double>(reward)));
    }
    if (largest_reward_ == 0 && experiment.factory().DatasetPreparation().uses_rewards) {
      std::cerr << fmt::format(
          "strider: warning: {}: all rewards are 0{}: no action is better than another, and nothing is to be "
          "learnt from them\n",
          experiment.run().dataset, data_.rewards.factor == 0 ? ", as agent.reward_scale is" : "");
    }
    agent_ = experiment.factory().MakeOffPolicy(data_.task, &columns);
    if (!agent_->draws().plain()) {
      throw InputError(
          "rows of a dataset are drawn uniformly and one step at a time, alone or mixed with what is lived "
          "through; expected agent.n_step = 1 and agent.priority_exponent = 0 with --dataset");
    }
    // Before the first update, though it is needed only when the run goes online.
    if (online_from() >= 0) {
      CheckReplay(*agent_, experiment.MakeEnv()->spec(), experiment.run().num_envs);
    }
    if (data_.transitions.size < static_cast<std::size_t>(agent_->replay().batch_size)) {
      throw InputError("{}: {} transitions to learn from, fewer than agent.batch_size = {}",
                       experiment.run().dataset, data_.transitions.size, agent_->replay().batch_size);
    }
  }

  void Advance() override {
    if (online_from() >= 0 && step() >= online_from()) {
      if (!online_) GoOnline();
      online_->Advance(step() - online_from(), tally());
      CountSteps(online_->num_envs());
      return;
    }
    agent_->SetProgress(static_cast<double>(step()) / static_cast<double>(experiment_.run().steps));
    const FlushDenormals flush;
    agent_->Update(sampler_.Sample(agent_->replay().batch_size, rows()));
    CountSteps(1);
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return agent_->MakePolicy(); }
  const ReplayBuffer* replay() const override { return online_ ? &online_->buffer() : nullptr; }
  std::optional<double> LargestReward() const override {
    return online_ ? std::nullopt : std::optional(largest_reward_);
  }

 private:
  std::int64_t online_from() const { return experiment_.run().online_from; }
  std::int64_t rows() const { return static_cast<std::int64_t>(data_.transitions.size); }

  // Not before it is due: a replay buffer takes its memory at once.
  void GoOnline() {
    online_.emplace(experiment_, *agent_, pool_,
                    DatasetShare{sampler_, rows(), data_.rewards, data_.next_actions});
  }

  void DoSave(StateWriter& out) const override {
    sampler_.Save(out);
    out.Put<std::int64_t>(online_ ? online_from() : -1);
    if (online_) online_->Save(out);
  }

  void DoLoad(StateReader& in) override {
    sampler_.Load(in);
    const auto since = in.Get<std::int64_t>();
    if (since >= 0 && since != online_from()) {
      throw InputError("run.online_from = {}, but the run went online at step {} and keeps to that",
                       online_from(), since);
    }
    if (since < 0 && online_from() >= 0 && step() > online_from()) {
      throw InputError(
          "run.online_from = {}, but {} updates from the dataset alone lie behind the run; expected at least "
          "{}",
          online_from(), step(), step());
    }
    if (since < 0) return;
    GoOnline();
    online_->Load(in);
  }

  const Experiment& experiment_;
  WorkerPool& pool_;
  OfflineData data_;
  double largest_reward_ = 0;  // in size
  BatchSampler sampler_;
  std::unique_ptr<OffPolicyAgent> agent_;
  std::optional<ReplayLoop> online_;
};

}  // namespace

std::unique_ptr<Trainer> MakeOfflineTrainer(const Experiment& experiment, WorkerPool& pool) {
  return std::make_unique<OfflineTrainer>(experiment, pool);
}

}  // namespace strider
