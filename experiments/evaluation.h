// How good a policy is: whole episodes, side by side.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "agents/policy.h"
#include "core/parallel.h"
#include "envs/env.h"
#include "experiments/pictures.h"

namespace strider {

// Undiscounted returns and lengths (steps), one an episode.
struct EpisodeScores {
  std::vector<double> returns;
  std::vector<int> lengths;
  // Discounted as the stock of the policy is; of policies without one, by 1.
  std::vector<double> discounted = {};
};

struct EvaluationOptions {
  int episodes = 10;
  std::uint64_t seed = 0;     // episode i starts with reset(seed + i)
  bool deterministic = true;  // the mean action, or else a sampled one
};

// One environment an episode, all stepped together with one batched forward pass a step. The same for any
// number of threads. `progress`, where given, is called now and then with the number of episodes that have
// ended; where it returns false the evaluation ends early and holds the episodes that have.
EpisodeScores Evaluate(const Policy& policy, const std::function<std::unique_ptr<Env>()>& make_env,
                       const EvaluationOptions& options, WorkerPool& pool,
                       const std::function<bool(int ended)>& progress = {});

// One evaluation at a time on a thread of its own, beside whatever the caller does. Destroyed, it gives up
// the one under way, and waits for the step that this is in.
class BackgroundEvaluation {
 public:
  BackgroundEvaluation() = default;
  ~BackgroundEvaluation() { abandoned_ = true; }
  BackgroundEvaluation(const BackgroundEvaluation&) = delete;
  BackgroundEvaluation& operator=(const BackgroundEvaluation&) = delete;

  // As Evaluate; the pool must outlive this. REQUIRES: none is under way.
  void Start(Policy policy, std::function<std::unique_ptr<Env>()> make_env, const EvaluationOptions& options,
             WorkerPool& pool);

  bool under_way() const { return scores_.valid(); }
  int ended() const { return ended_; }  // episodes

  // Whether it has ended after at most that long. The next two: REQUIRES: one is under way.
  bool WaitFor(std::chrono::milliseconds time) const;

  // Waits for its end; throws what Evaluate threw.
  EpisodeScores Take() { return scores_.get(); }

 private:
  std::atomic<int> ended_ = 0;
  std::atomic<bool> abandoned_ = false;
  std::future<EpisodeScores> scores_;  // last, so that it ends before what it works with
};

// The experts of a mixture along one episode from reset(seed), played with its deterministic actions: mean
// actions of dimension `dimension`, counted from 0, as the environment takes them. Throws InputError where
// the policy is no mixture or has no such dimension.
std::vector<ExpertTrace> TraceExperts(const Policy& policy, Env& env, std::uint64_t seed, int dimension);

}  // namespace strider
