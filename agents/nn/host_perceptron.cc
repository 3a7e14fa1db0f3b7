#include "agents/nn/host_perceptron.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "agents/nn/host_product.h"
#include "agents/nn/host_vector.h"
#include "agents/nn/learner_threads.h"

namespace strider::nn {
namespace {

// So many rows go through all layers together: they stay in the processor's caches.
constexpr std::int64_t kBlockRows = 512;

// Ranges of rows are multiples of this, which products compute together.
constexpr std::int64_t kTogether = 8;

// Multiplications and additions that pay for waking other threads.
constexpr std::int64_t kWorthThreads = 8'000'000;

// ([members x] rows x width) numbers in a tensor's memory; members may share theirs.
template <class Number>
struct Rows {
  Number* data = nullptr;
  std::int64_t member = 0;  // from one member's rows to the next one's
  std::int64_t width = 0;

  Number* At(std::int64_t m, std::int64_t row) const { return data + m * member + row * width; }
  Rows From(std::int64_t row) const { return {At(0, row), member, width}; }
  // NOLINTNEXTLINE(google-explicit-constructor): as a pointer becomes one to what is constant
  operator Rows<const Number>() const { return {data, member, width}; }
};

template <class Number>
Rows<Number> RowsOf(const at::Tensor& x) {
  const std::int64_t member = x.dim() == 3 ? x.stride(0) : 0;
  if constexpr (std::is_const_v<Number>) {
    return {x.const_data_ptr<float>(), member, x.size(-1)};
  } else {
    return {x.mutable_data_ptr<float>(), member, x.size(-1)};
  }
}

// A linear layer of each member. Sizes are asked of the tensors once: that is too slow for loops.
class Layer {
 public:
  Layer(const at::Tensor& weight, const at::Tensor& bias)
      : weight_(weight.const_data_ptr<float>()),
        bias_(bias.const_data_ptr<float>()),
        in_(weight.size(-1)),
        out_(weight.size(-2)) {}

  std::int64_t out() const { return out_; }

  // y <- x weight' + bias, for member m's rows [first, first + count).
  void Forward(std::int64_t m, std::int64_t first, std::int64_t count, const Rows<const float>& x,
               const Rows<float>& y) const {
    Multiply({.rows = count,
              .inner = in_,
              .columns = out_,
              .a = {x.At(m, first), in_, 1},
              .b = {weight_ + m * out_ * in_, 1, in_},
              .start = bias_ + m * out_,
              .out = y.At(m, first)});
  }

  // dx <- dy weight, or dx + dy weight, for the same rows.
  void InputGradient(std::int64_t m, std::int64_t first, std::int64_t count, const Rows<const float>& dy,
                     bool add, const Rows<float>& dx) const {
    float* const sum = dx.At(m, first);
    Multiply({.rows = count,
              .inner = out_,
              .columns = in_,
              .a = {dy.At(m, first), out_, 1},
              .b = {weight_ + m * out_ * in_, in_, 1},
              .start = add ? sum : nullptr,
              .start_row = in_,
              .out = sum});
  }

  // Outputs [first, first + count) of dw <- dy' x, or dw + dy' x, over member m's `rows` rows.
  void WeightGradient(std::int64_t m, std::int64_t first, std::int64_t count, std::int64_t rows,
                      const Rows<const float>& dy, const Rows<const float>& x, bool add, float* dw) const {
    float* const sum = dw + (m * out_ + first) * in_;
    Multiply({.rows = count,
              .inner = rows,
              .columns = in_,
              .a = {dy.At(m, 0) + first, 1, out_},
              .b = {x.At(m, 0), in_, 1},
              .start = add ? sum : nullptr,
              .start_row = in_,
              .out = sum});
  }

  // db <- the sum of these rows of dy, or db + that.
  void BiasGradient(std::int64_t m, std::int64_t rows, const Rows<const float>& dy, bool add,
                    float* db) const {
    float* const sum = db + m * out_;
    if (!add) std::fill_n(sum, out_, 0.0F);
    AddRows(dy.At(m, 0), rows, out_, sum);
  }

 private:
  const float* weight_;  // ([members x] out x in)
  const float* bias_;    // ([members x] out)
  std::int64_t in_;
  std::int64_t out_;
};

// The layers of a perceptron for such an input. Throws c10::Error where shapes do not fit or memory has gaps.
std::vector<Layer> LayersOf(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  TORCH_CHECK(x.dim() == 2 || (x.dim() == 3 && net.members > 1 && x.size(0) == net.members), "input ",
              x.sizes(), " does not fit ", net.members, " members");
  TORCH_CHECK(parameters.size() >= 2 * net.heads && parameters.size() % 2 == 0, parameters.size(),
              " tensors are no layers with ", net.heads, " heads");
  std::int64_t inputs = x.size(-1);
  const std::size_t hidden = parameters.size() / 2 - net.heads;
  for (std::size_t i = 0; i < parameters.size(); i += 2) {
    const at::Tensor& weight = parameters[i];
    const at::Tensor& bias = parameters[i + 1];
    TORCH_CHECK(weight.is_contiguous() && bias.is_contiguous() && weight.size(-1) == inputs &&
                    bias.size(-1) == weight.size(-2) && bias.numel() == net.members * bias.size(-1) &&
                    weight.numel() == net.members * weight.size(-1) * weight.size(-2),
                "layer ", i / 2, ": weight ", weight.sizes(), " and bias ", bias.sizes(), " do not fit ",
                inputs, " inputs and ", net.members, " members without gaps");
    if (i / 2 < hidden) inputs = weight.size(-2);
  }
  std::vector<Layer> layers;
  layers.reserve(parameters.size() / 2);
  for (std::size_t i = 0; i < parameters.size(); i += 2)
    layers.emplace_back(parameters[i], parameters[i + 1]);
  return layers;
}

// How many threads to use for so many rows.
int Threads(std::int64_t rows, at::TensorList parameters) {
  std::int64_t numbers = 0;
  for (const at::Tensor& parameter : parameters) numbers += parameter.numel();
  return 2 * rows * numbers < kWorthThreads ? 1 : at::get_num_threads();
}

// Calls work(m, first, count) on so many threads for all members m and ranges that cover [0, rows): a
// member's rows together where there are members enough.
template <class Work>
void ForRanges(std::int64_t members, std::int64_t rows, int threads, const Work& work) {
  const std::int64_t parts = (threads + members - 1) / members;
  const std::int64_t tiles = (rows + kTogether * parts - 1) / (kTogether * parts);
  const std::int64_t size = std::clamp<std::int64_t>(tiles * kTogether, kTogether, kBlockRows);
  const std::int64_t ranges = (rows + size - 1) / size;
  ForLearner(members * ranges, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % ranges * size;
      work(i / ranges, first, std::min(size, rows - first));
    }
  });
}

at::Tensor NewRows(const Perceptron& net, std::int64_t rows, std::int64_t width, const at::Tensor& like) {
  return net.members == 1 ? at::empty({rows, width}, like.options())
                          : at::empty({net.members, rows, width}, like.options());
}

void ActivateInPlace(Activation activation, float* h, std::int64_t count) {
  (activation == Activation::kTanh ? TanhInPlace : ReluInPlace)(h, count);
}

// gradient <- gradient times the activation's slope, told from its value h.
void PassActivation(Activation activation, const float* h, float* gradient, std::int64_t count) {
  (activation == Activation::kTanh ? PassTanh : PassRelu)(h, gradient, count);
}

}  // namespace

bool IsForHost(const at::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat; }

ForwardPass RunHostForward(const Perceptron& net, const at::Tensor& x, at::TensorList parameters) {
  const std::vector<Layer> layers = LayersOf(net, x, parameters);
  const std::size_t hidden = layers.size() - net.heads;
  const std::int64_t rows = x.size(-2);
  ForwardPass pass;
  pass.input = x.contiguous();
  const auto input = RowsOf<const float>(pass.input);
  std::vector<Rows<float>> values;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    at::Tensor value = NewRows(net, rows, layers[i].out(), pass.input);
    values.push_back(RowsOf<float>(value));
    (i < hidden ? pass.hidden : pass.outputs).push_back(std::move(value));
  }
  ForRanges(net.members, rows, Threads(rows, parameters),
            [&](std::int64_t m, std::int64_t first, std::int64_t count) {
              for (std::size_t i = 0; i < layers.size(); ++i) {
                const std::size_t depth = std::min(i, hidden);
                layers[i].Forward(m, first, count, depth == 0 ? input : values[depth - 1], values[i]);
                if (i >= hidden) continue;
                ActivateInPlace(net.activation, values[i].At(m, first), count * values[i].width);
              }
            });
  return pass;
}

at::Tensor RunHostBackward(const Perceptron& net, const ForwardPass& pass, at::TensorList parameters,
                           at::TensorList output_gradients, at::TensorList into, bool of_input) {
  const std::vector<Layer> layers = LayersOf(net, pass.input, parameters);
  const std::size_t hidden = pass.hidden.size();
  const std::int64_t rows = pass.input.size(-2);
  const int threads = Threads(rows, parameters);

  // The value below layers that start at a depth, and the layers themselves, as far as a gradient reaches
  // them.
  std::vector<Rows<const float>> values = {RowsOf<const float>(pass.input)};
  for (const at::Tensor& h : pass.hidden) values.push_back(RowsOf<const float>(h));
  std::vector<std::vector<std::size_t>> above(hidden + 1);
  for (std::size_t i = 0; i < hidden; ++i) above[i] = {i};
  for (std::size_t head = 0; head < net.heads; ++head) {
    if (!output_gradients[head].defined()) continue;
    const at::Tensor& gradient = output_gradients[head];
    const std::int64_t out = layers[hidden + head].out();
    TORCH_CHECK(gradient.is_contiguous() && gradient.numel() == net.members * rows * out, "gradient ",
                gradient.sizes(), " by head ", head, ": expected ", out, " numbers for each of ", rows,
                " rows and ", net.members, " members without gaps");
    above[hidden].push_back(hidden + head);
  }
  if (above[hidden].empty()) return {};

  // Gradients by the layers' linear outputs: of hidden ones for a block of rows at a time.
  std::vector<at::Tensor> memory;
  std::vector<Rows<float>> slopes;
  for (std::size_t i = 0; i < hidden; ++i) {
    memory.push_back(NewRows(net, std::min(rows, kBlockRows), layers[i].out(), pass.input));
    slopes.push_back(RowsOf<float>(memory.back()));
  }
  at::Tensor input_gradient;
  if (of_input) input_gradient = at::empty_like(pass.input);

  std::int64_t block = 0;  // its first row
  do {
    const std::int64_t count = std::min(kBlockRows, rows - block);
    const auto slope = [&](std::size_t i) -> Rows<const float> {
      return i < hidden ? slopes[i] : RowsOf<const float>(output_gradients[i - hidden]).From(block);
    };
    ForRanges(net.members, count, threads, [&](std::int64_t m, std::int64_t first, std::int64_t range) {
      for (std::size_t i = hidden; i-- > 0;) {
        for (const std::size_t j : above[i + 1]) {
          layers[j].InputGradient(m, first, range, slope(j), /*add=*/j != above[i + 1].front(), slopes[i]);
        }
        PassActivation(net.activation, values[i + 1].From(block).At(m, first), slopes[i].At(m, first),
                       range * slopes[i].width);
      }
    });
    for (std::size_t depth = 0; depth <= hidden && !into.empty(); ++depth) {
      for (const std::size_t j : above[depth]) {
        ForRanges(net.members, layers[j].out(), threads,
                  [&](std::int64_t m, std::int64_t first, std::int64_t range) {
                    const bool add = block > 0;
                    if (into[2 * j].defined()) {
                      layers[j].WeightGradient(m, first, range, count, slope(j), values[depth].From(block),
                                               add, into[2 * j].mutable_data_ptr<float>());
                    }
                    if (into[2 * j + 1].defined() && first == 0) {
                      layers[j].BiasGradient(m, count, slope(j), add,
                                             into[2 * j + 1].mutable_data_ptr<float>());
                    }
                  });
      }
    }
    if (of_input) {
      const auto dx = RowsOf<float>(input_gradient).From(block);
      // An input that members share gets the sum of theirs.
      const std::int64_t inputs = pass.input.dim() == 3 ? net.members : 1;
      ForRanges(inputs, count, threads, [&](std::int64_t input, std::int64_t first, std::int64_t range) {
        for (std::int64_t m = input; m < net.members; m += inputs) {
          for (const std::size_t j : above[0]) {
            const bool add = m >= inputs || j != above[0].front();
            layers[j].InputGradient(m, first, range, slope(j), add, dx);
          }
        }
      });
    }
    block += kBlockRows;
  } while (block < rows);
  return input_gradient;
}

}  // namespace strider::nn
