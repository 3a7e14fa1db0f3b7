#include "envs/augmented_env.h"
#include "experiments/replay_loop.h"

namespace strider {
namespace {

std::unique_ptr<OffPolicyAgent> MakeAgent(const Experiment& experiment) {
  const Augmentation augmentation = experiment.factory().ObservationAugmentation();
  const auto env = Augmented(experiment.MakeEnv(), augmentation);
  const Task task{env->spec().observation_size(),
                  env->spec().action_space,
                  ParseDevice(experiment.run().device),
                  static_cast<std::uint64_t>(experiment.run().seed),
                  {},
                  augmentation,
                  env->spec().max_episode_steps};
  return experiment.factory().MakeOffPolicy(task, nullptr);
}

// Learns from its own experience alone.
class ReplayTrainer final : public Trainer {
 public:
  ReplayTrainer(const Experiment& experiment, WorkerPool& pool)
      : agent_(MakeAgent(experiment)), loop_(experiment, *agent_, pool) {}

  void Advance() override {
    loop_.Advance(step(), tally());
    CountSteps(loop_.num_envs());
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return loop_.policy(); }
  const ReplayBuffer* replay() const override { return &loop_.buffer(); }

 private:
  void DoSave(StateWriter& out) const override { loop_.Save(out); }
  void DoLoad(StateReader& in) override { loop_.Load(in); }

  std::unique_ptr<OffPolicyAgent> agent_;
  ReplayLoop loop_;
};

}  // namespace

std::unique_ptr<Trainer> MakeReplayTrainer(const Experiment& experiment, WorkerPool& pool) {
  return std::make_unique<ReplayTrainer>(experiment, pool);
}

}  // namespace strider
