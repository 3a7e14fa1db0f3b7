// A dataset's rows for agents that learn from it beside their own rollouts.
#pragma once

#include <cstdint>
#include <vector>

#include "agents/agent.h"

namespace strider {

// Draws rows with replacement, from the whole dataset or, where every episode has the same length and `steps`
// is that, from each step's own: those are as frequent in every draw as the learner wants them.
class OfflineRows {
 public:
  // `columns` must outlive it. Throws InputError where `steps` > 1 and the dataset does not consist of
  // episodes of as many steps, each ended by a terminal.
  OfflineRows(const TransitionColumns& columns, const Task& task, int steps);

  // `count` rows of each step, from a stream of the dataset's own.
  std::vector<TransitionBatch> Draw(std::int64_t count);

  // The stream's position.
  void Save(StateWriter& out) const { columns_.Save(out); }
  void Load(StateReader& in) { columns_.Load(in); }

 private:
  BatchSampler columns_;
  std::int64_t steps_;
  std::int64_t episodes_;  // whole ones; or rows, where steps_ is 1
};

}  // namespace strider
