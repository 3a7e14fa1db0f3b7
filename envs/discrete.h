// What environments of whole-numbered states share.
#pragma once

#include <span>
#include <string_view>

#include "core/error.h"
#include "envs/env.h"

namespace strider {

// Takes whole numbers out of a state given from outside, one after the other.
class WholeNumbers {
 public:
  // Throws InputError where there are not `expected` values.
  WholeNumbers(std::string_view id, std::span<const double> values, std::size_t expected)
      : id_(id), values_(values) {
    if (values.size() != expected) {
      throw InputError("state of {} numbers given to {}; expected {}", values.size(), id, expected);
    }
  }

  // Throws InputError where the next value is no whole number from `low` to `high`. REQUIRES: there is one.
  int Next(int low, int high) {
    const double value = values_[next_];
    if (value >= low && value <= high && static_cast<double>(static_cast<int>(value)) == value) {
      ++next_;
      return static_cast<int>(value);
    }
    throw InputError("state number {} given to {} is {}; expected a whole number from {} to {}", next_, id_,
                     value, low, high);
  }

 private:
  std::string_view id_;
  std::span<const double> values_;
  std::size_t next_ = 0;
};

}  // namespace strider
