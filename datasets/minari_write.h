// Writing Minari's datasets.
//
// A dataset's path is a new folder, named as its id: NAME-vN, or NAMESPACE/NAME-vN where it lies under
// $MINARI_DATASETS_PATH. It stands there only when it is whole. Arrays are compressed (shuffle and gzip),
// which Minari reads like others.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/hdf5.h"
#include "datasets/writer.h"

namespace strider {

// Writes episode after episode, as large as they may be, of arrays of any type.
class MinariFolderWriter {
 public:
  // InputError where there is something at `path` already, or its name can be no id.
  explicit MinariFolderWriter(const std::filesystem::path& path);
  ~MinariFolderWriter();
  MinariFolderWriter(const MinariFolderWriter&) = delete;
  MinariFolderWriter& operator=(const MinariFolderWriter&) = delete;

  // Appends whole rows to an array of the episode under way, such as "infos/qpos". The first call for a key
  // (with any number of rows) makes the array.
  void Append(std::string_view key, const Hdf5Handle& type, const Shape& row_shape,
              std::span<const std::byte> rows);
  // Ends the episode: its attributes id and total_steps (the rows of "rewards") are written.
  void EndEpisode();
  // An episode of another dataset, as it is, but for its id.
  void CopyEpisode(const Hdf5File& from, std::size_t episode, std::size_t length);

  // Ended so far; the number of the one under way.
  std::size_t episodes() const { return episodes_; }
  // main_data.hdf5, for what belongs beside the arrays.
  Hdf5File& file() { return *file_; }
  // d4rl.hdf5, made at the first call: what has no place in Minari's layout.
  Hdf5File& rest();

  // Completes the metadata (counts, size, id, format, version; keys that are there already keep their
  // places) and puts the folder in its place.
  void Finish(nlohmann::ordered_json metadata);

 private:
  struct Column;
  void Flush(const std::string& key, Column& column);

  std::filesystem::path path_;
  std::string id_;              // what the folder's name says
  std::filesystem::path part_;  // grows beside path_
  std::optional<Hdf5File> file_;
  std::optional<Hdf5File> rest_;
  std::map<std::string, Column> columns_;  // of the episode under way
  std::size_t episodes_ = 0;
  std::size_t steps_ = 0;
};

// metadata.json of a dataset in whose D4RL metadata `texts` were found: spaces and environment as these give
// them (keys observation_space, action_space, env_spec: Gymnasium's JSON; env_id), else boxes of the given
// sizes: observations without bounds, actions in D4RL's [-1, 1].
nlohmann::ordered_json MinariMetadataFor(const std::map<std::string, std::string>& texts,
                                         std::size_t observation_size, std::string_view observation_type,
                                         std::size_t action_size, std::string_view action_type);

// Whether the text of a space's JSON is that of a Discrete one. InputError where it is no space.
bool IsDiscreteSpace(const std::string& text);

// Dataset's columns as float32 (qpos and qvel float64), metadata in d4rl.hdf5. The row after an episode's
// last step comes from next_observations; without them it repeats the last one, and the dataset is marked as
// lacking them. Actions of a Discrete action_space, which must be given before the first rows, are int64.
class MinariWriter final : public DatasetWriter {
 public:
  MinariWriter(const std::filesystem::path& path, std::size_t observation_size, std::size_t action_size,
               const DatasetWriteOptions& options);

  void WriteMetadata(std::string_view key, std::string_view text) override;
  void WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape) override;
  void Finish() override;

 private:
  void DoAppend(const Dataset& block) override;
  void AppendRows(const Dataset& block, std::size_t first, std::size_t count);
  void EndEpisode();

  MinariFolderWriter folder_;
  std::map<std::string, std::string> texts_;
  std::vector<float> last_observation_;  // what follows the newest row; empty between episodes
};

}  // namespace strider
