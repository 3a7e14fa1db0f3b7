// What the reading and the writing half of the HDF5 kit share.
#pragma once

#include <hdf5.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "datasets/hdf5.h"

namespace strider::hdf5_internal {

// The library's type of a number in memory.
template <class T>
hid_t NativeType() {
  if constexpr (std::same_as<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::same_as<T, double>) return H5T_NATIVE_DOUBLE;
  if constexpr (std::same_as<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::same_as<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::same_as<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::same_as<T, std::uint64_t>) return H5T_NATIVE_UINT64;
}

// Keeps the library from printing its errors; they are taken up by Reason instead.
void Quiet();

// The innermost description of the library's last failure.
std::string Reason();

// "PATH: KEY: WHAT".
InputError Complaint(const std::filesystem::path& path, std::string_view key, std::string_view what);

// The key from the root: "/a/b".
std::string RootedKey(std::string_view key);

Hdf5Handle OpenDataset(hid_t file, std::string_view key);

// Shape and type of a dataset or an attribute.
void Describe(const Hdf5Handle& type, const Hdf5Handle& space, Hdf5Info& info);

// Numbers claimed, or nothing where they cannot be counted in bytes.
std::optional<std::size_t> CheckedCount(const Shape& shape);

// Refuses what is not numbers.
void CheckNumeric(const std::filesystem::path& path, std::string_view key, const Hdf5Info& info);

// Refuses what cannot be real or does not fit this machine's memory at `value_size` bytes a value.
void CheckSize(const std::filesystem::path& path, std::string_view key, const Hdf5Info& info,
               std::size_t value_size);

}  // namespace strider::hdf5_internal
