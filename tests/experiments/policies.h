// Policies made by hand, for tests.
#pragma once

#include <utility>

#include "agents/policy.h"
#include "envs/env.h"

namespace strider {

// A linear layer with weights drawn uniformly from +-scale.
inline Policy::Layer RandomLayer(int in, int out, float scale, Pcg64& random) {
  Policy::Layer layer{Eigen::MatrixXf(out, in), Eigen::VectorXf(out)};
  for (float& w : layer.weight.reshaped()) w = scale * static_cast<float>(random.Uniform(-1, 1));
  for (float& b : layer.bias) b = scale * static_cast<float>(random.Uniform(-1, 1));
  return layer;
}

// Two hidden layers of 16 with random weights, for the environment's sizes. The Gaussian kinds have a
// state-dependent deviation around exp(-1).
inline Policy RandomPolicy(const EnvSpec& spec, ActionDistribution distribution, std::uint64_t seed = 3) {
  Pcg64 random(seed);
  const auto* discrete = std::get_if<Discrete>(&spec.action_space);
  const int outputs = discrete != nullptr ? discrete->n : spec.action_size();
  Policy policy = UniformPolicy(spec.observation_size(), spec.action_space);
  policy.distribution = distribution;
  policy.tanh_hidden = distribution == ActionDistribution::kGaussian;
  policy.hidden = {RandomLayer(spec.observation_size(), 16, 0.5F, random), RandomLayer(16, 16, 0.5F, random)};
  policy.mean = RandomLayer(16, outputs, 0.5F, random);
  const bool gaussian =
      distribution == ActionDistribution::kGaussian || distribution == ActionDistribution::kTanhGaussian;
  if (gaussian) {
    policy.log_std = RandomLayer(16, outputs, 0.1F, random);
    policy.log_std.bias.array() -= 1;
  }
  return policy;
}

// The same action everywhere: mean `mean` before any squashing.
inline Policy ConstantPolicy(const EnvSpec& spec, ActionDistribution distribution, float mean,
                             float log_std = -1) {
  const int actions = spec.action_size();
  const Eigen::MatrixXf none = Eigen::MatrixXf::Zero(actions, spec.observation_size());
  Policy policy = UniformPolicy(spec.observation_size(), spec.action_space);
  policy.distribution = distribution;
  policy.mean = {none, Eigen::VectorXf::Constant(actions, mean)};
  if (distribution != ActionDistribution::kTanh) {
    policy.log_std = {none, Eigen::VectorXf::Constant(actions, log_std)};
  }
  return policy;
}

// One option of two with even chances, which holds until it ends, with probability 0 or 1; the mean action is
// -level under the first and level under the second.
inline Policy TwoOptionsPolicy(const EnvSpec& spec, float level, bool ends, float log_std = -20) {
  const int actions = spec.action_size();
  const int observations = spec.observation_size();
  Policy policy = UniformPolicy(observations, spec.action_space);
  policy.distribution = ActionDistribution::kGaussian;
  policy.augmentation.options = 2;
  policy.observation_size = policy.augmentation.RowSize(spec);
  policy.action_space = policy.augmentation.ActionSpace(spec);
  const auto constant = [&](int out) {
    return Policy::Layer{Eigen::MatrixXf::Zero(out, observations), Eigen::VectorXf::Zero(out)};
  };
  policy.mean = constant(2 * actions);
  policy.mean.bias.head(actions).setConstant(-level);
  policy.mean.bias.tail(actions).setConstant(level);
  policy.log_std = constant(2 * actions);
  policy.log_std.bias.setConstant(log_std);
  policy.chooser = {constant(4)};
  policy.chooser[0].bias.tail(2).setConstant(ends ? 200 : -200);
  return policy;
}

// Knows the laws of ThreeState-v0's last step, safe {1, 1} and risky {-1, 4}, and takes what is best under
// min(x, 0) from its stock, discount one half.
inline Policy ThreeStatePolicy(double initial_stock) {
  Policy policy = UniformPolicy(6, Discrete{2});  // three states, the time and the stock
  policy.distribution = ActionDistribution::kGreedyUtility;
  policy.augmentation = {
      .one_hot = true,
      .time = true,
      .stock = StockRule{.discount = 0.5, .low = initial_stock, .high = initial_stock, .bound = 32}};
  policy.objective = "cvar:0.5";
  policy.weight_below = 2;
  policy.weight_above = 0;
  policy.mean = {Eigen::MatrixXf::Zero(4, 6), Eigen::VectorXf::Zero(4)};
  policy.mean.weight.col(1) << 1, 1, -1, 4;
  return policy;
}

}  // namespace strider
