#include <optional>

#include "core/error.h"
#include "envs/augmented_env.h"
#include "experiments/offline_data.h"
#include "experiments/rollout_loop.h"

namespace strider {
namespace {

// What the agent's observations hold more than the environment's, whose spec is the one that it has by
// itself.
Augmentation AugmentationFor(const Experiment& experiment) {
  const Augmentation augmentation = experiment.factory().ObservationAugmentation();
  return augmentation.Changes(experiment.MakeEnv()->spec()) ? augmentation : Augmentation{};
}

Task TaskOf(const Experiment& experiment) {
  const auto env = Augmented(experiment.MakeEnv(), AugmentationFor(experiment));
  const EnvSpec& spec = env->spec();
  return {spec.observation_size(),
          spec.action_space,
          ParseDevice(experiment.run().device),
          static_cast<std::uint64_t>(experiment.run().seed),
          {},
          AugmentationFor(experiment),
          spec.max_episode_steps,
          experiment.run().num_envs,
          spec.fixed_length};
}

// The dataset beside which the agent acts. Gaussian policies act in the environment's own frame.
std::optional<OfflineData> DatasetOf(const Experiment& experiment) {
  if (experiment.run().dataset.empty()) return std::nullopt;
  return LoadData(experiment, ActionFrame::kEnvironment);
}

std::unique_ptr<OnPolicyAgent> MakeAgent(const Experiment& experiment,
                                         const std::optional<OfflineData>& data) {
  Task task = TaskOf(experiment);
  if (!data) return experiment.factory().MakeOnPolicy(task);
  task.transform = data->task.transform;
  const TransitionColumns columns = ColumnsOf(data->transitions);
  try {
    return experiment.factory().MakeOnPolicy(task, &columns);
  } catch (const InputError& error) {
    throw InputError("{}: {}", experiment.run().dataset, error.what());
  }
}

// Rolls the policy out, then updates; over and over (MDPO sheet, section 4). Where there is a dataset, the
// agent looks at that as well.
class OnPolicyTrainer final : public Trainer {
 public:
  OnPolicyTrainer(const Experiment& experiment, WorkerPool& pool)
      : data_(DatasetOf(experiment)),
        agent_(MakeAgent(experiment, data_)),
        loop_(experiment, *agent_, pool) {}

  void Advance() override {
    loop_.Advance(tally(), [this](std::int64_t rows) { Show(step() + rows); });
    CountSteps(loop_.rows());
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return loop_.CurrentPolicy(); }

 private:
  void DoSave(StateWriter& out) const override { loop_.Save(out); }
  void DoLoad(StateReader& in) override { loop_.Load(in); }

  std::optional<OfflineData> data_;
  std::unique_ptr<OnPolicyAgent> agent_;
  RolloutLoop loop_;
};

}  // namespace

std::unique_ptr<Trainer> MakeOnPolicyTrainer(const Experiment& experiment, WorkerPool& pool) {
  return std::make_unique<OnPolicyTrainer>(experiment, pool);
}

}  // namespace strider
