// A policy that acts without LibTorch: observations in, actions out.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "core/random.h"
#include "envs/normalizer.h"
#include "envs/space.h"

namespace strider {

// What the network's outputs mean.
enum class ActionDistribution {
  kUniform,       // no network: uniform over the action space
  kTanhGaussian,  // action = tanh(mean + exp(log_std) * noise), the box's frame being [-1, 1]
  kGaussian,      // action = mean + exp(log_std) * noise, clipped to the box for the environment
  kTanh,          // action = tanh(mean): deterministic
  kCategorical,   // logits of the discrete actions
  kGreedy,        // values of the discrete actions; the best is taken: deterministic
  // action = mean + exp(log_std) * noise clipped to [-1, 1], which is the box's frame; with tanh(mean)
  kClippedGaussian,
  kClippedTanhGaussian,
};

// A snapshot of a policy: a perceptron on transformed observations with one or two linear heads, in float32.
// The Gaussian kinds may be mixtures: a router, linear in the transformed observation, says how probable each
// of K experts is, and the heads hold the experts' numbers one expert after the other.
// Two numbers of rows act alike to float rounding; equal calls give equal bits. Copyable; const calls are
// thread-safe.
struct Policy {
  struct Layer {
    Eigen::MatrixXf weight;  // (out x in)
    Eigen::VectorXf bias;    // (out)
  };

  int observation_size = 0;
  Space action_space;
  ActionDistribution distribution = ActionDistribution::kUniform;
  bool tanh_hidden = false;  // hidden activation: tanh, or else ReLU
  std::vector<Layer> hidden;
  Layer mean;     // or logits
  Layer log_std;  // empty where the distribution has none; a state-independent one has zero weights
  Layer router;   // (K x observations) logits of a mixture's experts; empty where there is one Gaussian
  // Whether a deterministic action is the mean of an expert drawn by the router, as the authors of PMOE do,
  // or else of the most probable one.
  bool sample_expert = true;
  double log_std_min = -20;
  double log_std_max = 2;
  ObservationTransform transform;
  // Where above 0, the observation is the number of one of so many states, and the networks see its
  // indicator.
  int states = 0;
  // (steps of an episode) what each step does, where each has networks of its own; the last one's hold on.
  // The transform above is for all of them; what this object says beside it and the sizes means nothing then.
  std::vector<Policy> steps;

  // A draw in the learner's frame: [-1, 1] for the tanh and clipped kinds and for uniform draws from a box,
  // unclipped for the Gaussian, the action's number for the categorical. `observations` are transformed rows
  // (n x observation_size). `deterministic` takes the mean or the most probable action instead. A mixture's
  // expert, where there are several, and the noise are drawn row by row. Where `log_probs` (n) is not empty
  // it receives the natural-log density of each action in that frame, before any clipping. `step` of its
  // episode is where every row is, counted from 0.
  void Sample(std::span<const float> observations, bool deterministic, Pcg64& random,
              std::span<float> actions, std::span<float> log_probs = {}, int step = 0) const;

  // From the learner's frame to the environment's: scaled to the box, or clipped to it for the Gaussian; in
  // place.
  void ToEnvironment(std::span<float> actions) const;

  // Raw observations to actions that the environment takes: transform, Sample, ToEnvironment.
  void Act(std::span<const double> observations, bool deterministic, Pcg64& random, std::span<float> actions,
           std::span<float> log_probs = {}, int step = 0) const;

  // What acts at that step: one of `steps`, or this.
  const Policy& At(int step) const;
};

// The policy that draws uniformly from the action space.
Policy UniformPolicy(int observation_size, Space action_space);

}  // namespace strider
