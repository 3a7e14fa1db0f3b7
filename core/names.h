// Helping a person who mistyped a name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace strider {

// The candidate closest to `name` by edit distance (case-insensitive), or "" where none is close enough to be
// a plausible slip of the hand.
std::string NearestName(std::string_view name, std::span<const std::string> candidates);

// The error for a name that is not in a list: "unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'?", or
// the whole list where nothing is near. `kind` is what the name stands for, such as "environment".
InputError UnknownName(std::string_view kind, std::string_view name, std::span<const std::string> candidates);

}  // namespace strider
