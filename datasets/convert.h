// From D4RL's layout to Minari's and back, without loss: types are kept, and what one layout has no place for
// travels along.
//
// D4RL to Minari. An episode ends at a terminal or a time-out; rows after the last end are an episode without
// an end. observations, actions and rewards keep their types; terminals and timeouts become terminations and
// truncations; per-step infos/* stay infos/*, with T rows. The observation after an episode's last step is
// that of next_observations; a file without them gets the last observation a second time, and the dataset is
// marked as lacking them, so that Strider never takes the repetition for a successor. Spaces and environment
// are those that the metadata name (observation_space, action_space, env_spec, env_id), else unbounded
// observations and D4RL's actions in [-1, 1]. A file beside Minari's own, data/d4rl.hdf5, holds the rest:
// metadata/* as it was, the names of absent columns, and whatever Minari's layout would change or drop: flags
// and actions of other types, next_observations that differ from the row that follows inside an episode,
// unknown keys.
//
// Minari to D4RL. Rows as in minari.h, with the arrays of a Dict joined (in their common type, or float64
// where they differ), a Discrete's numbers as one column. infos/* become columns; where an episode has T + 1
// rows of them, the last ones lie in metadata/minari/final_infos/*; infos that are no columns of numbers, or
// not in every episode, lie in metadata/minari/infos. metadata/minari/{metadata,episodes}.json hold Minari's
// metadata and the episodes' lengths, seeds, options and other attributes. A dataset that came from a D4RL
// file becomes that file again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>

#include "datasets/writer.h"

namespace strider {

struct ConvertOptions {
  // Episodes of a D4RL file without timeouts end after this many steps, if not before. Without it such a file
  // is refused.
  std::optional<std::size_t> max_episode_steps = std::nullopt;
  // Called with the rows done, from time to time.
  std::function<void(std::size_t rows)> progress = nullptr;
};

// Writes `from`, of either format, to `to`, in the other one, block by block. InputError where `from` is no
// sound dataset, has that format already, or holds what the other layout has no place for, and where `to` is
// `from`.
void ConvertDataset(const std::filesystem::path& from, const std::filesystem::path& to, DatasetFormat format,
                    const ConvertOptions& options = {});

// InputError where `out` is the input, or one of its files or folders.
void RefuseOverwriting(const std::filesystem::path& input, const std::filesystem::path& out);

}  // namespace strider
