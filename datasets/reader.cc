#include "datasets/reader.h"

#include "core/checksum.h"
#include "core/error.h"
#include "core/memory.h"
#include "datasets/d4rl.h"
#include "datasets/hdf5.h"
#include "datasets/minari.h"

namespace strider {
namespace {

void CheckWidth(const std::filesystem::path& path, std::string_view key, std::size_t width,
                std::optional<std::size_t> expected) {
  if (expected && width != *expected) {
    throw InputError("{}: {}: has {} columns, expected {} as the environment's", path.string(), key, width,
                     *expected);
  }
}

// Bytes of those columns of the whole dataset in memory.
double LoadedBytes(const DatasetLayout& layout, const DatasetColumns& columns) {
  std::size_t row = 2 + sizeof(float);  // flags and reward
  if (columns.observations) row += layout.observation_size * sizeof(float);
  if (columns.actions) row += layout.action_size * sizeof(float);
  if (columns.next_observations && layout.has_next_observations) {
    row += layout.observation_size * sizeof(float);
  }
  if (columns.infos) row += sizeof(float) + (layout.qpos_size + layout.qvel_size) * sizeof(double);
  return static_cast<double>(layout.rows) * static_cast<double>(row);
}

// InputError where a path that is no Minari dataset cannot be a file either.
void CheckKind(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    throw InputError("{}: is a folder, expected an HDF5 file or a Minari dataset's folder (with data/{})",
                     path.string(), kMinariData);
  }
  if (!std::filesystem::exists(path, none)) {
    throw InputError("{}: no such file, and no Minari dataset of that id in {}", path.string(),
                     MinariRoot().string());
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> EnvOptionsIn(
    const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, std::string>> options;
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(kEnvOptionPrefix)) options.emplace_back(key.substr(kEnvOptionPrefix.size()), value);
  }
  return options;
}

void CheckWidths(const std::filesystem::path& path, std::size_t observation_size, std::size_t action_size,
                 const DatasetReadOptions& options) {
  CheckWidth(path, "observations", observation_size, options.observation_size);
  CheckWidth(path, "actions", action_size, options.action_size);
}

void DatasetReader::SetLayout(const DatasetLayout& layout, const DatasetReadOptions& options) {
  if (layout.rows == 0) throw InputError("{}: observations: has 0 rows, expected at least 1", path_.string());
  CheckWidths(path_, layout.observation_size, layout.action_size, options);
  layout_ = layout;
}

std::unique_ptr<DatasetReader> OpenDataset(const std::filesystem::path& path,
                                           const DatasetReadOptions& options) {
  if (const auto folder = FindMinari(path)) return std::make_unique<MinariReader>(*folder, options);
  CheckKind(path);
  return std::make_unique<D4rlReader>(path, options);
}

Dataset ReadDataset(const std::filesystem::path& path, const DatasetReadOptions& options) {
  return ReadDataset(*OpenDataset(path, options));
}

Dataset ReadDataset(const DatasetReader& reader, const DatasetColumns& columns) {
  if (LoadedBytes(reader.layout(), columns) > static_cast<double>(MachineMemory())) {
    throw InputError("{}: its {} rows do not fit this machine's memory", reader.path().string(),
                     reader.layout().rows);
  }
  Dataset dataset = reader.Read(0, reader.layout().rows, columns);
  dataset.metadata = reader.Metadata();
  return dataset;
}

std::vector<std::filesystem::path> DatasetFiles(const std::filesystem::path& path) {
  const auto folder = FindMinari(path);
  if (!folder) {
    CheckKind(path);
    return {path};
  }
  std::vector<std::filesystem::path> files{*folder / kMinariData, *folder / kMinariMetadata};
  if (std::filesystem::exists(*folder / kD4rlRest)) files.push_back(*folder / kD4rlRest);
  return files;
}

std::string DatasetChecksum(const std::filesystem::path& path) { return FileChecksum(DatasetFiles(path)); }

}  // namespace strider
