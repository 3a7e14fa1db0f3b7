// RLPD: off-policy learning from replay and a dataset at once. Ball, Smith, Kostrikov and Levine, "Efficient
// Online Reinforcement Learning with Offline Data", ICML 2023 (arXiv 2302.02948), as the HNPG paper runs it
// for a baseline (its table 2): SAC whose batches are half the dataset's.
#pragma once

#include "agents/mdpo_off.h"

namespace strider {

// The HNPG sheet's table. Its Adam for the entropy weight has a first moment's decay of 0.5; ours has 0.9.
struct RlpdConfig : SacConfig {
  RlpdConfig() {
    replay.batch_size = 128;
    replay.learning_starts = 1000;
    tau = 0.01;
    target_interval = 2;
    actor_lr = 1e-3;
    critic_lr = 1e-3;
    alpha_lr = 1e-4;
    alpha = 0.1;
    log_std_min = -10;
  }
};

class Rlpd : public MdpoOff {
 public:
  using Config = RlpdConfig;
  Rlpd(const Task& task, const Config& config) : MdpoOff(task, config.AsMdpo()) {}

  // Where it is the baseline of HNPG, in the locks, it is judged as HNPG is.
  bool evaluate_sampled() const override { return task().fixed_length > 0; }
};

}  // namespace strider
