// A conditional variational autoencoder of actions: the behaviour model of A2PR and BCQ (A2PR sheet, section
// 4).
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "agents/nn/parameters.h"

namespace strider {

// Encoder (s, a) -> N(mean, std^2) over a latent of twice the action's size, decoder (s, z) ->
// max_action tanh(.); ReLU layers of equal widths. Parameters: "encoder.0.weight", ..., "mean.*",
// "log_std.*", "decoder.0.weight", ....
class ActionVae {
 public:
  ActionVae(int observations, int actions, std::vector<int> hidden, double max_action);

  int latent_size() const { return 2 * actions_; }
  // The encoder's parameters come first: its layers and two heads.
  std::size_t encoder_tensors() const { return 2 * hidden_.size() + 4; }
  std::vector<nn::ParameterShape> Shapes() const;
  void Initialise(const nn::ParameterSet& parameters, const at::Generator& random) const;

  struct Code {
    at::Tensor mean;     // (rows x latent)
    at::Tensor log_std;  // (rows x latent), clamped to [-4, 15]
  };
  Code Encode(const nn::ParameterSet& parameters, const at::Tensor& observations,
              const at::Tensor& actions) const;
  at::Tensor Decode(const nn::ParameterSet& parameters, const at::Tensor& observations,
                    const at::Tensor& latent) const;

  // KL(N(mean, std^2) || N(0, I)) as a mean over all entries: -1/2 mean(1 + ln std^2 - mean^2 - std^2).
  static at::Tensor Divergence(const Code& code);

  // What one step of the autoencoder makes small.
  struct Loss {
    at::Tensor reconstruction;  // mean (a^ - a)^2 over all entries, each row times its weight
    at::Tensor divergence;
    at::Tensor whole;  // reconstruction + divergence / 2
  };
  // `noise` (rows x latent) is standard normal; `weights` (rows) are 1 where undefined.
  Loss Losses(const nn::ParameterSet& parameters, const at::Tensor& observations, const at::Tensor& actions,
              const at::Tensor& noise, const at::Tensor& weights = {}) const;

 private:
  int observations_;
  int actions_;
  std::vector<int> hidden_;
  double max_action_;
};

}  // namespace strider
