// Reference data for tests: where it lies and how it is read.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace strider {

// The file `relative` ("envs/Hopper-v5.h5") of the folder named by STRIDER_GOLDEN, or of tests/golden where
// that variable is not set.
std::filesystem::path GoldenPath(const std::filesystem::path& relative);

// A dataset as it lies in a file: row-major values and the length of each dimension (none for a scalar).
template <class T>
struct GoldenArray {
  std::vector<std::size_t> shape;
  std::vector<T> values;

  std::size_t rows() const { return shape.empty() ? 1 : shape[0]; }
  // Numbers in one row: the product of the dimensions after the first.
  std::size_t width() const { return rows() == 0 ? 0 : values.size() / rows(); }
  const T* row(std::size_t index) const { return values.data() + index * width(); }
};

// An HDF5 file opened for reading. Every method throws std::runtime_error naming the file and the object
// where that cannot be read as asked.
class GoldenFile {
 public:
  explicit GoldenFile(std::filesystem::path path);
  ~GoldenFile();
  GoldenFile(const GoldenFile&) = delete;
  GoldenFile& operator=(const GoldenFile&) = delete;

  // A numeric dataset of any type, converted by HDF5 to T: double, std::int64_t or std::uint64_t.
  template <class T = double>
  GoldenArray<T> Read(const std::string& dataset) const;

  // A dataset of strings.
  std::vector<std::string> ReadStrings(const std::string& dataset) const;

  // An attribute of a group or dataset ("/" for the file itself), as a list where it is an array.
  template <class T = double>
  std::vector<T> Attribute(const std::string& object, const std::string& name) const;
  std::string AttributeText(const std::string& object, const std::string& name) const;

  bool Has(const std::string& object) const;
  bool HasAttribute(const std::string& object, const std::string& name) const;

  bool IsGroup(const std::string& object) const;

  // Names of the members of a group, sorted.
  std::vector<std::string> Members(const std::string& group) const;

 private:
  [[noreturn]] void Fail(const std::string& object) const;

  std::filesystem::path path_;
  hid_t file_ = -1;
};

extern template GoldenArray<double> GoldenFile::Read(const std::string&) const;
extern template GoldenArray<std::int64_t> GoldenFile::Read(const std::string&) const;
extern template GoldenArray<std::uint64_t> GoldenFile::Read(const std::string&) const;
extern template std::vector<double> GoldenFile::Attribute(const std::string&, const std::string&) const;
extern template std::vector<std::int64_t> GoldenFile::Attribute(const std::string&, const std::string&) const;

}  // namespace strider
