#include "experiments/trainer.h"

namespace strider {

void Trainer::Save(StateWriter& out) {
  out.Put(step_);
  out.Put(tally_);
  agent().Save(out);
  DoSave(out);
}

void Trainer::Load(StateReader& in) {
  step_ = in.Get<std::int64_t>();
  tally_ = in.Get<EpisodeTally>();
  agent().Load(in);
  DoLoad(in);
}

std::unique_ptr<Trainer> MakeTrainer(const Experiment& experiment, WorkerPool& pool) {
  const AgentKind kind = experiment.agent().kind;
  if (kind == AgentKind::kOnPolicy || kind == AgentKind::kHybrid)
    return MakeOnPolicyTrainer(experiment, pool);
  if (!experiment.run().dataset.empty()) return MakeOfflineTrainer(experiment, pool);
  return MakeReplayTrainer(experiment, pool);
}

}  // namespace strider
