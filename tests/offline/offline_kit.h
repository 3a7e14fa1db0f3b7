// What the tests of the offline agents have in common.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/transition_batch.h"
#include "core/parallel.h"
#include "datasets/dataset.h"
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

// What a preparation leaves of a dataset, numbered from 0.
inline TransitionBatch BatchOf(const Transitions& data) {
  const auto rows = static_cast<std::int64_t>(data.size);
  const auto table = [rows](const std::vector<float>& column) { return at::tensor(column).view({rows, -1}); };
  return {at::arange(rows),
          table(data.observations),
          table(data.actions),
          at::tensor(data.rewards),
          table(data.next_observations),
          at::tensor(data.terminals),
          at::zeros_like(table(data.actions))};
}

// Updates of 128 rows drawn from a dataset.
inline void Train(OffPolicyAgent& agent, const TransitionBatch& data, int updates) {
  BatchSampler sampler(ColumnsOf(data), at::kCPU, 5);
  for (int i = 0; i < updates; ++i) agent.Update(sampler.Sample(128, data.rewards.size(0)));
}

// The PRDC sheet's case 7, of two agents that are alike and whose critics take no step: values 64 times as
// large leave the actor's gradient as it is, and lambda makes up for them. `outputs` are the layers that give
// values. Fails the test where not.
template <class A>
void ExpectCriticScaleToCancel(A& plain, A& scaled, const TransitionBatch& batch,
                               std::initializer_list<const char*> outputs) {
  for (const std::string layer : outputs) {
    for (const char* part : {".weight", ".bias"}) State(scaled, layer + part).mul_(64);
  }
  const at::Tensor noise = Normal(batch.actions.sizes(), 3);
  plain.Update(batch, noise);
  scaled.Update(batch, noise);
  const at::Tensor expected = plain.actor().flat_grad();
  EXPECT_LT(LargestDifference(scaled.actor().flat_grad(), expected), 1e-6 * LargestEntry(expected));
  EXPECT_NEAR(Metric(scaled, "lambda") * 64, Metric(plain, "lambda"), 1e-5 * Metric(plain, "lambda"));
}

}  // namespace strider
