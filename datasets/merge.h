// Making one dataset of several.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "datasets/writer.h"

namespace strider {

struct MergeOptions {
  DatasetFormat format = DatasetFormat::kD4rl;  // of what is written
  // Leaves out what follows a file's last end of an episode, as D4RL's medium-expert sets do; nothing has to
  // be marked then. Minari's episodes are all complete.
  bool complete_episodes_only = false;
  // Whether an option of an environment has this value where nobody says, so that a file that names it was
  // recorded under the same rules as one that does not. Where it is not given, nobody knows.
  std::function<bool(std::string_view env, std::string_view option, std::string_view value)> is_default = {};
};

// Writes the rows of datasets of either format, one after the other, into a new one, block by block. Columns
// that not all of them have are left out. Where one stops in mid-episode its last row is marked as a
// time-out, so that nobody connects it with the next one's first row. Minari datasets alone that become one
// of Minari's keep all that their episodes hold (seeds, options, infos, types). `progress` is called with the
// rows done. Throws InputError where one is no sound dataset, where widths, environments, their options or
// their worlds (env_instance, which is left out where not all say it) differ, where one is to be written
// over, and where no complete episode is in one that is asked for them.
void MergeDatasets(const std::vector<std::filesystem::path>& files, const std::filesystem::path& out,
                   const MergeOptions& options = {},
                   const std::function<void(std::size_t rows)>& progress = nullptr);

}  // namespace strider
