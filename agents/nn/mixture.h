// Mixtures of experts: densities, draws of an expert, and what a router that chooses among them can learn
// from. (PMOE sheet; its sections are named below.) `logits` are a router's outputs (rows x experts).
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "agents/blend.h"
#include "agents/nn/parameters.h"

namespace strider::nn {

// log sum_k w_k p_k (rows) for the experts' own log densities (rows x experts), section 3.
at::Tensor MixtureLogProb(const at::Tensor& logits, const at::Tensor& expert_log_probs);

// Entropy of the router's choice, (rows).
at::Tensor RouterEntropy(const at::Tensor& logits);

// Standard Gumbel numbers from the stream; zeros where there is but one expert, and nothing to draw.
at::Tensor GumbelNoise(at::IntArrayRef shape, at::Generator& random, const at::Tensor& like);

// One expert a row (rows) by the Gumbel-max rule: index k has probability w_k.
at::Tensor ChooseExpert(const at::Tensor& logits, const at::Tensor& gumbel);

// One-hot rows for indices (rows), in the type of `like`.
at::Tensor OneHot(const at::Tensor& chosen, const at::Tensor& like);

// Frequency-approximate gradient, section 4.1: the mean over rows and experts of (w - one-hot of the
// winner)^2.
at::Tensor FrequencyLoss(const at::Tensor& logits, const at::Tensor& winner);

// Score ratio in expectation, section 8: the mean over rows of -sum_k w_k G_k, G without gradient; a logit's
// gradient is -w_k (G_k - sum_i w_i G_i).
at::Tensor ScoreRatioLoss(const at::Tensor& logits, const at::Tensor& gains);

// Straight-through Gumbel-Softmax, section 8: forward one-hot rows of the Gumbel-max choice, backward
// softmax((log w + gumbel) / temperature).
at::Tensor StraightThrough(const at::Tensor& logits, const at::Tensor& gumbel, double temperature);

// One Gaussian made of all experts, (rows x actions) each: section 8's other mixtures.
struct BlendedGaussian {
  at::Tensor mean;
  at::Tensor log_std;
};

// Gating: sum_k w_k mean_k, and the same of the log deviations, w the softmax of the logits. `mean` and
// `log_std` are (rows x experts x actions).
BlendedGaussian GatedExperts(const at::Tensor& logits, const at::Tensor& mean, const at::Tensor& log_std);

// Multiplicative composition (MCP): the Gaussian prod_k N_k^(w_k), w the logits' sigmoid; its precision is
// sum_k w_k / sd_k^2, its mean sum_k w_k mean_k / sd_k^2 divided by that.
BlendedGaussian MultipliedExperts(const at::Tensor& logits, const at::Tensor& mean,
                                  const at::Tensor& log_std);

// Either of them. REQUIRES: not Blend::kNone.
BlendedGaussian BlendedExperts(Blend blend, const at::Tensor& logits, const at::Tensor& mean,
                               const at::Tensor& log_std);

// What can be seen of K experts on a batch of states, section 11: router_entropy; expert_distance, the mean
// distance between two experts' mean actions (0 for one expert); and of each expert k = 1..K weight_k, its
// weight, expert_entropy_k and, where the best expert of each state `wins`, win_k, how often that is this
// one.
std::vector<std::string> ExpertMetricNames(int experts, bool wins);
struct ExpertView {
  at::Tensor logits;   // (rows x experts) whose softmax are the shares that router_entropy is of
  at::Tensor weights;  // (rows x experts) probabilities of a choice, or what a blend multiplies with
  at::Tensor mean_actions = {};  // (rows x experts x actions)
  at::Tensor entropies = {};     // (experts)
  at::Tensor winner = {};        // (rows) the best expert; undefined where none is looked for
};
// What a router says of them: the rest is left to the caller.
ExpertView ViewOfExperts(Blend blend, const at::Tensor& logits);
std::vector<NamedTensor> ExpertMetrics(const ExpertView& view);

}  // namespace strider::nn
