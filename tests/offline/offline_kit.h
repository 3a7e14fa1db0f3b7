// What the tests of the offline agents have in common.
#pragma once

#include "agents/agent.h"
#include "agents/transition_batch.h"
#include "core/parallel.h"
#include "tests/agents/learner_kit.h"

namespace strider {

// A batch as the columns of a dataset of its own. The batch must outlive what it returns.
inline TransitionColumns ColumnsOf(const TransitionBatch& batch) {
  const auto span = [](const at::Tensor& tensor) {
    return std::span<const float>(tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
  };
  return {batch.rewards.size(0),
          static_cast<int>(batch.observations.size(1)),
          static_cast<int>(batch.actions.size(1)),
          span(batch.observations),
          span(batch.actions),
          span(batch.rewards),
          span(batch.next_observations),
          span(batch.terminals),
          span(batch.next_actions)};
}

// Rows of a dataset, numbered as in it.
inline TransitionBatch Rows(const TransitionBatch& data, const at::Tensor& rows) {
  return {rows,
          data.observations.index_select(0, rows),
          data.actions.index_select(0, rows),
          data.rewards.index_select(0, rows),
          data.next_observations.index_select(0, rows),
          data.terminals.index_select(0, rows),
          data.next_actions.index_select(0, rows)};
}

// Updates of 128 rows drawn from a dataset.
inline void Train(OffPolicyAgent& agent, const TransitionBatch& data, int updates) {
  BatchSampler sampler(ColumnsOf(data), at::kCPU, 5);
  for (int i = 0; i < updates; ++i) agent.Update(sampler.Sample(128, data.rewards.size(0)));
}

}  // namespace strider
