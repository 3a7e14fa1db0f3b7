#include "agents/soft_critics.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "core/error.h"

namespace strider {
namespace {

int Inputs(const Task& task) {
  const bool discrete = std::holds_alternative<Discrete>(task.action_space);
  return task.observation_size + (discrete ? 0 : task.action_size());
}

int Outputs(const Task& task) {
  const bool discrete = std::holds_alternative<Discrete>(task.action_space);
  return discrete ? DiscreteActions(task) : 1;
}

// Where in (2 x rows x n) values the taken actions' are, (2 x rows x 1).
at::Tensor Taken(const at::Tensor& actions) { return actions.to(at::kLong).expand({2, -1, 1}); }

}  // namespace

TwinCritics::TwinCritics(const Task& task, const std::vector<int>& hidden)
    : discrete_(std::holds_alternative<Discrete>(task.action_space)),
      net_(Inputs(task), hidden, Outputs(task), nn::Activation::kRelu, /*members=*/2),
      alone_(Inputs(task), hidden, Outputs(task), nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {}

void TwinCritics::Initialise(nn::Initialisation how, const at::Generator& random) {
  net_.Initialise(online_, how, /*output_gain=*/1, random);
}

at::Tensor TwinCritics::Q(const nn::ParameterSet& critic, const at::Tensor& observations,
                          const at::Tensor& actions) const {
  if (!discrete_) return net_.Forward(critic, at::cat({observations, actions}, -1)).squeeze(-1);
  return net_.Forward(critic, observations).gather(2, Taken(actions)).squeeze(-1);
}

at::Tensor TwinCritics::QOfAll(const nn::ParameterSet& critic, const at::Tensor& observations) const {
  return net_.Run(critic.leaves(), observations).outputs[0];
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
  const nn::ForwardPass pass = net_.Run(
      online_.leaves(), discrete_ ? batch.observations : at::cat({batch.observations, batch.actions}, -1));
  const at::Tensor& outputs = pass.outputs[0];
  latest_q_ = (discrete_ ? outputs.gather(2, Taken(batch.actions)) : outputs).squeeze(-1);
  const at::Tensor errors = latest_q_ - target;
  // Of half the mean squared errors, added up, this is the gradient.
  const at::Tensor slope = (errors / static_cast<double>(errors.size(1))).unsqueeze(-1);
  net_.Backward(online_, pass,
                discrete_ ? at::zeros_like(outputs).scatter_(2, Taken(batch.actions), slope) : slope);
  nn::ClipGradientNorm(online_, max_grad_norm);
  adam_.Step(online_, learning_rate);
  return errors.square();
}

std::vector<nn::NamedTensor> TwinCritics::State() const {
  return nn::Concatenate({online_.Named("critic"), adam_.Named("critic_adam")});
}

ValueWithTarget::ValueWithTarget(const Task& task, const std::vector<int>& hidden, nn::Initialisation how,
                                 const at::Generator& random)
    : net_(task.observation_size, hidden, 1, nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {
  net_.Initialise(online_, how, /*output_gain=*/1, random);
  target_ = online_.FrozenClone();
}

at::Tensor ValueWithTarget::Target(const at::Tensor& observations) const {
  return net_.Run(target_.leaves(), observations).outputs[0].squeeze(-1);
}

at::Tensor ValueWithTarget::Step(const at::Tensor& observations, const at::Tensor& values,
                                 double learning_rate, double max_grad_norm) const {
  const at::NoGradGuard no_grad;
  const nn::ForwardPass pass = net_.Run(online_.leaves(), observations);
  const at::Tensor errors = pass.outputs[0] - values.unsqueeze(-1);
  net_.Backward(online_, pass, errors / static_cast<double>(errors.size(0)));
  nn::ClipGradientNorm(online_, max_grad_norm);
  adam_.Step(online_, learning_rate);
  return errors.square();
}

std::vector<nn::NamedTensor> ValueWithTarget::State() const {
  return nn::Concatenate(
      {online_.Named("value"), target_.Named("value", "_target"), adam_.Named("value_adam")});
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
