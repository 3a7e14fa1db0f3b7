// Minari's datasets in HDF5 (dataset-formats sheet, section 2): a folder with main_data.hdf5 and
// metadata.json.
//
// Rows are the steps of the episodes in numeric order. observations are an episode's rows 0 to T-1,
// next_observations its rows 1 to T; terminals are its terminations, timeouts its truncations. An episode
// that ends with neither, other than the last one, is given a time-out there, for nothing leads from it to
// the next. The arrays of a Dict space are joined in the order of their keys, as Gymnasium's flatten does;
// arrays of several axes are laid out row by row; the number of a Discrete space stays a number, one column.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/minari_metadata.h"
#include "datasets/reader.h"

namespace strider {

inline constexpr const char* kMinariData = "main_data.hdf5";
inline constexpr const char* kMinariMetadata = "metadata.json";

// The folder that holds a Minari dataset's files: `path` may be the dataset's folder, its `data` folder, one
// of the two files, or an id ("D4RL/door/human-v2") under $MINARI_DATASETS_PATH, or ~/.minari/datasets
// without it. Nothing where it is none of these. Only an existing name can be a D4RL file, and it is one
// then.
std::optional<std::filesystem::path> FindMinari(const std::filesystem::path& path);

// Minari's folder of datasets.
std::filesystem::path MinariRoot();

// One array of every episode.
struct MinariArray {
  std::string key;        // in the episode: "observations/achieved_goal"
  Shape row_shape;        // of one step
  std::size_t width = 1;  // numbers of one step
};

struct MinariInspection {
  DatasetLayout layout;  // holds, like the rest, only where there are no problems
  MinariMetadata metadata;
  std::vector<std::size_t> starts;        // first row of each episode, and the number of rows at the end
  std::vector<MinariArray> observations;  // in the order in which they are joined
  std::vector<MinariArray> actions;
  // Everything that is wrong with counts, keys, types and shapes; at most kMaxMinariProblems.
  std::vector<std::string> problems;

  std::size_t episodes() const { return starts.size() - 1; }
  std::size_t length(std::size_t episode) const { return starts[episode + 1] - starts[episode]; }
};

inline constexpr std::size_t kMaxMinariProblems = 100;

// "episode_3/rewards".
std::string EpisodeKey(std::size_t episode, std::string_view key);

// A data folder's main_data.hdf5. InputError where there is none, because the dataset is of another format.
Hdf5File OpenMinariData(const std::filesystem::path& folder);

// Judges the files in a data folder without reading arrays. InputError where the metadata cannot be read.
MinariInspection InspectMinari(const std::filesystem::path& folder, const Hdf5File& file);

inline constexpr const char* kD4rlRest = "d4rl.hdf5";
inline constexpr const char* kAbsentColumns = "strider/absent";  // in it: the keys, with spaces between them

// Whether such a file says that its dataset's source had no column of that name.
bool LacksColumn(const Hdf5File& rest, std::string_view key);

// Beside a dataset that came from a D4RL file, or that Strider collected: a file with all that has no place
// in Minari's layout (see convert.h). Nothing where there is none.
std::optional<Hdf5File> OpenD4rlRest(const std::filesystem::path& folder);

class MinariReader final : public DatasetReader {
 public:
  // `folder` is what FindMinari gives. InputError where it is no sound dataset.
  explicit MinariReader(const std::filesystem::path& folder, const DatasetReadOptions& options = {});

  std::map<std::string, std::string> Metadata() const override;
  Dataset Read(std::size_t first, std::size_t count, const DatasetColumns& columns = {}) const override;

  const MinariInspection& inspection() const { return inspection_; }
  const Hdf5File& file() const { return file_; }

 private:
  void ReadPiece(std::size_t episode, std::size_t first, std::size_t count, const DatasetColumns& columns,
                 std::size_t at, Dataset& block) const;

  Hdf5File file_;
  DatasetReadOptions options_;
  MinariInspection inspection_;
};

}  // namespace strider
