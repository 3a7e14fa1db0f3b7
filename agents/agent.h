// What every learner is: something that updates from transitions or from a rollout, can be acted with, and
// can be stopped and resumed to the bit.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/nn/parameters.h"
#include "agents/policy.h"
#include "agents/rollout.h"
#include "agents/transition_batch.h"
#include "core/settings.h"
#include "core/state.h"

namespace strider {

// What a learner is told about the task.
struct Task {
  int observation_size = 0;
  Space action_space;
  at::Device device = at::kCPU;
  std::uint64_t seed = 0;  // the run's; each purpose derives its own stream
  // What is done to observations before they reach the learner (offline normalisation); a part of its
  // policies.
  ObservationTransform transform = {};
  // What observations hold beside the environment's own; a part of its policies too.
  Augmentation augmentation = {};
  int max_episode_steps = 0;  // the environment's limit; 0 where it is not known
  int environments = 1;       // stepped side by side
  int fixed_length = 0;       // as EnvSpec has it

  int action_size() const { return RowSize(action_space); }
};

// Size of a continuous action; throws InputError where the task's actions are discrete.
int ContinuousActionSize(const Task& task);

// Number of discrete actions; throws InputError where the task's actions are continuous.
int DiscreteActions(const Task& task);

// Throws InputError where the clamps of a policy's log deviation, the settings agent.log_std_min and
// agent.log_std_max, leave nothing between them.
void CheckLogStdRange(double log_std_min, double log_std_max);

// Losses and diagnostics of the latest update; NaN before the first.
using Metrics = std::vector<std::pair<std::string, double>>;

class Agent {
 public:
  virtual ~Agent() = default;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // A snapshot of what has been learnt.
  virtual Policy MakePolicy() const = 0;

  // Every tensor that a bit-exact continuation needs, under stable names: weights, targets, optimiser
  // moments. The tensors are views: writing to them restores the agent.
  virtual std::vector<nn::NamedTensor> State() const = 0;

  // Whether evaluations during training draw actions instead of taking the mean or the most probable one.
  virtual bool evaluate_sampled() const { return false; }

  // What a person should be told about the latest update, such as that hardly anything is learnt; empty where
  // nothing. Costs a synchronisation.
  virtual std::string Warning() const { return {}; }

  // The rest: update counts, random streams and the latest metrics.
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

  // Costs a synchronisation with the device, and the means.
  Metrics metrics() const;

  // Name and value of the first metric that an update has reported and that is not finite. Costs a
  // synchronisation.
  std::optional<std::pair<std::string, double>> Divergence() const;

  const Task& task() const { return task_; }
  std::int64_t updates() const { return updates_; }

 protected:
  explicit Agent(Task task);

  // Standard normal noise on the device, from the learner's own stream.
  at::Tensor Noise(at::IntArrayRef shape);
  at::Generator& random() { return random_; }

  // Names the metrics once and for all, in the constructor; each is NaN until it is first reported.
  void Declare(std::initializer_list<const char*> names);
  // The metric is the mean of `values` times `weight`, taken when somebody asks for it: values must not be
  // written to afterwards. REQUIRES: the name was declared.
  void Report(std::string_view name, const at::Tensor& values, double weight = 1);
  void CountUpdate() { ++updates_; }

 private:
  // What State() and the above leave out and a bit-exact continuation needs; nothing by default.
  virtual void DoSave(StateWriter&) const {}
  virtual void DoLoad(StateReader&) {}

  Task task_;
  at::Generator random_;
  std::int64_t updates_ = 0;
  struct Reported {
    std::string name;
    at::Tensor values;  // undefined before the first report
    double weight = 1;

    double Mean() const;
  };
  std::vector<Reported> reported_;
};

// How an off-policy learner is fed. Learning from a dataset alone takes the batch size alone (but see
// DeepQConfig's target_interval); a run that goes online after it needs no learning_starts.
struct ReplayConfig {
  int batch_size = 256;
  int buffer_size = 1000000;
  int learning_starts = 10000;
  int updates_per_step = 1;
  int update_interval = 1;
  bool lr_anneal = false;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("batch_size", batch_size, "transitions in one update", InRange(1, 1e6));
    visit("buffer_size", buffer_size, "transitions kept for replay, the oldest forgotten first", AtLeast(1));
    visit("learning_starts", learning_starts, "environment steps of uniform actions before the first update",
          AtLeast(0));
    visit("updates_per_step", updates_per_step,
          "updates for each environment step, or for each update_interval steps", AtLeast(1));
    visit("update_interval", update_interval, "environment steps between rounds of updates", AtLeast(1));
    visit("lr_anneal", lr_anneal, "let all step lengths fall linearly to 0 over the run");
  }
};

// Draws that are not uniform over single steps. Only agents whose update knows of them offer them.
struct ReplayDraws {
  int n_step = 1;
  double discount = 0.99;        // between the steps of one return
  double priority_exponent = 0;  // rows are drawn in proportion to |TD error|^exponent; 0: uniformly
  double priority_correction = 0.4;

  bool plain() const { return n_step == 1 && priority_exponent == 0; }
};

// Learns from transitions, whoever made them: a replay buffer or a dataset.
class OffPolicyAgent : public Agent {
 public:
  virtual const ReplayConfig& replay() const = 0;

  // Whether exploration takes the mean action.
  virtual bool act_deterministic() const { return false; }

  // Deviation of Gaussian noise added to its policy's actions while exploring, in the [-1, 1] frame.
  virtual double exploration_noise() const { return 0; }

  // Probability of a uniformly drawn action while exploring, after `step` of the run's `steps`.
  virtual double exploration_epsilon(std::int64_t /*step*/, std::int64_t /*steps*/) const { return 0; }

  virtual ReplayDraws draws() const { return {}; }

  // (batch) |TD error| of each row of the latest update, for draws by priority; undefined elsewhere.
  virtual at::Tensor td_errors() const { return {}; }

  // What part of the run lies behind, before each update: for schedules.
  void SetProgress(double done) { progress_ = done; }

  // One update. The batch is (replay().batch_size) rows on the task's device.
  virtual void Update(const TransitionBatch& batch) = 0;

 protected:
  using Agent::Agent;

  // What step lengths are multiplied by.
  double anneal() const { return replay().lr_anneal ? 1 - progress_ : 1; }

 private:
  double progress_ = 0;
};

// Learns from what its own policy has just done, then forgets it.
class OnPolicyAgent : public Agent {
 public:
  virtual const RolloutConfig& rollout() const = 0;

  // Iteration k = `iteration` of K = `iterations` in the whole run, 0 <= k < K.
  virtual void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) = 0;

 protected:
  using Agent::Agent;
};

}  // namespace strider
