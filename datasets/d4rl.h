// D4RL's HDF5 files (dataset-formats sheet, section 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/hdf5.h"
#include "datasets/reader.h"

namespace strider {

// Reads a file in blocks of rows. Accepts any width and byte order of floats, integers and flags, rewards and
// flags of shape (N, 1), and flags other than 0 and 1 (non-zero is true).
class D4rlReader final : public DatasetReader {
 public:
  // InputError naming path, key and expectation where the file is no sound D4RL file or has no rows.
  explicit D4rlReader(const std::filesystem::path& path, const DatasetReadOptions& options = {});

  // Scalars of the group `metadata`; nested names as "policy/nonlinearity".
  std::map<std::string, std::string> Metadata() const override;
  Dataset Read(std::size_t first, std::size_t count, const DatasetColumns& columns = {}) const override;

 private:
  template <class T>
  std::vector<T> ReadColumn(std::string_view key, std::size_t first, std::size_t count,
                            std::size_t width) const;
  std::vector<std::uint8_t> ReadFlags(std::string_view key, std::size_t first, std::size_t count) const;

  Hdf5File file_;
  DatasetReadOptions options_;
};

// The whole file.
Dataset ReadD4rl(const std::filesystem::path& path, const DatasetReadOptions& options = {});

struct D4rlInspection {
  DatasetLayout layout;  // holds only where there are no problems
  // Everything that is wrong with keys, types and shapes, each naming the key and what was expected.
  std::vector<std::string> problems;
};

// Judges a file without reading its arrays. InputError only where its structure cannot be read at all.
D4rlInspection InspectD4rl(const Hdf5File& file);

struct D4rlWriteOptions {
  bool timeouts = true;
  bool next_observations = true;
  bool action_log_probs = false;
  std::size_t qpos_size = 0;  // 0: no infos/qpos
  std::size_t qvel_size = 0;
};

// Writes a file block by block. It stands under its name only after Finish; until then it grows beside it,
// and it is removed where the writer is destroyed unfinished. A full disk is a WorkError and leaves an older
// file as it was.
class D4rlWriter {
 public:
  D4rlWriter(const std::filesystem::path& path, std::size_t observation_size, std::size_t action_size,
             const D4rlWriteOptions& options = {});
  ~D4rlWriter();
  D4rlWriter(const D4rlWriter&) = delete;
  D4rlWriter& operator=(const D4rlWriter&) = delete;

  // Appends the block's rows; its metadata are left out. Its sizes must be the writer's, and it must hold
  // each column that the options name, and timeouts. Columns that they do not name are ignored.
  void Append(const Dataset& block);
  // Text under metadata/`key`, such as "algorithm" or "policy/nonlinearity".
  void WriteMetadata(std::string_view key, std::string_view text);
  // Numbers under metadata/`key`, such as "policy/fc0/weight".
  void WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape);
  // Puts the file in its place. Nothing may be written after it.
  void Finish();

  std::size_t rows() const { return rows_; }

 private:
  struct Columns;
  void Discard() noexcept;

  std::filesystem::path path_;
  std::filesystem::path part_;  // grows beside path_
  std::size_t observation_size_;
  std::size_t action_size_;
  D4rlWriteOptions options_;
  std::optional<Hdf5File> file_;
  std::unique_ptr<Columns> columns_;
  std::size_t rows_ = 0;
};

// A whole dataset at once, metadata included, with the columns that it holds.
void WriteD4rl(const std::filesystem::path& path, const Dataset& dataset);

}  // namespace strider
