// What the tests of agents with stocks have in common.
#pragma once

#include "agents/stocks.h"
#include "tests/agents/learner_kit.h"

namespace strider {

// The plain task with rows of `own` numbers, the time and the stock, for episodes of ten steps.
inline Task WithStock(Task task, const StockConfig& config, double discount) {
  task.observation_size += 1 + kStockColumns;
  task.augmentation = config.ObservationAugmentation(discount);
  task.max_episode_steps = 10;
  return task;
}

// The batch with random times and stocks where the last three columns of its observations are.
inline TransitionBatch WithStocks(TransitionBatch batch, const Stocks& stocks, std::uint64_t seed) {
  const std::int64_t rows = batch.rewards.size(0);
  const at::Tensor time = (Normal({rows}, seed).abs() * 5).floor().clamp_max(9) / 10;
  const at::Tensor c = 3 * Normal({rows}, seed + 1000);
  for (at::Tensor* column : {&batch.observations, &batch.next_observations}) {
    column->select(1, column->size(1) - 3).copy_(time);
    *column = stocks.With(*column, column == &batch.observations ? c : c + batch.rewards);
  }
  return batch;
}

}  // namespace strider
