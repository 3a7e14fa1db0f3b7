// Whether two HDF5 files hold the same.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "datasets/columns.h"
#include "datasets/hdf5.h"

namespace strider {

// What stands under a key, so that it can be compared: type, shape and values.
inline std::string Describe(const Hdf5File& file, const std::string& key) {
  const Hdf5Info info = file.Info(key);
  std::string text = info.type + " " + ShapeText(info.shape) + " ";
  if (info.kind == Hdf5Kind::kString) {
    for (const std::string& value : file.ReadStrings(key)) text += value + "\n";
  } else if (info.shape.empty()) {
    text += fmt::format("{}", file.ReadScalar<double>(key));
  } else if (info.is_numeric()) {
    const Hdf5Rows rows(file, key);
    const auto bytes = rows.Read(0, rows.rows());
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return text;
}

// Every dataset of a file by its key.
inline std::map<std::string, std::string> Contents(const std::filesystem::path& path) {
  const Hdf5File file = Hdf5File::Open(path);
  std::map<std::string, std::string> contents;
  for (const std::string& key : KeysUnder(file, "")) contents[key] = Describe(file, key);
  return contents;
}

inline void ExpectSameFiles(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto first = Contents(a);
  const auto second = Contents(b);
  for (const auto& [key, text] : first) {
    ASSERT_TRUE(second.contains(key)) << key << " is only in " << a;
    EXPECT_TRUE(second.at(key) == text)
        << key << " differs: " << text.substr(0, 60) << " and " << second.at(key).substr(0, 60);
  }
  for (const auto& [key, text] : second) EXPECT_TRUE(first.contains(key)) << key << " is only in " << b;
}

}  // namespace strider
