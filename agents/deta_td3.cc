#include "agents/deta_td3.h"

#include <ATen/core/grad_mode.h>

namespace strider {

DetaTd3::DetaTd3(const Task& task, const Config& config)
    : Td3(task, config,
          nn::Mlp(task.observation_size, config.hidden, ContinuousActionSize(task), nn::Activation::kRelu),
          nn::Mlp(task.observation_size + task.action_size(), config.hidden, config.quantile.quantiles,
                  nn::Activation::kRelu, /*members=*/2)),
      config_(config),
      stocks_(task, config.stock, config.discount) {
  if (config_.quantile.quantiles < 2) {
    throw InputError("agent.quantiles = {}: one number is no law; expected at least 2",
                     config_.quantile.quantiles);
  }
  Declare({"initial_stock"});
}

at::Tensor DetaTd3::TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const {
  const at::NoGradGuard no_grad;
  const at::Tensor theta = TargetQ(batch.next_observations, next_action);  // (2 x batch x N)
  const at::Tensor worth = nn::MeanUtility(theta, stocks_.Of(batch.next_observations), stocks_.weights());
  const at::Tensor lesser = worth.argmin(0).view({1, -1, 1});
  const at::Tensor after = theta.take_along_dim(lesser, 0).squeeze(0);
  const at::Tensor discounts = config_.discount * (1 - batch.terminals);
  return batch.rewards.unsqueeze(1) + discounts.unsqueeze(1) * after;
}

at::Tensor DetaTd3::CriticLosses(const at::Tensor& q, const at::Tensor& target) const {
  return nn::QuantileHuberLoss(q, target, config_.quantile.kappa).mean(1);
}

at::Tensor DetaTd3::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  return -nn::MeanUtility(FirstQ(batch.observations, action), stocks_.Of(batch.observations),
                          stocks_.weights())
              .mean();
}

void DetaTd3::Update(const TransitionBatch& batch) {
  stocks_.RememberStarts(batch);
  Td3::Update(stocks_.Edited(batch, random()));
  if (updates() % config_.stock_interval != 0) return;
  stocks_.Choose(
      [this](const at::Tensor& observations) { return FirstQ(observations, ActorAction(observations)); });
  Report("initial_stock", stocks_.initial().clone());
}

Policy DetaTd3::MakePolicy() const {
  Policy policy = Td3::MakePolicy();
  stocks_.Describe(policy);
  return policy;
}

std::vector<nn::NamedTensor> DetaTd3::State() const {
  return nn::Concatenate({Td3::State(), stocks_.State()});
}

}  // namespace strider
