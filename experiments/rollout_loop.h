// Rolling a policy out, and updating from what it has done: what an on-policy learner does in an environment.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "envs/normalizer.h"
#include "envs/vector_env.h"
#include "experiments/trainer.h"

namespace strider {

// Keeps the running statistics by which observations and rewards are scaled, where the agent wants that.
class RolloutLoop {
 public:
  // The environments are reset. `agent` and `pool` must outlive it. Throws InputError where nothing is to be
  // learnt from a rollout; warns where one is longer than the run.
  RolloutLoop(const Experiment& experiment, OnPolicyAgent& agent, WorkerPool& pool);

  // One rollout and the update from it. `watch` is called after each step with the rows so far.
  void Advance(EpisodeTally& tally, const std::function<void(std::int64_t rows)>& watch);

  std::int64_t rows() const { return rollout_.rows(); }  // environment steps of one rollout

  // The agent's, with the observations' statistics as they are.
  Policy CurrentPolicy() const;

  // Everything but the agent.
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  ObservationTransform Transform() const;
  int EpisodeStep(const Policy& policy) const;
  bool ResetsAtTermination() const { return config_.reward_reset == "termination"; }
  void Observe();
  void StepOnce(const Policy& policy, std::size_t t, EpisodeTally& tally);
  void KeepFinalObservation(std::size_t row, std::size_t environment);

  VectorEnv envs_;
  OnPolicyAgent& agent_;
  RolloutConfig config_;
  RunningMoments observation_moments_;
  RewardScaler reward_scaler_;
  Pcg64 exploration_;
  Rollout rollout_;
  std::vector<float> environment_actions_;  // (environments x actions)
  std::int64_t iterations_;                 // in the whole run
  std::vector<float> current_;              // (environments x observations) transformed, to act on next
  std::vector<double> rewards_;             // (environments)
  std::vector<std::uint8_t> ended_;         // (environments)
};

}  // namespace strider
