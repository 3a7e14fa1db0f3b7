// Perceptrons as one node of LibTorch's graph.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "agents/nn/perceptron.h"

namespace strider::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The outputs by LibTorch's own operations: what a gradient that is to be differentiated again goes through.
std::vector<at::Tensor> ByDispatcher(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  const std::size_t hidden = parameters.size() / 2 - net.heads;
  const auto linear = [&](const at::Tensor& h, std::size_t i) {
    const at::Tensor& weight = parameters[2 * i];
    const at::Tensor& bias = parameters[2 * i + 1];
    return net.members == 1 ? at::linear(h, weight, bias)
                            : at::matmul(h, weight.transpose(1, 2)) + bias.unsqueeze(1);
  };
  at::Tensor h = x;
  for (std::size_t i = 0; i < hidden; ++i) h = Activate(linear(h, i), net.activation);
  std::vector<at::Tensor> outputs;
  for (std::size_t i = hidden; i < hidden + net.heads; ++i) outputs.push_back(linear(h, i));
  return outputs;
}

class Node : public torch::autograd::Function<Node> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x, at::TensorList parameters,
                               const Perceptron& net) {
    const ForwardPass pass = RunForward(net, x, parameters);
    variable_list saved = {x};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    saved.insert(saved.end(), pass.hidden.begin(), pass.hidden.end());
    context->save_for_backward(std::move(saved));
    context->set_materialize_grads(false);
    context->saved_data["net"] = std::vector<std::int64_t>{static_cast<std::int64_t>(net.activation),
                                                           net.members, static_cast<std::int64_t>(net.heads)};
    return pass.outputs;
  }

  static variable_list backward(AutogradContext* context, const variable_list& output_gradients) {
    const auto kept = context->saved_data["net"].toIntVector();
    const Perceptron net{.activation = static_cast<Activation>(kept[0]),
                         .members = static_cast<int>(kept[1]),
                         .heads = static_cast<std::size_t>(kept[2])};
    const variable_list saved = context->get_saved_variables();
    // saved: x, two parameters for each layer, values of all layers but the heads.
    const std::size_t layers = (saved.size() - 1 + net.heads) / 3;
    const auto parameters = at::TensorList(saved).slice(1, 2 * layers);
    std::vector<bool> needed;
    for (std::size_t i = 0; i < 1 + 2 * layers; ++i) needed.push_back(context->needs_input_grad(i));
    variable_list gradients =
        at::GradMode::is_enabled()
            ? DifferentiableGradients(net, saved[0], parameters, needed, output_gradients)
            : Gradients(net, saved, parameters, needed, output_gradients);
    gradients.emplace_back();  // the shape's
    return gradients;
  }

 private:
  static variable_list Gradients(const Perceptron& net, const variable_list& saved, at::TensorList parameters,
                                 const std::vector<bool>& needed, const variable_list& output_gradients) {
    ForwardPass pass;
    pass.input = saved[0];
    pass.hidden.assign(saved.begin() + 1 + static_cast<std::ptrdiff_t>(parameters.size()), saved.end());
    const std::size_t hidden = pass.hidden.size();
    variable_list gradients(1 + parameters.size());
    variable_list given;
    bool any = false;
    for (const at::Tensor& gradient : output_gradients) {
      given.push_back(gradient.defined() ? gradient.contiguous() : gradient);
      any = any || gradient.defined();
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const bool reached = i / 2 < hidden ? any : given[i / 2 - hidden].defined();
      if (needed[1 + i] && reached) {
        gradients[1 + i] = at::empty_like(parameters[i], at::MemoryFormat::Contiguous);
      }
    }
    gradients[0] = RunBackward(net, pass, parameters, given, at::TensorList(gradients).slice(1), needed[0]);
    return gradients;
  }

  static variable_list DifferentiableGradients(const Perceptron& net, const at::Tensor& x,
                                               at::TensorList parameters, const std::vector<bool>& needed,
                                               const variable_list& output_gradients) {
    const std::vector<at::Tensor> outputs = ByDispatcher(net, x, parameters);
    variable_list of;
    variable_list output_gradients_of;
    for (std::size_t head = 0; head < outputs.size(); ++head) {
      if (!output_gradients[head].defined()) continue;
      of.push_back(outputs[head]);
      output_gradients_of.push_back(output_gradients[head]);
    }
    variable_list inputs;
    for (std::size_t i = 0; i < needed.size(); ++i) {
      if (needed[i]) inputs.push_back(i == 0 ? x : parameters[i - 1]);
    }
    const variable_list found = torch::autograd::grad(of, inputs, output_gradients_of, /*retain_graph=*/true,
                                                      /*create_graph=*/true, /*allow_unused=*/true);
    variable_list gradients(needed.size());
    auto next = found.begin();
    for (std::size_t i = 0; i < needed.size(); ++i) {
      if (needed[i]) gradients[i] = *next++;
    }
    return gradients;
  }
};

}  // namespace

std::vector<at::Tensor> Evaluate(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  const at::Tensor rows = x.contiguous();
  if (at::GradMode::is_enabled()) return Node::apply(rows, parameters, net);
  return RunForward(net, rows, parameters).outputs;
}

}  // namespace strider::nn
