#include <algorithm>
#include <cmath>

#include "datasets/dataset_cache.h"
#include "experiments/trainer.h"

namespace strider {
namespace {

// The dataset as the learner sees it, and the task that it poses.
struct OfflineData {
  Transitions transitions;
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
    data.task.action_space = UniformBox(static_cast<int>(dataset.action_size), -1, 1);
  const Preparation preparation = experiment.factory().DatasetPreparation();
  data.transitions = PreparedTransitions(dataset, view, preparation, run.dataset);
  RescaleActions(data.task.action_space, data.transitions);
  data.task.observation_size = static_cast<int>(dataset.observation_size);
  data.task.device = ParseDevice(run.device);
  data.task.seed = static_cast<std::uint64_t>(run.seed);
  if (preparation.normalize_states) data.task.transform = NormalizeStates(data.transitions);
  return data;
}

// Updates from minibatches of a dataset; over and over.
class OfflineTrainer final : public Trainer {
 public:
  explicit OfflineTrainer(const Experiment& experiment)
      : steps_(experiment.run().steps),
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
    agent_->SetProgress(std::min(1.0, static_cast<double>(step()) / static_cast<double>(steps_)));
    agent_->Update(
        sampler_.Sample(agent_->replay().batch_size, static_cast<std::int64_t>(data_.transitions.size)));
    CountSteps(1);
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return agent_->MakePolicy(); }

 private:
  void DoSave(StateWriter& out) const override { sampler_.Save(out); }
  void DoLoad(StateReader& in) override { sampler_.Load(in); }

  std::int64_t steps_;  // of the whole run
  OfflineData data_;
  BatchSampler sampler_;
  std::unique_ptr<OffPolicyAgent> agent_;
};

}  // namespace

std::unique_ptr<Trainer> MakeOfflineTrainer(const Experiment& experiment) {
  return std::make_unique<OfflineTrainer>(experiment);
}

}  // namespace strider
