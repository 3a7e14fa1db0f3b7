// An HDF5 file that is either whole or not there, however long it takes to write.
#pragma once

#include <filesystem>
#include <optional>

#include "datasets/hdf5.h"

namespace strider {

// It grows beside its place and stands under its name only after Finish; it is removed where it is destroyed
// unfinished. A full disk is a WorkError and leaves an older file as it was.
class WholeHdf5 {
 public:
  explicit WholeHdf5(const std::filesystem::path& path);
  ~WholeHdf5();
  WholeHdf5(const WholeHdf5&) = delete;
  WholeHdf5& operator=(const WholeHdf5&) = delete;

  Hdf5File& file() { return *file_; }
  // Close every Hdf5Appender before.
  void Finish();

 private:
  std::filesystem::path path_;
  std::filesystem::path part_;
  std::optional<Hdf5File> file_;
};

}  // namespace strider
