// What the classic environments do with their small state vectors.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "core/error.h"

namespace strider {

// The values rounded to float32, as Gymnasium's classic environments return them.
inline void WriteRounded(std::span<const double> values, std::span<double> row) {
  std::ranges::transform(values, row.begin(),
                         [](double x) { return static_cast<double>(static_cast<float>(x)); });
}

// Copies a state given from outside. Throws InputError where its length is another.
inline void CopyState(std::string_view id, std::span<const double> from, std::span<double> to) {
  if (from.size() != to.size()) {
    throw InputError("state of {} numbers given to {}; expected {}", from.size(), id, to.size());
  }
  std::ranges::copy(from, to.begin());
}

}  // namespace strider
