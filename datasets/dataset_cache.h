// Datasets that open in milliseconds: their columns, kept in a file that is mapped into memory.
//
// The first opening decodes the source and keeps what learners and measures look at - observations, actions,
// rewards and flags, as a DatasetView has them - in a folder beside it, SOURCE.strider-cache (beside
// main_data.hdf5 where it is Minari's), or, where that cannot be written, in one under
// $XDG_CACHE_HOME/strider (~/.cache/strider). Any of them may be removed at any time. Where neither can be
// written (a full disk), the columns are read into memory.
//
// The cache is kept by the source's SHA-256. Hashing the source at each opening would take longer than all
// the rest, so it is taken to be what was hashed where its size, its inode, and its times of modification and
// of status change, in nanoseconds, are what they were then; where one of them differs (a copy, a touched
// file), it is hashed again, and the columns are built again only where the contents have changed. The
// columns' own file is judged alike: one that was cut short or written to is built again. What escapes this
// are contents that change without the file system's taking notice: within one tick of its clock, or by a
// failing disk.
#pragma once

#include <filesystem>
#include <string>

#include "core/mapped_file.h"
#include "datasets/dataset.h"
#include "datasets/reader.h"

namespace strider {

enum class UseCache { kYes, kNo };

// The columns of a dataset, mapped or in memory. Read-only, so many threads may share it.
class CachedDataset {
 public:
  // InputError as OpenDataset's and its reader's. Processes that open the same source at once wait for the
  // first one to build the cache. What holds values that are not finite is never cached: with
  // options.allow_non_finite the columns are read into memory, as with UseCache::kNo.
  explicit CachedDataset(const std::filesystem::path& source, const DatasetReadOptions& options = {},
                         UseCache use = UseCache::kYes);

  // Valid as long as this object.
  const DatasetView& columns() const { return columns_; }
  bool is_mapped() const { return !mapped_.bytes().empty(); }
  // Why the columns had to be read into memory although a cache was wanted; "" where they did not.
  const std::string& problem() const { return problem_; }

 private:
  // Maps the columns in a folder where they are those of that source.
  bool Open(const std::filesystem::path& folder, const std::string& source_identity);

  MappedFile mapped_;
  Dataset loaded_;
  DatasetView columns_;
  std::string problem_;
};

}  // namespace strider
