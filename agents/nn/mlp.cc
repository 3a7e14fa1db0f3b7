#include "agents/nn/mlp.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

namespace strider::nn {

void DrawUniform(const at::Tensor& target, double bound, const at::Generator& random) {
  const at::NoGradGuard no_grad;
  at::Tensor drawn = at::empty(target.sizes(), at::kFloat);
  drawn.uniform_(-bound, bound, random);
  target.copy_(drawn);
}

void InitialiseLinear(const at::Tensor& weight, const at::Tensor& bias, Initialisation how, double gain,
                      const at::Generator& random) {
  const at::NoGradGuard no_grad;
  const auto inputs = static_cast<double>(weight.size(-1));
  const auto outputs = static_cast<double>(weight.size(-2));
  switch (how) {
    case Initialisation::kUniformFanIn:
      DrawUniform(weight, 1 / std::sqrt(inputs), random);
      DrawUniform(bias, 1 / std::sqrt(inputs), random);
      return;
    case Initialisation::kGlorot:
      DrawUniform(weight, std::sqrt(6 / (inputs + outputs)), random);
      bias.zero_();
      return;
    case Initialisation::kOrthogonal:
      for (const at::Tensor& member : weight.reshape({-1, weight.size(-2), weight.size(-1)}).unbind()) {
        // The Q of a Gaussian matrix, with signs that make it uniform over the orthogonal matrices (Saxe et
        // al. 2014).
        const bool wide = member.size(0) < member.size(1);
        at::Tensor gaussian = at::empty(
            {std::max(member.size(0), member.size(1)), std::min(member.size(0), member.size(1))}, at::kFloat);
        gaussian.normal_(0, 1, random);
        auto [q, r] = at::linalg_qr(gaussian);
        at::Tensor orthogonal = q * r.diagonal().sign();
        member.copy_((wide ? orthogonal.t() : orthogonal) * gain);
      }
      bias.zero_();
      return;
  }
}

Mlp::Mlp(int inputs, std::vector<int> hidden, int outputs, Activation activation, int members, LayerNorm norm,
         double norm_epsilon)
    : sizes_(std::move(hidden)),
      net_{.activation = activation, .members = members},
      norm_(norm),
      norm_epsilon_(norm_epsilon) {
  sizes_.insert(sizes_.begin(), inputs);
  sizes_.push_back(outputs);
}

std::vector<ParameterShape> Mlp::Shapes() const {
  std::vector<ParameterShape> shapes;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    if (members() > 1) shape.insert(shape.begin(), members());
    shapes.push_back({members() > 1 ? "*" + name : name, std::move(shape)});
  };
  for (std::size_t layer = 0; layer + 1 < sizes_.size(); ++layer) {
    const std::int64_t in = sizes_[layer];
    const std::int64_t out = sizes_[layer + 1];
    const std::string name = std::to_string(layer);
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
    if (!normed(layer)) continue;
    add(name + ".norm.weight", {out});
    add(name + ".norm.bias", {out});
  }
  return shapes;
}

void Mlp::Initialise(const ParameterSet& parameters, Initialisation how, double output_gain,
                     const at::Generator& random) const {
  const at::NoGradGuard no_grad;
  const std::size_t layers = sizes_.size() - 1;
  std::size_t i = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const double gain = layer + 1 == layers ? output_gain : std::numbers::sqrt2;
    InitialiseLinear(parameters[i], parameters[i + 1], how, gain, random);
    i += 2;
    if (!normed(layer)) continue;
    parameters[i].fill_(1);
    parameters[i + 1].zero_();
    i += 2;
  }
}

at::Tensor Mlp::Normalize(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
  const std::int64_t width = x.size(-1);
  if (members() == 1) return at::layer_norm(x, {width}, weight, bias, norm_epsilon_);
  return at::layer_norm(x, {width}, {}, {}, norm_epsilon_) * weight.unsqueeze(1) + bias.unsqueeze(1);
}

at::Tensor Mlp::Forward(const ParameterSet& parameters, const at::Tensor& x) const {
  if (norm_ == LayerNorm::kNone) return Evaluate(net_, x, Layers(parameters.leaves()))[0];
  const std::size_t layers = sizes_.size() - 1;
  at::Tensor out = x;
  std::size_t i = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const Perceptron linear{.members = members()};
    out = Evaluate(linear, out, {parameters[i], parameters[i + 1]})[0];
    i += 2;
    if (layer + 1 == layers) break;
    if (norm_ == LayerNorm::kBeforeActivation) out = Normalize(out, parameters[i], parameters[i + 1]);
    out = Activate(out, net_.activation);
    if (norm_ == LayerNorm::kAfterActivation) out = Normalize(out, parameters[i], parameters[i + 1]);
    i += 2;
  }
  return out;
}

at::Tensor Mlp::ForwardMember(const ParameterSet& parameters, std::int64_t member,
                              const at::Tensor& x) const {
  std::vector<at::Tensor> own;
  for (const at::Tensor& leaf : Layers(parameters.leaves())) own.push_back(leaf.detach()[member]);
  Perceptron net = net_;
  net.members = 1;
  return Evaluate(net, x, own)[0];
}

ForwardPass Mlp::Run(at::TensorList leaves, const at::Tensor& x) const {
  return RunForward(net_, x, Layers(leaves));
}

void Mlp::Backward(const ParameterSet& parameters, const ForwardPass& pass,
                   const at::Tensor& gradient) const {
  RunBackward(net_, pass, Layers(parameters.leaves()), gradient, Layers(parameters.gradients()),
              /*of_input=*/false);
}

at::Tensor Mlp::InputGradient(at::TensorList leaves, const ForwardPass& pass,
                              const at::Tensor& gradient) const {
  return RunBackward(net_, pass, Layers(leaves), gradient, {}, /*of_input=*/true);
}

}  // namespace strider::nn
