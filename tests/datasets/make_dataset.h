// Small datasets for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"
#include "datasets/dataset.h"

namespace strider {

// Random columns of every kind, with an end of each sort now and then. next_observations follow the rows.
inline Dataset MakeDataset(std::size_t rows, std::size_t observation_size, std::size_t action_size) {
  Pcg64 random(1);
  const auto column = [&](std::size_t size) {
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(random.Uniform(-1, 1));
    return values;
  };
  Dataset dataset;
  dataset.rows = rows;
  dataset.observation_size = observation_size;
  dataset.action_size = action_size;
  dataset.qpos_size = 2;
  dataset.qvel_size = 3;
  dataset.observations = column(rows * observation_size);
  dataset.actions = column(rows * action_size);
  dataset.rewards = column(rows);
  dataset.next_observations = column(rows * observation_size);
  dataset.action_log_probs = column(rows);
  for (std::size_t i = 0; i < 2 * rows; ++i) dataset.qpos.push_back(random.StandardNormal());
  for (std::size_t i = 0; i < 3 * rows; ++i) dataset.qvel.push_back(random.StandardNormal());
  for (std::size_t row = 0; row < rows; ++row) {
    dataset.terminals.push_back(row % 7 == 6 ? 1 : 0);
    dataset.timeouts.push_back(row % 10 == 9 ? 1 : 0);
    const bool ends = dataset.terminals.back() != 0 || dataset.timeouts.back() != 0;
    if (ends || row + 1 == rows) continue;
    for (std::size_t k = 0; k < observation_size; ++k) {
      dataset.next_observations[row * observation_size + k] =
          dataset.observations[(row + 1) * observation_size + k];
    }
  }
  dataset.metadata = {
      {"algorithm", "SAC"}, {"environment", "Hopper-v5"}, {"policy/nonlinearity", "relu"}, {"note", ""}};
  return dataset;
}

// The rows [first, first + count) of every column.
inline Dataset Slice(const Dataset& dataset, std::size_t first, std::size_t count) {
  const auto cut = [&](const auto& column, std::size_t width) {
    using Column = std::decay_t<decltype(column)>;
    if (column.empty()) return Column{};
    return Column(column.begin() + static_cast<std::ptrdiff_t>(first * width),
                  column.begin() + static_cast<std::ptrdiff_t>((first + count) * width));
  };
  Dataset part = dataset;
  part.rows = count;
  part.observations = cut(dataset.observations, dataset.observation_size);
  part.actions = cut(dataset.actions, dataset.action_size);
  part.rewards = cut(dataset.rewards, 1);
  part.terminals = cut(dataset.terminals, 1);
  part.timeouts = cut(dataset.timeouts, 1);
  part.next_observations = cut(dataset.next_observations, dataset.observation_size);
  part.qpos = cut(dataset.qpos, dataset.qpos_size);
  part.qvel = cut(dataset.qvel, dataset.qvel_size);
  part.action_log_probs = cut(dataset.action_log_probs, 1);
  return part;
}

}  // namespace strider
