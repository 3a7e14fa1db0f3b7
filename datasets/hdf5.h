// A small kit over HDF5's C library: files whose arrays are read and written by key.
//
// Reading: whatever is wrong with a file is an InputError "PATH: KEY: what is wrong, what was expected".
// Nothing is allocated before the claimed size has been checked against what is stored and against this
// machine's memory. Writing: whatever the system refuses (a full disk) is a WorkError "cannot write PATH:
// ...". Keys are paths inside the file, such as "metadata/policy/fc0/weight".
//
// A file stands for itself: links into other files are not followed, and values that another file stores are
// not read.
//
// HDF5 is not thread-safe: only one thread of the process may be inside this kit at a time, whatever the
// file.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strider {

// Extent of each axis, the slowest first; empty for a scalar.
using Shape = std::vector<std::size_t>;

// Values in row-major order.
template <class T>
struct Array {
  Shape shape;
  std::vector<T> values;
};

// Numbers in an array of this shape; 1 for a scalar.
std::size_t ElementCount(const Shape& shape);

// "(1000, 11)", or "a scalar".
std::string ShapeText(const Shape& shape);

enum class Hdf5Kind { kInteger, kFloat, kFlag, kString, kGroup, kOther };  // kFlag: a two-valued enumeration

// What stands under a key, known without reading its values.
struct Hdf5Info {
  Hdf5Kind kind = Hdf5Kind::kOther;
  std::string type;  // for messages: "64-bit float", "a group"
  Shape shape;
  std::size_t stored_bytes = 0;  // what the values occupy in the file, compressed
  Shape chunk;                   // the library reads whole ones into memory; empty where there are none

  // An array or scalar that can be converted to numbers.
  bool is_numeric() const {
    return kind == Hdf5Kind::kInteger || kind == Hdf5Kind::kFloat || kind == Hdf5Kind::kFlag;
  }
};

// "" or what is wrong with the size that a dataset claims: more numbers than can be counted, or so many more
// than what is stored for them that no compression explains it. Ask before allocating memory for rows of it.
std::string ClaimProblem(const Hdf5Info& info);

struct Hdf5WriteOptions {
  bool compress =
      false;  // in chunks of whole rows, shuffle and gzip level 4; scalars and empty arrays stay plain
  bool flags = false;  // as h5py writes booleans: an enumeration FALSE = 0, TRUE = 1. For std::uint8_t only
};

// Owns an identifier of the library and closes it.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept;
  ~Hdf5Handle() { Reset(); }

  hid_t id() const { return id_; }
  bool valid() const { return id_ >= 0; }
  // Closes now; false where the library reports a failure (unwritten data). The identifier is given up either
  // way.
  bool Reset() noexcept;

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

// T is float, double, std::int32_t, std::int64_t, std::uint8_t or std::uint64_t. Any integer or floating type
// of the file, in either byte order, and boolean enumerations are converted to it.
class Hdf5File {
 public:
  // Opens for reading. InputError where the file is missing, empty, no HDF5 or cut short.
  static Hdf5File Open(const std::filesystem::path& path);
  // Creates or empties a file for writing. To replace a file only when the new one is whole, create a
  // temporary inside WriteWhole (core/files.h) and Close it there.
  static Hdf5File Create(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }

  // True where the key leads to a dataset or a group.
  bool Has(std::string_view key) const;
  // Names directly under a group, in alphabetical order; "" is the root.
  std::vector<std::string> Names(std::string_view group = "") const;
  // What stands under the key; nothing where there is no such key. A link to nothing is found, as kOther.
  std::optional<Hdf5Info> Find(std::string_view key) const;
  // The same; InputError where there is no such key.
  Hdf5Info Info(std::string_view key) const;

  // The whole dataset, with its shape.
  template <class T>
  Array<T> Read(std::string_view key) const;
  // The rows [first, first + count) along the first axis into `values`, which must have their exact size.
  template <class T>
  void ReadRows(std::string_view key, std::size_t first, std::size_t count, std::span<T> values) const;
  // The only number of a scalar or of a one-element dataset.
  template <class T>
  T ReadScalar(std::string_view key) const;
  // Strings of fixed or variable length, one or several.
  std::string ReadString(std::string_view key) const;
  std::vector<std::string> ReadStrings(std::string_view key) const;
  std::string ReadBytes(std::string_view key) const;

  // Attributes of the object at `key`; "" is the root.
  bool HasAttribute(std::string_view key, std::string_view name) const;
  template <class T>
  Array<T> ReadAttribute(std::string_view key, std::string_view name) const;
  std::string ReadStringAttribute(std::string_view key, std::string_view name) const;
  std::vector<std::string> ReadStringsAttribute(std::string_view key, std::string_view name) const;
  std::vector<std::string> AttributeNames(std::string_view key) const;
  Hdf5Info AttributeInfo(std::string_view key, std::string_view name) const;

  // Groups on the way to the key are created. REQUIRES: the key is new; values.size() == ElementCount(shape).
  template <class T>
  void Write(std::string_view key, std::span<const T> values, const Shape& shape,
             Hdf5WriteOptions options = {});
  template <class T>
  void WriteScalar(std::string_view key, T value) {
    Write<T>(key, std::span<const T>(&value, 1), {});
  }
  // A scalar of fixed length, padded with zeros (h5py's numpy.bytes_).
  void WriteString(std::string_view key, std::string_view text);
  // Any bytes, as an array of 8-bit unsigned integers.
  void WriteBytes(std::string_view key, std::string_view bytes);
  // With the groups on the way to it. REQUIRES: the key is new.
  void CreateGroup(std::string_view key);
  // The object under `from_key` with all that is in it and its attributes, as it is stored. Links are copied
  // as links. InputError where KeysUnder (columns.h) refuses it. REQUIRES: the key is new.
  void Copy(const Hdf5File& from, std::string_view from_key, std::string_view key);

  // Attributes of the object at `key`, which must be there. `flags` as in Hdf5WriteOptions. Text is of
  // variable length, in UTF-8, as h5py writes it.
  template <class T>
  void WriteAttribute(std::string_view key, std::string_view name, std::span<const T> values,
                      const Shape& shape, bool flags = false);
  void WriteStringsAttribute(std::string_view key, std::string_view name, std::span<const std::string> texts,
                             const Shape& shape);
  // Nothing happens where there is none of that name.
  void DeleteAttribute(std::string_view key, std::string_view name);

  // Writes out what is buffered and closes. After WorkError the file is closed too, and unusable. The
  // destructor closes without a report: call this after writing.
  void Close();

 private:
  friend class Hdf5Appender;
  friend class Hdf5Rows;
  explicit Hdf5File(std::filesystem::path path)
      : path_(std::move(path)), write_error_(std::make_shared<int>(0)) {}

  std::filesystem::path path_;
  std::shared_ptr<int> write_error_;  // errno of the first failed write, 0 for none (see hdf5_driver.h)
  Hdf5Handle handle_;
};

// A dataset that stays open, whose rows are read as they are stored, for copies that change nothing.
class Hdf5Rows {
 public:
  // InputError where there are no numbers, or no rows, under the key, or the claimed size cannot be.
  Hdf5Rows(const Hdf5File& file, std::string_view key);

  const Hdf5Info& info() const { return info_; }
  std::size_t rows() const { return info_.shape[0]; }
  Shape row_shape() const { return Shape(info_.shape.begin() + 1, info_.shape.end()); }
  std::size_t row_bytes() const { return row_bytes_; }
  const Hdf5Handle& type() const { return type_; }

  // The bytes of rows [first, first + count), values of type() one after the other. REQUIRES: they are there.
  std::vector<std::byte> Read(std::size_t first, std::size_t count) const {
    return Read(first, count, type_);
  }
  // The same converted to another type.
  std::vector<std::byte> Read(std::size_t first, std::size_t count, const Hdf5Handle& type) const;

 private:
  std::filesystem::path path_;
  std::string key_;
  Hdf5Info info_;
  Hdf5Handle dataset_;
  Hdf5Handle type_;
  std::size_t row_bytes_ = 0;
};

// The type in a file of values T, or of flags as h5py stores them (T = std::uint8_t).
template <class T>
Hdf5Handle StoredType(bool flags = false);

// A dataset that grows row by row, chunked and compressed, in a file open for writing. Rows of any block size
// give the same dataset. Close it before the file's Close: until then it holds back what fills no chunk.
class Hdf5Appender {
 public:
  // Creates the dataset with no rows. `row_shape` is the shape of one row: {} or {width}.
  template <class T>
  static Hdf5Appender Create(Hdf5File& file, std::string_view key, const Shape& row_shape,
                             Hdf5WriteOptions options = {.compress = true});
  // The same for values of any type, in chunks of at most `max_chunk_rows` rows.
  static Hdf5Appender Create(Hdf5File& file, std::string_view key, const Shape& row_shape,
                             const Hdf5Handle& type, std::size_t max_chunk_rows);

  // Appends values.size() / (row's element count) rows. REQUIRES: T is that of Create; whole rows.
  template <class T>
  void Append(std::span<const T> values);
  // Whole rows of values of the type given to Create.
  void AppendBytes(std::span<const std::byte> bytes);

  // WorkError where something could not be written.
  void Close();

 private:
  Hdf5Appender() = default;
  // Stores whole chunks, of which the last one may reach beyond `rows`, the dataset's new length.
  void WriteChunks(std::span<const std::byte> chunks, std::size_t rows);

  std::filesystem::path path_;
  std::string key_;
  Shape row_shape_;
  std::shared_ptr<int> write_error_;
  Hdf5Handle dataset_;
  Hdf5Handle stored_type_;
  std::size_t row_bytes_ = 0;
  std::size_t chunk_rows_ = 0;
  std::size_t rows_ = 0;            // in the file
  std::vector<std::byte> waiting_;  // whole rows that follow them
};

}  // namespace strider
