#include "offline/critics.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

namespace strider {

Critics::Critics(const Task& task, const std::vector<int>& hidden, int members)
    : net_(task.observation_size + task.action_size(), hidden, 1, nn::Activation::kRelu, members),
      online_(net_.Shapes(), task.device),
      target_(online_.FrozenClone()),
      adam_(online_) {}

void Critics::Initialise(nn::Initialisation how, double output_gain, const at::Generator& random) {
  net_.Initialise(online_, how, output_gain, random);
  target_.CopyFrom(online_);
}

void Critics::InitialiseSmall(const at::Generator& random) {
  DrawSmallOutputs(online_, /*outputs=*/1, /*bound=*/3e-3, random);
  target_.CopyFrom(online_);
}

at::Tensor Critics::ActionGradient(const at::Tensor& observations, const at::Tensor& actions) const {
  // The chain rule by hand: of a ReLU network it is a product of weights and masks, and so differentiable
  // once more without a second-order backward pass.
  const bool lone = net_.members() == 1;
  std::vector<at::Tensor> weights;  // (members x out x in) each
  for (std::size_t i = 0; i < online_.leaves().size(); i += 2) {
    weights.push_back(lone ? online_[i].unsqueeze(0) : online_[i]);
  }
  std::vector<at::Tensor> masks;
  for (const at::Tensor& h : net_.Run(online_.leaves(), at::cat({observations, actions}, -1)).hidden) {
    const at::Tensor mask = (h > 0).to(h.scalar_type());
    masks.push_back(lone ? mask.unsqueeze(0) : mask);
  }
  at::Tensor gradient = weights.back().expand({-1, actions.size(0), -1});  // (members x rows x hidden)
  for (std::size_t layer = masks.size(); layer-- > 0;) {
    gradient = at::bmm(gradient * masks[layer], weights[layer]);
  }
  return gradient.narrow(-1, observations.size(1), actions.size(1));
}

at::Tensor Critics::Forward(const nn::ParameterSet& critics, const at::Tensor& observations,
                            const at::Tensor& actions) const {
  const at::Tensor q = net_.Forward(critics, at::cat({observations, actions}, -1)).squeeze(-1);
  return net_.members() == 1 ? q.unsqueeze(0) : q;
}

at::Tensor Critics::Online(const at::Tensor& observations, const at::Tensor& actions) const {
  return Forward(online_, observations, actions);
}

at::Tensor Critics::FirstQ(const at::Tensor& observations, const at::Tensor& actions) const {
  return net_.ForwardMember(online_, 0, at::cat({observations, actions}, -1)).squeeze(-1);
}

at::Tensor Critics::Target(const at::Tensor& observations, const at::Tensor& actions) const {
  const at::NoGradGuard no_grad;
  return Forward(target_, observations, actions);
}

void DrawSmallOutputs(const nn::ParameterSet& parameters, std::size_t outputs, double bound,
                      const at::Generator& random) {
  const at::NoGradGuard no_grad;
  std::vector<std::size_t> layers;  // indices of weights; their biases follow
  for (std::size_t i = 0; i < parameters.leaves().size(); ++i) {
    const std::string& name = parameters.names()[i];
    if (name.ends_with(".weight") && !name.ends_with(".norm.weight")) layers.push_back(i);
  }
  for (std::size_t k = 0; k < layers.size(); ++k) {
    const at::Tensor& weight = parameters[layers[k]];
    const at::Tensor& bias = parameters[layers[k] + 1];
    nn::InitialiseLinear(weight, bias, nn::Initialisation::kUniformFanIn, /*gain=*/1, random);
    if (k + outputs < layers.size()) {
      bias.fill_(0.1);
    } else {
      // Both are U(+-1/sqrt(fan_in)) by now.
      const double scale = bound * std::sqrt(static_cast<double>(weight.size(-1)));
      weight.mul_(scale);
      bias.mul_(scale);
    }
  }
}

std::vector<nn::NamedTensor> Critics::State() const {
  return nn::Concatenate(
      {online_.Named("critic"), target_.Named("critic", "_target"), adam_.Named("critic_adam")});
}

}  // namespace strider
