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
#include "datasets/whole_hdf5.h"
#include "datasets/writer.h"

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

// The scalars of the group `metadata` as text. What a converted Minari dataset keeps there is left out.
std::map<std::string, std::string> D4rlMetadata(const Hdf5File& file);

// The whole file.
Dataset ReadD4rl(const std::filesystem::path& path, const DatasetReadOptions& options = {});

struct D4rlInspection {
  DatasetLayout layout;  // holds only where there are no problems
  // Everything that is wrong with keys, types and shapes, each naming the key and what was expected.
  std::vector<std::string> problems;
};

// Judges a file without reading its arrays. InputError only where its structure cannot be read at all.
D4rlInspection InspectD4rl(const Hdf5File& file);

// Writes a file in D4RL's layout: float32 columns, flags as h5py writes booleans, metadata under metadata/.
class D4rlWriter final : public DatasetWriter {
 public:
  D4rlWriter(const std::filesystem::path& path, std::size_t observation_size, std::size_t action_size,
             const DatasetWriteOptions& options = {});
  D4rlWriter(const D4rlWriter&) = delete;
  D4rlWriter& operator=(const D4rlWriter&) = delete;
  ~D4rlWriter() override;

  void WriteMetadata(std::string_view key, std::string_view text) override;
  void WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape) override;
  void Finish() override;

 private:
  struct Columns;
  void DoAppend(const Dataset& block) override;

  WholeHdf5 whole_;
  std::unique_ptr<Columns> columns_;
};

// A whole dataset at once, metadata included, with the columns that it holds.
void WriteD4rl(const std::filesystem::path& path, const Dataset& dataset);

}  // namespace strider
