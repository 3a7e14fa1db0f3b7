// Datasets written block by block, whatever their format.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "datasets/dataset.h"
#include "datasets/hdf5.h"

namespace strider {

enum class DatasetFormat { kD4rl, kMinari };

// "d4rl" or "minari". InputError for other names.
DatasetFormat ParseDatasetFormat(std::string_view name);

// The columns of a dataset that may be left out.
struct DatasetWriteOptions {
  bool timeouts = true;
  bool next_observations = true;
  bool action_log_probs = false;
  std::size_t qpos_size = 0;  // 0: no infos/qpos
  std::size_t qvel_size = 0;
};

// A dataset stands under its name only after Finish; until then it grows beside it, and it is removed where
// the writer is destroyed unfinished. A full disk is a WorkError and leaves what was there as it was.
class DatasetWriter {
 public:
  virtual ~DatasetWriter() = default;
  DatasetWriter(const DatasetWriter&) = delete;
  DatasetWriter& operator=(const DatasetWriter&) = delete;

  // Appends the block's rows; its metadata are left out. Its sizes must be the writer's, and it must hold
  // each column that the options name. Columns that they do not name are ignored.
  void Append(const Dataset& block);
  // Text, by a key such as "algorithm" or "policy/nonlinearity".
  virtual void WriteMetadata(std::string_view key, std::string_view text) = 0;
  // Numbers, by a key such as "policy/fc0/weight".
  virtual void WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape) = 0;
  // Puts the dataset in its place. Nothing may be written after it.
  virtual void Finish() = 0;

  std::size_t rows() const { return rows_; }

 protected:
  DatasetWriter(std::size_t observation_size, std::size_t action_size, const DatasetWriteOptions& options)
      : observation_size_(observation_size), action_size_(action_size), options_(options) {}

  std::size_t observation_size() const { return observation_size_; }
  std::size_t action_size() const { return action_size_; }
  const DatasetWriteOptions& options() const { return options_; }

 private:
  virtual void DoAppend(const Dataset& block) = 0;

  std::size_t observation_size_;
  std::size_t action_size_;
  DatasetWriteOptions options_;
  std::size_t rows_ = 0;
};

// `path` is a file for D4RL and a new folder for Minari, see d4rl.h and minari_write.h.
std::unique_ptr<DatasetWriter> CreateDataset(DatasetFormat format, const std::filesystem::path& path,
                                             std::size_t observation_size, std::size_t action_size,
                                             const DatasetWriteOptions& options = {});

// A whole dataset at once, metadata included, with the columns that it holds.
void WriteDataset(DatasetFormat format, const std::filesystem::path& path, const Dataset& dataset);

}  // namespace strider
