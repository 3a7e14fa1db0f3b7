#include "agents/pmoe_ppo.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/distributions.h"
#include "agents/nn/mixture.h"
#include "agents/nn/snapshot.h"

namespace strider {

PmoePpo::PmoePpo(const Task& task, const Config& config)
    : Ppo(task, config.ppo, config.experts, BlendNamed(config.blend)),
      config_(config),
      blend_(BlendNamed(config.blend)),
      q_net_(task.observation_size + task.action_size(), config.q_hidden, 1, nn::Activation::kRelu) {
  if (!blended()) Declare({"router_loss", "q_loss"});
  for (const std::string& name : nn::ExpertMetricNames(config_.experts, /*wins=*/!blended()))
    Declare({name.c_str()});
  if (blended()) {
    const Config usual;
    if (config_.router_coef != usual.router_coef || config_.q_hidden != usual.q_hidden ||
        config_.q_head_bound != usual.q_head_bound || config_.joint_clip != usual.joint_clip ||
        config_.acting_expert != usual.acting_expert) {
      throw InputError(
          "agent.blend = {}: one Gaussian of all experts has no best one, and no Q that ranks them; expected "
          "agent.router_coef, q_hidden, q_head_bound, joint_clip and acting_expert left as they are, or "
          "agent.blend = none",
          config_.blend);
    }
    return;
  }
  q_ = nn::ParameterSet(q_net_.Shapes(), task.device);
  q_adam_ = nn::Adam(q_, kPpoAdamEpsilon);
  q_net_.Initialise(q_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random_weights());
  if (config_.q_head_bound == 0) return;
  const std::size_t leaves = q_.leaves().size();
  for (const std::size_t leaf : {leaves - 2, leaves - 1}) {
    nn::DrawUniform(q_[leaf], config_.q_head_bound, random_weights());
  }
}

at::Tensor PmoePpo::Q(const at::Tensor& observations, const at::Tensor& actions) const {
  const at::Tensor repeated = observations.unsqueeze(1).expand({-1, actions.size(1), -1});
  const at::Tensor pairs = at::cat({repeated, actions}, -1).flatten(0, 1);
  return q_net_.Forward(q_, pairs).view({actions.size(0), actions.size(1)});
}

at::Tensor PmoePpo::PolicyLoss(const Minibatch& batch, const Actor::Outputs& outputs, double clip) {
  if (blended()) {
    ReportExperts(outputs, {});
    return Ppo::PolicyLoss(batch, outputs, clip);
  }
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
  ReportExperts(outputs, winner);
  return Ppo::PolicyLoss(batch, outputs, clip) + config_.router_coef * router_loss;
}

void PmoePpo::ReportExperts(const Actor::Outputs& outputs, const at::Tensor& winner) {
  const at::NoGradGuard no_grad;
  nn::ExpertView view = nn::ViewOfExperts(blend_, outputs.router);
  view.mean_actions = outputs.mean;
  view.entropies = nn::GaussianEntropy(outputs.log_std);
  view.winner = winner;
  for (const auto& [name, value] : nn::ExpertMetrics(view)) Report(name, value);
}

bool PmoePpo::Step(const Minibatch& batch, double clip, double learning_rate) {
  if (blended()) return Ppo::Step(batch, clip, learning_rate);
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
  policy.acting_expert = ActingExpertNamed(config_.acting_expert);
  if (policy.acting_expert == ActingExpert::kBestQ) {
    policy.critics = {nn::SnapshotLayers(q_.leaves(), 0, config_.q_hidden.size() + 1)};
  }
  return policy;
}

std::vector<nn::NamedTensor> PmoePpo::State() const {
  if (blended()) return Ppo::State();
  return nn::Concatenate({Ppo::State(), q_.Named("q"), q_adam_.Named("q_adam")});
}

}  // namespace strider
