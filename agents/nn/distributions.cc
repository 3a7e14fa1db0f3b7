#include "agents/nn/distributions.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

#include "agents/nn/small_squashed.h"

namespace strider::nn {
namespace {

const double kHalfLogTwoPi = 0.5 * std::log(2 * std::numbers::pi);

// d (-TanhLogJacobian) / d x, for each dimension, from tanh(x) and 1 - tanh(x)^2.
at::Tensor DensitySlope(const at::Tensor& action, const at::Tensor& slope, double squash_epsilon) {
  return squash_epsilon > 0 ? 2 * action * slope / (slope + squash_epsilon) : 2 * action;
}

}  // namespace

at::Tensor GaussianLogProb(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& log_std) {
  const at::Tensor z = (x - mean) * at::exp(-log_std);
  return (-0.5 * z.square() - log_std - kHalfLogTwoPi).sum(-1);
}

at::Tensor GaussianKl(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& old_mean,
                      const at::Tensor& old_log_std) {
  const at::Tensor squares = at::exp(2 * log_std) + (mean - old_mean).square();
  return (old_log_std - log_std + 0.5 * squares * at::exp(-2 * old_log_std) - 0.5).sum(-1);
}

at::Tensor GaussianEntropy(const at::Tensor& log_std) { return (log_std + (kHalfLogTwoPi + 0.5)).sum(-1); }

at::Tensor CategoricalLogProb(const at::Tensor& action, const at::Tensor& logits) {
  return at::log_softmax(logits, -1).gather(-1, action.unsqueeze(-1)).squeeze(-1);
}

at::Tensor CategoricalKl(const at::Tensor& logits, const at::Tensor& old_logits) {
  const at::Tensor log_p = at::log_softmax(logits, -1);
  return (log_p.exp() * (log_p - at::log_softmax(old_logits, -1))).sum(-1);
}

at::Tensor TanhLogJacobian(const at::Tensor& x, double squash_epsilon) {
  if (squash_epsilon > 0) return at::log(1 - at::tanh(x).square() + squash_epsilon).sum(-1);
  return (2 * (std::numbers::ln2 - x - at::softplus(-2 * x))).sum(-1);
}

SquashedSample SampleSquashed(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise,
                              double squash_epsilon) {
  return AreFewDraws(mean, log_std, noise) ? SampleFewSquashed(mean, log_std, noise, squash_epsilon)
                                           : SampleSquashedByDispatcher(mean, log_std, noise, squash_epsilon);
}

SquashedSample SampleSquashedByDispatcher(const at::Tensor& mean, const at::Tensor& log_std,
                                          const at::Tensor& noise, double squash_epsilon) {
  SquashedSample sample;
  sample.pre_tanh = mean + at::exp(log_std) * noise;
  sample.action = at::tanh(sample.pre_tanh);
  // (x - mean) / sd is the noise itself, and its gradient is zero either way.
  const at::Tensor gaussian = (-0.5 * noise.square() - log_std - kHalfLogTwoPi).sum(-1);
  sample.log_prob = gaussian - TanhLogJacobian(sample.pre_tanh, squash_epsilon);
  return sample;
}

GaussianGradient SampleSquashedBackward(const SquashedSample& sample, const at::Tensor& log_std,
                                        const at::Tensor& noise, double squash_epsilon,
                                        const SquashedSample& of) {
  if (AreFewDraws(sample.action, log_std, noise)) {
    return SampleFewSquashedBackward(sample.action, log_std, noise, squash_epsilon, of);
  }
  const at::NoGradGuard no_grad;
  const at::Tensor slope = 1 - sample.action.square();  // of tanh
  at::Tensor of_mean = of.action * slope;
  if (of.pre_tanh.defined()) of_mean += of.pre_tanh;
  const at::Tensor moved = log_std.exp() * noise;  // by the deviation
  if (!of.log_prob.defined()) return {of_mean, of_mean * moved};
  const at::Tensor of_density = of.log_prob.unsqueeze(-1);
  of_mean.addcmul_(of_density, DensitySlope(sample.action, slope, squash_epsilon));
  return {of_mean, at::addcmul(-of_density, of_mean, moved)};
}

at::Tensor SquashedLogProbSlope(const at::Tensor& pre_tanh, const at::Tensor& action, const at::Tensor& mean,
                                const at::Tensor& log_std, double squash_epsilon) {
  const at::NoGradGuard no_grad;
  return (mean - pre_tanh) * at::exp(-2 * log_std) +
         DensitySlope(action, 1 - action.square(), squash_epsilon);
}

at::Tensor SquashedLogProb(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                           double squash_epsilon) {
  return GaussianLogProb(pre_tanh, mean, log_std) - TanhLogJacobian(pre_tanh, squash_epsilon);
}

}  // namespace strider::nn
