#include "agents/pmoe_ppo.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/distributions.h"
#include "agents/nn/mixture.h"

namespace strider {

PmoePpo::PmoePpo(const Task& task, const Config& config)
    : Ppo(task, config.ppo, config.experts),
      config_(config),
      q_net_(task.observation_size + task.action_size(), config.q_hidden, 1, nn::Activation::kRelu),
      q_(q_net_.Shapes(), task.device),
      q_adam_(q_, kPpoAdamEpsilon) {
  Declare({"router_loss", "q_loss"});
  for (const std::string& name : nn::ExpertMetricNames(config_.experts, /*wins=*/true))
    Declare({name.c_str()});
  q_net_.Initialise(q_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random_weights());
}

at::Tensor PmoePpo::Q(const at::Tensor& observations, const at::Tensor& actions) const {
  const at::Tensor repeated = observations.unsqueeze(1).expand({-1, actions.size(1), -1});
  const at::Tensor pairs = at::cat({repeated, actions}, -1).flatten(0, 1);
  return q_net_.Forward(q_, pairs).view({actions.size(0), actions.size(1)});
}

at::Tensor PmoePpo::PolicyLoss(const Minibatch& batch, const Actor::Outputs& outputs, double clip) {
  at::Tensor winner;
  {
    const at::NoGradGuard no_grad;
    winner = at::zeros({outputs.mean.size(0)}, batch.data.actions.options().dtype(at::kLong));
    // One fresh action of each expert, where there is a choice.
    if (config_.experts > 1) {
      const at::Tensor actions = outputs.mean + outputs.log_std.exp() * Noise(outputs.mean.sizes());
      winner = Q(batch.data.observations, actions).argmax(1);
    }
  }
  const at::Tensor router_loss = nn::FrequencyLoss(outputs.router, winner);
  Report("router_loss", router_loss);
  for (const auto& [name, value] :
       nn::ExpertMetrics({outputs.router, at::softmax(outputs.router, -1), outputs.mean,
                          nn::GaussianEntropy(outputs.log_std), winner})) {
    Report(name, value);
  }
  return Ppo::PolicyLoss(batch, outputs, clip) + config_.router_coef * router_loss;
}

bool PmoePpo::Step(const Minibatch& batch, double clip, double learning_rate) {
  const at::Tensor q = Q(batch.data.observations, batch.data.actions.unsqueeze(1)).squeeze(1);
  const at::Tensor q_loss = (q - batch.data.returns).square().mean();
  q_.Backward(q_loss);
  Report("q_loss", q_loss);
  if (!config_.joint_clip) nn::ClipGradientNorm(q_, config_.ppo.max_grad_norm);
  if (!Ppo::Step(batch, clip, learning_rate)) return false;
  q_adam_.Step(q_, learning_rate);
  return true;
}

std::vector<const nn::ParameterSet*> PmoePpo::ClippedTogether() const {
  auto sets = Ppo::ClippedTogether();
  if (config_.joint_clip) sets.push_back(&q_);
  return sets;
}

Policy PmoePpo::MakePolicy() const {
  Policy policy = Ppo::MakePolicy();
  policy.sample_expert = config_.sample_expert;
  return policy;
}

std::vector<nn::NamedTensor> PmoePpo::State() const {
  return nn::Concatenate({Ppo::State(), q_.Named("q"), q_adam_.Named("q_adam")});
}

}  // namespace strider
