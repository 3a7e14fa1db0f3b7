// A policy that acts without LibTorch: observations in, actions out.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/blend.h"
#include "core/random.h"
#include "envs/augmented_env.h"
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
  kLikelyGreedy,  // the same among those that are likely: BCQ's
  // action = mean + exp(log_std) * noise clipped to [-1, 1], which is the box's frame; with tanh(mean)
  kClippedGaussian,
  kClippedTanhGaussian,
  // quantiles of each discrete action's return, one action after the other; the action of the best utility of
  // stock plus return is taken: deterministic
  kGreedyUtility,
  // the best by `critics` of `candidates` actions tanh(mean), the networks above being a decoder of
  // (observation, code) with codes drawn, each moved by `perturbation`: continuous BCQ's. Drawn even where
  // the mean is asked for.
  kBestCandidate,
};

// Whether each state has one action, even where sampled ones are asked for.
constexpr bool IsDeterministic(ActionDistribution distribution) {
  return distribution == ActionDistribution::kTanh || distribution == ActionDistribution::kGreedy ||
         distribution == ActionDistribution::kLikelyGreedy ||
         distribution == ActionDistribution::kGreedyUtility;
}

// Whose mean a deterministic action of a mixture, or of a policy with options, is.
enum class ActingExpert {
  kSampled,       // an expert's (or option's) that is drawn by its probability, as the authors of PMOE do
  kMostProbable,  // the most probable one's
  kBestQ          // the one's whose mean the critics judge best; mixtures only
};

// A snapshot of a policy: a perceptron on transformed observations with one or two linear heads, in float32.
// The Gaussian kinds may be mixtures: a router on the transformed observation (or on the last hidden layer)
// says how probable each of K experts is, and the heads hold the experts' numbers one expert after the other.
// Two numbers of rows act alike to float rounding; equal calls give equal bits. Copyable; const calls are
// thread-safe.
struct Policy {
  struct Layer {
    Eigen::MatrixXf weight;  // (out x in)
    Eigen::VectorXf bias;    // (out)
  };

  int observation_size = 0;  // of the rows that it sees, augmented
  Space action_space;
  ActionDistribution distribution = ActionDistribution::kUniform;
  bool tanh_hidden = false;  // hidden activation: tanh, or else ReLU
  std::vector<Layer> hidden;
  Layer mean;     // or logits
  Layer log_std;  // empty where the distribution has none; a state-independent one has zero weights
  std::vector<Layer> router;    // a perceptron with ReLU layers, or one linear layer; K logits of a mixture's
                                // experts; empty where there is one Gaussian
  bool router_on_body = false;  // the router looks at the last hidden layer instead of the observation
  Blend blend = Blend::kNone;
  // Where there are options (augmentation.options = K > 0; Gaussian, no router): DAC's policy (Zhang and
  // Whiteson 2019). The heads hold the options' numbers one after the other, as a mixture's; a perceptron
  // with the same activation gives K logits of the choice among options and K of each one's end. Both see the
  // environment's own part of a row. The option whose column is 1 goes on unless it ends, and then any is
  // drawn, itself too; so is one at an episode's start, where all columns are 0.
  std::vector<Layer> chooser;
  Layer behaviour;    // logits of the data's actions, of which kLikelyGreedy takes those that are `likely`:
  double likely = 0;  // this probable at least, relative to the most probable one
  ActingExpert acting_expert = ActingExpert::kSampled;
  // Perceptrons with ReLU layers on (observation, action), the least of which is an action's value: for
  // kBestQ and kBestCandidate.
  std::vector<std::vector<Layer>> critics;
  double log_std_min = -20;
  double log_std_max = 2;
  ObservationTransform transform;
  // What its rows hold beside the environment's own observations (Augmented makes such rows). Its stock's low
  // and high are the initial stock that the policy is meant for.
  Augmentation augmentation;
  std::string objective;  // what a policy with a stock makes large, as ParseObjective reads it; else empty
  // For kBestCandidate: how many codes are drawn, standard normal and clipped; a ReLU network on
  // (observation, action), the last layer linear, of which `reach` * tanh is added to an action.
  int candidates = 0;
  float code_bound = 0;
  float reach = 0;
  std::vector<Layer> perturbation;
  // Slopes of the utility below and above zero, for kGreedyUtility.
  float weight_below = 1;
  float weight_above = 1;

  // (steps of an episode) what each step does, where each has networks of its own; the last one's hold on.
  // Transform and augmentation above are for all of them; what else this object says beside its sizes means
  // nothing then.
  std::vector<Policy> steps;

  // A draw in the learner's frame: [-1, 1] for the tanh and clipped kinds and for uniform draws from a box,
  // unclipped for the Gaussian, the action's number for the categorical and greedy. `observations` are
  // transformed rows (n x observation_size). `deterministic` takes the mean or the most probable action
  // instead. A mixture's expert or the option, where there are several, and the noise are drawn row by row;
  // the option's number is the last of the row. Where `log_probs` (n) is not empty it receives the
  // natural-log density of each action in that frame, before any clipping, and whichever expert or option it
  // is from. `step` of its episode is where every row is, counted from 0.
  void Sample(std::span<const float> observations, bool deterministic, Pcg64& random,
              std::span<float> actions, std::span<float> log_probs = {}, int step = 0) const;

  // A mixture's experts at transformed observations (n x observation_size).
  struct Experts {
    Eigen::MatrixXf weights;  // (K x n) the router's softmax, or of multiplied experts its sigmoid
    Eigen::MatrixXf
        actions;  // (K * actions x n) the experts' mean actions, one expert after the other, as Sample's
  };
  // REQUIRES: a mixture.
  Experts ExpertsAt(std::span<const float> observations) const;

  // From the learner's frame to the environment's: scaled to the box, or clipped to it for the Gaussian; in
  // place.
  void ToEnvironment(std::span<float> actions) const;

  // Observations, augmented where it needs them so, to actions that the environment takes: transform, Sample,
  // ToEnvironment.
  void Act(std::span<const double> observations, bool deterministic, Pcg64& random, std::span<float> actions,
           std::span<float> log_probs = {}, int step = 0) const;

  // What acts at that step: one of `steps`, or this.
  const Policy& At(int step) const;
};

// How a mixture acts, in one word: "sampled", "most_probable" or "best_q" (where a deterministic action is
// asked for), "gated" or "multiplied"; the first two are a policy's with options too.
std::string_view ExpertChoiceName(const Policy& policy);

// The reverse; false where there is no such word.
bool SetExpertChoice(Policy& policy, std::string_view word);

// Lets another expert (or option) act where a deterministic action is asked for: "sampled", "most_probable"
// or "best_q". Throws InputError for other words, for policies without experts to choose from, and for
// "best_q" where there are no critics.
void ChooseActingExpert(Policy& policy, std::string_view word);

// By the values of the settings agent.acting_expert, and agent.blend: "none", "gated" or "multiplied". Throw
// InputError for others.
ActingExpert ActingExpertNamed(std::string_view name);
Blend BlendNamed(std::string_view name);

// How many numbers the networks hold, critics too. Left out are the zeros that no learning changes: of a
// state-independent deviation's weights, and those beside the blocks of a mixture's separate experts.
std::int64_t ParameterCount(const Policy& policy);

// The policy that draws uniformly from the action space.
Policy UniformPolicy(int observation_size, Space action_space);

}  // namespace strider
