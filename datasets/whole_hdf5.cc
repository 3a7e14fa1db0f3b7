#include "datasets/whole_hdf5.h"

#include <unistd.h>

#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace strider {

WholeHdf5::WholeHdf5(const std::filesystem::path& path) : path_(PlaceFor(path)), part_(path_) {
  RequireFolderOf(path_);
  part_ += fmt::format(".{}.part", ::getpid());
  try {
    file_ = Hdf5File::Create(part_);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(part_, ignored);
    throw;
  }
}

WholeHdf5::~WholeHdf5() {
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(part_, ignored);
}

void WholeHdf5::Finish() {
  file_->Close();
  file_.reset();
  WriteWhole(path_,
             [this](const std::filesystem::path& temporary) { std::filesystem::rename(part_, temporary); });
}

}  // namespace strider
