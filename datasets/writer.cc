#include "datasets/writer.h"

#include <stdexcept>

#include "core/error.h"
#include "datasets/d4rl.h"
#include "datasets/minari_write.h"

namespace strider {

DatasetFormat ParseDatasetFormat(std::string_view name) {
  if (name == "d4rl") return DatasetFormat::kD4rl;
  if (name == "minari") return DatasetFormat::kMinari;
  throw InputError("--format {}: expected d4rl or minari", name);
}

void DatasetWriter::Append(const Dataset& block) {
  const auto check = [](std::size_t found, std::size_t expected) {
    if (found == expected) return;
    throw std::logic_error(fmt::format("a block's column holds {} values, expected {}", found, expected));
  };
  const std::size_t rows = block.rows;
  check(block.observations.size(), rows * observation_size_);
  check(block.actions.size(), rows * action_size_);
  check(block.rewards.size(), rows);
  check(block.terminals.size(), rows);
  if (options_.timeouts) check(block.timeouts.size(), rows);
  if (options_.next_observations) check(block.next_observations.size(), rows * observation_size_);
  if (options_.action_log_probs) check(block.action_log_probs.size(), rows);
  if (options_.qpos_size > 0) check(block.qpos.size(), rows * options_.qpos_size);
  if (options_.qvel_size > 0) check(block.qvel.size(), rows * options_.qvel_size);
  DoAppend(block);
  rows_ += rows;
}

std::unique_ptr<DatasetWriter> CreateDataset(DatasetFormat format, const std::filesystem::path& path,
                                             std::size_t observation_size, std::size_t action_size,
                                             const DatasetWriteOptions& options) {
  if (format == DatasetFormat::kMinari) {
    return std::make_unique<MinariWriter>(path, observation_size, action_size, options);
  }
  return std::make_unique<D4rlWriter>(path, observation_size, action_size, options);
}

void WriteDataset(DatasetFormat format, const std::filesystem::path& path, const Dataset& dataset) {
  const auto writer = CreateDataset(format, path, dataset.observation_size, dataset.action_size,
                                    {.timeouts = !dataset.timeouts.empty(),
                                     .next_observations = !dataset.next_observations.empty(),
                                     .action_log_probs = !dataset.action_log_probs.empty(),
                                     .qpos_size = dataset.qpos_size,
                                     .qvel_size = dataset.qvel_size});
  writer->Append(dataset);
  for (const auto& [key, text] : dataset.metadata) writer->WriteMetadata(key, text);
  writer->Finish();
}

}  // namespace strider
