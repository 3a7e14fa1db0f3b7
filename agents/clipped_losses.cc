#include "agents/clipped_losses.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strider {
namespace {

const float* Numbers(const at::Tensor& x) { return x.const_data_ptr<float>(); }

// at::maximum's share of the gradient for its first argument.
float ShareOfFirst(float first, float second) {
  if (first == second) return 0.5F;
  return first > second ? 1.0F : 0.0F;
}

}  // namespace

ClippedSurrogate GaussianSurrogate(const Experience& batch, const at::Tensor& old_log_prob,
                                   const at::Tensor& mean, const at::Tensor& log_std, double clip,
                                   double entropy_coef) {
  static const auto kHalfLogTwoPi = static_cast<float>(0.5 * std::log(2 * std::numbers::pi));
  const at::NoGradGuard no_grad;
  const std::int64_t rows = mean.size(0);
  const std::int64_t width = mean.size(1);
  const at::Tensor inverse = at::exp(-log_std);
  const at::Tensor actions = batch.actions.contiguous();
  at::Tensor z = at::empty_like(mean);      // (a - mean) / sd
  at::Tensor terms = at::empty_like(mean);  // of the log density
  const float* const action = Numbers(actions);
  const float* const centre = Numbers(mean);
  const float* const precision = Numbers(inverse);
  const float* const log_sd = Numbers(log_std);
  float* const deviate = z.mutable_data_ptr<float>();
  float* const term = terms.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < rows * width; ++i) {
    const std::int64_t j = i % width;
    deviate[i] = (action[i] - centre[i]) * precision[j];
    term[i] = -0.5F * (deviate[i] * deviate[i]) - log_sd[j] - kHalfLogTwoPi;
  }
  ClippedSurrogate result;
  result.log_ratio = terms.sum(-1).sub_(old_log_prob);
  result.ratio = result.log_ratio.exp();
  result.losses = at::empty_like(result.ratio);
  at::Tensor of_log_prob = at::empty_like(result.ratio);
  float* const loss = result.losses.mutable_data_ptr<float>();
  float* const slope = of_log_prob.mutable_data_ptr<float>();
  const at::Tensor advantages = batch.advantages.contiguous();
  const float* const gain = Numbers(advantages);
  const float* const ratios = Numbers(result.ratio);
  const auto low = static_cast<float>(1 - clip);
  const auto high = static_cast<float>(1 + clip);
  for (std::int64_t i = 0; i < rows; ++i) {
    const float advantage = -gain[i];
    const float ratio = ratios[i];
    const float plain = advantage * ratio;
    const float clipped = advantage * std::clamp(ratio, low, high);
    loss[i] = std::isnan(plain) ? plain : std::max(plain, clipped);
    const float share = ShareOfFirst(plain, clipped);
    const bool inside = ratio >= low && ratio <= high;
    const float of_ratio = (share + (inside ? 1 - share : 0)) / static_cast<float>(rows) * advantage;
    slope[i] = of_ratio * ratio;
  }
  // d log pi / d mean = z / sd, d log pi / d log_std = z^2 - 1, rounded as LibTorch's graph rounds them.
  result.of_mean = at::empty_like(mean);
  float* const to_mean = result.of_mean.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < rows * width; ++i) {
    const float of_square = slope[i / width] * deviate[i];
    to_mean[i] = of_square * precision[i % width];
    term[i] = of_square * (action[i] - centre[i]);
  }
  const at::Tensor of_shift = of_log_prob.unsqueeze(1).repeat({1, width}).sum(0).add_(entropy_coef);
  result.of_log_std = terms.sum(0).mul_(inverse).sub_(of_shift);
  return result;
}

ClippedError ValueError(const Experience& batch, const at::Tensor& value, double clip, double weight) {
  const std::int64_t rows = value.numel();
  ClippedError result{at::empty_like(value), at::empty_like(value)};
  float* const loss = result.losses.mutable_data_ptr<float>();
  float* const slope = result.of_value.mutable_data_ptr<float>();
  const at::Tensor olds = batch.values.contiguous();
  const at::Tensor returns = batch.returns.contiguous();
  const float* const old_value = Numbers(olds);
  const float* const wanted = Numbers(returns);
  const float* const given = Numbers(value);
  const auto bound = static_cast<float>(clip);
  const auto each = static_cast<float>(weight / static_cast<double>(rows));
  for (std::int64_t i = 0; i < rows; ++i) {
    const float target = wanted[i];
    const float error = given[i] - target;
    loss[i] = error * error;
    slope[i] = each * 2 * error;
    if (bound == 0) continue;
    const float old = old_value[i];
    const float moved = given[i] - old;
    const float clipped_error = old + std::clamp(moved, -bound, bound) - target;
    const float share = ShareOfFirst(error * error, clipped_error * clipped_error);
    const bool inside = moved >= -bound && moved <= bound;
    slope[i] = each * (share * 2 * error + (inside ? (1 - share) * 2 * clipped_error : 0));
    if (clipped_error * clipped_error > loss[i]) loss[i] = clipped_error * clipped_error;
  }
  return result;
}

}  // namespace strider
