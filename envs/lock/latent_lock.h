// The combination lock's latent chain: what the family of locks has in common. HNPG sheet, section 3; Zhou,
// Sekhari, Song and Sun, "Offline Data Enhanced On-Policy Policy Gradient with Provable Guarantees", ICLR
// 2024 (arXiv 2311.08384), section 6.1 and appendix E.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/settings.h"
#include "envs/tabular/tabular_mdp.h"

namespace strider {

// What makes one lock differ from another.
struct LockConfig {
  int max_episode_steps = 200;
  int horizon = 10;
  std::int64_t lock_seed = 0;
  std::string reward = "lost";
  double bad_start = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps,
          "steps until an episode is truncated, if the horizon has not ended it before", AtLeast(1));
    // Longer ones would reach the step limit, which ends no task.
    visit("horizon", horizon, "H: steps of every episode, 5 to 50 in the paper", InRange(1, 150));
    visit("lock_seed", lock_seed, "decides which actions open the lock", AtLeast(0));
    visit("reward", reward,
          "beside 1 for opening it; lost: 0.1 with probability 1/2 on leaving the good states (the paper); "
          "end: the same on the last step of an episode that failed (the authors' code); dense: 0.1 for each "
          "right step before the last",
          OneOf({"lost", "end", "dense"}));
    visit("bad_start", bad_start,
          "probability of starting in the bad state at the second step, so that the episode has a step less; "
          "0.9 in the earlier locks with discrete actions",
          InRange(0, 1));
  }

  // For EnvSpec::instance.
  std::string Instance() const;
};

// States 0 and 1 are good, 2 is bad and is never left. At step h one action out of ten is right in state 0
// and one in state 1; it leads to either with probability 1/2, any other into state 2. The right action of
// the last step, h = H - 1, opens the lock.
class LatentLock {
 public:
  static constexpr int kActions = 10;
  static constexpr int kStates = 3;
  static constexpr int kBad = 2;

  // Throws InputError where episodes could start at their end.
  explicit LatentLock(const LockConfig& config);

  int horizon() const { return horizon_; }
  struct Start {
    int step;
    int state;
  };
  Start DrawStart(Pcg64& random) const;
  // The one that the behaviour policy takes in state 2 is state 1's. REQUIRES: 0 <= step < horizon.
  int RightAction(int step, int state) const {
    return right_[static_cast<std::size_t>(step)][state == 0 ? 0 : 1];
  }

  struct Step {
    int next_state;
    double reward;
  };
  // REQUIRES: 0 <= step < horizon.
  Step Draw(int step, int state, int action, Pcg64& random) const;

  // The chain written out: state 3 h + s, h = 0 ... H.
  TabularMdp Mdp() const;

 private:
  // What taking an action gives, apart from chance: the reward that is certain, and whether a coin decides
  // about 0.1 more.
  struct Payment {
    bool right;
    double certain;
    bool coin;
  };
  Payment Pay(int step, int state, int action) const;

  int horizon_;
  double bad_start_;
  bool dense_;
  bool coin_at_end_;
  std::vector<std::array<int, 2>> right_;  // (horizon) for states 0 and 1
};

}  // namespace strider
