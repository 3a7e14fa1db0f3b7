// Making one dataset of several.
#pragma once

#include <filesystem>
#include <vector>

namespace strider {

struct MergeOptions {
  // Leaves out what follows a file's last end of an episode, as D4RL's medium-expert sets do; nothing has to
  // be marked then.
  bool complete_episodes_only = false;
};

// Writes the rows of the files, one file after the other, into a new D4RL file, block by block. Columns that
// not all files have are left out. Where a file stops in mid-episode its last row is marked as a time-out, so
// that nobody connects it with the next file's first row. Throws InputError where a file is no sound D4RL
// file, the widths of observations or actions differ, or no complete episode is there where they are asked
// for.
void MergeDatasets(const std::vector<std::filesystem::path>& files, const std::filesystem::path& out,
                   const MergeOptions& options = {});

}  // namespace strider
