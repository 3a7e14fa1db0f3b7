// What an agent acts in.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/state.h"
#include "envs/action.h"
#include "envs/goal.h"
#include "envs/space.h"

namespace strider {

class EnvBatch;

// The facts of an environment. Algorithms read them and may refuse an environment that does not fit.
struct EnvSpec {
  std::string id;  // Gymnasium's: "Hopper-v5"
  Space observation_space;
  Space action_space;
  int max_episode_steps = 0;  // truncation limit; every environment of the suite has one
  std::optional<double> reward_threshold;
  // Steps draw from the random stream: the same state and action may lead elsewhere.
  bool random_steps = false;
  std::optional<GoalSpec> goal{};  // where rows hold what was achieved and what was desired
  // Where every episode ends by itself after the same number of steps: that number. 0: they differ.
  int fixed_length = 0;
  // Which of the worlds that go under this id it is, as text, where there are several: data that were
  // collected in one of them say nothing about another. Empty: there is only one.
  std::string instance{};

  int observation_size() const { return RowSize(observation_space); }
  int action_size() const { return RowSize(action_space); }
};

// What one step gave, beside the observation.
struct StepResult {
  double reward = 0;
  bool terminated = false;  // the task ended (fell over, goal reached): do not bootstrap
  bool truncated = false;   // the time limit cut the episode: do bootstrap. Both can be true
};

// One environment with its own random stream and time limit. Steps and rewards are Gymnasium's, to the bit
// where the environments sheet says so. Rows are doubles; actions are float32, as Gymnasium's action spaces
// are, or double, and their costs are computed in the type given, as Gymnasium does. Not thread-safe;
// different objects are independent. Stepping allocates no memory.
class Env {
 public:
  virtual ~Env() = default;
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  const EnvSpec& spec() const { return spec_; }

  // Starts an episode with a fresh random stream, as Gymnasium's reset(seed=seed). Writes the observation of
  // the start into a row of spec().observation_size() numbers. Throws InputError where the row has another
  // size.
  void Reset(std::uint64_t seed, std::span<double> observation);

  // Starts an episode with the stream as it stands, as Gymnasium's reset(). Before any seeded reset the seed
  // is 0.
  void Reset(std::span<double> observation);

  // One control step. The caller resets after an end; stepping on is allowed, as in Gymnasium. A discrete
  // action is its number in a row of one. A box's bounds are kept as in Gymnasium, by each environment in its
  // own way: MuJoCo clamps controls, and costs count the action as it was given. Throws InputError where a
  // size is not the spec's, an action is not finite or a discrete action does not exist; WorkError naming
  // environment and step where the simulation diverges or the reward is not finite, after which only a reset
  // or a restored state goes on.
  StepResult Step(std::span<const float> action, std::span<double> observation) {
    return Step(ActionRow(action), observation);
  }
  StepResult Step(std::span<const double> action, std::span<double> observation) {
    return Step(ActionRow(action), observation);
  }

  // Steps since the last reset.
  int elapsed_steps() const { return elapsed_steps_; }

  // The physical state, from which the same actions give the same future, the random stream apart: for MuJoCo
  // qpos, qvel and qacc_warmstart in a row; for classic control the state vector; for discrete worlds whole
  // numbers. SetState throws InputError where the number of values differs or one of them cannot be.
  virtual std::vector<double> State() const = 0;
  virtual void SetState(std::span<const double> state) = 0;

  // MuJoCo's generalised positions and velocities; empty where there is no simulator. Valid until the next
  // call.
  virtual std::span<const double> qpos() const { return {}; }
  virtual std::span<const double> qvel() const { return {}; }

  // The complete state, random stream and step count included. Load needs an environment of the same spec.
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

  // `size` environments like this one in a form that steps faster than as many objects; nullptr where there
  // is none.
  virtual std::unique_ptr<EnvBatch> MakeBatch(std::size_t size) const;

 protected:
  explicit Env(EnvSpec spec);
  Pcg64& random() { return random_; }

  // For constructors: appends the achieved and the desired goal to the rows, which are the observation proper
  // so far.
  void AppendGoal(int goal_size, double radius, GoalReward reward);
  // The same: what EnvSpec says of these two.
  void SetFixedLength(int steps) { spec_.fixed_length = steps; }
  void SetInstance(std::string instance) { spec_.instance = std::move(instance); }

 private:
  StepResult Step(const ActionRow& action, std::span<double> observation);
  // Seeds whatever stream the environment has beside random(); nothing by default. A reset follows.
  virtual void DoSeed(std::uint64_t) {}
  // Draws a start state from random() and writes its observation.
  virtual void DoReset(std::span<double> observation) = 0;
  // Advances and judges; `truncated` is set by the caller.
  virtual StepResult DoStep(const ActionRow& action, std::span<double> observation) = 0;
  // Whatever State() leaves out and a bit-exact continuation needs; nothing by default.
  virtual void DoSave(StateWriter&) const {}
  virtual void DoLoad(StateReader&) {}

  EnvSpec spec_;
  int observation_size_;
  int action_size_;
  Pcg64 random_{0};
  int elapsed_steps_ = 0;
};

// What Env::Step asks of actions (rows x action_size): throws InputError that names a component that is not
// finite, or a discrete action that does not exist.
void CheckActions(const EnvSpec& spec, const ActionRow& actions);

// An action that an environment cannot take: not finite, or none of its numbers.
class RefusedAction : public InputError {
 public:
  using InputError::InputError;
};

// Takes the id that a saved state starts with. Throws InputError where it is not the spec's.
void CheckSavedId(const EnvSpec& spec, StateReader& in);

}  // namespace strider
