#include "datasets/hdf5_driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>

namespace strider {
namespace {

struct AccessInfo {
  int* error;
};

// What the library holds of an open file; its own part must come first.
struct File {
  H5FD_t library_part{};
  int descriptor = -1;
  haddr_t end_of_allocation = 0;
  haddr_t end_of_file = 0;
  int* error = nullptr;

  void Note(int number) const {
    if (*error == 0) *error = number;
  }
};

File* Of(H5FD_t* file) { return reinterpret_cast<File*>(file); }
const File* Of(const H5FD_t* file) { return reinterpret_cast<const File*>(file); }

H5FD_t* Open(const char* name, unsigned flags, hid_t access, haddr_t) {
  const auto* info = static_cast<const AccessInfo*>(H5Pget_driver_info(access));
  if (info == nullptr) return nullptr;
  int mode = (flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY;
  if ((flags & H5F_ACC_TRUNC) != 0) mode |= O_TRUNC;
  if ((flags & H5F_ACC_CREAT) != 0) mode |= O_CREAT;
  if ((flags & H5F_ACC_EXCL) != 0) mode |= O_EXCL;
  const int descriptor = ::open(name, mode | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    if (*info->error == 0) *info->error = errno;
    return nullptr;
  }
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  auto file = std::make_unique<File>();
  file->descriptor = descriptor;
  file->end_of_file = static_cast<haddr_t>(std::max<off_t>(size, 0));
  file->error = info->error;
  return &file.release()->library_part;  // the library hands it back to Close
}

herr_t Close(H5FD_t* file) {
  const std::unique_ptr<File> owned(Of(file));
  if (::close(owned->descriptor) != 0) owned->Note(errno);
  return 0;
}

herr_t Query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t GetEndOfAllocation(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_of_allocation; }

herr_t SetEndOfAllocation(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  Of(file)->end_of_allocation = address;
  return 0;
}

haddr_t GetEndOfFile(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_of_file; }

// What lies beyond the file's end reads as zeros.
herr_t Read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  auto* to = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = ::pread(Of(file)->descriptor, to, size, static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) {
      std::memset(to, 0, size);
      return 0;
    }
    to += got;
    address += static_cast<haddr_t>(got);
    size -= static_cast<size_t>(got);
  }
  return 0;
}

herr_t Write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, const void* buffer) {
  const auto* from = static_cast<const char*>(buffer);
  const haddr_t end = address + size;
  while (size > 0 && *Of(file)->error == 0) {
    const ssize_t put = ::pwrite(Of(file)->descriptor, from, size, static_cast<off_t>(address));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      Of(file)->Note(errno);
      break;
    }
    from += put;
    address += static_cast<haddr_t>(put);
    size -= static_cast<size_t>(put);
  }
  Of(file)->end_of_file = std::max(Of(file)->end_of_file, end);
  return 0;
}

herr_t Truncate(H5FD_t* file, hid_t, hbool_t) {
  if (Of(file)->end_of_allocation == Of(file)->end_of_file) return 0;
  if (*Of(file)->error == 0 &&
      ::ftruncate(Of(file)->descriptor, static_cast<off_t>(Of(file)->end_of_allocation)) != 0) {
    Of(file)->Note(errno);
  }
  Of(file)->end_of_file = Of(file)->end_of_allocation;
  return 0;
}

hid_t Register() {
  constexpr H5FD_mem_t kAllocationKinds[] = H5FD_FLMAP_DICHOTOMY;
  H5FD_class_t driver{};
  driver.name = "strider";
  driver.maxaddr = (static_cast<haddr_t>(1) << 62) - 1;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(AccessInfo);
  driver.open = Open;
  driver.close = Close;
  driver.query = Query;
  driver.get_eoa = GetEndOfAllocation;
  driver.set_eoa = SetEndOfAllocation;
  driver.get_eof = GetEndOfFile;
  driver.read = Read;
  driver.write = Write;
  driver.truncate = Truncate;
  std::copy(std::begin(kAllocationKinds), std::end(kAllocationKinds), std::begin(driver.fl_map));
  return H5FDregister(&driver);
}

}  // namespace

hid_t SurvivingFileAccess(int* error) {
  static const hid_t driver = Register();
  const AccessInfo info{error};
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_driver(access, driver, &info);
  return access;
}

}  // namespace strider
