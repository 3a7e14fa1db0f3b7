#include "tests/support/golden.h"

#include <cstdlib>
#include <stdexcept>
#include <type_traits>

namespace strider {
namespace {

// An HDF5 identifier, closed when it goes out of scope.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): stands for the identifier
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

template <class T>
hid_t NativeType() {
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
}

std::vector<std::size_t> Shape(hid_t space) {
  std::vector<hsize_t> lengths(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
  H5Sget_simple_extent_dims(space, lengths.data(), nullptr);
  return {lengths.begin(), lengths.end()};
}

std::size_t Count(hid_t space) { return static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)); }

// The strings of a dataset or attribute, stored with fixed or with variable length. `read(type, to)` does the
// reading.
template <class ReadInto>
std::vector<std::string> Strings(hid_t type, std::size_t count, const ReadInto& read) {
  std::vector<std::string> texts;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    if (read(type, static_cast<void*>(pointers.data())) < 0) return texts;
    for (char* text : pointers) {
      texts.emplace_back(text == nullptr ? "" : text);
      H5free_memory(text);
    }
    return texts;
  }
  const std::size_t width = H5Tget_size(type);
  std::string bytes(count * width, '\0');
  if (read(type, static_cast<void*>(bytes.data())) < 0) return texts;
  for (std::size_t i = 0; i < count; ++i) texts.emplace_back(bytes.substr(i * width, width).c_str());
  return texts;
}

}  // namespace

std::filesystem::path GoldenPath(const std::filesystem::path& relative) {
  const char* folder = std::getenv("STRIDER_GOLDEN");
  return std::filesystem::path(folder != nullptr ? folder : STRIDER_GOLDEN_DEFAULT) / relative;
}

GoldenFile::GoldenFile(std::filesystem::path path) : path_(std::move(path)) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  file_ = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file_ < 0) throw std::runtime_error("cannot open " + path_.string());
}

GoldenFile::~GoldenFile() { H5Fclose(file_); }

void GoldenFile::Fail(const std::string& object) const {
  throw std::runtime_error("cannot read " + object + " of " + path_.string());
}

template <class T>
GoldenArray<T> GoldenFile::Read(const std::string& dataset) const {
  const Handle data(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (!data.valid()) Fail(dataset);
  const Handle space(H5Dget_space(data), H5Sclose);
  GoldenArray<T> array{Shape(space), std::vector<T>(Count(space))};
  if (H5Dread(data, NativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0) Fail(dataset);
  return array;
}

std::vector<std::string> GoldenFile::ReadStrings(const std::string& dataset) const {
  const Handle data(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (!data.valid()) Fail(dataset);
  const Handle type(H5Dget_type(data), H5Tclose);
  const Handle space(H5Dget_space(data), H5Sclose);
  const std::size_t count = Count(space);
  auto texts = Strings(type, count, [&](hid_t memory_type, void* to) {
    return H5Dread(data, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
  });
  if (texts.size() != count) Fail(dataset);
  return texts;
}

template <class T>
std::vector<T> GoldenFile::Attribute(const std::string& object, const std::string& name) const {
  const Handle attribute(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  if (!attribute.valid()) Fail(object + "@" + name);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  std::vector<T> values(Count(space));
  if (H5Aread(attribute, NativeType<T>(), values.data()) < 0) Fail(object + "@" + name);
  return values;
}

std::string GoldenFile::AttributeText(const std::string& object, const std::string& name) const {
  const Handle attribute(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  if (!attribute.valid()) Fail(object + "@" + name);
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const auto texts =
      Strings(type, 1, [&](hid_t memory_type, void* to) { return H5Aread(attribute, memory_type, to); });
  if (texts.empty()) Fail(object + "@" + name);
  return texts.front();
}

bool GoldenFile::Has(const std::string& object) const {
  return object == "/" || H5Oexists_by_name(file_, object.c_str(), H5P_DEFAULT) > 0;
}

bool GoldenFile::HasAttribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

bool GoldenFile::IsGroup(const std::string& object) const {
  return Handle(H5Gopen2(file_, object.c_str(), H5P_DEFAULT), H5Gclose).valid();
}

std::vector<std::string> GoldenFile::Members(const std::string& group) const {
  const Handle opened(H5Gopen2(file_, group.c_str(), H5P_DEFAULT), H5Gclose);
  if (!opened.valid()) Fail(group);
  std::vector<std::string> names;
  H5Literate(
      opened, H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5L_info_t*, void* to) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(name);
        return herr_t{0};
      },
      &names);
  return names;
}

template GoldenArray<double> GoldenFile::Read(const std::string&) const;
template GoldenArray<std::int64_t> GoldenFile::Read(const std::string&) const;
template GoldenArray<std::uint64_t> GoldenFile::Read(const std::string&) const;
template std::vector<double> GoldenFile::Attribute(const std::string&, const std::string&) const;
template std::vector<std::int64_t> GoldenFile::Attribute(const std::string&, const std::string&) const;

}  // namespace strider
