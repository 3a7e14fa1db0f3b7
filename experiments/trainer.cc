#include "experiments/trainer.h"

#include <algorithm>

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

int LearnerThreads(const Agent& agent, int threads) {
  constexpr std::int64_t kWorthThreads = 8192;
  const std::vector<nn::NamedTensor> state = agent.State();
  const bool worth = std::ranges::any_of(state, [](const nn::NamedTensor& named) {
    return named.second.dim() > 1 && named.second.numel() >= kWorthThreads;
  });
  return worth ? threads : 1;
}

std::unique_ptr<Trainer> MakeTrainer(const Experiment& experiment, WorkerPool& pool) {
  if (experiment.has_env()) experiment.CheckActions(experiment.MakeEnv()->spec().action_space);
  const AgentKind kind = experiment.agent().kind;
  if (kind == AgentKind::kOnPolicy || kind == AgentKind::kHybrid)
    return MakeOnPolicyTrainer(experiment, pool);
  if (!experiment.run().dataset.empty()) return MakeOfflineTrainer(experiment, pool);
  return MakeReplayTrainer(experiment, pool);
}

}  // namespace strider
