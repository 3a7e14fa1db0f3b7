#include "offline/action_vae.h"

#include "agents/nn/mlp.h"

namespace strider {

ActionVae::ActionVae(int observations, int actions, std::vector<int> hidden, double max_action)
    : observations_(observations), actions_(actions), hidden_(std::move(hidden)), max_action_(max_action) {}

std::vector<nn::ParameterShape> ActionVae::Shapes() const {
  std::vector<nn::ParameterShape> shapes;
  const auto add = [&shapes](const std::string& name, std::int64_t in, std::int64_t out) {
    shapes.push_back({name + ".weight", {out, in}});
    shapes.push_back({name + ".bias", {out}});
  };
  const auto add_body = [&](const std::string& name, std::int64_t in) {
    for (std::size_t layer = 0; layer < hidden_.size(); ++layer) {
      add(name + std::to_string(layer), in, hidden_[layer]);
      in = hidden_[layer];
    }
    return in;
  };
  const std::int64_t code = add_body("encoder.", observations_ + actions_);
  add("mean", code, latent_size());
  add("log_std", code, latent_size());
  const std::int64_t last = add_body("decoder.", observations_ + latent_size());
  add("decoder." + std::to_string(hidden_.size()), last, actions_);
  return shapes;
}

void ActionVae::Initialise(const nn::ParameterSet& parameters, const at::Generator& random) const {
  for (std::size_t i = 0; i < parameters.leaves().size(); i += 2) {
    nn::InitialiseLinear(parameters[i], parameters[i + 1], nn::Initialisation::kUniformFanIn, /*gain=*/1,
                         random);
  }
}

ActionVae::Code ActionVae::Encode(const nn::ParameterSet& parameters, const at::Tensor& observations,
                                  const at::Tensor& actions) const {
  constexpr double kLogStdMin = -4;
  constexpr double kLogStdMax = 15;
  const auto heads = nn::Evaluate({.heads = 2}, at::cat({observations, actions}, -1),
                                  at::TensorList(parameters.leaves()).slice(0, encoder_tensors()));
  return {heads[0], heads[1].clamp(kLogStdMin, kLogStdMax)};
}

at::Tensor ActionVae::Decode(const nn::ParameterSet& parameters, const at::Tensor& observations,
                             const at::Tensor& latent) const {
  const auto raw = nn::Evaluate({}, at::cat({observations, latent}, -1),
                                at::TensorList(parameters.leaves()).slice(encoder_tensors()));
  return max_action_ * at::tanh(raw[0]);
}

ActionVae::Loss ActionVae::Losses(const nn::ParameterSet& parameters, const at::Tensor& observations,
                                  const at::Tensor& actions, const at::Tensor& noise,
                                  const at::Tensor& weights) const {
  const Code code = Encode(parameters, observations, actions);
  const at::Tensor decoded = Decode(parameters, observations, code.mean + at::exp(code.log_std) * noise);
  const at::Tensor reconstruction = weights.defined()
                                        ? (weights.unsqueeze(-1) * (decoded - actions).square()).mean()
                                        : at::mse_loss(decoded, actions);
  const at::Tensor divergence = Divergence(code);
  return {reconstruction, divergence, reconstruction + 0.5 * divergence};
}

at::Tensor ActionVae::Divergence(const Code& code) {
  return -0.5 * (1 + 2 * code.log_std - code.mean.square() - at::exp(2 * code.log_std)).mean();
}

}  // namespace strider
