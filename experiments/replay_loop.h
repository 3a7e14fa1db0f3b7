// Acting, remembering, and updating from what is remembered: what an off-policy learner does in an
// environment, with a dataset mixed in where it has one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agents/replay_sampler.h"
#include "datasets/preparation.h"
#include "envs/vector_env.h"
#include "experiments/trainer.h"

namespace strider {

// The dataset that a run goes on from. The sampler and its columns must outlive the loop.
struct DatasetShare {
  BatchSampler& sampler;
  std::int64_t rows = 0;      // that there are to draw from
  RewardTransform rewards;    // what was done to the dataset's, and is done to those of the environment
  bool next_actions = false;  // whether the learner needs them
};

// Throws InputError where the agent's batches or returns of several steps do not fit into its replay buffer,
// or that does not fit into the machine's memory.
void CheckReplay(const OffPolicyAgent& agent, const EnvSpec& spec, int environments);

// Where there is a dataset, run.offline_ratio of each batch's rows come from it, rounded to whole rows, and
// the rest from the replay buffer. The buffer holds raw observations and rewards; batches show them as the
// dataset's are shown, observations transformed and rewards mapped.
class ReplayLoop {
 public:
  // The environments are reset. `agent` and `pool` must outlive it. Throws InputError where the agent's
  // settings do not fit each other. REQUIRES: with a dataset, plain draws.
  ReplayLoop(const Experiment& experiment, OffPolicyAgent& agent, WorkerPool& pool,
             std::optional<DatasetShare> dataset = {});

  // One step of every environment, and the updates that fall due. `step` environment steps were taken before.
  void Advance(std::int64_t step, EpisodeTally& tally);

  int num_envs() const { return envs_.size(); }
  const Policy& policy() const { return policy_; }
  const ReplayBuffer& buffer() const { return buffer_; }

  // Everything but the agent. Load needs the agent as it was saved.
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  void Act(std::int64_t step);
  void Err(double epsilon);
  void Remember(EpisodeTally& tally);
  TransitionBatch Draw(std::int64_t step);
  TransitionBatch DrawMixed();
  TransitionBatch DrawReplayed(std::int64_t rows);
  at::Tensor NextActions(const at::Tensor& rows) const;

  VectorEnv envs_;
  OffPolicyAgent& agent_;
  ReplayConfig config_;
  std::optional<DatasetShare> dataset_;
  double offline_ratio_;
  std::int64_t run_steps_;      // of the whole run, updates from the dataset alone included
  std::int64_t steps_;          // of environments in it
  std::int64_t warm_up_steps_;  // of uniform actions, without updates
  ReplayBuffer buffer_;
  BatchSampler sampler_;
  std::optional<ReplaySampler> special_draws_;  // where the agent wants other draws than the sampler's
  Pcg64 exploration_;
  Policy warm_up_;
  Policy policy_;
  at::Tensor observation_mean_;  // (observations) of the agent's transform; undefined where it has none
  at::Tensor observation_scale_;
  std::vector<double> acted_on_;            // (environments x observations)
  std::vector<float> transformed_;          // the same, as the policy's network sees them
  std::vector<float> actions_;              // (environments x actions), the learner's frame
  std::vector<float> environment_actions_;  // the same, the environment's frame
};

}  // namespace strider
