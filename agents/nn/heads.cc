#include "agents/nn/heads.h"

#include <ATen/core/grad_mode.h>

#include <numbers>

namespace strider::nn {

GaussianHeads::GaussianHeads(int inputs, const std::vector<int>& hidden, int actions, Activation activation,
                             double log_std_min, double log_std_max)
    : inputs_(inputs),
      hidden_(hidden),
      actions_(actions),
      net_{.activation = activation, .heads = 2},
      log_std_min_(log_std_min),
      log_std_max_(log_std_max) {}

std::vector<ParameterShape> GaussianHeads::Shapes() const {
  std::vector<ParameterShape> shapes;
  std::int64_t in = inputs_;
  for (std::size_t layer = 0; layer < hidden_.size(); ++layer) {
    shapes.push_back({std::to_string(layer) + ".weight", {hidden_[layer], in}});
    shapes.push_back({std::to_string(layer) + ".bias", {hidden_[layer]}});
    in = hidden_[layer];
  }
  for (const char* head : {"mu", "log_std"}) {
    shapes.push_back({std::string(head) + ".weight", {actions_, in}});
    shapes.push_back({std::string(head) + ".bias", {actions_}});
  }
  return shapes;
}

void GaussianHeads::Initialise(const ParameterSet& parameters, Initialisation how,
                               const at::Generator& random) const {
  for (std::size_t i = 0; i < parameters.leaves().size(); i += 2) {
    const double gain = i / 2 < hidden_.size() ? std::numbers::sqrt2 : 0.01;
    InitialiseLinear(parameters[i], parameters[i + 1], how, gain, random);
  }
}

GaussianHeads::Output GaussianHeads::Forward(const ParameterSet& parameters,
                                             const at::Tensor& observations) const {
  const auto heads = Evaluate(net_, observations, parameters.leaves());
  return {heads[0], heads[1].clamp(log_std_min_, log_std_max_)};
}

GaussianHeads::Pass GaussianHeads::Run(const ParameterSet& parameters, const at::Tensor& observations) const {
  Pass pass{RunForward(net_, observations, parameters.leaves()), {}};
  const auto& heads = pass.layers.outputs;
  pass.output = {heads[0], heads[1].clamp(log_std_min_, log_std_max_)};
  return pass;
}

void GaussianHeads::Backward(const ParameterSet& parameters, const Pass& pass, const Output& gradient) const {
  const at::NoGradGuard no_grad;
  // A clamp lets through what lies between its bounds, as the tanh of that name does.
  const at::Tensor of_log_std =
      at::hardtanh_backward(gradient.log_std, pass.layers.outputs[1], log_std_min_, log_std_max_);
  RunBackward(net_, pass.layers, parameters.leaves(), {gradient.mean, of_log_std}, parameters.gradients(),
              /*of_input=*/false);
}

at::Tensor GaussianHeads::Body(const ParameterSet& parameters, const at::Tensor& observations) const {
  return RunForward(net_, observations, parameters.leaves()).hidden.back();
}

FreeDeviationGaussian::FreeDeviationGaussian(int inputs, const std::vector<int>& hidden, int actions,
                                             bool squash_mean, double log_std_min, double log_std_max)
    : mean_(inputs, hidden, actions, Activation::kRelu),
      actions_(actions),
      squash_mean_(squash_mean),
      log_std_min_(log_std_min),
      log_std_max_(log_std_max) {}

std::vector<ParameterShape> FreeDeviationGaussian::Shapes() const {
  std::vector<ParameterShape> shapes = mean_.Shapes();
  shapes.push_back({"log_std", {actions_}});
  return shapes;
}

void FreeDeviationGaussian::Initialise(const ParameterSet& parameters, const at::Generator& random) const {
  mean_.Initialise(parameters, Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  const at::NoGradGuard no_grad;
  parameters.leaves().back().zero_();
}

FreeDeviationGaussian::Output FreeDeviationGaussian::Forward(const ParameterSet& parameters,
                                                             const at::Tensor& observations) const {
  const at::Tensor mean = mean_.Forward(parameters, observations);
  return {squash_mean_ ? at::tanh(mean) : mean, parameters.leaves().back().clamp(log_std_min_, log_std_max_)};
}

}  // namespace strider::nn
