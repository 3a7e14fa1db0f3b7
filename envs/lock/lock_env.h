// Combination locks with continuous actions, whose state can only be guessed from what is seen.
#pragma once

#include <cstdint>
#include <string>

#include "envs/demonstrator.h"
#include "envs/env.h"
#include "envs/lock/latent_lock.h"
#include "envs/tabular/tabular_env.h"

namespace strider {

// What the locks with continuous actions have in common.
struct ContinuousLockConfig : LockConfig {
  double temperature = 0.1;
  double action_bound = 10;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    LockConfig::Visit(visit);
    visit("temperature", temperature, "of the softmax that draws the latent action; 1 in the paper's text",
          Above(0));
    // A number for agents that need a box: Gaussian policies are clipped to it, squashed ones fill it.
    visit("action_bound", action_bound, "bound of the action space; the lock itself takes any action",
          Above(0));
  }

  std::string Instance() const;
};

// An action a of ten numbers draws the latent action with probabilities softmax(a / temperature). Every
// episode lasts H steps and then terminates; nothing happens in steps after that. The behaviour policy of
// section 3.3 is an indicator of the right action or, with probability 1/H, uniform on [0, 1]^10.
class LockEnv : public Env, public Demonstrator {
 public:
  void Demonstrate(Pcg64& random, std::span<float> action) const override;

  // h and s.
  std::vector<double> State() const override;
  void SetState(std::span<const double> state) override;

 protected:
  LockEnv(std::string_view id, const ContinuousLockConfig& config, int observation_size,
          const std::string& instance);

  int step() const { return step_; }
  int state() const { return state_; }
  void MoveTo(int state) { state_ = state; }

 private:
  virtual void Observe(std::span<double> observation) = 0;
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  int DrawLatentAction(const ActionRow& action);

  LatentLock lock_;
  double temperature_;
  int step_ = 0;
  int state_ = 0;
};

struct CombinationLockConfig : ContinuousLockConfig {
  double noise = 0.1;
  double simplex_temperature = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    ContinuousLockConfig::Visit(visit);
    visit("noise", noise, "deviation of the noise on the code of state and step", AtLeast(0));
    visit("simplex_temperature", simplex_temperature,
          "after each observation the state is drawn anew from softmax(first three numbers of the code / "
          "this), so that nothing tells it for sure; 0: never",
          AtLeast(0));
  }

  std::string Instance() const;
};

// CombinationLock-v0 (section 3.1): the observation is a code of d = 2^ceil(log2(H + 4)) numbers, turned by a
// Hadamard matrix of entries +-1. The code is noise of deviation 0.1 on its first H + 3 numbers, plus 1 at s
// and 1 at 3 + h.
class CombinationLock final : public LockEnv {
 public:
  using Config = CombinationLockConfig;
  CombinationLock(std::string_view id, const Config& config);

 private:
  void Observe(std::span<double> observation) override;

  double noise_;
  double simplex_temperature_;
  std::size_t noisy_;  // numbers of the code that have noise
};

// x becomes H x for Sylvester's Hadamard matrix of x.size() rows. REQUIRES: a power of two.
void HadamardTransform(std::span<double> x);

// LockChain-v0: the chain itself, without disguise. The observation is 3 h + s, the actions are the ten. The
// behaviour policy takes the right action or, with probability 1/H, a uniform one.
class LockChain final : public TabularEnv, public Demonstrator {
 public:
  using Config = LockConfig;
  LockChain(std::string_view id, const Config& config);
  void Demonstrate(Pcg64& random, std::span<float> action) const override;

 private:
  LatentLock lock_;
};

}  // namespace strider
