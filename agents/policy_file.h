// Policies in files, in the layout that D4RL uses for a dataset's behaviour policy (dataset formats sheet,
// section 1.1): metadata/policy/{fc0, fc1, ..., last_fc, last_fc_log_std}/{weight, bias} in float32, weight
// (out x in), metadata/policy/nonlinearity "relu" or "tanh", metadata/policy/output_distribution
// "tanh_gaussian". Beyond D4RL: the distributions "gaussian", "clipped_gaussian", "clipped_tanh_gaussian",
// "tanh" (deterministic), "categorical" and "greedy" (values of discrete actions, the best is taken);
// router/{weight, bias} (K x observations) of a mixture of K Gaussians, whose last_fc and last_fc_log_std
// hold K times as many rows, router_fc0, router_fc1, ... before it where the router has hidden ReLU layers,
// router_input "body" where the router looks at the last hidden layer, and expert_choice "sampled",
// "most_probable" or "best_q", the expert of a deterministic action (the last by the least of the critics
// in groups critic0, critic1, ..., with layers fc0, fc1, ... on observation and action), or "gated" or
// "multiplied", where all of them are one Gaussian; log_std_bounds (2), the clamp of the log deviation of all
// Gaussians but "gaussian", [-20, 2] where absent; and observation_transform/{mean, scale, clip}: what is
// done to an observation first, clip((o - mean) * scale,
// +-clip). A policy that sees more than the environment shows says so in texts: `augmentation`, of the words
// one_hot and time; `stock`, "DISCOUNT INITIAL BOUND"; `objective`, such as "cvar:0.5"; and the distribution
// "greedy_utility" (quantiles of discrete actions) comes with utility_weights (2), below and above zero.
// "best_candidate" (BCQ) is a decoder of (observation, code) with perturbation0, perturbation1, ... and
// critic0 beside it, and candidates (3): how many codes, their bound and the perturbation's reach.
// `options`, "4", is the number of options of a Gaussian policy that remembers the one it is in: last_fc and
// last_fc_log_std hold that many times as many rows, and chooser0, chooser1, ... are a perceptron that gives
// the logits of choosing each option, then those of ending each. Where each step of an episode has networks
// of its own, they lie in groups step0, step1, .... metadata/evaluation, "sampled", says that the policy is
// judged by drawn actions where nobody says otherwise.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "agents/policy.h"
#include "core/settings.h"
#include "datasets/d4rl.h"
#include "envs/env.h"

namespace strider {

// Where a policy comes from and how it is judged, texts under metadata/; empty where nobody knows.
struct PolicyOrigin {
  std::string algorithm;
  std::string env_id;
  // EnvSpec's, metadata/policy/env_instance: a dataset of the policy may be of another world
  std::string env_instance{};
  bool evaluate_sampled = false;  // metadata/evaluation: by drawn actions
  Assignments env_options{};  // metadata/env_options/NAME: those that are not the environment's usual ones
};

// Writes a file of its own, whole.
void WritePolicy(const std::filesystem::path& path, const Policy& policy, const PolicyOrigin& origin);

// What a file, a dataset's too, says of its policy. Throws InputError where one of the texts is none, or
// metadata/evaluation says what it cannot.
PolicyOrigin ReadPolicyOrigin(const std::filesystem::path& path);

// Writes the policy into a dataset's metadata.
void WritePolicy(DatasetWriter& writer, const Policy& policy);

// Reads a policy for an environment. Throws InputError naming file, key and expectation where a part is
// missing or does not fit the layers before it or the environment's sizes.
Policy ReadPolicy(const std::filesystem::path& path, const EnvSpec& spec);

}  // namespace strider
