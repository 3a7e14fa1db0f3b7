// What an on-policy learner learns from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/settings.h"

namespace strider {

// How an on-policy learner is fed.
struct RolloutConfig {
  int steps = 2048;
  double discount = 0.99;
  double gae_lambda = 0.95;
  bool normalize_observations = true;
  bool normalize_rewards = true;
  double clip_normalized = 10;
  bool timeout_bootstrap = false;
  std::string reward_reset = "episode";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("rollout_steps", steps, "steps of each environment between updates", InRange(1, 1e7));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("gae_lambda", gae_lambda, "lambda of generalised advantage estimation", InRange(0, 1));
    visit("normalize_observations", normalize_observations,
          "scale observations by running mean and deviation");
    visit("normalize_rewards", normalize_rewards,
          "scale rewards by the running deviation of the discounted return");
    visit("clip_normalized", clip_normalized, "bound on normalised observations and rewards", Above(0));
    visit("timeout_bootstrap", timeout_bootstrap,
          "add the discounted value of the final observation where the time limit cut an episode");
    visit("reward_reset", reward_reset,
          "when the discounted return that scales rewards forgets: after each episode, or, as in CleanRL, "
          "before a terminal reward, but at no time limit",
          OneOf({"episode", "termination"}));
  }
};

// `steps` steps of `environments` environments, step by step: row t * environments + i is step t of
// environment i. Observations are transformed as the policy's are; rewards are scaled as the configuration
// says.
struct Rollout {
  int steps = 0;
  int environments = 0;
  int observation_size = 0;
  int action_size = 0;
  std::vector<float> observations;       // (rows x observations)
  std::vector<float> actions;            // (rows x actions), the learner's frame, unclipped
  std::vector<float> rewards;            // (rows)
  std::vector<std::uint8_t> ended;       // (rows) the episode ended with this step, for whatever reason
  std::vector<float> last_observations;  // (environments x observations) after the last step
  // Rows that the time limit cut (not terminated), and the observations that they ended with.
  std::vector<std::int64_t> truncated_rows;
  std::vector<float> truncated_observations;  // (truncated_rows x observations)

  std::int64_t rows() const { return static_cast<std::int64_t>(steps) * environments; }
};

// The least number of steps, at least `steps`, that makes whole episodes of `length`; `steps` where that is
// 0. Throws InputError where that is beyond an int.
int WholeEpisodes(std::int64_t steps, int length);

// An empty rollout with all memory reserved.
// Throws InputError where it would not fit into the machine's memory.
Rollout MakeRollout(int steps, int environments, int observation_size, int action_size);

// Generalised advantage estimation (Schulman et al. 2016), backwards in double:
//   delta_t = r_t + discount V_{t+1} (1 - ended_t) - V_t,   A_t = delta_t + discount lambda (1 - ended_t)
//   A_{t+1}.
// `values` (rows) and `last_values` (environments) are V of the observations and of last_observations.
// `bonus` is either empty or has one number for each of truncated_rows that is added to that row's reward.
// Writes `advantages` and `returns` = advantages + values (rows each).
void EstimateAdvantages(const Rollout& rollout, std::span<const float> values,
                        std::span<const float> last_values, std::span<const float> bonus, double discount,
                        double lambda, std::span<float> advantages, std::span<float> returns);

}  // namespace strider
