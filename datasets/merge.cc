#include "datasets/merge.h"

#include <algorithm>
#include <deque>

#include "core/error.h"
#include "datasets/d4rl.h"

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 100000;

// The columns that all files have.
D4rlWriteOptions CommonColumns(const std::deque<D4rlReader>& readers) {
  D4rlWriteOptions common;
  const auto all = [&](const auto& has) {
    return std::ranges::all_of(readers, [&](const D4rlReader& reader) { return has(reader.layout()); });
  };
  const DatasetLayout& first = readers.front().layout();
  common.next_observations = all([](const DatasetLayout& layout) { return layout.has_next_observations; });
  common.action_log_probs = all([](const DatasetLayout& layout) { return layout.has_action_log_probs; });
  if (all([&](const DatasetLayout& layout) {
        return layout.qpos_size == first.qpos_size && layout.qvel_size == first.qvel_size;
      })) {
    common.qpos_size = first.qpos_size;
    common.qvel_size = first.qvel_size;
  }
  return common;
}

}  // namespace

void MergeDatasets(const std::vector<std::filesystem::path>& files, const std::filesystem::path& out) {
  std::deque<D4rlReader> readers;
  for (const std::filesystem::path& file : files) {
    readers.emplace_back(file);
    const DatasetLayout& first = readers.front().layout();
    const DatasetLayout& layout = readers.back().layout();
    if (layout.observation_size != first.observation_size || layout.action_size != first.action_size) {
      throw InputError("{}: observations are {} wide and actions {}; expected {} and {} as in {}",
                       file.string(), layout.observation_size, layout.action_size, first.observation_size,
                       first.action_size, files.front().string());
    }
    if (!layout.has_timeouts)
      throw InputError("{}: timeouts: no such key; needed to tell where episodes end", file.string());
  }
  const auto metadata = readers.front().Metadata();
  const auto env_id = metadata.find("env_id");
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::error_code none;
    if (std::filesystem::equivalent(files[i], out, none)) {
      throw InputError("{} is to be merged and to be written; expected another --out", out.string());
    }
    const auto other_metadata = readers[i].Metadata();
    const auto other = other_metadata.find("env_id");
    if (env_id == metadata.end() || other == other_metadata.end() || other->second == env_id->second)
      continue;
    throw InputError("{}: metadata/env_id is {}; expected {} as in {}", files[i].string(), other->second,
                     env_id->second, files.front().string());
  }
  const DatasetLayout& first = readers.front().layout();
  D4rlWriter writer(out, first.observation_size, first.action_size, CommonColumns(readers));
  std::string names;
  for (const std::filesystem::path& file : files)
    names += (names.empty() ? "" : ", ") + file.filename().string();
  writer.WriteMetadata("merged_from", names);
  if (env_id != metadata.end()) writer.WriteMetadata("env_id", env_id->second);
  for (const D4rlReader& reader : readers) {
    const std::size_t rows = reader.layout().rows;
    for (std::size_t start = 0; start < rows; start += kBlockRows) {
      Dataset block = reader.Read(start, std::min(kBlockRows, rows - start));
      const bool ends_file = start + block.rows == rows;
      if (ends_file && &reader != &readers.back() && block.terminals.back() == 0) block.timeouts.back() = 1;
      writer.Append(block);
    }
  }
  writer.Finish();
}

}  // namespace strider
