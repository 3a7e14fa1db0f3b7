#include "datasets/hdf5.h"

#include <algorithm>
#include <concepts>
#include <limits>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "core/memory.h"
#include "datasets/hdf5_chunks.h"
#include "datasets/hdf5_internal.h"

namespace strider {

using hdf5_internal::CheckedCount;
using hdf5_internal::CheckNumeric;
using hdf5_internal::CheckSize;
using hdf5_internal::ChunkOutcome;
using hdf5_internal::Complaint;
using hdf5_internal::Describe;
using hdf5_internal::NativeType;
using hdf5_internal::OpenDataset;
using hdf5_internal::Quiet;
using hdf5_internal::ReadChunks;
using hdf5_internal::Reason;
using hdf5_internal::RootedKey;

namespace {

// deflate shrinks to 1/1032 at the best.
constexpr std::size_t kMaxExpansion = 1100;
// Smaller claims are harmless, whatever is stored.
constexpr std::size_t kHarmlessBytes = std::size_t{64} << 20;

void DescribeType(hid_t type, Hdf5Info& info) {
  const std::size_t bits = 8 * H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      info.kind = Hdf5Kind::kInteger;
      info.type = fmt::format("{}-bit integer", bits);
      return;
    case H5T_FLOAT:
      info.kind = Hdf5Kind::kFloat;
      info.type = fmt::format("{}-bit float", bits);
      return;
    case H5T_ENUM:
      info.kind = H5Tget_nmembers(type) == 2 ? Hdf5Kind::kFlag : Hdf5Kind::kOther;
      info.type = info.kind == Hdf5Kind::kFlag ? "boolean" : "an enumeration";
      return;
    case H5T_STRING:
      info.kind = Hdf5Kind::kString;
      info.type = "text";
      return;
    case H5T_COMPOUND:
      info.type = "a compound type";
      return;
    case H5T_ARRAY:
      info.type = "an array type";
      return;
    default:
      info.type = "an unsupported type";
  }
}

// An empty optional for a null dataspace.
std::optional<Shape> ShapeOf(hid_t space) {
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return std::nullopt;
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0) return std::nullopt;
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  return Shape(extents.begin(), extents.end());
}

// How the values of a dataset are stored.
void DescribeStorage(hid_t dataset, Hdf5Info& info) {
  const Hdf5Handle list(H5Dget_create_plist(dataset), H5Pclose);
  info.stored_bytes = H5Dget_storage_size(dataset);
  if (H5Pget_layout(list.id()) == H5D_VIRTUAL || H5Pget_external_count(list.id()) > 0) {
    info.kind = Hdf5Kind::kOther;
    info.type = "stored in other files (which are not read)";
  }
  if (H5Pget_layout(list.id()) != H5D_CHUNKED) return;
  std::vector<hsize_t> extents(info.shape.size());
  if (H5Pget_chunk(list.id(), static_cast<int>(extents.size()), extents.data()) > 0) {
    info.chunk.assign(extents.begin(), extents.end());
  }
}

bool IsLinkIntoOtherFile(hid_t file, const std::string& key) {
  H5L_info_t link{};
  return key != "/" && H5Lget_info(file, key.c_str(), &link, H5P_DEFAULT) >= 0 &&
         link.type == H5L_TYPE_EXTERNAL;
}

// True where every link on the way exists; the last one may lead nowhere.
bool LinkExists(hid_t file, const std::string& key) {
  for (std::size_t end = key.find('/', 1);; end = key.find('/', end + 1)) {
    const std::string part = key.substr(0, end);
    if (part.size() > 1 && H5Lexists(file, part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) return true;
    if (H5Oexists_by_name(file, part.c_str(), H5P_DEFAULT) <= 0) return false;
  }
}

}  // namespace

namespace hdf5_internal {

void Quiet() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  // A file must not make us open others.
  if (H5Lis_registered(H5L_TYPE_EXTERNAL) > 0) H5Lunregister(H5L_TYPE_EXTERNAL);
}

std::string Reason() {
  std::string reason;
  const auto take_first = [](unsigned, const H5E_error2_t* error, void* to) -> herr_t {
    auto& text = *static_cast<std::string*>(to);
    if (text.empty() && error->desc != nullptr) text = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
  return reason.empty() ? "no reason given" : reason;
}

InputError Complaint(const std::filesystem::path& path, std::string_view key, std::string_view what) {
  return InputError("{}: {}: {}", path.string(), key.empty() ? "/" : key, what);
}

std::string RootedKey(std::string_view key) {
  return key.starts_with('/') ? std::string(key) : fmt::format("/{}", key);
}

void Describe(const Hdf5Handle& type, const Hdf5Handle& space, Hdf5Info& info) {
  if (!type.valid() || !space.valid()) {
    info.type = "damaged";
    return;
  }
  DescribeType(type.id(), info);
  if (auto shape = ShapeOf(space.id())) {
    info.shape = std::move(*shape);
  } else {
    info.kind = Hdf5Kind::kOther;
    info.type = "without a shape";
  }
}

std::optional<std::size_t> CheckedCount(const Shape& shape) {
  std::size_t count = 1;
  for (const std::size_t extent : shape) {
    if (extent != 0 && count > std::numeric_limits<std::size_t>::max() / 16 / extent) return std::nullopt;
    count *= extent;
  }
  return count;
}

void CheckNumeric(const std::filesystem::path& path, std::string_view key, const Hdf5Info& info) {
  if (!info.is_numeric()) throw Complaint(path, key, fmt::format("is {}, expected numbers", info.type));
}

void CheckSize(const std::filesystem::path& path, std::string_view key, const Hdf5Info& info,
               std::size_t value_size) {
  if (const std::string problem = ClaimProblem(info); !problem.empty()) throw Complaint(path, key, problem);
  if (ElementCount(info.shape) > MachineMemory() / value_size) {
    throw Complaint(path, key,
                    fmt::format("shape {} is larger than this machine's memory", ShapeText(info.shape)));
  }
}

Hdf5Handle OpenDataset(hid_t file, std::string_view key) {
  return {H5Dopen2(file, RootedKey(key).c_str(), H5P_DEFAULT), H5Dclose};
}

}  // namespace hdf5_internal

std::size_t ElementCount(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

std::string ShapeText(const Shape& shape) {
  return shape.empty() ? "a scalar"
                       : fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::string ClaimProblem(const Hdf5Info& info) {
  const std::optional<std::size_t> count = CheckedCount(info.shape);
  if (!count) return fmt::format("shape {} is larger than any file", ShapeText(info.shape));
  const auto is_hollow = [&](std::size_t values) {
    return values > kHarmlessBytes && values / kMaxExpansion > info.stored_bytes;
  };
  if (is_hollow(*count)) {
    return fmt::format("claims shape {} but only {} bytes are stored", ShapeText(info.shape),
                       info.stored_bytes);
  }
  const std::optional<std::size_t> chunk = CheckedCount(info.chunk);
  if (!chunk || is_hollow(*chunk)) {
    return fmt::format("claims chunks of shape {} but only {} bytes are stored", ShapeText(info.chunk),
                       info.stored_bytes);
  }
  return "";
}

Hdf5Handle& Hdf5Handle::operator=(Hdf5Handle&& other) noexcept {
  if (this != &other) {
    Reset();
    id_ = std::exchange(other.id_, -1);
    close_ = other.close_;
  }
  return *this;
}

bool Hdf5Handle::Reset() noexcept {
  const hid_t id = std::exchange(id_, -1);
  return id < 0 || close_(id) >= 0;
}

Hdf5File Hdf5File::Open(const std::filesystem::path& path) {
  Quiet();
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw InputError("{}: no such file", path.string());
  if (std::filesystem::is_directory(status)) {
    throw InputError("{}: is a folder, expected an HDF5 file", path.string());
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw InputError("{}: is no regular file, expected an HDF5 file", path.string());
  }
  if (::access(path.c_str(), R_OK) != 0) throw InputError("{}: no permission to read it", path.string());
  if (std::filesystem::file_size(path, error) == 0) {
    throw InputError("{}: is empty, expected an HDF5 file", path.string());
  }
  if (H5Fis_hdf5(path.c_str()) <= 0) throw InputError("{}: is not an HDF5 file", path.string());
  Hdf5File file(path);
  file.handle_ = {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose};
  if (!file.handle_.valid()) {
    throw InputError("{}: damaged or cut short HDF5 file ({})", path.string(), Reason());
  }
  return file;
}

bool Hdf5File::Has(std::string_view key) const {
  const std::string rooted = RootedKey(key);
  return LinkExists(handle_.id(), rooted) && H5Oexists_by_name(handle_.id(), rooted.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5File::Names(std::string_view group) const {
  const Hdf5Info info = Info(group);
  if (info.kind != Hdf5Kind::kGroup) {
    throw Complaint(path_, group, fmt::format("is {}, expected a group", info.type));
  }
  const Hdf5Handle handle(H5Gopen2(handle_.id(), RootedKey(group).c_str(), H5P_DEFAULT), H5Gclose);
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
    static_cast<std::vector<std::string>*>(to)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Literate(handle.id(), H5_INDEX_NAME, H5_ITER_INC, &position, take, &names) < 0) {
    throw Complaint(path_, group, fmt::format("cannot be listed ({})", Reason()));
  }
  return names;
}

std::optional<Hdf5Info> Hdf5File::Find(std::string_view key) const {
  const std::string rooted = RootedKey(key);
  if (!LinkExists(handle_.id(), rooted)) return std::nullopt;
  const Hdf5Handle object(H5Oopen(handle_.id(), rooted.c_str(), H5P_DEFAULT), H5Oclose);
  Hdf5Info info;
  switch (object.valid() ? H5Iget_type(object.id()) : H5I_BADID) {
    case H5I_GROUP:
      info.kind = Hdf5Kind::kGroup;
      info.type = "a group";
      break;
    case H5I_DATASET:
      Describe({H5Dget_type(object.id()), H5Tclose}, {H5Dget_space(object.id()), H5Sclose}, info);
      DescribeStorage(object.id(), info);
      break;
    case H5I_DATATYPE:
      info.type = "a named type";
      break;
    default:
      info.type = IsLinkIntoOtherFile(handle_.id(), rooted) ? "a link into another file (not followed)"
                                                            : "a link to nothing, or damaged";
  }
  return info;
}

Hdf5Info Hdf5File::Info(std::string_view key) const {
  std::optional<Hdf5Info> info = Find(key);
  if (!info) throw Complaint(path_, key, "is missing");
  return *std::move(info);
}

namespace {

// Reads rows [first, first + count) of a dataset of any rank >= 1.
bool ReadSlab(const Hdf5Handle& dataset, hid_t memory_type, const Shape& shape, std::size_t first,
              std::size_t count, void* values) {
  std::vector<hsize_t> start(shape.size(), 0);
  std::vector<hsize_t> extent(shape.begin(), shape.end());
  start[0] = first;
  extent[0] = count;
  const Hdf5Handle space(H5Dget_space(dataset.id()), H5Sclose);
  const Hdf5Handle memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                          H5Sclose);
  return H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) >=
             0 &&
         H5Dread(dataset.id(), memory_type, memory.id(), space.id(), H5P_DEFAULT, values) >= 0;
}

}  // namespace

template <class T>
Array<T> Hdf5File::Read(std::string_view key) const {
  Hdf5Info info = Info(key);
  CheckNumeric(path_, key, info);
  CheckSize(path_, key, info, sizeof(T));
  Array<T> array;
  array.values.resize(ElementCount(info.shape));
  array.shape = std::move(info.shape);
  if (array.values.empty()) return array;
  if (!array.shape.empty()) {
    ReadRows<T>(key, 0, array.shape[0], array.values);
    return array;
  }
  const Hdf5Handle dataset = OpenDataset(handle_.id(), key);
  if (H5Dread(dataset.id(), NativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0) {
    throw Complaint(path_, key, fmt::format("stored values cannot be read ({})", Reason()));
  }
  return array;
}

template <class T>
void Hdf5File::ReadRows(std::string_view key, std::size_t first, std::size_t count,
                        std::span<T> values) const {
  const Hdf5Info info = Info(key);
  CheckNumeric(path_, key, info);
  if (info.shape.empty()) throw Complaint(path_, key, "is a scalar, expected rows");
  const std::size_t row_size = ElementCount(Shape(info.shape.begin() + 1, info.shape.end()));
  if (first > info.shape[0] || count > info.shape[0] - first || values.size() != count * row_size) {
    throw Complaint(path_, key,
                    fmt::format("shape {} does not hold {} values in rows {} to {}", ShapeText(info.shape),
                                values.size(), first, first + count));
  }
  if (values.empty()) return;
  const Hdf5Handle dataset = OpenDataset(handle_.id(), key);
  ChunkOutcome outcome = ChunkOutcome::kUnknown;
  if constexpr (std::floating_point<T>) {
    outcome = ReadChunks(dataset, info.shape, first, count, values.data());
  }
  const bool ok = outcome == ChunkOutcome::kRead ||
                  (outcome == ChunkOutcome::kUnknown &&
                   ReadSlab(dataset, NativeType<T>(), info.shape, first, count, values.data()));
  if (!ok) {
    const std::string problem = outcome == ChunkOutcome::kDamaged ? "a chunk is damaged" : Reason();
    throw Complaint(path_, key,
                    fmt::format("rows {} to {} cannot be read ({})", first, first + count - 1, problem));
  }
}

template <class T>
T Hdf5File::ReadScalar(std::string_view key) const {
  const Hdf5Info info = Info(key);
  CheckNumeric(path_, key, info);
  if (CheckedCount(info.shape) != std::size_t{1}) {
    throw Complaint(path_, key, fmt::format("has shape {}, expected one number", ShapeText(info.shape)));
  }
  return Read<T>(key).values.front();
}

Hdf5Rows::Hdf5Rows(const Hdf5File& file, std::string_view key)
    : path_(file.path()), key_(key), info_(file.Info(key)) {
  CheckNumeric(path_, key, info_);
  if (info_.shape.empty()) throw Complaint(path_, key, "is a scalar, expected rows");
  if (const std::string problem = ClaimProblem(info_); !problem.empty()) {
    throw Complaint(path_, key, problem);
  }
  dataset_ = OpenDataset(file.handle_.id(), key);
  type_ = {H5Dget_type(dataset_.id()), H5Tclose};
  row_bytes_ = ElementCount(row_shape()) * H5Tget_size(type_.id());
}

std::vector<std::byte> Hdf5Rows::Read(std::size_t first, std::size_t count, const Hdf5Handle& type) const {
  std::vector<std::byte> bytes(count * ElementCount(row_shape()) * H5Tget_size(type.id()));
  if (!bytes.empty() && !ReadSlab(dataset_, type.id(), info_.shape, first, count, bytes.data())) {
    throw Complaint(path_, key_,
                    fmt::format("rows {} to {} cannot be read ({})", first, first + count - 1, Reason()));
  }
  return bytes;
}

#define STRIDER_INSTANTIATE(T)                                                                         \
  template Array<T> Hdf5File::Read<T>(std::string_view) const;                                         \
  template void Hdf5File::ReadRows<T>(std::string_view, std::size_t, std::size_t, std::span<T>) const; \
  template T Hdf5File::ReadScalar<T>(std::string_view) const;
STRIDER_INSTANTIATE(float)
STRIDER_INSTANTIATE(double)
STRIDER_INSTANTIATE(std::int32_t)
STRIDER_INSTANTIATE(std::int64_t)
STRIDER_INSTANTIATE(std::uint8_t)
STRIDER_INSTANTIATE(std::uint64_t)
#undef STRIDER_INSTANTIATE

}  // namespace strider
