// How fast environments step, beside the bare physics and beside other people's software.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/bench.h"

namespace strider {

struct EnvBenchOptions {
  int repetitions = 7;   // of ours and the peer's, in turns; at least 1
  double seconds = 0.2;  // of each of them
  int threads = 2;       // of vectors
  std::string
      peer_python;  // a Python with gymnasium, mujoco and envpool; empty: no peers but the bare mj_step
};

// Environments that are measured where none are named: all of Gymnasium's newest.
std::vector<std::string> BenchedEnvIds();

// For robots: one environment against the bare loop of mj_step with the same actions from the same state and
// against Gymnasium; 64 against EnvPool and against mujoco.rollout. For the others: one against Gymnasium,
// 1024 against EnvPool. Rates are control steps a second. `report` hears of each result when it is there.
// Throws InputError for unknown ids and for a Python that cannot be started.
std::vector<BenchResult> BenchEnvs(std::span<const std::string> ids, const EnvBenchOptions& options,
                                   const std::function<void(const BenchResult&)>& report);

}  // namespace strider
