#include "agents/offline_rows.h"

#include "core/error.h"

namespace strider {
namespace {

void CheckEpisodes(const TransitionColumns& columns, std::int64_t steps) {
  if (columns.capacity < steps) {
    throw InputError("{} transitions; expected at least one whole episode of {} steps", columns.capacity,
                     steps);
  }
  std::int64_t length = 0;
  for (std::int64_t row = 0; row < columns.capacity; ++row) {
    ++length;
    const bool ends = columns.terminals[static_cast<std::size_t>(row)] != 0;
    if (ends != (length == steps)) {
      throw InputError(
          "transition {} is step {} of its episode and {} it; expected episodes of exactly {} steps, as the "
          "environment's are",
          row, length, ends ? "ends" : "does not end", steps);
    }
    if (ends) length = 0;
  }
}

}  // namespace

OfflineRows::OfflineRows(const TransitionColumns& columns, const Task& task, int steps)
    : columns_(columns, task.device, StreamSeed(task.seed, Purpose::kSampling)),
      steps_(steps),
      episodes_(columns.capacity / steps) {
  if (steps > 1) CheckEpisodes(columns, steps);
}

std::vector<TransitionBatch> OfflineRows::Draw(std::int64_t count) {
  std::vector<TransitionBatch> batches;
  for (std::int64_t step = 0; step < steps_; ++step) {
    batches.push_back(columns_.Gather(columns_.Draw(count, episodes_) * steps_ + step));
  }
  return batches;
}

}  // namespace strider
