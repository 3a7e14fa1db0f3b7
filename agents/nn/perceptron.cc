#include "agents/nn/perceptron.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agents/nn/host_perceptron.h"

namespace strider::nn {
namespace {

// (rows x in) for one network, (members x rows x in) for an ensemble.
at::Tensor ForMembers(const Perceptron& net, const at::Tensor& x) {
  return net.members == 1 || x.dim() == 3 ? x : x.expand({net.members, x.size(0), x.size(1)});
}

at::Tensor Linear(const Perceptron& net, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias) {
  return net.members == 1 ? at::addmm(bias, x, weight.t())
                          : at::baddbmm(bias.unsqueeze(1), ForMembers(net, x), weight.transpose(1, 2));
}

// gradient <- gradient times the activation's slope, told from its value h.
void PassActivation(at::Tensor& gradient, const at::Tensor& h, Activation activation) {
  if (activation == Activation::kRelu) {
    at::threshold_backward_out(gradient, gradient, h, 0);
  } else {
    at::tanh_backward_out(gradient, gradient, h);
  }
}

}  // namespace

ForwardPass RunForward(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  const at::NoGradGuard no_grad;
  if (IsForHost(x)) return RunHostForward(net, x, parameters);
  ForwardPass pass;
  pass.input = x;
  const std::size_t hidden = parameters.size() / 2 - net.heads;
  for (std::size_t i = 0; i < hidden + net.heads; ++i) {
    const at::Tensor& below = pass.hidden.empty() ? pass.input : pass.hidden.back();
    const at::Tensor& weight = parameters[2 * i];
    const at::Tensor& bias = parameters[2 * i + 1];
    if (i >= hidden) {
      pass.outputs.push_back(Linear(net, below, weight, bias));
    } else if (net.activation == Activation::kTanh) {
      pass.hidden.push_back(Linear(net, below, weight, bias).tanh_());
    } else {
      pass.hidden.push_back(Linear(net, below, weight, bias).relu_());
    }
  }
  return pass;
}

at::Tensor RunBackward(const Perceptron& net, const ForwardPass& pass, at::TensorList parameters,
                       at::TensorList output_gradients, at::TensorList into, bool of_input) {
  const at::NoGradGuard no_grad;
  if (IsForHost(pass.input)) {
    return RunHostBackward(net, pass, parameters, output_gradients, into, of_input);
  }
  const std::size_t hidden = pass.hidden.size();
  at::Tensor above;  // with respect to the value of the hidden layer below those done
  const auto go_through = [&](std::size_t i, const at::Tensor& gradient, at::Tensor& below) {
    const std::size_t depth = std::min(i, hidden);
    const at::Tensor x = ForMembers(net, depth == 0 ? pass.input : pass.hidden[depth - 1]);
    if (!into.empty() && into[2 * i].defined()) {
      at::Tensor of_weight = into[2 * i];
      at::matmul_out(of_weight, gradient.transpose(-2, -1), x);
    }
    if (!into.empty() && into[2 * i + 1].defined()) {
      at::Tensor of_bias = into[2 * i + 1];
      at::sum_out(of_bias, gradient, {-2});
    }
    if (depth == 0 && !of_input) return;
    at::Tensor dx = at::matmul(gradient, parameters[2 * i]);
    if (depth == 0 && dx.dim() > pass.input.dim()) dx = dx.sum(0);
    below = below.defined() ? below.add_(dx) : dx;
  };
  for (std::size_t head = 0; head < net.heads; ++head) {
    if (output_gradients[head].defined()) go_through(hidden + head, output_gradients[head], above);
  }
  for (std::size_t i = hidden; i-- > 0 && above.defined();) {
    PassActivation(above, pass.hidden[i], net.activation);
    at::Tensor below;
    go_through(i, above, below);
    above = below;
  }
  return above;
}

}  // namespace strider::nn
