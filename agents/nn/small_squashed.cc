#include "agents/nn/small_squashed.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strider::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// More numbers than this are better off with LibTorch's vectorised functions.
constexpr std::int64_t kFew = 512;

const float* Numbers(const at::Tensor& x) { return x.const_data_ptr<float>(); }

float LogJacobian(float u, float action, float epsilon) {
  if (epsilon > 0) return std::log(1 - action * action + epsilon);
  const float softplus = std::max(-2 * u, 0.0F) + std::log1p(std::exp(-std::abs(2 * u)));
  return 2 * (std::numbers::ln2_v<float> - u - softplus);
}

SquashedSample Draw(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise,
                    float epsilon) {
  static const auto kHalfLogTwoPi = static_cast<float>(0.5 * std::log(2 * std::numbers::pi));
  at::Tensor pre_tanh = at::empty_like(mean);
  at::Tensor action = at::empty_like(mean);
  at::Tensor log_prob =
      at::empty(mean.sizes().slice(0, static_cast<std::size_t>(mean.dim()) - 1), mean.options());
  const float* const centre = Numbers(mean);
  const float* const log_sd = Numbers(log_std);
  const float* const normal = Numbers(noise);
  float* const u = pre_tanh.mutable_data_ptr<float>();
  float* const a = action.mutable_data_ptr<float>();
  float* const density = log_prob.mutable_data_ptr<float>();
  const std::int64_t width = mean.size(-1);
  const std::int64_t rows = log_prob.numel();
  for (std::int64_t row = 0, i = 0; row < rows; ++row) {
    float gaussian = 0;
    float jacobian = 0;
    for (std::int64_t j = 0; j < width; ++j, ++i) {
      const float eps = normal[i];
      u[i] = centre[i] + std::exp(log_sd[i]) * eps;
      a[i] = std::tanh(u[i]);
      gaussian += -0.5F * eps * eps - log_sd[i] - kHalfLogTwoPi;
      jacobian += LogJacobian(u[i], a[i], epsilon);
    }
    density[row] = gaussian - jacobian;
  }
  return {pre_tanh, action, log_prob};
}

class Node : public torch::autograd::Function<Node> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& mean, const at::Tensor& log_std,
                               const at::Tensor& noise, double epsilon) {
    const SquashedSample sample = Draw(mean, log_std, noise, static_cast<float>(epsilon));
    context->save_for_backward({mean, log_std, noise, sample.action});
    context->set_materialize_grads(false);
    context->saved_data["epsilon"] = epsilon;
    return {sample.pre_tanh, sample.action, sample.log_prob};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const double epsilon = context->saved_data["epsilon"].toDouble();
    if (at::GradMode::is_enabled()) return DifferentiableGradients(context, saved, epsilon, gradients);
    const GaussianGradient found = SampleFewSquashedBackward(saved[3], saved[1], saved[2], epsilon,
                                                             {gradients[0], gradients[1], gradients[2]});
    return {found.mean, found.log_std, {}, {}};  // noise and epsilon have none
  }

 private:
  static variable_list DifferentiableGradients(AutogradContext* context, const variable_list& saved,
                                               double epsilon, const variable_list& gradients) {
    const SquashedSample sample = SampleSquashedByDispatcher(saved[0], saved[1], saved[2], epsilon);
    const variable_list outputs = {sample.pre_tanh, sample.action, sample.log_prob};
    variable_list of;
    variable_list of_gradients;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!gradients[k].defined()) continue;
      of.push_back(outputs[k]);
      of_gradients.push_back(gradients[k]);
    }
    variable_list found(4);  // noise and epsilon have none
    variable_list inputs;
    for (const std::size_t i : {0, 1}) {
      if (context->needs_input_grad(i)) inputs.push_back(saved[i]);
    }
    const variable_list given = torch::autograd::grad(of, inputs, of_gradients, /*retain_graph=*/true,
                                                      /*create_graph=*/true, /*allow_unused=*/true);
    auto next = given.begin();
    for (const std::size_t i : {0, 1}) {
      if (context->needs_input_grad(i)) found[i] = *next++;
    }
    return found;
  }
};

}  // namespace

bool AreFewDraws(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise) {
  const auto plain = [](const at::Tensor& x) {
    return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous();
  };
  return mean.numel() <= kFew && mean.dim() > 0 && plain(mean) && plain(log_std) && plain(noise) &&
         mean.sizes() == log_std.sizes() && mean.sizes() == noise.sizes() && !noise.requires_grad();
}

SquashedSample SampleFewSquashed(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise,
                                 double squash_epsilon) {
  if (!at::GradMode::is_enabled()) {
    return Draw(mean, log_std, noise, static_cast<float>(squash_epsilon));
  }
  const variable_list drawn = Node::apply(mean, log_std, noise, squash_epsilon);
  return {drawn[0], drawn[1], drawn[2]};
}

GaussianGradient SampleFewSquashedBackward(const at::Tensor& action, const at::Tensor& log_std,
                                           const at::Tensor& noise, double squash_epsilon,
                                           const SquashedSample& of) {
  const auto epsilon = static_cast<float>(squash_epsilon);
  const std::int64_t width = action.size(-1);
  const std::int64_t count = action.numel();
  const auto given = [](const at::Tensor& x) { return x.defined() ? x.contiguous() : x; };
  const at::Tensor of_u = given(of.pre_tanh);
  const at::Tensor of_a = given(of.action);
  const at::Tensor of_density = given(of.log_prob);
  GaussianGradient found{at::empty_like(action), at::empty_like(action)};
  const float* const a = Numbers(action);
  const float* const log_sd = Numbers(log_std);
  const float* const normal = Numbers(noise);
  float* const to_mean = found.mean.mutable_data_ptr<float>();
  float* const to_log_std = found.log_std.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < count; ++i) {
    const float slope = 1 - a[i] * a[i];  // of tanh
    const float density = of_density.defined() ? Numbers(of_density)[i / width] : 0;
    float sum = of_u.defined() ? Numbers(of_u)[i] : 0;
    if (of_a.defined()) sum += Numbers(of_a)[i] * slope;
    sum += density * 2 * a[i] * (epsilon > 0 ? slope / (slope + epsilon) : 1);
    to_mean[i] = sum;
    to_log_std[i] = sum * std::exp(log_sd[i]) * normal[i] - density;
  }
  return found;
}

}  // namespace strider::nn
