// Datasets on disk, whatever their format.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/dataset.h"

namespace strider {

// The key under which metadata keep EnvSpec::instance.
inline constexpr std::string_view kInstanceKey = "env_instance";

// Before the name of each option of the environment's constructor in metadata.
inline constexpr std::string_view kEnvOptionPrefix = "env_options/";

// Those in `metadata`, (name, value) each.
std::vector<std::pair<std::string, std::string>> EnvOptionsIn(
    const std::map<std::string, std::string>& metadata);

// What a dataset holds, known without reading its arrays.
struct DatasetLayout {
  std::size_t rows = 0;
  std::size_t observation_size = 0;
  std::size_t action_size = 0;
  bool has_timeouts = false;
  bool has_next_observations = false;
  bool has_action_log_probs = false;
  bool integer_actions = false;  // stored as integers, or a Discrete space's: numbers of actions
  std::size_t qpos_size = 0;     // 0 where absent
  std::size_t qvel_size = 0;
};

// Which columns to read, beside rewards and flags, which are always read.
struct DatasetColumns {
  bool observations = true;
  bool actions = true;
  bool next_observations = true;
  bool infos = true;  // qpos, qvel, action_log_probs
};

struct DatasetReadOptions {
  bool allow_non_finite = false;  // false: a NaN or an infinite value is an InputError with key and row
  // Where given, other widths are an InputError: the environment's sizes.
  std::optional<std::size_t> observation_size = std::nullopt;
  std::optional<std::size_t> action_size = std::nullopt;
};

// Reads a dataset in blocks of rows, so that it may be larger than memory. Its rows are its episodes' steps,
// one episode after the other. One thread at a time (see hdf5.h).
class DatasetReader {
 public:
  virtual ~DatasetReader() = default;
  DatasetReader(const DatasetReader&) = delete;
  DatasetReader& operator=(const DatasetReader&) = delete;

  // The file or folder, for messages.
  const std::filesystem::path& path() const { return path_; }
  const DatasetLayout& layout() const { return layout_; }

  // Where the data come from, as text: "algorithm", "env_id", "policy/nonlinearity".
  virtual std::map<std::string, std::string> Metadata() const = 0;
  // The rows [first, first + count), without metadata. InputError where stored values cannot be read, and for
  // values that are not finite. REQUIRES: first + count <= rows.
  virtual Dataset Read(std::size_t first, std::size_t count, const DatasetColumns& columns = {}) const = 0;

 protected:
  explicit DatasetReader(std::filesystem::path path) : path_(std::move(path)) {}

  // For the ends of constructors, which fill it: InputError where there are no rows or the widths are not
  // those that the options ask for.
  void SetLayout(const DatasetLayout& layout, const DatasetReadOptions& options);

 private:
  std::filesystem::path path_;
  DatasetLayout layout_;
};

// Opens a D4RL HDF5 file or a Minari dataset: its folder, one of its files, or its id under
// $MINARI_DATASETS_PATH. InputError naming path, key and expectation where it is no sound dataset.
std::unique_ptr<DatasetReader> OpenDataset(const std::filesystem::path& path,
                                           const DatasetReadOptions& options = {});

// The whole dataset, metadata included. InputError also where it does not fit this machine's memory.
Dataset ReadDataset(const std::filesystem::path& path, const DatasetReadOptions& options = {});
Dataset ReadDataset(const DatasetReader& reader, const DatasetColumns& columns = {});

// InputError naming `path` where the options ask for other widths.
void CheckWidths(const std::filesystem::path& path, std::size_t observation_size, std::size_t action_size,
                 const DatasetReadOptions& options);

// The files that a dataset consists of, in a fixed order. InputError where there is no dataset.
std::vector<std::filesystem::path> DatasetFiles(const std::filesystem::path& path);

// SHA-256 over the bytes of these files, one after the other; of one file that is FileChecksum.
std::string DatasetChecksum(const std::filesystem::path& path);

}  // namespace strider
