#include "agents/nn/small_perceptron.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "agents/nn/small_product.h"
#include "agents/nn/small_vector.h"

namespace strider::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int kWidest = 128;

// A linear layer with its input, which the members of an ensemble may share. Sizes are asked of the tensors
// once: that is too slow for loops.
struct Layer {
  Layer(const at::Tensor& layer_x, const at::Tensor& layer_weight, std::int64_t layer_members)
      : x(layer_x),
        weight(layer_weight),
        members(layer_members),
        rows(x.size(-2)),
        in(weight.size(-1)),
        out(weight.size(-2)),
        shared(x.dim() == 2) {}

  const float* input(std::int64_t member) const {
    return x.const_data_ptr<float>() + (shared ? 0 : member * rows * in);
  }
  const float* weights(std::int64_t member) const {
    return weight.const_data_ptr<float>() + member * out * in;
  }

  at::Tensor x;       // ([members x] rows x in)
  at::Tensor weight;  // ([members x] out x in)
  std::int64_t members;
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
  bool shared;
};

at::Tensor NewRows(const Layer& layer, std::int64_t width) {
  return layer.members == 1 ? at::empty({layer.rows, width}, layer.x.options())
                            : at::empty({layer.members, layer.rows, width}, layer.x.options());
}

// So many rows go through all layers together: they stay in the processor's caches.
constexpr std::int64_t kBlockRows = 512;

// Calls visit(first, count) for blocks of rows; for all of them at once where there are members, whose rows
// do not lie one after the other.
template <class Visit>
void ForEachBlock(const Perceptron& net, std::int64_t rows, const Visit& visit) {
  const std::int64_t together = net.members > 1 ? rows : kBlockRows;
  std::int64_t first = 0;
  do {
    visit(first, std::min(together, rows - first));
    first += together;
  } while (first < rows);
}

// The block of a tensor's rows; the tensor itself where that is all of them.
at::Tensor Block(const at::Tensor& x, std::int64_t first, std::int64_t count) {
  return x.size(-2) == count ? x : x.narrow(-2, first, count);
}

void Forward(const Layer& layer, const at::Tensor& bias, const at::Tensor& y) {
  for (std::int64_t m = 0; m < layer.members; ++m) {
    Multiply({.rows = layer.rows,
              .inner = layer.in,
              .columns = layer.out,
              .a = {layer.input(m), layer.in, 1},
              .b = {layer.weights(m), 1, layer.in},
              .start = bias.const_data_ptr<float>() + m * layer.out,
              .out = y.mutable_data_ptr<float>() + m * layer.rows * layer.out});
  }
}

// Replaces what is in `into`, or adds to it.
void WriteWeightGradient(const Layer& layer, const at::Tensor& gradient, bool add, const at::Tensor& into) {
  for (std::int64_t m = 0; m < layer.members; ++m) {
    const float* dy = gradient.const_data_ptr<float>() + m * layer.rows * layer.out;
    float* const sum = into.mutable_data_ptr<float>() + m * layer.out * layer.in;
    Multiply({.rows = layer.out,
              .inner = layer.rows,
              .columns = layer.in,
              .a = {dy, 1, layer.out},
              .b = {layer.input(m), layer.in, 1},
              .start = add ? sum : nullptr,
              .start_row = layer.in,
              .out = sum});
  }
}

void WriteBiasGradient(const Layer& layer, const at::Tensor& gradient, bool add, const at::Tensor& into) {
  if (!add) std::fill_n(into.mutable_data_ptr<float>(), into.numel(), 0.0F);
  const float* dy = gradient.const_data_ptr<float>();
  for (std::int64_t m = 0; m < layer.members; ++m) {
    AddRows(dy + m * layer.rows * layer.out, layer.rows, layer.out,
            into.mutable_data_ptr<float>() + m * layer.out);
  }
}

// Adds the gradient with respect to the input to `sum`, which may be undefined yet.
void AddInputGradient(const Layer& layer, const at::Tensor& gradient, at::Tensor& sum) {
  const bool fresh = !sum.defined();
  if (fresh) sum = at::empty(layer.x.sizes(), layer.x.options());
  for (std::int64_t m = 0; m < layer.members; ++m) {
    float* dx = sum.mutable_data_ptr<float>() + (layer.shared ? 0 : m * layer.rows * layer.in);
    Multiply({.rows = layer.rows,
              .inner = layer.out,
              .columns = layer.in,
              .a = {gradient.const_data_ptr<float>() + m * layer.rows * layer.out, layer.out, 1},
              .b = {layer.weights(m), layer.in, 1},
              .start = fresh && (m == 0 || !layer.shared) ? nullptr : dx,
              .start_row = layer.in,
              .out = dx});
  }
}

void ActivateInPlace(const at::Tensor& h, Activation activation) {
  (activation == Activation::kTanh ? TanhInPlace : ReluInPlace)(h.mutable_data_ptr<float>(), h.numel());
}

// gradient <- gradient times the activation's slope, told from its value h.
void PassActivation(const at::Tensor& h, Activation activation, const at::Tensor& gradient) {
  (activation == Activation::kTanh ? PassTanh : PassRelu)(h.const_data_ptr<float>(),
                                                          gradient.mutable_data_ptr<float>(), h.numel());
}

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
    const ForwardPass pass = RunSmallForward(net, x, parameters);
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
    gradients[0] =
        RunSmallBackward(net, pass, parameters, given, at::TensorList(gradients).slice(1), needed[0]);
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

bool IsSmall(const std::vector<int>& widths) {
  return std::ranges::all_of(widths, [](int width) { return width <= kWidest; });
}

bool IsForSmall(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 2;
}

std::vector<at::Tensor> Evaluate(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  const at::Tensor rows = x.contiguous();
  if (at::GradMode::is_enabled()) return Node::apply(rows, parameters, net);
  return RunSmallForward(net, rows, parameters).outputs;
}

ForwardPass RunSmallForward(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  ForwardPass pass;
  pass.input = x.contiguous();
  const std::size_t hidden = parameters.size() / 2 - net.heads;
  pass.hidden.reserve(hidden);
  for (std::size_t i = 0; i < hidden + net.heads; ++i) {
    const Layer layer(pass.input, parameters[2 * i], net.members);
    (i < hidden ? pass.hidden : pass.outputs).push_back(NewRows(layer, layer.out));
  }
  ForEachBlock(net, pass.input.size(-2), [&](std::int64_t first, std::int64_t count) {
    at::Tensor below = Block(pass.input, first, count);
    for (std::size_t i = 0; i < hidden + net.heads; ++i) {
      const at::Tensor value = Block(i < hidden ? pass.hidden[i] : pass.outputs[i - hidden], first, count);
      Forward({below, parameters[2 * i], net.members}, parameters[2 * i + 1], value);
      if (i >= hidden) continue;
      ActivateInPlace(value, net.activation);
      below = value;
    }
  });
  return pass;
}

at::Tensor RunSmallBackward(const Perceptron& net, const ForwardPass& pass, at::TensorList parameters,
                            at::TensorList output_gradients, at::TensorList into, bool of_input) {
  const std::size_t hidden = pass.hidden.size();
  at::Tensor input_gradient;  // where it is wanted
  ForEachBlock(net, pass.input.size(-2), [&](std::int64_t first, std::int64_t count) {
    at::Tensor above;  // with respect to the value of the hidden layer below those done
    const auto go_through = [&](std::size_t i, const at::Tensor& gradient, at::Tensor& below) {
      const std::size_t depth = std::min(i, hidden);
      const Layer layer{Block(depth == 0 ? pass.input : pass.hidden[depth - 1], first, count),
                        parameters[2 * i], net.members};
      const bool add = first > 0;
      if (!into.empty() && into[2 * i].defined()) WriteWeightGradient(layer, gradient, add, into[2 * i]);
      if (!into.empty() && into[2 * i + 1].defined())
        WriteBiasGradient(layer, gradient, add, into[2 * i + 1]);
      if (depth > 0 || of_input) AddInputGradient(layer, gradient, below);
    };
    for (std::size_t head = 0; head < net.heads; ++head) {
      const at::Tensor& gradient = output_gradients[head];
      if (gradient.defined()) go_through(hidden + head, Block(gradient, first, count), above);
    }
    for (std::size_t i = hidden; i-- > 0 && above.defined();) {
      PassActivation(Block(pass.hidden[i], first, count), net.activation, above);
      at::Tensor below;
      go_through(i, above, below);
      above = below;
    }
    if (!of_input || !above.defined()) return;
    if (count == pass.input.size(-2)) {
      input_gradient = above;
      return;
    }
    if (!input_gradient.defined()) input_gradient = at::empty(pass.input.sizes(), pass.input.options());
    Block(input_gradient, first, count).copy_(above);
  });
  return input_gradient;
}

}  // namespace strider::nn
