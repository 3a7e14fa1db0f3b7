// What the reading and the writing half of the HDF5 kit share.
#pragma once

#include <hdf5.h>

#include <concepts>
#include <cstdint>
#include <string>

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

}  // namespace strider::hdf5_internal
