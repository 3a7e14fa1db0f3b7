// The part of the HDF5 kit that reads strings and attributes.
#include <algorithm>

#include "core/error.h"
#include "datasets/hdf5.h"
#include "datasets/hdf5_internal.h"

namespace strider {

using hdf5_internal::CheckedCount;
using hdf5_internal::CheckNumeric;
using hdf5_internal::CheckSize;
using hdf5_internal::Complaint;
using hdf5_internal::Describe;
using hdf5_internal::NativeType;
using hdf5_internal::OpenDataset;
using hdf5_internal::Reason;
using hdf5_internal::RootedKey;

namespace {

// The strings of a dataset or an attribute; `read(type, buffer)` fills a buffer of memory type `type`.
template <class Reader>
std::vector<std::string> ReadStringValues(const Hdf5Handle& type, const Hdf5Handle& space, std::size_t count,
                                          const Reader& read) {
  std::vector<std::string> strings;
  strings.reserve(count);
  if (H5Tis_variable_str(type.id()) > 0) {
    std::vector<char*> pointers(count);
    if (!read(type.id(), pointers.data())) return {};
    for (const char* text : pointers) strings.emplace_back(text == nullptr ? "" : text);
    H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data());
    return strings;
  }
  const std::size_t width = H5Tget_size(type.id());
  std::string buffer(width * count, '\0');
  if (!read(type.id(), buffer.data())) return {};
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view text = std::string_view(buffer).substr(i * width, width);
    strings.emplace_back(text.substr(0, text.find('\0')));
  }
  return strings;
}

}  // namespace

std::vector<std::string> Hdf5File::ReadStrings(std::string_view key) const {
  const Hdf5Info info = Info(key);
  if (info.kind != Hdf5Kind::kString) {
    throw Complaint(path_, key, fmt::format("is {}, expected text", info.type));
  }
  const Hdf5Handle dataset = OpenDataset(handle_.id(), key);
  const Hdf5Handle type(H5Dget_type(dataset.id()), H5Tclose);
  CheckSize(path_, key, info, std::max<std::size_t>(H5Tget_size(type.id()), 1));
  const std::size_t count = ElementCount(info.shape);
  auto strings =
      ReadStringValues(type, {H5Dget_space(dataset.id()), H5Sclose}, count, [&](hid_t memory, void* buffer) {
        return H5Dread(dataset.id(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer) >= 0;
      });
  if (strings.size() != count) throw Complaint(path_, key, fmt::format("text cannot be read ({})", Reason()));
  return strings;
}

std::string Hdf5File::ReadString(std::string_view key) const {
  std::vector<std::string> strings = ReadStrings(key);
  if (strings.size() != 1) {
    throw Complaint(path_, key, fmt::format("holds {} texts, expected one", strings.size()));
  }
  return std::move(strings.front());
}

std::string Hdf5File::ReadBytes(std::string_view key) const {
  const Array<std::uint8_t> bytes = Read<std::uint8_t>(key);
  return {bytes.values.begin(), bytes.values.end()};
}

bool Hdf5File::HasAttribute(std::string_view key, std::string_view name) const {
  return Has(key) &&
         H5Aexists_by_name(handle_.id(), RootedKey(key).c_str(), std::string(name).c_str(), H5P_DEFAULT) > 0;
}

namespace {

// An attribute that is there, with what it holds. `label` names it in messages: "key@name".
struct Attribute {
  Hdf5Handle handle;
  Hdf5Handle type;
  Hdf5Handle space;
  Hdf5Info info;
  std::string label;
};

Attribute OpenAttribute(const Hdf5File& file, hid_t id, std::string_view key, std::string_view name) {
  Attribute attribute;
  attribute.label = fmt::format("{}@{}", key, name);
  if (!file.HasAttribute(key, name)) throw Complaint(file.path(), attribute.label, "attribute is missing");
  attribute.handle = {
      H5Aopen_by_name(id, RootedKey(key).c_str(), std::string(name).c_str(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose};
  attribute.type = {H5Aget_type(attribute.handle.id()), H5Tclose};
  attribute.space = {H5Aget_space(attribute.handle.id()), H5Sclose};
  Describe(attribute.type, attribute.space, attribute.info);
  attribute.info.stored_bytes = H5Aget_storage_size(attribute.handle.id());
  return attribute;
}

}  // namespace

std::vector<std::string> Hdf5File::AttributeNames(std::string_view key) const {
  const Hdf5Handle object(H5Oopen(handle_.id(), RootedKey(key).c_str(), H5P_DEFAULT), H5Oclose);
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5A_info_t*, void* to) -> herr_t {
    static_cast<std::vector<std::string>*>(to)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (!object.valid() || H5Aiterate2(object.id(), H5_INDEX_NAME, H5_ITER_INC, &position, take, &names) < 0) {
    throw Complaint(path_, key, fmt::format("attributes cannot be listed ({})", Reason()));
  }
  return names;
}

Hdf5Info Hdf5File::AttributeInfo(std::string_view key, std::string_view name) const {
  return OpenAttribute(*this, handle_.id(), key, name).info;
}

template <class T>
Array<T> Hdf5File::ReadAttribute(std::string_view key, std::string_view name) const {
  Attribute attribute = OpenAttribute(*this, handle_.id(), key, name);
  CheckNumeric(path_, attribute.label, attribute.info);
  CheckSize(path_, attribute.label, attribute.info, sizeof(T));
  Array<T> array;
  array.values.resize(ElementCount(attribute.info.shape));
  array.shape = std::move(attribute.info.shape);
  if (!array.values.empty() && H5Aread(attribute.handle.id(), NativeType<T>(), array.values.data()) < 0) {
    throw Complaint(path_, attribute.label, fmt::format("cannot be read ({})", Reason()));
  }
  return array;
}

std::vector<std::string> Hdf5File::ReadStringsAttribute(std::string_view key, std::string_view name) const {
  const Attribute attribute = OpenAttribute(*this, handle_.id(), key, name);
  if (attribute.info.kind != Hdf5Kind::kString) {
    throw Complaint(path_, attribute.label, fmt::format("is {}, expected text", attribute.info.type));
  }
  CheckSize(path_, attribute.label, attribute.info,
            std::max<std::size_t>(H5Tget_size(attribute.type.id()), 1));
  const std::size_t count = ElementCount(attribute.info.shape);
  auto strings = ReadStringValues(attribute.type, attribute.space, count, [&](hid_t memory, void* buffer) {
    return H5Aread(attribute.handle.id(), memory, buffer) >= 0;
  });
  if (strings.size() != count) {
    throw Complaint(path_, attribute.label, fmt::format("cannot be read ({})", Reason()));
  }
  return strings;
}

std::string Hdf5File::ReadStringAttribute(std::string_view key, std::string_view name) const {
  std::vector<std::string> strings = ReadStringsAttribute(key, name);
  if (strings.size() != 1) {
    throw Complaint(path_, fmt::format("{}@{}", key, name),
                    fmt::format("holds {} texts, expected one", strings.size()));
  }
  return std::move(strings.front());
}

template Array<float> Hdf5File::ReadAttribute(std::string_view, std::string_view) const;
template Array<double> Hdf5File::ReadAttribute(std::string_view, std::string_view) const;
template Array<std::int32_t> Hdf5File::ReadAttribute(std::string_view, std::string_view) const;
template Array<std::int64_t> Hdf5File::ReadAttribute(std::string_view, std::string_view) const;
template Array<std::uint8_t> Hdf5File::ReadAttribute(std::string_view, std::string_view) const;
template Array<std::uint64_t> Hdf5File::ReadAttribute(std::string_view, std::string_view) const;

}  // namespace strider
