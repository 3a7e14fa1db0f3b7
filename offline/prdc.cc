#include "offline/prdc.h"

#include <ATen/Parallel.h>

#include "agents/nn/host_memory.h"
#include "agents/nn/learner_threads.h"
#include "offline/blocked_neighbours.h"

namespace strider {
namespace {

at::Tensor AllActions(const TransitionColumns& data, double max_action) {
  const auto rows = static_cast<std::int64_t>(data.actions.size()) / data.action_size;
  const at::Tensor actions = nn::OverHostMemory(data.actions, {rows, data.action_size});
  return max_action == 1 ? actions : max_action * actions;
}

}  // namespace

Prdc::Prdc(const Task& task, const Config& config, const TransitionColumns& data)
    : Td3(task, config.td3), alpha_(config.alpha), beta_(config.beta), k_(config.k) {
  Declare({"lambda", "actor_q_term", "actor_dc_term", "state_distance", "action_distance"});
  const at::Tensor actions = AllActions(data, config.td3.max_action);
  const std::int64_t rows = actions.size(0);
  if (k_ > rows) throw InputError("agent.k = {} exceeds the dataset's {} transitions", k_, rows);
  actions_ = actions.to(task.device);
  states_ = nn::OverHostMemory(data.observations, {rows, data.observation_size}).to(task.device);
  if (!task.device.is_cpu()) {
    keys_ = Keys(states_, actions_);
    return;
  }
  const std::span<const float> values(actions_.const_data_ptr<float>(), data.actions.size());
  search_.emplace(data.observations, data.observation_size, values, data.action_size, beta_);
  last_rows_.assign(static_cast<std::size_t>(rows), -1);
}

at::Tensor Prdc::Keys(const at::Tensor& states, const at::Tensor& actions) const {
  return at::cat({beta_ * states, actions}, -1);
}

at::Tensor Prdc::NeighbourRows(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor queries = Keys(batch.observations, action.detach());
  if (keys_.defined()) return BlockedKthNearest(queries, keys_, k_);
  return SearchOnHost(queries, batch.indices);
}

at::Tensor Prdc::SearchOnHost(const at::Tensor& queries, const at::Tensor& indices) {
  const std::span<const std::int64_t> own(indices.const_data_ptr<std::int64_t>(),
                                          static_cast<std::size_t>(indices.numel()));
  std::vector<std::int64_t> known;  // (queries x 2): the query's own row, and what was found for it last time
  for (const std::int64_t row : own) {
    known.insert(known.end(), {row, row < 0 ? -1 : last_rows_[static_cast<std::size_t>(row)]});
  }
  at::Tensor rows = at::empty({queries.size(0)}, at::kLong);
  auto* const found = rows.mutable_data_ptr<std::int64_t>();
  const auto width = static_cast<std::size_t>(search_->width());
  ForLearner(rows.numel(), at::get_num_threads(), [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin);
    const auto count = static_cast<std::size_t>(end - begin);
    search_->KthNearest({queries.const_data_ptr<float>() + first * width, count * width}, k_,
                        std::span(known).subspan(2 * first, 2 * count), {found + begin, count});
  });
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (own[i] >= 0) last_rows_[static_cast<std::size_t>(own[i])] = found[i];
  }
  return rows;
}

at::Tensor Prdc::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor rows = NeighbourRows(batch, action);
  const at::Tensor neighbour = actions_.index_select(0, rows);
  const at::Tensor constraint = at::mse_loss(action, neighbour);
  Report("state_distance", (states_.index_select(0, rows) - batch.observations).norm(2, {-1}).mean());
  Report("action_distance", (action.detach() - neighbour).norm(2, {-1}).mean());
  Report("actor_dc_term", constraint);
  return NormalizedQTerm(FirstQ(batch.observations, action), alpha_) + constraint;
}

}  // namespace strider
