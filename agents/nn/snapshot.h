// From a learner's tensors to a policy that acts without them.
#pragma once

#include <ATen/ATen.h>

#include "agents/agent.h"
#include "agents/policy.h"

namespace strider::nn {

// One linear layer copied to host memory. `weight` is (out x in).
Policy::Layer SnapshotLayer(const at::Tensor& weight, const at::Tensor& bias);

// Consecutive (weight, bias) pairs starting at `first`.
std::vector<Policy::Layer> SnapshotLayers(const std::vector<at::Tensor>& leaves, std::size_t first,
                                          std::size_t count);

// One network of an ensemble, whose leaves have the members as first axis.
std::vector<Policy::Layer> SnapshotMember(const std::vector<at::Tensor>& leaves, std::int64_t member);

// A policy with the task's spaces and transform and the hidden layers of `leaves`, without heads.
Policy SnapshotBody(const Task& task, const std::vector<at::Tensor>& leaves, std::size_t hidden_layers);

// The squashed Gaussian policy of GaussianHeads.
Policy SnapshotSquashedGaussian(const Task& task, const ParameterSet& actor, std::size_t hidden_layers,
                                double log_std_min, double log_std_max);

// The deterministic policy tanh(actor(s)) of an Mlp with ReLU layers.
Policy SnapshotTanhActor(const Task& task, const ParameterSet& actor, std::size_t hidden_layers);

// The policy of a FreeDeviationGaussian, whose actions are clipped to the box.
Policy SnapshotFreeDeviation(const Task& task, const ParameterSet& actor, std::size_t hidden_layers,
                             bool squash_mean, double log_std_min, double log_std_max);

}  // namespace strider::nn
