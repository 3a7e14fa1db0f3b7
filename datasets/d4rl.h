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

namespace strider {

// What a file holds, known without reading its arrays.
struct D4rlLayout {
  std::size_t rows = 0;
  std::size_t observation_size = 0;
  std::size_t action_size = 0;
  bool has_timeouts = false;
  bool has_next_observations = false;
  bool has_action_log_probs = false;
  std::size_t qpos_size = 0;  // 0 where absent
  std::size_t qvel_size = 0;
  // Everything that is wrong with keys, types and shapes, each naming the key and what was expected; empty
  // for a sound file. The numbers above hold only then.
  std::vector<std::string> problems;
};

// Which columns to read, beside those that every file must have.
struct D4rlColumns {
  bool observations = true;
  bool actions = true;
  bool next_observations = true;
  bool infos = true;  // qpos, qvel, action_log_probs
};

struct D4rlReadOptions {
  bool allow_non_finite = false;  // false: a NaN or an infinite value is an InputError with key and row
  // Where given, other widths are an InputError: the environment's sizes.
  std::optional<std::size_t> observation_size = std::nullopt;
  std::optional<std::size_t> action_size = std::nullopt;
};

// Reads a file in blocks of rows, so that it may be larger than memory.
class D4rlReader {
 public:
  // InputError naming path, key and expectation where the file is no sound D4RL file or has no rows.
  explicit D4rlReader(const std::filesystem::path& path, const D4rlReadOptions& options = {});

  const D4rlLayout& layout() const { return layout_; }
  // Scalars of the group `metadata` as text; nested names as "policy/nonlinearity".
  std::map<std::string, std::string> Metadata() const;
  // The rows [first, first + count), without metadata. InputError where a stored chunk cannot be read, and
  // for values that are not finite. REQUIRES: first + count <= rows.
  Dataset Read(std::size_t first, std::size_t count, const D4rlColumns& columns = {}) const;

 private:
  template <class T>
  std::vector<T> ReadColumn(std::string_view key, std::size_t first, std::size_t count,
                            std::size_t width) const;
  std::vector<std::uint8_t> ReadFlags(std::string_view key, std::size_t first, std::size_t count) const;

  Hdf5File file_;
  D4rlReadOptions options_;
  D4rlLayout layout_;
};

// The whole file. Accepts any width and byte order of floats, integers and flags, rewards and flags of shape
// (N, 1), and flags other than 0 and 1 (non-zero is true).
Dataset ReadD4rl(const std::filesystem::path& path, const D4rlReadOptions& options = {});

// The layout with all its problems. InputError only where the file cannot be opened at all.
D4rlLayout InspectD4rl(const Hdf5File& file);

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
