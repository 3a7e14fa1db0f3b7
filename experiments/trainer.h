// The training loops: how each kind of agent comes by what it learns from.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "agents/agent.h"
#include "core/parallel.h"
#include "datasets/replay_buffer.h"
#include "experiments/experiment.h"

namespace strider {

// Episodes that ended since the last report.
struct EpisodeTally {
  std::int64_t count = 0;
  double return_sum = 0;
  double length_sum = 0;

  void Add(double episode_return, int length) {
    ++count;
    return_sum += episode_return;
    length_sum += length;
  }
};

// A run in progress. Advance is the smallest piece of work between two of which the run can be stopped, saved
// and resumed to the bit.
class Trainer {
 public:
  virtual ~Trainer() = default;

  // Environment steps or updates done; what run.steps counts.
  std::int64_t step() const { return step_; }
  virtual void Advance() = 0;
  virtual Agent& agent() = 0;
  // What has been learnt, observation transform included.
  virtual Policy CurrentPolicy() const = 0;

  // What it has lived through, actions in the learner's frame; nullptr where nothing is remembered.
  virtual const ReplayBuffer* replay() const { return nullptr; }

  // The largest reward in size among those that it learns from; nothing where others may come.
  virtual std::optional<double> LargestReward() const { return std::nullopt; }

  // `watch` is called in long pieces of work with the steps done, those of the piece so far included.
  void Watch(std::function<void(std::int64_t done)> watch) { watch_ = std::move(watch); }

  // Training episodes since the last call.
  EpisodeTally TakeEpisodes() { return std::exchange(tally_, {}); }

  // Everything but the agent's tensors, which its State() names.
  void Save(StateWriter& out);
  void Load(StateReader& in);

 protected:
  EpisodeTally& tally() { return tally_; }
  void CountSteps(std::int64_t steps) { step_ += steps; }
  void Show(std::int64_t done) const {
    if (watch_) watch_(done);
  }

 private:
  virtual void DoSave(StateWriter& out) const = 0;
  virtual void DoLoad(StateReader& in) = 0;

  std::int64_t step_ = 0;
  EpisodeTally tally_;
  std::function<void(std::int64_t)> watch_;
};

// How many of `threads` LibTorch should have for an agent: one where no weight matrix is larger than of 64x64
// networks with some hundred inputs. They gain little by a second thread, and lose a multiple where another
// process wants the cores: threads that wait for each other wait for it.
int LearnerThreads(const Agent& agent, int threads);

// The loop that suits the experiment's agent. `experiment` and `pool` must outlive it. Throws InputError
// where dataset, environment and agent do not fit together.
std::unique_ptr<Trainer> MakeTrainer(const Experiment& experiment, WorkerPool& pool);

// The loops themselves, for MakeTrainer.
std::unique_ptr<Trainer> MakeOnPolicyTrainer(const Experiment& experiment, WorkerPool& pool);
std::unique_ptr<Trainer> MakeReplayTrainer(const Experiment& experiment, WorkerPool& pool);
std::unique_ptr<Trainer> MakeOfflineTrainer(const Experiment& experiment, WorkerPool& pool);

}  // namespace strider
