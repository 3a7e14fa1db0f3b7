#include <algorithm>
#include <cmath>

#include "datasets/dataset_cache.h"
#include "datasets/minari_metadata.h"
#include "datasets/reader.h"
#include "experiments/replay_loop.h"

namespace strider {
namespace {

// The dataset as the learner sees it, and the task that it poses.
struct OfflineData {
  Transitions transitions;
  RewardTransform rewards;  // what was done to them
  bool next_actions = false;
  Task task;
};

TransitionColumns ColumnsOf(const Transitions& transitions) {
  return {static_cast<std::int64_t>(transitions.size),
          static_cast<int>(transitions.observation_size),
          static_cast<int>(transitions.action_size),
          transitions.observations,
          transitions.actions,
          transitions.rewards,
          transitions.next_observations,
          transitions.terminals,
          transitions.next_actions};
}

// Files hold actions in the environment's frame; learners see [-1, 1].
void RescaleActions(const Space& action_space, Transitions& transitions) {
  const auto* box = std::get_if<Box>(&action_space);
  if (box == nullptr || *box == UniformBox(static_cast<int>(box->low.size()), -1, 1)) return;
  ScaleFromBox(*box, transitions.actions);
  ScaleFromBox(*box, transitions.next_actions);
}

// s and s' become (s - mean) / std in place, with the statistics of s; returns what a policy has to do alike.
ObservationTransform NormalizeStates(Transitions& transitions) {
  const Normalizer normalizer = FitNormalizer(transitions);
  const std::size_t width = transitions.observation_size;
  for (std::vector<float>* column : {&transitions.observations, &transitions.next_observations}) {
    for (auto row = column->begin(); row != column->end(); row += static_cast<std::ptrdiff_t>(width)) {
      for (std::size_t k = 0; k < width; ++k) row[k] = (row[k] - normalizer.mean[k]) / normalizer.std[k];
    }
  }
  ObservationTransform transform;
  transform.mean.assign(normalizer.mean.begin(), normalizer.mean.end());
  for (const float std : normalizer.std) transform.scale.push_back(1 / static_cast<double>(std));
  return transform;
}

// The actions that a file without an environment is about: numbers 0 ... n - 1 where its metadata say so,
// else D4RL's [-1, 1].
Space ActionSpaceOf(const std::string& dataset, int action_size) {
  const auto texts = OpenDataset(dataset)->Metadata();
  const auto text = texts.find("action_space");
  if (text != texts.end()) {
    const GymSpace space = ParseSpace(text->second, dataset + ": action_space");
    if (space.kind == GymSpace::Kind::kDiscrete) return Discrete{static_cast<int>(space.high.at(0)) + 1};
  }
  return UniformBox(action_size, -1, 1);
}

// Discrete actions are numbers of actions that there are.
void CheckDiscreteActions(const Space& action_space, const Transitions& transitions,
                          const std::string& source) {
  const auto* discrete = std::get_if<Discrete>(&action_space);
  if (discrete == nullptr) return;
  for (const float action : transitions.actions) {
    if (action >= 0 && action < static_cast<float>(discrete->n) && std::floor(action) == action) continue;
    throw InputError(
        "{}: holds the action {}, but the environment's actions are discrete; expected whole numbers from 0 "
        "to "
        "{}",
        source, action, discrete->n - 1);
  }
}

OfflineData LoadData(const Experiment& experiment) {
  const RunConfig& run = experiment.run();
  DatasetReadOptions read;
  ViewOptions view;
  OfflineData data;
  if (experiment.has_env()) {
    const auto env = experiment.MakeEnv();
    read.observation_size = static_cast<std::size_t>(env->spec().observation_size());
    read.action_size = static_cast<std::size_t>(env->spec().action_size());
    view.max_episode_steps = env->spec().max_episode_steps;
    data.task.action_space = env->spec().action_space;
  }
  const CachedDataset opened(run.dataset, read, run.dataset_cache ? UseCache::kYes : UseCache::kNo);
  const DatasetView& dataset = opened.columns();
  if (!experiment.has_env())
    data.task.action_space = ActionSpaceOf(run.dataset, static_cast<int>(dataset.action_size));
  const Preparation preparation = experiment.factory().DatasetPreparation();
  data.transitions = PreparedTransitions(dataset, view, preparation, run.dataset);
  data.rewards = FitRewards(dataset, view, preparation.rewards, run.dataset);
  data.next_actions = preparation.next_actions;
  CheckDiscreteActions(data.task.action_space, data.transitions, run.dataset);
  RescaleActions(data.task.action_space, data.transitions);
  data.task.observation_size = static_cast<int>(dataset.observation_size);
  data.task.device = ParseDevice(run.device);
  data.task.seed = static_cast<std::uint64_t>(run.seed);
  if (preparation.normalize_states) data.task.transform = NormalizeStates(data.transitions);
  return data;
}

// Updates from minibatches of a dataset, over and over; after run.online_from of them it also acts, and mixes
// what it lives through with the dataset.
class OfflineTrainer final : public Trainer {
 public:
  OfflineTrainer(const Experiment& experiment, WorkerPool& pool)
      : experiment_(experiment),
        pool_(pool),
        data_(LoadData(experiment)),
        sampler_(ColumnsOf(data_.transitions), data_.task.device,
                 StreamSeed(data_.task.seed, Purpose::kSampling)) {
    const TransitionColumns columns = ColumnsOf(data_.transitions);
    agent_ = experiment.factory().MakeOffPolicy(data_.task, &columns);
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
    agent_->Update(sampler_.Sample(agent_->replay().batch_size, rows()));
    CountSteps(1);
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return agent_->MakePolicy(); }
  const ReplayBuffer* replay() const override { return online_ ? &online_->buffer() : nullptr; }

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
  BatchSampler sampler_;
  std::unique_ptr<OffPolicyAgent> agent_;
  std::optional<ReplayLoop> online_;
};

}  // namespace

std::unique_ptr<Trainer> MakeOfflineTrainer(const Experiment& experiment, WorkerPool& pool) {
  return std::make_unique<OfflineTrainer>(experiment, pool);
}

}  // namespace strider
