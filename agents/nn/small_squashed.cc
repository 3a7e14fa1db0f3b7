#include "agents/nn/small_squashed.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
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

// Draws, and the deviations as a fourth tensor.
std::array<at::Tensor, 4> Draw(const at::Tensor& mean, const at::Tensor& log_std, const at::Tensor& noise,
                               float epsilon) {
  static const auto kHalfLogTwoPi = static_cast<float>(0.5 * std::log(2 * std::numbers::pi));
  at::Tensor pre_tanh = at::empty_like(mean);
  at::Tensor action = at::empty_like(mean);
  at::Tensor deviation = at::empty_like(mean);
  at::Tensor log_prob =
      at::empty(mean.sizes().slice(0, static_cast<std::size_t>(mean.dim()) - 1), mean.options());
  float* const u = pre_tanh.mutable_data_ptr<float>();
  float* const a = action.mutable_data_ptr<float>();
  float* const sd = deviation.mutable_data_ptr<float>();
  float* const density = log_prob.mutable_data_ptr<float>();
  const std::int64_t width = mean.size(-1);
  const std::int64_t rows = log_prob.numel();
  for (std::int64_t row = 0, i = 0; row < rows; ++row) {
    float gaussian = 0;
    float jacobian = 0;
    for (std::int64_t j = 0; j < width; ++j, ++i) {
      const float eps = Numbers(noise)[i];
      sd[i] = std::exp(Numbers(log_std)[i]);
      u[i] = Numbers(mean)[i] + sd[i] * eps;
      a[i] = std::tanh(u[i]);
      gaussian += -0.5F * eps * eps - Numbers(log_std)[i] - kHalfLogTwoPi;
      jacobian += LogJacobian(u[i], a[i], epsilon);
    }
    density[row] = gaussian - jacobian;
  }
  return {pre_tanh, action, log_prob, deviation};
}

class Node : public torch::autograd::Function<Node> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& mean, const at::Tensor& log_std,
                               const at::Tensor& noise, double epsilon) {
    const auto [pre_tanh, action, log_prob, deviation] =
        Draw(mean, log_std, noise, static_cast<float>(epsilon));
    context->save_for_backward({mean, log_std, noise, action, deviation});
    context->set_materialize_grads(false);
    context->saved_data["epsilon"] = epsilon;
    return {pre_tanh, action, log_prob};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const double epsilon = context->saved_data["epsilon"].toDouble();
    variable_list found = at::GradMode::is_enabled()
                              ? DifferentiableGradients(context, saved, epsilon, gradients)
                              : Gradients(saved, static_cast<float>(epsilon), gradients);
    found.resize(4);  // noise and epsilon have none
    return found;
  }

 private:
  static variable_list Gradients(const variable_list& saved, float epsilon, const variable_list& gradients) {
    const std::int64_t width = saved[0].size(-1);
    const std::int64_t count = saved[0].numel();
    const float* noise = Numbers(saved[2]);
    const float* a = Numbers(saved[3]);
    const float* sd = Numbers(saved[4]);
    at::Tensor of_mean = at::empty_like(saved[0]);
    at::Tensor of_log_std = at::empty_like(saved[0]);
    const auto given = [&](std::size_t k) {
      return gradients[k].defined() ? gradients[k].contiguous() : at::Tensor();
    };
    const at::Tensor of_u = given(0);
    const at::Tensor of_a = given(1);
    const at::Tensor of_density = given(2);
    float* const to_mean = of_mean.mutable_data_ptr<float>();
    float* const to_log_std = of_log_std.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < count; ++i) {
      const float slope = 1 - a[i] * a[i];  // of tanh
      const float density = of_density.defined() ? Numbers(of_density)[i / width] : 0;
      float sum = of_u.defined() ? Numbers(of_u)[i] : 0;
      if (of_a.defined()) sum += Numbers(of_a)[i] * slope;
      sum += density * 2 * a[i] * (epsilon > 0 ? slope / (slope + epsilon) : 1);
      to_mean[i] = sum;
      to_log_std[i] = sum * sd[i] * noise[i] - density;
    }
    return {of_mean, of_log_std};
  }

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
    variable_list found(2);
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
    const auto [pre_tanh, action, log_prob, deviation] =
        Draw(mean, log_std, noise, static_cast<float>(squash_epsilon));
    return {pre_tanh, action, log_prob};
  }
  const variable_list drawn = Node::apply(mean, log_std, noise, squash_epsilon);
  return {drawn[0], drawn[1], drawn[2]};
}

}  // namespace strider::nn
