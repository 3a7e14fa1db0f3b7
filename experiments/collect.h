// Making datasets: a policy acts, and every step is written down.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "agents/policy_file.h"
#include "core/settings.h"
#include "datasets/writer.h"
#include "envs/demonstrator.h"
#include "envs/env.h"

namespace strider {

// A policy by name, for an environment: "random", a run's directory, or an HDF5 file in D4RL's policy layout.
// Throws InputError naming what was expected.
Policy LoadPolicy(const std::string& source, const EnvSpec& spec);

// The file that holds the policy of a name that is not "random". Throws InputError as LoadPolicy does.
std::filesystem::path PolicyFile(const std::string& source);

// What the policy under that name says of itself; nothing of "random". Throws InputError as LoadPolicy does.
PolicyOrigin LoadPolicyOrigin(const std::string& source);

struct CollectOptions {
  std::int64_t steps = 1000000;
  std::uint64_t seed = 0;
  bool deterministic = false;  // the mean action instead of a sampled one
  double noise = 0;    // deviation of Gaussian noise added to actions, as a share of half the box's width
  double epsilon = 0;  // probability of a uniform action instead
  const Demonstrator* demonstrator = nullptr;  // acts instead of the policy where there is one
  std::string source;  // what the policy is, as LoadPolicy takes it, for the metadata; may be empty
  Assignments env_options;
  DatasetFormat format = DatasetFormat::kD4rl;
};

// Writes exactly `steps` rows in D4RL's layout (dataset formats sheet, section 1.1): episode after episode of
// one environment that starts from reset(seed), the last one cut where the rows are full; actions in the
// environment's frame; time-outs marked and never terminals; infos/qpos and infos/qvel for MuJoCo;
// infos/action_log_probs where actions are the policy's own draws; and metadata: the policy, environment,
// seed and options. `progress` is called with the rows written so far; false ends early, and nothing is left.
// Returns false then.
bool Collect(const Policy& policy, Env& env, const CollectOptions& options, const std::filesystem::path& out,
             const std::function<bool(std::int64_t rows)>& progress);

// Writes what a run's last checkpoint remembers, oldest step first, as D4RL's medium-replay and full-replay
// files hold it (section 1.6): actions in the environment's frame, time-outs never terminals, where it comes
// from in the metadata. Throws InputError where `run` is no run, has no checkpoint yet, or remembers nothing.
void CollectReplay(const std::filesystem::path& run, const std::filesystem::path& out,
                   DatasetFormat format = DatasetFormat::kD4rl);

}  // namespace strider
