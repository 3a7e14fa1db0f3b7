// What the readers of all formats check alike.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace strider {

// InputError with row and column of the first value of (rows x width) that is NaN or infinite.
template <class T>
void CheckFinite(const std::filesystem::path& path, std::string_view key, const std::vector<T>& values,
                 std::size_t width, std::size_t first_row) {
  std::size_t count = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return;
  const std::string column = width > 1 ? fmt::format(", column {}", first % width) : "";
  throw InputError("{}: {}: row {}{} is {}, expected finite numbers ({} are not)", path.string(), key,
                   first_row + first / width, column, values[first], count);
}

// InputError with the first of the problems and the number of the others; nothing where there are none.
inline void ThrowFirst(const std::filesystem::path& path, const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  const std::size_t others = problems.size() - 1;
  const std::string more = others > 0 ? fmt::format(" (and {} more problems)", others) : "";
  throw InputError("{}: {}{}", path.string(), problems.front(), more);
}

}  // namespace strider
