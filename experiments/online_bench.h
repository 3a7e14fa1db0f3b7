// How fast agents learn by acting, beside Stable-Baselines3 and RLtools, and beside their
// updates' matrix products alone, done by LibTorch.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/bench.h"

namespace strider {

struct OnlineBenchOptions {
  int repetitions = 7;      // of ours and the peer's, in turns; at least 1
  double seconds = 5;       // of each of them, after a warm-up
  int threads = 1;          // of environments and learner, ours and the peers'
  std::string peer_python;  // a Python with stable-baselines3, gymnasium[mujoco] and rltools; empty: no peers
};

// Environment steps a second of whole training, acting and updates alike, with the networks, batches and
// numbers of updates of both alike: SAC and PPO on Pendulum-v1 (64x64), PPO and on-policy MDPO on
// HalfCheetah-v5 with eight environments, SAC and off-policy MDPO on HalfCheetah-v5 (2x256). Then updates a
// second of the last two, without acting and drawing, against the rate at which LibTorch gets the update's
// matrix products done and nothing else. `report` hears of each result when it is there. Throws InputError
// for a Python that cannot be started.
std::vector<BenchResult> BenchOnline(const OnlineBenchOptions& options,
                                     const std::function<void(const BenchResult&)>& report);

}  // namespace strider
