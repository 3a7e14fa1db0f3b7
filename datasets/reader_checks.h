// What the readers of all formats check alike.
#pragma once

#include <algorithm>
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
  bool finite = true;
  for (const T value : values) finite &= std::isfinite(value);  // without a jump: several at a time
  if (finite) return;
  const auto is_odd = [](T value) { return !std::isfinite(value); };
  const auto found = std::ranges::find_if(values, is_odd);
  const auto first = static_cast<std::size_t>(found - values.begin());
  const std::string column = width > 1 ? fmt::format(", column {}", first % width) : "";
  throw InputError("{}: {}: row {}{} is {}, expected finite numbers ({} are not)", path.string(), key,
                   first_row + first / width, column, *found, std::ranges::count_if(values, is_odd));
}

// InputError with the first of the problems and the number of the others; nothing where there are none.
inline void ThrowFirst(const std::filesystem::path& path, const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  const std::size_t others = problems.size() - 1;
  const std::string more = others > 0 ? fmt::format(" (and {} more problems)", others) : "";
  throw InputError("{}: {}{}", path.string(), problems.front(), more);
}

}  // namespace strider
