#include "offline/prdc.h"

#include <vector>

namespace strider {
namespace {

at::Tensor AllActions(const TransitionColumns& data, double max_action) {
  const auto rows = static_cast<std::int64_t>(data.actions.size()) / data.action_size;
  const at::Tensor actions =
      at::from_blob(const_cast<float*>(data.actions.data()), {rows, data.action_size}, at::kFloat);
  return max_action == 1 ? actions : max_action * actions;
}

}  // namespace

Prdc::Prdc(const Task& task, const Config& config, const TransitionColumns& data, WorkerPool& pool)
    : Td3(task, config.td3),
      alpha_(config.alpha),
      beta_(config.beta),
      k_(config.k),
      reward_scale_(config.reward_scale),
      reward_shift_(config.reward_shift),
      actions_(AllActions(data, config.td3.max_action)),
      search_(data.observations, data.observation_size,
              {actions_.const_data_ptr<float>(), data.actions.size()}, data.action_size, config.beta),
      pool_(pool) {
  Declare({"lambda", "actor_q_term", "actor_dc_term"});
  if (k_ > search_.rows()) {
    throw InputError("agent.k = {} exceeds the dataset's {} transitions", k_, search_.rows());
  }
}

at::Tensor Prdc::Rewards(const TransitionBatch& batch) const {
  return reward_scale_ * batch.rewards + reward_shift_;
}

at::Tensor Prdc::NeighbourRows(const TransitionBatch& batch, const at::Tensor& action) const {
  const at::Tensor queries = at::cat({beta_ * batch.observations, action.detach()}, -1).cpu();
  const at::Tensor known = batch.indices.cpu();
  at::Tensor rows = at::empty({queries.size(0)}, at::kLong);
  const auto count = static_cast<std::size_t>(queries.numel());
  const auto batch_size = static_cast<std::size_t>(rows.numel());
  search_.KthNearest({queries.const_data_ptr<float>(), count}, k_,
                     {known.const_data_ptr<std::int64_t>(), batch_size}, pool_,
                     {rows.mutable_data_ptr<std::int64_t>(), batch_size});
  return rows;
}

at::Tensor Prdc::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor neighbour = actions_.index_select(0, NeighbourRows(batch, action)).to(action.device());
  const at::Tensor constraint = at::mse_loss(action, neighbour);
  Report("actor_dc_term", constraint);
  return NormalizedQTerm(Q(batch.observations, action)[0], alpha_) + constraint;
}

}  // namespace strider
