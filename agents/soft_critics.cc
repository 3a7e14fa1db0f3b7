#include "agents/soft_critics.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "core/error.h"

namespace strider {

TwinCritics::TwinCritics(const Task& task, const std::vector<int>& hidden)
    : net_(task.observation_size + task.action_size(), hidden, 1, nn::Activation::kRelu, /*members=*/2),
      alone_(task.observation_size + task.action_size(), hidden, 1, nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {}

void TwinCritics::Initialise(nn::Initialisation how, const at::Generator& random) {
  net_.Initialise(online_, how, /*output_gain=*/1, random);
}

at::Tensor TwinCritics::Q(const nn::ParameterSet& critic, const at::Tensor& observations,
                          const at::Tensor& actions) const {
  return net_.Forward(critic, at::cat({observations, actions}, -1)).squeeze(-1);
}

at::Tensor TwinCritics::LeastQ(const nn::ParameterSet& critic, const at::Tensor& observations,
                               const at::Tensor& actions) const {
  return std::get<0>(Q(critic, observations, actions).min(0));
}

TwinCritics::Slope TwinCritics::ActionSlope(const nn::ParameterSet& critic, const at::Tensor& observations,
                                            const at::Tensor& actions, bool least, double weight) const {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::cat({observations, actions}, -1);
  at::Tensor q;
  at::Tensor of_x;
  if (least) {
    const nn::ForwardPass pass = net_.Run(critic.leaves(), x);
    const at::Tensor& both = pass.outputs[0];  // (2 x rows x 1)
    const auto [lesser, which] = both.min(0, /*keepdim=*/true);
    q = lesser.flatten();
    of_x = net_.InputGradient(critic.leaves(), pass, at::zeros_like(both).scatter_(0, which, weight));
  } else {
    std::vector<at::Tensor> first;
    for (const at::Tensor& leaf : critic.leaves()) first.push_back(leaf[0]);
    const nn::ForwardPass pass = alone_.Run(first, x);
    q = pass.outputs[0].flatten();
    of_x = alone_.InputGradient(first, pass, at::full_like(pass.outputs[0], weight));
  }
  return {q, of_x.narrow(1, observations.size(1), actions.size(1))};
}

at::Tensor TwinCritics::Step(const TransitionBatch& batch, const at::Tensor& next_value, double discount,
                             double learning_rate, double max_grad_norm) {
  const at::NoGradGuard no_grad;
  const at::Tensor target = at::addcmul(batch.rewards, 1 - batch.terminals, next_value, discount);
  const nn::ForwardPass pass = net_.Run(online_.leaves(), at::cat({batch.observations, batch.actions}, -1));
  latest_q_ = pass.outputs[0].squeeze(-1);
  const at::Tensor errors = latest_q_ - target;
  // Of half the mean squared errors, added up, this is the gradient.
  net_.Backward(online_, pass, (errors / static_cast<double>(errors.size(1))).unsqueeze(-1));
  nn::ClipGradientNorm(online_, max_grad_norm);
  adam_.Step(online_, learning_rate);
  return errors.square();
}

std::vector<nn::NamedTensor> TwinCritics::State() const {
  return nn::Concatenate({online_.Named("critic"), adam_.Named("critic_adam")});
}

EntropyWeight::EntropyWeight(std::string name, double initial, bool learnt, double target,
                             double learning_rate, at::Device device)
    : name_(std::move(name)),
      initial_(initial),
      learnt_(learnt),
      target_(target),
      learning_rate_(learning_rate),
      logarithm_({{"log_" + name_, {}}}, device),
      adam_(logarithm_) {
  if (learnt_ && initial_ == 0) {
    throw InputError(
        "agent.{0} = 0 with agent.{0}_auto = true: its logarithm is learnt; expected agent.{0} > 0 or "
        "agent.{0}_auto = false",
        name_);
  }
  const at::NoGradGuard no_grad;
  logarithm_.flat().fill_(std::log(initial));
}

at::Tensor EntropyWeight::Value() const {
  return learnt_ ? logarithm_[0].detach().exp() : at::scalar_tensor(initial_, logarithm_.flat().options());
}

at::Tensor EntropyWeight::Step(const at::Tensor& log_prob, double anneal) {
  const at::NoGradGuard no_grad;
  // The loss is linear in the logarithm: this is its slope.
  const at::Tensor slope = -(log_prob.mean() + target_);
  at::Tensor loss = logarithm_[0] * slope;
  logarithm_.flat_grad().copy_(slope);
  adam_.Step(logarithm_, learning_rate_ * anneal);
  return loss;
}

std::vector<nn::NamedTensor> EntropyWeight::State() const {
  if (!learnt_) return {};
  return nn::Concatenate({logarithm_.Named(name_), adam_.Named(name_ + "_adam")});
}

}  // namespace strider
