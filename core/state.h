// Saving and restoring the complete state of an object as a string of bytes (native byte order, same machine
// type).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.h"

namespace strider {

// Appends values one after the other; StateReader takes them out in the same order.
class StateWriter {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void Put(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T)); }

  // The length goes first, so that the reader can check it.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void PutSpan(std::span<const T> values) {
    Put<std::uint64_t>(values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Throws InputError where the bytes end too early or a length differs from what the object expects. The bytes
// must outlive the reader.
class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  requires std::is_trivially_copyable_v<T> T Get() {
    T value;
    Take(&value, sizeof(T));
    return value;
  }

  // Fills `values` whole; the saved length must be equal.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void GetSpan(std::span<T> values) {
    const auto size = Get<std::uint64_t>();
    if (size != values.size()) {
      throw InputError("saved state holds {} values where {} were expected", size, values.size());
    }
    Take(values.data(), values.size_bytes());
  }

  template <class T>
  requires std::is_trivially_copyable_v<T> std::vector<T> GetVector() {
    const auto size = Get<std::uint64_t>();
    if (size > remaining() / sizeof(T)) throw InputError("saved state ends too early");
    std::vector<T> values(size);
    Take(values.data(), size * sizeof(T));
    return values;
  }

  std::size_t remaining() const { return bytes_.size() - position_; }

 private:
  void Take(void* to, std::size_t size) {
    if (size > remaining()) throw InputError("saved state ends too early");
    if (size != 0) std::memcpy(to, bytes_.data() + position_, size);
    position_ += size;
  }

  std::string_view bytes_;
  std::size_t position_ = 0;
};

}  // namespace strider
