// The writing half of the HDF5 kit.
#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "datasets/columns.h"
#include "datasets/hdf5.h"
#include "datasets/hdf5_chunks.h"
#include "datasets/hdf5_driver.h"
#include "datasets/hdf5_internal.h"

namespace strider {

using hdf5_internal::Complaint;
using hdf5_internal::NativeType;
using hdf5_internal::PackChunks;
using hdf5_internal::Quiet;
using hdf5_internal::Reason;
using hdf5_internal::RootedKey;

namespace {

constexpr std::size_t kChunkBytes = 128 * 1024;  // a compromise: seeks few, rewrites of a growing chunk cheap
constexpr unsigned kGzipLevel = 4;               // h5py's default

// Throws where a write has failed: `ok` is what the library says, `error` what the driver noted.
void CheckWritten(const std::filesystem::path& path, bool ok, int error) {
  if (error != 0) throw WorkError("cannot write {}: {}", path.string(), std::strerror(error));
  if (!ok) throw WorkError("cannot write {}: {}", path.string(), Reason());
}

// As h5py stores booleans.
Hdf5Handle FlagType() {
  Hdf5Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  constexpr std::int8_t kFalse = 0;
  constexpr std::int8_t kTrue = 1;
  H5Tenum_insert(type.id(), "FALSE", &kFalse);
  H5Tenum_insert(type.id(), "TRUE", &kTrue);
  return type;
}

Hdf5Handle IntermediateGroups() {
  Hdf5Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(list.id(), 1);
  return list;
}

// Rows of a chunk, at most `max_rows` (0: no bound).
std::size_t ChunkRows(const Shape& row_shape, std::size_t value_size, std::size_t max_rows) {
  const std::size_t row_bytes = std::max<std::size_t>(ElementCount(row_shape) * value_size, 1);
  const std::size_t rows = std::max<std::size_t>(kChunkBytes / row_bytes, 1);
  return max_rows == 0 ? rows : std::min(rows, max_rows);
}

// Of every dataset. Without the time of writing: equal contents are equal files.
Hdf5Handle Properties() {
  Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(list.id(), false);
  return list;
}

// Chunks of whole rows, compressed. The shuffle of bytes before gzip makes floats smaller, and faster to
// write and to read.
Hdf5Handle ChunkedLayout(const Shape& row_shape, std::size_t value_size, std::size_t max_rows) {
  std::vector<hsize_t> chunk{ChunkRows(row_shape, value_size, max_rows)};
  chunk.insert(chunk.end(), row_shape.begin(), row_shape.end());
  Hdf5Handle list = Properties();
  H5Pset_chunk(list.id(), static_cast<int>(chunk.size()), chunk.data());
  H5Pset_shuffle(list.id());
  H5Pset_deflate(list.id(), kGzipLevel);
  return list;
}

Hdf5Handle Space(const Shape& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(shape.size()), extents.data(), nullptr), H5Sclose};
}

}  // namespace

// It serves as the type in memory too: flags lie there as bytes.
template <class T>
Hdf5Handle StoredType(bool flags) {
  return flags ? FlagType() : Hdf5Handle(H5Tcopy(NativeType<T>()), H5Tclose);
}

Hdf5File Hdf5File::Create(const std::filesystem::path& path) {
  Quiet();
  Hdf5File file(path);
  const Hdf5Handle access(SurvivingFileAccess(file.write_error_.get()), H5Pclose);
  file.handle_ = {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), H5Fclose};
  CheckWritten(path, file.handle_.valid(), *file.write_error_);
  return file;
}

template <class T>
void Hdf5File::Write(std::string_view key, std::span<const T> values, const Shape& shape,
                     Hdf5WriteOptions options) {
  const Hdf5Handle space = Space(shape);
  const Hdf5Handle type = StoredType<T>(options.flags);
  const bool chunked = options.compress && !shape.empty() && !values.empty();
  const Hdf5Handle layout =
      chunked ? ChunkedLayout(Shape(shape.begin() + 1, shape.end()), sizeof(T), shape[0]) : Properties();
  const Hdf5Handle links = IntermediateGroups();
  const Hdf5Handle dataset(H5Dcreate2(handle_.id(), std::string(key).c_str(), type.id(), space.id(),
                                      links.id(), layout.id(), H5P_DEFAULT),
                           H5Dclose);
  const bool ok = dataset.valid() && (values.empty() || H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL,
                                                                 H5P_DEFAULT, values.data()) >= 0);
  CheckWritten(path_, ok, *write_error_);
}

void Hdf5File::WriteString(std::string_view key, std::string_view text) {
  const std::string padded(text.empty() ? std::string(1, '\0') : std::string(text));
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), padded.size());
  H5Tset_strpad(type.id(), H5T_STR_NULLPAD);
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Handle links = IntermediateGroups();
  const Hdf5Handle dataset(H5Dcreate2(handle_.id(), std::string(key).c_str(), type.id(), space.id(),
                                      links.id(), Properties().id(), H5P_DEFAULT),
                           H5Dclose);
  const bool ok =
      dataset.valid() && H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.data()) >= 0;
  CheckWritten(path_, ok, *write_error_);
}

void Hdf5File::WriteBytes(std::string_view key, std::string_view bytes) {
  Write<std::uint8_t>(key, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                      {bytes.size()});
}

void Hdf5File::CreateGroup(std::string_view key) {
  const Hdf5Handle links = IntermediateGroups();
  const Hdf5Handle group(
      H5Gcreate2(handle_.id(), std::string(key).c_str(), links.id(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  CheckWritten(path_, group.valid(), *write_error_);
}

void Hdf5File::Copy(const Hdf5File& from, std::string_view from_key, std::string_view key) {
  KeysUnder(from, std::string(from_key));  // the library's own copy takes any depth, until the stack is full
  const Hdf5Handle links = IntermediateGroups();
  const bool ok = H5Ocopy(from.handle_.id(), RootedKey(from_key).c_str(), handle_.id(),
                          std::string(key).c_str(), H5P_DEFAULT, links.id()) >= 0;
  if (!ok && *write_error_ == 0) {
    throw Complaint(from.path_, from_key, fmt::format("cannot be copied ({})", Reason()));
  }
  CheckWritten(path_, ok, *write_error_);
}

template <class T>
void Hdf5File::WriteAttribute(std::string_view key, std::string_view name, std::span<const T> values,
                              const Shape& shape, bool flags) {
  const Hdf5Handle type = StoredType<T>(flags);
  const Hdf5Handle attribute(
      H5Acreate_by_name(handle_.id(), RootedKey(key).c_str(), std::string(name).c_str(), type.id(),
                        Space(shape).id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  const bool ok = attribute.valid() && H5Awrite(attribute.id(), type.id(), values.data()) >= 0;
  CheckWritten(path_, ok, *write_error_);
}

void Hdf5File::WriteStringsAttribute(std::string_view key, std::string_view name,
                                     std::span<const std::string> texts, const Shape& shape) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), H5T_VARIABLE);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const Hdf5Handle attribute(
      H5Acreate_by_name(handle_.id(), RootedKey(key).c_str(), std::string(name).c_str(), type.id(),
                        Space(shape).id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  const bool ok = attribute.valid() && H5Awrite(attribute.id(), type.id(), pointers.data()) >= 0;
  CheckWritten(path_, ok, *write_error_);
}

void Hdf5File::DeleteAttribute(std::string_view key, std::string_view name) {
  if (!HasAttribute(key, name)) return;
  const bool ok =
      H5Adelete_by_name(handle_.id(), RootedKey(key).c_str(), std::string(name).c_str(), H5P_DEFAULT) >= 0;
  CheckWritten(path_, ok, *write_error_);
}

void Hdf5File::Close() {
  const bool flushed = H5Fflush(handle_.id(), H5F_SCOPE_LOCAL) >= 0;
  const bool closed = handle_.Reset();
  CheckWritten(path_, flushed && closed, *write_error_);
}

template <class T>
Hdf5Appender Hdf5Appender::Create(Hdf5File& file, std::string_view key, const Shape& row_shape,
                                  Hdf5WriteOptions options) {
  return Create(file, key, row_shape, StoredType<T>(options.flags), 0);
}

Hdf5Appender Hdf5Appender::Create(Hdf5File& file, std::string_view key, const Shape& row_shape,
                                  const Hdf5Handle& type, std::size_t max_chunk_rows) {
  Hdf5Appender appender;
  appender.path_ = file.path_;
  appender.key_ = key;
  appender.row_shape_ = row_shape;
  appender.write_error_ = file.write_error_;
  appender.stored_type_ = {H5Tcopy(type.id()), H5Tclose};
  std::vector<hsize_t> extent{0};
  std::vector<hsize_t> limit{H5S_UNLIMITED};
  extent.insert(extent.end(), row_shape.begin(), row_shape.end());
  limit.insert(limit.end(), row_shape.begin(), row_shape.end());
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), limit.data()),
                         H5Sclose);
  const std::size_t value_size = H5Tget_size(type.id());
  appender.row_bytes_ = ElementCount(row_shape) * value_size;
  appender.chunk_rows_ = ChunkRows(row_shape, value_size, max_chunk_rows);
  const Hdf5Handle layout = ChunkedLayout(row_shape, value_size, max_chunk_rows);
  const Hdf5Handle links = IntermediateGroups();
  appender.dataset_ = {H5Dcreate2(file.handle_.id(), appender.key_.c_str(), appender.stored_type_.id(),
                                  space.id(), links.id(), layout.id(), H5P_DEFAULT),
                       H5Dclose};
  CheckWritten(file.path_, appender.dataset_.valid(), *file.write_error_);
  return appender;
}

template <class T>
void Hdf5Appender::Append(std::span<const T> values) {
  AppendBytes(std::as_bytes(values));
}

void Hdf5Appender::AppendBytes(std::span<const std::byte> bytes) {
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  const std::size_t rows = waiting_.size() / row_bytes_ / chunk_rows_ * chunk_rows_;
  if (rows == 0) return;
  const std::size_t whole = rows * row_bytes_;
  WriteChunks(std::span(waiting_).first(whole), rows_ + rows);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(whole));
}

void Hdf5Appender::WriteChunks(std::span<const std::byte> chunks, std::size_t rows) {
  std::vector<hsize_t> extent{rows};
  extent.insert(extent.end(), row_shape_.begin(), row_shape_.end());
  bool ok = H5Dset_extent(dataset_.id(), extent.data()) >= 0;
  std::vector<hsize_t> place(1 + row_shape_.size(), 0);
  place[0] = rows_;
  const auto packed = PackChunks(chunks, chunk_rows_ * row_bytes_, H5Tget_size(stored_type_.id()));
  for (const std::vector<std::byte>& chunk : packed) {
    constexpr std::uint32_t kAllFilters = 0;
    ok = ok && H5Dwrite_chunk(dataset_.id(), H5P_DEFAULT, kAllFilters, place.data(), chunk.size(),
                              chunk.data()) >= 0;
    place[0] += chunk_rows_;
  }
  CheckWritten(path_, ok, *write_error_);
  rows_ = rows;
}

void Hdf5Appender::Close() {
  if (!waiting_.empty()) {
    const std::size_t rows = rows_ + waiting_.size() / row_bytes_;
    waiting_.resize(chunk_rows_ * row_bytes_);  // chunks are stored whole
    WriteChunks(waiting_, rows);
    waiting_.clear();
  }
  const bool closed = dataset_.Reset();
  CheckWritten(path_, closed, *write_error_);
}

#define STRIDER_INSTANTIATE(T)                                                                            \
  template Hdf5Handle StoredType<T>(bool);                                                                \
  template void Hdf5File::WriteAttribute<T>(std::string_view, std::string_view, std::span<const T>,       \
                                            const Shape&, bool);                                          \
  template void Hdf5File::Write<T>(std::string_view, std::span<const T>, const Shape&, Hdf5WriteOptions); \
  template Hdf5Appender Hdf5Appender::Create<T>(Hdf5File&, std::string_view, const Shape&,                \
                                                Hdf5WriteOptions);                                        \
  template void Hdf5Appender::Append<T>(std::span<const T>);
STRIDER_INSTANTIATE(float)
STRIDER_INSTANTIATE(double)
STRIDER_INSTANTIATE(std::int32_t)
STRIDER_INSTANTIATE(std::int64_t)
STRIDER_INSTANTIATE(std::uint8_t)
STRIDER_INSTANTIATE(std::uint64_t)
#undef STRIDER_INSTANTIATE

}  // namespace strider
