#include "agents/nn/small_perceptron.h"

#include <algorithm>

#include "agents/nn/small_product.h"
#include "agents/nn/small_vector.h"

namespace strider::nn {
namespace {

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

}  // namespace

bool IsSmall(const std::vector<int>& widths) {
  return std::ranges::all_of(widths, [](int width) { return width <= kWidest; });
}

bool IsForSmall(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 2;
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
