#include "offline/prdc.h"

#include <ATen/Parallel.h>

#include "agents/nn/host_memory.h"

namespace strider {
namespace {

at::Tensor AllActions(const TransitionColumns& data, double max_action) {
  const auto rows = static_cast<std::int64_t>(data.actions.size()) / data.action_size;
  const at::Tensor actions = nn::OverHostMemory(data.actions, {rows, data.action_size});
  return max_action == 1 ? actions : max_action * actions;
}

}  // namespace

Prdc::Prdc(const Task& task, const Config& config, const TransitionColumns& data)
    : Td3(task, config.td3),
      alpha_(config.alpha),
      beta_(config.beta),
      k_(config.k),
      reward_scale_(config.reward_scale),
      reward_shift_(config.reward_shift),
      actions_(AllActions(data, config.td3.max_action)),
      search_(data.observations, data.observation_size,
              {actions_.const_data_ptr<float>(), data.actions.size()}, data.action_size, config.beta) {
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
  const auto width = search_.width();
  // LibTorch's own threads: others would compete with them for the cores while they wait.
  at::parallel_for(0, rows.numel(), /*grain_size=*/1, [&](std::int64_t begin, std::int64_t end) {
    const auto count = static_cast<std::size_t>(end - begin);
    search_.KthNearest(
        {queries.const_data_ptr<float>() + begin * width, count * static_cast<std::size_t>(width)}, k_,
        {known.const_data_ptr<std::int64_t>() + begin, count},
        {rows.mutable_data_ptr<std::int64_t>() + begin, count});
  });
  return rows;
}

at::Tensor Prdc::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor neighbour = actions_.index_select(0, NeighbourRows(batch, action)).to(action.device());
  const at::Tensor constraint = at::mse_loss(action, neighbour);
  Report("actor_dc_term", constraint);
  return NormalizedQTerm(Q(batch.observations, action)[0], alpha_) + constraint;
}

}  // namespace strider
